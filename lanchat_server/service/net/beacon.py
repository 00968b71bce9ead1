"""The server's end of the beacon: answers probes on the well-known UDP port.

Several servers may run on one computer. All of them bind the port with SO_REUSEADDR: broadcast and multicast then
reach every one of them, a unicast probe one (on Linux the last to come). SO_REUSEPORT would pin each client to one
server, and would not let servers of two users share the port; macOS alone needs it.

A stranger can probe with a forged source address. The answer is smaller than the probe, goes to single computers
only, and at most five times a second to each: the beacon is no help to him.
"""

import asyncio
import contextlib
import logging
import socket
import struct
import sys
from collections import Counter, OrderedDict
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast

import msgspec

from lanchat.platform.network.interfaces import (
    REOPEN_PAUSE,
    STOPS_READING,
    Interface,
    broadcast_addresses,
    ignore_port_unreachable,
    ipv6_indexes,
    is_host,
    numeric_ipv6,
    serving,
)
from lanchat.protocol.datagram.beacon import DISCOVERY_GROUP, DISCOVERY_GROUP_IPV6, Advert, decode_probe, encode_answer
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError

# A client sends a round after 0, 0.1, 0.3, 0.7 and 1.5 s: five answers a second serve one even when most get lost.
ANSWERS_PER_SECOND = 5
# Copies of one round arrive within a few milliseconds, by broadcast, multicast and unicast: one answer is enough. The
# client's next round comes after 100 ms.
SAME_ROUND = 0.05
# All addresses together. Honest need: a thousand clients that start after a power cut, spread over a few seconds.
# What a flood of forged probes can make the server send: 137 kB/s, after as much at once.
ANSWERS_PER_SECOND_TOTAL = 1000
# Addresses that are remembered. With the bound above an entry stays for a second at least (a second sees what was
# saved up and what comes in), so that forgetting the oldest never lets an address exceed its share. About 1 MiB.
SOURCES_MAX = 2 * ANSWERS_PER_SECOND_TOTAL


class _Source(msgspec.Struct):
    answers: tuple[float, ...] = ()
    token: bytes = b""


class AnswerLimiter:
    """Says whether a probe is answered. Times are handed in, seconds of one monotonic clock.

    For all addresses together a token bucket; for one address the moments of its answers within the last second: a
    bucket would give its burst and its rate in one second, twice the share, to whoever's address is forged. A round's
    copies are told by the last of these moments too.
    """

    def __init__(self) -> None:
        """Nothing was answered yet."""
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._total = TokenBucket(ANSWERS_PER_SECOND_TOTAL, ANSWERS_PER_SECOND_TOTAL)

    def __len__(self) -> int:
        """Addresses that are remembered."""
        return len(self._sources)

    def admit(self, host: str, token: bytes, now: float) -> bool:
        """True counts as an answer."""
        source = self._sources.get(host) or _Source()
        recent = tuple(moment for moment in source.answers if now - moment < 1.0)
        if recent and token == source.token and now - recent[-1] < SAME_ROUND:
            return False
        if len(recent) >= ANSWERS_PER_SECOND or self._total.take(now):
            return False
        self._sources[host] = _Source((*recent, now), token)
        self._sources.move_to_end(host)
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return True


class _Answering(asyncio.DatagramProtocol):
    """What is the same on both kinds of addresses: a probe of a single computer within the limits gets an answer."""

    def __init__(self, advert: Advert, port: int, host: str | None, limiter: AnswerLimiter) -> None:
        self.dropped: Counter[str] = Counter()
        self._advert = advert
        self._port = port
        self._host = host
        self._limiter = limiter
        self._transport: asyncio.DatagramTransport | None = None
        self._interfaces: Sequence[Interface] = ()
        self._sending = False
        self._tasks: set[asyncio.Future[None]] = set()
        self._reopening: asyncio.TimerHandle | None = None

    def close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def error_received(self, exc: Exception) -> None:
        """asyncio: a datagram could not be received; or not be sent, which is the trouble of the one who asked."""
        self.dropped["socket error"] += 1
        if STOPS_READING and not self._sending and self._reopening is None:
            if self._transport is not None:
                self._transport.abort()
            self._reopening = asyncio.get_running_loop().call_later(REOPEN_PAUSE, self._reopen)

    def _reopen(self) -> None:
        self._reopening = None
        self._tasks.add(task := asyncio.ensure_future(self._open_again()))
        task.add_done_callback(self._tasks.discard)

    async def _open_again(self) -> None:
        """Opens the socket, and joins the groups, as for the last scan."""
        raise NotImplementedError

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            token = decode_probe(data)
            self._check_source(addr)
            if not self._limiter.admit(addr[0], token, asyncio.get_running_loop().time()):
                raise ProtocolError("too many probes")
        except ProtocolError as error:
            self.dropped[str(error)] += 1
            return
        self._sending = True
        try:
            self._send(encode_answer(token, self._advert), addr)
        finally:
            self._sending = False

    def _check_source(self, addr: tuple[Any, ...]) -> None:
        """Raises ProtocolError for an address that gets no answer."""
        raise NotImplementedError

    def _send(self, answer: bytes, addr: tuple[Any, ...]) -> None:
        if self._transport is not None:
            self._transport.sendto(answer, addr)


