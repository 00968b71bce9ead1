"""Accepts TCP connections and starts TLS on them, so that strangers hold few places for a short time.

A stranger goes through three rooms, each with places of its own (places.py), and has LOGIN_TIMEOUT for each:

* **waiting**: connected, but his ClientHello is not here in full. Costs a descriptor and nothing else: what came stays
  in the kernel. Who sends nothing, or an octet now and then, displaces only others of his kind.
* **greeting**: TLS is under way. That is a millisecond of processor and 50 KiB of buffers, so only a few begin in one
  turn of the event loop: chat goes on between them.
* **strangers**: TLS stands, he has not logged in. Whoever waits for an answer (a password is being checked) gives way
  last.

Somebody who floods one room from many addresses needs as many connections a second as the room has places to push an
honest client out of it within a second, and the honest one needs some milliseconds.
"""

import asyncio
import contextlib
import logging
import select
import socket
import ssl
import sys
from collections import deque
from collections.abc import Callable

import msgspec

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ALPN, BULK_ALPN
from lanchat.transport.connecting import resume_soon
from lanchat_server.service.net.connection import LOGIN_TIMEOUT, ClientConnection
from lanchat_server.service.net.places import GREETING_HEAD, ConnectionSlots, greeting_size_untrusted
from lanchat_server.service.net.tls_internals import shrink_read_buffers

# Connections without a ClientHello: at 10,000 new ones a second an honest one has 50 ms for it. A descriptor each, and
# what the kernel keeps of the octets that nobody reads (up to 128 KiB).
WAITING_MAX = 512
# Connections taken over in one turn of the event loop, and handshakes begun in one: 0.02 and 1 ms each.
ACCEPT_MAX = 32
HANDSHAKES_MAX = 4
_SWEEP_INTERVAL = 1.0
_PAUSE = 0.05
# Where the event loop has no readers (Windows), those who wait are looked at so often, all of them with one call.
_POLL = 0.015

log = logging.getLogger(__name__)


class _Stranger(msgspec.Struct, eq=False):
    address: str
    sock: socket.socket
    until: float
    wanted: int = GREETING_HEAD
    seen: int = 0
    task: "asyncio.Task[None] | None" = None
    connection: ClientConnection | None = None
    settled: bool = False


