"""Accepts TCP connections and starts TLS on them, so that strangers hold few places for a short time.

The places of connections that have not logged in yet are bounded from the first octet, before TLS. When they are all
taken, the oldest one of the address that holds most gives way: somebody who opens many cannot keep others out.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lanchat.protocol.limits import ALPN
from lanchat_server.service.connection import LOGIN_TIMEOUT, Connection
from lanchat_server.service.keys import ServerKeys

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Stranger:
    address: str
    sock: socket.socket
    task: "asyncio.Task[None] | None" = None
    connection: Connection | None = None


def tls_context(keys: ServerKeys) -> ssl.SSLContext:
    """TLS 1.3 with the server's self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    # Clients come back by device key, not by ticket; a ticket would only be more state.
    context.num_tickets = 0
    context.load_cert_chain(keys.certificate_file, keys.identity_file)
    return context


class Acceptor:
    """Listens until `close`. `make` creates the protocol of a connection from an address."""

    def __init__(
        self,
        sockets: list[socket.socket],
        context: ssl.SSLContext,
        make: Callable[[str], Connection],
        unauthenticated_max: int,
    ) -> None:
        self._sockets = sockets
        self._context = context
        self._make = make
        self._max = unauthenticated_max
        self._strangers: dict[_Stranger, None] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._accept(sock)) for sock in self._sockets]

    async def close(self) -> None:
        """Stop listening; connections that have not logged in are dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._sockets:
            sock.close()
        for stranger in list(self._strangers):
            self._drop(stranger)

    def knows(self, connection: Connection) -> None:
        """This connection logged in or ended: its place is free."""
        for stranger in list(self._strangers):
            if stranger.connection is connection:
                self._strangers.pop(stranger, None)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors, or the peer was gone already: neither may end the listening.
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(0.05)
                continue
            # An IPv4 client of a socket for both kinds of addresses.
            self._admit(_Stranger(str(address[0]).removeprefix("::ffff:"), sock))

    def _admit(self, stranger: _Stranger) -> None:
        if len(self._strangers) >= self._max:
            crowd = Counter(known.address for known in self._strangers).most_common(1)[0][0]
            self._drop(next(known for known in self._strangers if known.address == crowd))
        stranger.sock.setblocking(False)
        with contextlib.suppress(OSError):
            stranger.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._strangers[stranger] = None
        stranger.task = asyncio.create_task(self._start_tls(stranger))

    async def _start_tls(self, stranger: _Stranger) -> None:
        loop = asyncio.get_running_loop()

        def make() -> Connection:
            stranger.connection = self._make(stranger.address)
            return stranger.connection

        try:
            transport, _protocol = await loop.connect_accepted_socket(
                make, stranger.sock, ssl=self._context, ssl_handshake_timeout=LOGIN_TIMEOUT
            )
            ssl_object = transport.get_extra_info("ssl_object")
            if ssl_object is None or ssl_object.selected_alpn_protocol() != ALPN:
                transport.abort()
        except (OSError, ssl.SSLError, asyncio.CancelledError) as error:
            log.debug("no TLS with %s: %s", stranger.address, error)
            self._strangers.pop(stranger, None)
            stranger.sock.close()

    def _drop(self, stranger: _Stranger) -> None:
        self._strangers.pop(stranger, None)
        if stranger.connection is not None:
            stranger.connection.abort()
        if stranger.task is not None:
            stranger.task.cancel()