class Beacon(_Answering):
    """Answers from `reconcile` until `close`. All of it in one event loop; never raises for network trouble.

    `host` is the address that the server listens on, None for all: a server on one address answers the computers on
    that address's network only, since others could not reach it there. `dropped` counts what got no answer, by reason.
    """

    def __init__(self, advert: Advert, discovery_port: int, host: str | None, logger: logging.Logger) -> None:
        """Opens nothing before `reconcile`. `logger` hears once that the port cannot be used."""
        super().__init__(advert, discovery_port, host, AnswerLimiter())
        self._log = logger
        self._joined: set[tuple[int, str]] = set()
        self._broadcasts: set[str] = set()
        self._warned = False
        self._ipv6: _BeaconIpv6 | None = None

    def speak_ipv6(self) -> None:
        """Call before `reconcile` when the server listens on IPv6 as well."""
        self._ipv6 = _BeaconIpv6(self._advert, self._port, self._host, self._limiter, self.dropped)

    async def reconcile(self, interfaces: Sequence[Interface]) -> None:
        """Call with each scan: opens the port when it is not open, joins the group on each interface."""
        self._interfaces = serving(interfaces, self._host)
        addresses = [own for interface in interfaces for own in interface.addresses]
        self._broadcasts = {host for own in addresses for host in broadcast_addresses(own)}
        await self._open_again()
        if self._ipv6 is not None:
            await self._ipv6.reconcile(self._interfaces)

    async def _open_again(self) -> None:
        if self._transport is None and self._reopening is None and ":" not in (self._host or ""):
            await self._open()
        if self._transport is not None:
            self._join(self._transport.get_extra_info("socket"))

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sock = _bound_socket(socket.AF_INET, ("", self._port))
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except OSError as error:
            if not self._warned:
                self._log.warning("discovery port %d cannot be used, zeroconf only: %s", self._port, error)
            self._warned = True

    def _join(self, sock: socket.socket) -> None:
        wanted = {(interface.index, interface.address) for interface in self._interfaces if interface.addresses}
        for gone in self._joined - wanted:
            with contextlib.suppress(OSError):  # it vanished, and its membership with it
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, _membership(gone[1]))
            self._joined.discard(gone)
        for new in wanted - self._joined:
            with contextlib.suppress(OSError):  # no multicast there, perhaps not yet
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _membership(new[1]))
                self._joined.add(new)

    def close(self) -> None:
        """Close the port, on IPv6 too; `reconcile` would open it again."""
        super().close()
        if self._ipv6 is not None:
            self._ipv6.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the socket is closed, which ended its memberships of the group."""
        super().connection_lost(exc)
        self._joined = set()

    def _check_source(self, addr: tuple[Any, ...]) -> None:
        host, port = addr[:2]
        address = IPv4Address(host)
        if port == 0 or not is_host(address) or host in self._broadcasts:
            raise ProtocolError("source is no single computer")
        if self._host and not any(interface.reaches(address) for interface in self._interfaces):
            raise ProtocolError("source is on another network")


class _BeaconIpv6(_Answering):
    """The same on IPv6. It answers computers on the same cable and in private networks: a server may have an address
    that the whole world reaches. A server on one address answers from that one, for a client takes the address that
    an answer came from."""

    def __init__(
        self, advert: Advert, port: int, host: str | None, limiter: AnswerLimiter, dropped: Counter[str]
    ) -> None:
        super().__init__(advert, port, host, limiter)
        self.dropped = dropped
        self._sender: socket.socket | None = None
        self._joined: set[int] = set()

    async def reconcile(self, interfaces: Sequence[Interface]) -> None:
        """`interfaces`: those where the server is reached."""
        self._interfaces = interfaces
        await self._open_again()

    async def _open_again(self) -> None:
        if self._reopening is not None:
            return
        with contextlib.suppress(OSError):  # no IPv6 here, or the address is away
            if self._host and self._sender is None:
                self._sender = _ipv6_socket(self._host, 0)
            if self._transport is None:
                loop = asyncio.get_running_loop()
                await loop.create_datagram_endpoint(lambda: self, sock=_ipv6_socket("::", self._port))
        if self._transport is not None:
            self._join(self._transport.get_extra_info("socket"))

    def _join(self, sock: socket.socket) -> None:
        indexes = set(ipv6_indexes())
        if self._host:
            indexes &= {interface.index for interface in self._interfaces}
        self._joined &= indexes
        for index in indexes - self._joined:
            with contextlib.suppress(OSError):  # no IPv6 there, perhaps not yet
                group = socket.inet_pton(socket.AF_INET6, DISCOVERY_GROUP_IPV6)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
                self._joined.add(index)

    def close(self) -> None:
        super().close()
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._joined = set()

    def _send(self, answer: bytes, addr: tuple[Any, ...]) -> None:
        if self._sender is not None:
            with contextlib.suppress(OSError):
                self._sender.sendto(answer, addr)
        elif not self._host:
            super()._send(answer, addr)

    def _check_source(self, addr: tuple[Any, ...]) -> None:
        address = IPv6Address(str(addr[0]).partition("%")[0])
        if addr[1] == 0 or not is_host(address):
            raise ProtocolError("source is no single computer")
        near = any(interface.reaches(address) for interface in self._interfaces)
        if self._host:
            near = near or (address.is_link_local and addr[3] in {each.index for each in self._interfaces})
        else:
            near = near or address.is_private
        if not near:
            raise ProtocolError("source is on another network")


def _ipv6_socket(host: str, port: int) -> socket.socket:
    return _bound_socket(socket.AF_INET6, numeric_ipv6(host, port))


def _bound_socket(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    # Without SO_BROADCAST: the system itself refuses to send an answer to a broadcast address.
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ignore_port_unreachable(sock)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _membership(address: str) -> bytes:
    return socket.inet_aton(DISCOVERY_GROUP) + socket.inet_aton(address)
