"""The first account of a server is its administrator's: who may make it.

Somebody at the server's own computer may, and who knows the set-up code, which the server shows there (ready line, log,
window, `status`). Nobody else on the network can be quicker than the person who set the server up.

The code is drawn at each start and kept in memory alone. It is needed for the minutes until there is an account: a file
would have to be guarded and removed, and a restart is a simple way to another code. With the first account it is void;
a disabled account counts, so a server never becomes free to take again.
"""

import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address

from lanchat_server.core.accounts import recovery

# 60 bits. An address has 20 tries a minute (core/limits/throttle.py): a hundred thousand of them need 500,000 years.
SETUP_RANDOM_OCTETS = 8
_DIGITS = 12


class SetupCode:
    """`text`: as it is shown, `XXXX-XXXX-XXXX`."""

    def __init__(self, random: bytes) -> None:
        """`random`: SETUP_RANDOM_OCTETS random octets."""
        if len(random) != SETUP_RANDOM_OCTETS:
            raise ValueError("a set-up code is made of 8 octets")
        self.text = recovery.grouped_letters(int.from_bytes(random), _DIGITS)

    def is_right(self, typed: str) -> bool:
        """Takes the same time for every wrong code of one length."""
        return hmac.compare_digest(_octets(self.text), _octets(typed))


def _octets(code: str) -> bytes:
    return recovery.read_letters(code).encode("utf-8", "replace")


def is_own_computer(peer: str, own: str) -> bool:
    """Whether a TCP connection from the address `peer` to the address `own` comes from this computer: by loopback, or
    from the very address that it goes to. From outside neither can be completed."""
    try:
        peer_address, own_address = _address(peer), _address(own)
    except ValueError:
        return False
    return peer_address.is_loopback or peer_address == own_address


def _address(text: str) -> IPv4Address | IPv6Address:
    """Without the zone; an IPv4 address also where a socket for both kinds of addresses writes it as IPv6."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
