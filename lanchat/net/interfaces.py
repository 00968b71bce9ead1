"""The computer's network interfaces, and what UDP sockets need on one platform only.

IPv4 alone: broadcast is what discovery stands on, and IPv6 has none.
"""

import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import ifaddr
import msgspec
from msgspec.structs import replace

# Honest need: a handful; a computer with many containers has dozens, the real ones first. Each costs the client a
# socket and python-zeroconf two, and a Linux socket joins 20 multicast groups at most (igmp_max_memberships).
INTERFACES_MAX = 16
# Plugging in a cable or joining a wireless network is seen this late; a scan takes 0.3 ms on Linux, 10 ms on Windows.
RESCAN_INTERVAL = 10.0

LIMITED_BROADCAST = "255.255.255.255"
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
# The octets of SIO_UDP_CONNRESET (Windows, mstcpip.h).
_SIO_UDP_CONNRESET = 0x9800000C


class Interface(msgspec.Struct, frozen=True):
    """One network interface with its IPv4 addresses, at least one."""

    name: str
    index: int
    addresses: tuple[IPv4Interface, ...]

    @property
    def address(self) -> str:
        """The first address: the one that names the interface to the multicast calls of all platforms."""
        return str(self.addresses[0].ip)

    @property
    def is_loopback(self) -> bool:
        return self.addresses[0].is_loopback

    def reaches(self, host: IPv4Address) -> bool:
        """True when `host` is on this interface's own network."""
        return any(host in own.network for own in self.addresses)


def list_interfaces() -> list[Interface]:
    """Those that have an IPv4 address, INTERFACES_MAX at most; empty when the system does not tell. Blocks for up
    to 10 ms."""
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError:
        return []
    found = (_interface(adapter) for adapter in adapters)
    return [interface for interface in found if interface.addresses][:INTERFACES_MAX]


def _interface(adapter: ifaddr.Adapter) -> Interface:
    addresses = tuple(IPv4Interface(f"{ip.ip}/{ip.network_prefix}") for ip in adapter.ips if ip.is_IPv4)
    return Interface(str(adapter.name), adapter.index or 0, addresses)


def serving(interfaces: Sequence[Interface], host: str | None) -> list[Interface]:
    """Those where a server that listens on the address `host` is reached, with that address only; all for None."""
    if host is None:
        return list(interfaces)
    only = [replace(each, addresses=tuple(a for a in each.addresses if str(a.ip) == host)) for each in interfaces]
    return [each for each in only if each.addresses]


def announceable(interfaces: Sequence[Interface]) -> list[Interface]:
    """Where DNS-SD is spoken: everywhere but on loopback, on loopback when there is nothing else."""
    return [interface for interface in interfaces if not interface.is_loopback] or list(interfaces)


def is_host(address: IPv4Address) -> bool:
    """False for what is no single computer: "this network" (0/8), multicast, reserved, the limited broadcast."""
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
