"""The computer's network interfaces, and what UDP sockets need on one platform only."""

import contextlib
import re
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, ip_address
from typing import Any

import ifaddr
import msgspec
from msgspec.structs import replace

# Honest need: a handful; a computer with many containers has dozens, the real ones first. Each costs the client a
# socket and python-zeroconf two, and a Linux socket joins 20 multicast groups at most (igmp_max_memberships).
INTERFACES_MAX = 16
# Plugging in a cable or joining a wireless network is seen this late; a scan takes 0.3 ms on Linux, 10 ms on Windows.
RESCAN_INTERVAL = 10.0

LIMITED_BROADCAST = "255.255.255.255"
# Bridges and ends of containers and virtual machines: nobody outside of this computer is in those networks.
_INSIDE = re.compile(
    r"(docker|br-[0-9a-f]{12}|veth|virbr|vnet|lxc|lxd|cni|flannel|cali|podman|vboxnet|vmnet)", re.IGNORECASE
)
_OWN_NAME = re.compile(r"(?:.+\.)?localhost[46]?(?:\.localdomain[46]?)?\.?|ip6-(?:localhost|loopback)", re.IGNORECASE)
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
# The octets of SIO_UDP_CONNRESET (Windows, mstcpip.h).
_SIO_UDP_CONNRESET = 0x9800000C

# Whether the event loop reads no more from a UDP socket once a receive has failed: such a socket is opened anew.
STOPS_READING = sys.platform == "win32"
# Seconds before that: the same may fail again.
REOPEN_PAUSE = 0.1