class Acceptor:
    """Listens until `close`. `make` creates the protocol of a connection from an address; `count` hears of drops."""

    def __init__(
        self,
        sockets: list[socket.socket],
        context: ssl.SSLContext,
        make: Callable[[str], ClientConnection],
        unauthenticated_max: int,
        count: Callable[[str], None],
        polled: bool = sys.platform == "win32",
    ) -> None:
        """`sockets` listen already; `close` closes them. `unauthenticated_max`: the places of the greeting, and as many
        for strangers. `polled`: the event loop has no readers."""
        shrink_read_buffers()
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._context = context
        self._make = make
        self._count = count
        self._waiting: ConnectionSlots[_Stranger] = ConnectionSlots(WAITING_MAX)
        self._greeting: ConnectionSlots[_Stranger] = ConnectionSlots(unauthenticated_max)
        self._strangers: ConnectionSlots[_Stranger] = ConnectionSlots(unauthenticated_max, _is_answered)
        self._ready: deque[_Stranger] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._polled = polled
        self._poller: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept, on the event loop in which this object was made."""
        self._sweep()
        for sock in self._sockets:
            if self._polled:
                self._tasks.append(asyncio.create_task(self._accept_one_by_one(sock)))
            else:
                self._loop.add_reader(sock, self._accept, sock)

    async def close(self) -> None:
        """Stop listening; connections that have not logged in are dropped."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._poller is not None:
            self._poller.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._sockets:
            self._ignore(sock)
            sock.close()
        for room in (self._waiting, self._greeting, self._strangers):
            for stranger in room:
                self._drop(stranger)

    def release_slot(self, connection: ClientConnection) -> None:
        """This connection logged in or ended: its place is free."""
        for room in (self._strangers, self._greeting):
            for stranger in room:
                if stranger.connection is connection:
                    stranger.settled = True
                    room.discard(stranger)

    # --- Waiting -------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_MAX):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Out of descriptors, or the peer was gone already: neither may end the listening.
                log.warning("a connection could not be accepted: %s", error)
                self._ignore(listener)
                self._loop.call_later(_PAUSE, self._listen_again, listener)
                return
            stranger = self._pending(sock, address[0])
            self._make_place(self._waiting, stranger)
            self._loop.add_reader(sock, self._look, stranger)

    async def _accept_one_by_one(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, address = await self._loop.sock_accept(listener)
            except OSError as error:
                log.warning("a connection could not be accepted: %s", error)
                await asyncio.sleep(_PAUSE)
                continue
            stranger = self._pending(sock, address[0])
            self._make_place(self._waiting, stranger)
            self._look(stranger)  # the ClientHello may be here already
            self._poll_later()

    def _poll_later(self) -> None:
        if self._poller is None and len(self._waiting):
            self._poller = self._loop.call_later(_POLL, self._poll)

    def _poll(self) -> None:
        self._poller = None
        waiting = {stranger.sock: stranger for stranger in self._waiting}
        for sock in select.select(waiting, [], [], 0)[0] if waiting else ():
            self._look(waiting[sock])
        self._poll_later()

    def _listen_again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, listener)

    def _pending(self, sock: socket.socket, address: str) -> _Stranger:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        resume_soon(sock)
        # An IPv4 client of a socket for both kinds of addresses.
        return _Stranger(address.removeprefix("::ffff:"), sock, self._loop.time() + LOGIN_TIMEOUT)

    def _look(self, stranger: _Stranger) -> None:
        """Something came, or the connection ended: on to TLS when a ClientHello is there as a whole."""
        try:
            seen = stranger.sock.recv(stranger.wanted, socket.MSG_PEEK)
            if len(seen) <= stranger.seen:
                if self._polled and seen:
                    return
                raise ProtocolError("no more comes")
            stranger.seen = len(seen)
            stranger.wanted = greeting_size_untrusted(seen)
            complete = len(seen) >= stranger.wanted
            if not self._polled:  # the kernel calls again when so much is there, or when nothing more will come
                stranger.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if complete else stranger.wanted)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ProtocolError):
            self._count("tls_no_greeting")
            self._drop(stranger)
            return
        if complete:
            self._waiting.discard(stranger)
            self._ignore(stranger.sock)
            self._greet(stranger)

    # --- Greeting ------------------------------------------------------------------------------------------------

    def _greet(self, stranger: _Stranger) -> None:
        self._make_place(self._greeting, stranger)
        stranger.until = self._loop.time() + LOGIN_TIMEOUT
        self._ready.append(stranger)
        if len(self._ready) == 1:
            self._loop.call_soon(self._begin_some)

    def _begin_some(self) -> None:
        for _ in range(min(HANDSHAKES_MAX, len(self._ready))):
            stranger = self._ready.popleft()
            if stranger in self._greeting:
                stranger.task = self._loop.create_task(self._start_tls(stranger))
        if self._ready:
            self._loop.call_soon(self._begin_some)

    async def _start_tls(self, stranger: _Stranger) -> None:
        def make() -> ClientConnection:
            stranger.connection = self._make(stranger.address)
            return stranger.connection

        try:
            transport, _protocol = await self._loop.connect_accepted_socket(
                make, stranger.sock, ssl=self._context, ssl_handshake_timeout=LOGIN_TIMEOUT
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as error:
            log.debug("no TLS with %s: %s", stranger.address, error)
            # The frames in it hold the transport and what it waits for, and that the error: nobody would free them.
            error.__traceback__ = None
            self._greeting.discard(stranger)
            stranger.sock.close()
            return
        self._greeting.discard(stranger)
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is None or ssl_object.selected_alpn_protocol() not in (ALPN, BULK_ALPN):
            transport.abort()
        elif not stranger.settled:
            self._make_place(self._strangers, stranger)

    # --- Places --------------------------------------------------------------------------------------------------

    def _make_place(self, room: ConnectionSlots[_Stranger], stranger: _Stranger) -> None:
        loser = room.add(stranger)
        if loser is not None:
            self._count("tls_crowded_out")
            self._drop(loser)

    def _sweep(self) -> None:
        """Whoever waits without a ClientHello has had his time. The other rooms have timers of their own."""
        now = self._loop.time()
        while (stranger := self._waiting.oldest) is not None and stranger.until <= now:
            self._count("tls_no_greeting")
            self._drop(stranger)
        self._sweeper = self._loop.call_later(_SWEEP_INTERVAL, self._sweep)

    def _drop(self, stranger: _Stranger) -> None:
        if self._waiting.discard(stranger) or (stranger.task is None and stranger.connection is None):
            self._ignore(stranger.sock)
            stranger.sock.close()
        for room in (self._greeting, self._strangers):
            room.discard(stranger)
        if stranger.connection is not None:
            stranger.connection.abort()
        if stranger.task is not None:
            stranger.task.cancel()

    def _ignore(self, sock: socket.socket) -> None:
        if not self._polled and sock.fileno() >= 0:
            self._loop.remove_reader(sock)


def _is_answered(stranger: _Stranger) -> bool:
    return stranger.connection is not None and stranger.connection.asking
