"""Whether the other end of a TCP connection is a program of this computer that its user may trust without a look."""

import os
import socket
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
# Accounts of the system and of services, as Debian and systemd (DynamicUser) number them: nobody logs in with them.
_SERVICES = (range(1000), range(61184, 65520))
# A line of the table is 150 octets; a server may have thousands of connections.
_TABLE_MAX = 16 << 20


def is_trusted_end(own: tuple[Any, ...], peer: tuple[Any, ...]) -> bool:
    """Whether a connection between the socket addresses `own` and `peer` stays within this computer and, where the
    system tells (Linux), its other end belongs to this user, to root or to a service: any user may listen on a port."""
    if not own or not peer or _plain(own[0]) != _plain(peer[0]):
        return False
    if not sys.platform.startswith("linux"):
        return True
    owner = _owner(peer, own)
    return owner is not None and (owner == os.getuid() or any(owner in users for users in _SERVICES))


def _plain(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _owner(local: tuple[Any, ...], remote: tuple[Any, ...]) -> int | None:
    """The user of the socket with these addresses; None when the kernel does not list it."""
    for family in (socket.AF_INET, socket.AF_INET6):
        wanted = [_listed(address, family) for address in (local, remote)]
        try:
            with _TABLES[family].open(encoding="ascii", errors="replace") as table:
                lines = table.read(_TABLE_MAX).splitlines()
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[1:3] == wanted:
                return int(columns[7])
    return None


def _listed(address: tuple[Any, ...], family: socket.AddressFamily) -> str:
    """An address as the kernel's table writes it: words of four octets in the order of this computer."""
    plain = _plain(address[0])
    if family == socket.AF_INET6 and isinstance(plain, IPv4Address):
        plain = IPv6Address(b"\0" * 10 + b"\xff\xff" + plain.packed)
    octets = plain.packed
    words = (octets[start : start + 4] for start in range(0, len(octets), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