class Interface(msgspec.Struct, frozen=True):
    """One network interface with its IPv4 addresses (`addresses`) and its IPv6 addresses without zone (`ipv6`); one of
    them at least."""

    name: str
    index: int
    addresses: tuple[IPv4Interface, ...]
    ipv6: tuple[IPv6Interface, ...] = ()

    @property
    def address(self) -> str:
        """The first IPv4 address: the one that names the interface to the multicast calls of all platforms. Only for
        an interface that has one."""
        return str(self.addresses[0].ip)

    @property
    def all_addresses(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """IPv4 addresses first, then IPv6 ones."""
        return (*self.addresses, *self.ipv6)

    @property
    def is_loopback(self) -> bool:
        """Whether one of its addresses is a loopback address."""
        return any(own.is_loopback for own in self.all_addresses)

    def reaches(self, host: IPv4Address | IPv6Address) -> bool:
        """True when `host` is on this interface's own network."""
        return any(host in own.network for own in self.all_addresses)


def list_interfaces() -> list[Interface]:
    """Those that have an address, INTERFACES_MAX at most, those with IPv4 first; empty when the system does not tell.
    Blocks for up to 10 ms."""
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError:
        return []
    found = [_interface(adapter) for adapter in adapters]
    usable = [interface for interface in found if interface.addresses or interface.ipv6]
    return sorted(usable, key=lambda interface: not interface.addresses)[:INTERFACES_MAX]


def _interface(adapter: ifaddr.Adapter) -> Interface:
    """Without IPv6 for what is inside this computer: each end of a container has a link-local address."""
    ipv4 = tuple(IPv4Interface(f"{ip.ip}/{ip.network_prefix}") for ip in adapter.ips if ip.is_IPv4)
    ipv6: tuple[IPv6Interface, ...] = ()
    if not _INSIDE.match(str(adapter.name)):
        ipv6 = tuple(_ipv6(ip.ip[0], ip.network_prefix) for ip in adapter.ips if ip.is_IPv6)
    return Interface(str(adapter.name), adapter.index or 0, ipv4, ipv6)


def _ipv6(host: str, prefix: int) -> IPv6Interface:
    return IPv6Interface(f"{host.partition('%')[0]}/{prefix}")


def numeric_ipv6(host: str, port: int) -> tuple[Any, ...]:
    """What a socket takes for an IPv6 address in digits, with or without a zone. Raises OSError."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_DGRAM, flags=flags)[0][4]


def zoned(address: tuple[Any, ...]) -> str:
    """The host of a socket's address, with the zone of a link-local one, by which it is reached again."""
    host = str(address[0]).partition("%")[0]
    return with_zone(host, address[3]) if len(address) > 3 and address[3] else host


def with_zone(host: str, index: int) -> str:
    """A link-local IPv6 address with the zone that names an interface of this computer; Windows knows numbers only."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            return f"{host}%{socket.if_indextoname(index)}"
    return f"{host}%{index}"


def ipv6_indexes() -> list[int]:
    """Numbers of the interfaces on which IPv6 multicast may be tried, INTERFACES_MAX at most."""
    if not socket.has_ipv6:
        return []
    try:
        return [index for index, name in socket.if_nameindex() if name != "lo"][:INTERFACES_MAX]
    except OSError:
        return []


def serving(interfaces: Sequence[Interface], host: str | None) -> list[Interface]:
    """Those where a server that listens on the address `host` is reached, with that address only; all for None. With a
    zone, on that interface alone."""
    if host is None:
        return list(interfaces)
    wanted, _percent, zone = host.partition("%")
    address = ip_address(wanted)
    only = [
        replace(
            each,
            addresses=tuple(own for own in each.addresses if own.ip == address),
            ipv6=tuple(own for own in each.ipv6 if own.ip == address),
        )
        for each in interfaces
        if zone in ("", each.name, str(each.index))
    ]
    return [each for each in only if each.addresses or each.ipv6]


def outside_addresses() -> list[str]:
    """Where other computers may reach this one, the likeliest first; empty when it is in no network. Without loopback;
    of networks that are inside this computer (containers, virtual machines), and of addresses that are good on one
    cable only, none unless there is nothing else. A link-local IPv6 address comes without zone: who reads it has other
    interfaces. Blocks for up to 10 ms."""
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError:
        return []
    found: list[tuple[tuple[bool, bool, bool, bool], str]] = []
    preferred = {_towards("192.0.2.1", socket.AF_INET), _towards("2001:db8::1", socket.AF_INET6)}
    for adapter in adapters:
        inside = bool(_INSIDE.match(str(adapter.name)))
        for ip in adapter.ips:
            text = str(ip.ip if ip.is_IPv4 else ip.ip[0])
            address = ip_address(text.partition("%")[0])
            if address.is_loopback or address.is_unspecified or address.is_multicast:
                continue
            order = (address.is_link_local, inside, address.version == 6, str(address) not in preferred)
            found.append((order, str(address)))
    best = min((order[:2] for order, _text in found), default=())
    usable = [each for each in sorted(found, key=lambda each: each[0]) if not any(each[0][:2]) or each[0][:2] == best]
    return list(dict.fromkeys(text for _order, text in usable))


def is_own(host: str) -> bool:
    """Whether a host is the computer itself on every computer."""
    address = _numeric(host.partition("%")[0])
    if address is None:
        return _OWN_NAME.fullmatch(host) is not None
    return address.is_loopback or address.is_unspecified


def _numeric(host: str) -> IPv4Address | IPv6Address | None:
    """The address that the system takes a host for, also for short forms (127.1) and for IPv4 written as IPv6; None for
    a name."""
    try:
        address = ip_address(host)
    except ValueError:
        with contextlib.suppress(OSError, UnicodeError):
            return IPv4Address(socket.inet_aton(host))
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def invited_hosts(host: str) -> list[str]:
    """What to write into an invite link for a server that this computer reaches at `host`: of a server on this computer
    all addresses that others may reach."""
    host = host.partition("%")[0]
    address = _numeric(host)
    own = is_own(host)
    outside = outside_addresses() if address is not None or own else []
    if own:
        return outside or [socket.gethostname()]
    return outside if str(address) in outside else [host]


def _towards(host: str, family: socket.AddressFamily) -> str:
    """Our address on the way to a host, which is not asked; "" when there is no way."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((host, 9))
        return str(sock.getsockname()[0])
    return ""


def announceable(interfaces: Sequence[Interface]) -> list[Interface]:
    """Where DNS-SD is spoken: everywhere but on loopback, on loopback when there is nothing else."""
    return [interface for interface in interfaces if not interface.is_loopback] or list(interfaces)


def is_host(address: IPv4Address | IPv6Address) -> bool:
    """False for what is no single computer: "this network" (0/8, ::), multicast, reserved, the limited broadcast."""
    if isinstance(address, IPv6Address):
        return not (address.is_multicast or address.is_unspecified or address.ipv4_mapped)
    return not (address.is_multicast or address.is_reserved or address in _THIS_NETWORK)


def broadcast_addresses(address: IPv4Interface) -> list[str]:
    """Where a broadcast from this address goes.

    The network's own address is what every system sends out on the right interface; the limited one also reaches
    computers whose netmask differs. Loopback and point-to-point links know one form only.
    """
    own = [str(address.network.broadcast_address)] if address.network.prefixlen < 31 else []
    return own if address.is_loopback else [*own, LIMITED_BROADCAST]


def ignore_port_unreachable(sock: socket.socket) -> None:
    """A closed port at the other end must not break a UDP socket that serves many.

    Windows reports it as a failed receive, after which asyncio reads no more. Nothing to do elsewhere.
    """
    if sys.platform == "win32":
        import ctypes

        flag, returned = ctypes.c_ulong(0), ctypes.c_ulong(0)
        ctypes.windll.ws2_32.WSAIoctl(
            ctypes.c_void_p(sock.fileno()),
            ctypes.c_ulong(_SIO_UDP_CONNRESET),
            ctypes.byref(flag),
            ctypes.sizeof(flag),
            None,
            0,
            ctypes.byref(returned),
            None,
            None,
        )
