"""One search by UDP probe: sockets on every interface, a token, rounds of datagrams, answers checked.

Each interface has a socket bound to its address: that is what makes a broadcast leave there on every platform, and
what lets the answers in through a host firewall that remembers whom the computer asked. Three datagrams go out per
interface and round, because networks drop one kind or another; a server answers the first of them only.
"""

import asyncio
import contextlib
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

from lanchat.platform.network.interfaces import (
    LIMITED_BROADCAST,
    REOPEN_PAUSE,
    STOPS_READING,
    Interface,
    broadcast_addresses,
    ignore_port_unreachable,
    ipv6_indexes,
    numeric_ipv6,
    zoned,
)
from lanchat.protocol.datagram.beacon import (
    DISCOVERY_GROUP,
    DISCOVERY_GROUP_IPV6,
    TOKEN_SIZE,
    Advert,
    decode_answer,
    encode_probe,
)
from lanchat.protocol.errors import ProtocolError

# Last known addresses that are asked directly, each round. Honest need: the servers this profile knows.
UNICAST_MAX = 16
# Asked of the kernel for each socket, which may give less: what a neighbour sends must not crowd out the others.
BUFFER_OCTETS = 1 << 20
_MULTICAST_TTL = 1
_ANY = "0.0.0.0"  # noqa: S104  (a client's socket for unicast: the route decides the source address)


class Prober:
    """`open` it, `send` rounds, `close` it; `on_answer(advert, host)` is called for each answer to its token.

    Trouble with a socket is passed over: the other interfaces may do. `dropped` counts datagrams that were no
    answers, by reason. All of it in one event loop.
    """

    def __init__(self, on_answer: Callable[[Advert, str], None], discovery_port: int) -> None:
        """Draws the token of this search; sockets are opened by `open`. `discovery_port`: the UDP port that is
        probed."""
        self.dropped: Counter[str] = Counter()
        self._on_answer = on_answer
        self._port = discovery_port
        self._token = secrets.token_bytes(TOKEN_SIZE)
        self._probe = encode_probe(self._token)
        self._paths: list[tuple[asyncio.DatagramTransport, list[str]]] = []
        self._ipv6: asyncio.DatagramTransport | None = None
        self._ipv6_hosts: list[str] = []
        self._sending = False
        self._closed = False
        self._tasks: set[asyncio.Future[None]] = set()

    async def open(self, interfaces: Sequence[Interface], hosts: Sequence[str]) -> None:
        """Opens sockets, and sends from each as soon as it is open.

        `hosts`, IP addresses, are asked first, by unicast. Without interfaces the default one has to do.
        """
        hosts = hosts[:UNICAST_MAX]
        self._ipv6_hosts = [*dict.fromkeys([*(host for host in hosts if ":" in host), "::1"])]
        ipv4 = [host for host in hosts if ":" not in host]
        anywhere = [] if interfaces else [LIMITED_BROADCAST, DISCOVERY_GROUP]
        await self._add(_ANY, [*dict.fromkeys([*ipv4, "127.0.0.1"]), *anywhere])
        for interface in interfaces:
            for own in interface.addresses:
                await self._add(str(own.ip), [*broadcast_addresses(own), DISCOVERY_GROUP])
        await self._add_ipv6()

    async def _add_ipv6(self) -> None:
        with contextlib.suppress(OSError):
            self._ipv6 = await self._endpoint(_ipv6_socket(), self._lose_ipv6)
            with self._asking():
                self._ask_ipv6_hosts(self._ipv6)

    async def _add(self, address: str, hosts: list[str]) -> None:
        def lost(transport: asyncio.DatagramTransport) -> None:
            self._paths.remove((transport, hosts))
            self._later(partial(self._add, address, hosts))

        with contextlib.suppress(OSError):
            transport = await self._endpoint(_probe_socket(address), lost)
            self._paths.append((transport, hosts))
            with self._asking():
                self._send_from(transport, hosts)

    async def _endpoint(
        self, sock: socket.socket, lost: Callable[[asyncio.DatagramTransport], None]
    ) -> asyncio.DatagramTransport:
        """Raises OSError. `lost` is called when nothing is read from the socket any more, which is closed then."""

        def failed(transport: asyncio.DatagramTransport) -> None:
            self.dropped["socket error"] += 1
            # A datagram that could not be sent is what the other paths are for.
            if STOPS_READING and not self._sending and not self._closed and not transport.is_closing():
                transport.abort()
                lost(transport)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Receiver(self._receive, failed), sock=sock)
        return transport

    def _lose_ipv6(self, _transport: asyncio.DatagramTransport) -> None:
        self._ipv6 = None
        self._later(self._add_ipv6)

    def _later(self, opening: Callable[[], Awaitable[None]]) -> None:
        """The same may fail again: not at once."""

        async def wait() -> None:
            await asyncio.sleep(REOPEN_PAUSE)
            if not self._closed:
                await opening()

        self._tasks.add(task := asyncio.ensure_future(wait()))
        task.add_done_callback(self._tasks.discard)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """What fails meanwhile is a datagram that could not be sent."""
        self._sending = True
        try:
            yield
        finally:
            self._sending = False

    def send(self) -> None:
        """One more round. From the second on it goes to the group of IPv6 as well: where both are spoken, the address
        of IPv4, which is the same on all computers, shall be the first."""
        with self._asking():
            for transport, hosts in self._paths:
                self._send_from(transport, hosts)
            if self._ipv6 is not None:
                self._ask_ipv6_hosts(self._ipv6)
                for index in ipv6_indexes():
                    self._ipv6.sendto(self._probe, (DISCOVERY_GROUP_IPV6, self._port, 0, index))

    def _ask_ipv6_hosts(self, transport: asyncio.DatagramTransport) -> None:
        for host in self._ipv6_hosts:
            with contextlib.suppress(OSError):  # its zone is no interface of this computer
                transport.sendto(self._probe, numeric_ipv6(host, self._port))

    def _send_from(self, transport: asyncio.DatagramTransport, hosts: list[str]) -> None:
        for host in hosts:
            transport.sendto(self._probe, (host, self._port))

    def close(self) -> None:
        """Closes all sockets at once; no answer is taken any more. A second call does nothing."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        for transport, _ in self._paths:
            transport.abort()
        self._paths.clear()
        if self._ipv6 is not None:
            self._ipv6.abort()
            self._ipv6 = None

    def _receive(self, octets: bytes, host: str) -> None:
        try:
            token, advert = decode_answer(octets)
            if token != self._token:
                raise ProtocolError("answer to another probe")
        except ProtocolError as error:
            self.dropped[str(error)] += 1
            return
        self._on_answer(advert, host)


class _Receiver(asyncio.DatagramProtocol):
    """Hands datagrams on, and that the socket had an error."""

    def __init__(
        self, receive: Callable[[bytes, str], None], failed: Callable[[asyncio.DatagramTransport], None]
    ) -> None:
        self._receive = receive
        self._failed = failed
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def error_received(self, exc: Exception) -> None:
        if self._transport is not None:
            self._failed(self._transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._receive(data, zoned(addr))


def _ipv6_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _MULTICAST_TTL)
        ignore_port_unreachable(sock)
        sock.bind(("::", 0))
    except OSError:
        sock.close()
        raise
    return sock


def _probe_socket(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _MULTICAST_TTL)
        if address != _ANY:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        ignore_port_unreachable(sock)
        sock.bind((address, 0))
    except OSError:
        sock.close()
        raise
    return sock
