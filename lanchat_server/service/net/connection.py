"""One TLS connection: octets in, frames to the service; octets out, bounded.

Requests of a connection are answered one after the other by one task; live frames are handled at once. Until log-in
only small frames are read and ten seconds given; after it, a connection that was silent on both ways for too long ends.
Who sends more frames than a client has reason to is read no further for a moment: TCP slows him down, not the server.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import msgspec

from lanchat.protocol.codes import Code
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BULK_ALPN, FRAME_MAX_TO_SERVER, FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import (
    BeforeLogin,
    Failure,
    FrameReader,
    Goodbye,
    History,
    Request,
    Response,
    Result,
    Search,
    decode_from_client_untrusted,
    pack_frame,
)
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.core.accounts.first_account import is_own_computer
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.service.answers import answered, packed
from lanchat_server.service.net.outgoing import Outgoing
from lanchat_server.service.net.tls_internals import waiting_octets
from lanchat_server.service.work.threads import FairSemaphore

T = TypeVar("T")
LOGIN_TIMEOUT = 10.0
# Requests of one connection that wait for their turn; a client has a handful under way.
REQUESTS_MAX = 64
# And their octets as they came, unless it is a single one: a list of 256 devices has 5 KiB, and three times as much in
# memory. What others ask has some hundred.
REQUESTS_OCTETS_MAX = 32 * 1024
# No request is answered while more than this waits to be written: who asks without reading gets no more pages.
WRITE_BUFFER_BUSY = 512 * 1024
# A reader slower than this loses its connection: a page beyond WRITE_BUFFER_BUSY, what the relay sends before it calls
# the session lagging (1 MiB), and events. What all of them together may hold is in outgoing.py.
WRITE_BUFFER_MAX = 3 << 20

# A session that reads nothing for so long, while more than WRITE_BUFFER_BUSY or an answer waits, ends. A slow line has
# passed some of it on by then.
READ_PATIENCE = 30.0

# How often a connection with much to read is looked at, and one that reads nothing.
_LOOK = 0.02
_LOOK_MAX = 0.32
# Reading goes on after this at the earliest: going to sleep for single frames would cost more than they do.
_PAUSE_MIN = 0.05


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Octets that may wait to be written (`WRITE_BUFFER_BUSY`, `WRITE_BUFFER_MAX`), and seconds between two looks at
    what was read of them."""

    write_buffer_busy: int = WRITE_BUFFER_BUSY
    write_buffer_max: int = WRITE_BUFFER_MAX
    look: float = _LOOK


CONNECTION_LIMITS = ConnectionLimits()
# Answers of half a mebioctet and more.
_PAGES = (History, Search)
# What may take many minutes: others of the same connection are answered meanwhile.
_LONG = tuple(kind for kind, operation in OPERATIONS.items() if operation.long)

log = logging.getLogger(__name__)


def frame_budget(config: CoreConfig = CoreConfig()) -> TokenBucket:  # noqa: B008 - it is frozen
    """What one session may send by one way: twice the requests that are answered and four times the messages that are
    taken, for what else a client says. Over TLS the rest waits unread, by UDP it is dropped."""
    rate = 2 * config.request_rate + 4 * config.message_rate
    return TokenBucket(rate, 2 * config.request_burst + 4 * config.message_burst)


class ConnectionOwner(Protocol):
    """What a connection asks of the server that it belongs to."""

    core: ServerCore
    outgoing: "Outgoing[ClientConnection]"
    pages: FairSemaphore

    def now(self) -> float:
        """Steady seconds, the core's clock."""

    def wake(self) -> None:
        """Something may be due at the end of this turn of the event loop."""

    def count(self, reason: str, number: int = 1) -> None:
        """So many more of these."""

    def background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run beside; errors are logged."""

    def connected(self, connection: "ClientConnection") -> None:
        """TLS is up."""

    def hand_over(self, connection: "ClientConnection", transport: asyncio.Transport) -> None:
        """TLS is up, and the connection is for files: another protocol goes on with it."""

    def drained(self, connection: "ClientConnection") -> None:
        """What waited for a slow reader was written."""

    def ended(self, connection: "ClientConnection") -> None:
        """Its session is over, though the client has not hung up yet."""

    def disconnected(self, connection: "ClientConnection") -> None:
        """It is gone, and with it its session."""

    def over_rate(self, connection: "ClientConnection", operation: Any) -> float:
        """Seconds until this connection may ask for this; 0: it may, and it counts."""

    async def answer(self, connection: "ClientConnection", operation: Any) -> Result:
        """The result of a request. Raises Refused and StoreError."""


class ClientConnection(asyncio.Protocol):
    """A client's control channel. `session` is the server's number for it; `user`, `device` once logged in."""

    def __init__(
        self, owner: ConnectionOwner, number: int, address: str, limits: ConnectionLimits = CONNECTION_LIMITS
    ) -> None:
        """`number`: the session's; `address`: the peer's, by which log-ins are throttled."""
        self.session = number
        self.address = address
        # It comes from the server's own computer.
        self.local = False
        self.user: int | None = None
        self.device: bytes = b""
        self.challenge: bytes | None = None
        # When the password was given at the log-in, by the service's clock; None: the device key was enough.
        self.proven: float | None = None
        # `Directory.password_number` at the log-in: a session that began with an older password may change nothing.
        self.password_number = 0
        self.heard = 0.0
        # When the session began, in milliseconds UTC; 0: it has not.
        self.began_ms = 0
        # A request is being answered.
        self.asking = False
        self._end_with: tuple[Code | None, str] | None = None
        self._owner = owner
        self._limits = limits
        self._reader = FrameReader(FRAME_MAX_UNAUTHENTICATED)
        self._budget = frame_budget(owner.core.config)
        # Frames over the budget: at most what one read brings (256 KiB), as then no more is read.
        self._unhandled: deque[bytes] = deque()
        self._paused: asyncio.TimerHandle | None = None
        # With their octets, and the sum of those.
        self._requests: asyncio.Queue[tuple[Request, int]] = asyncio.Queue(REQUESTS_MAX)
        self._asked = 0
        self.read_at = 0.0
        self._sent = self._read = 0
        self._looked = asyncio.Event()
        self._looking: asyncio.TimerHandle | None = None
        self._look_pause = limits.look
        self._transport: asyncio.Transport | None = None
        self._worker: asyncio.Task[None] | None = None
        self._login_timer: asyncio.TimerHandle | None = None

    # --- asyncio.Protocol ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: TLS is up. The client has LOGIN_TIMEOUT from now on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        ssl_object = transport.get_extra_info("ssl_object")
        if ssl_object is not None and ssl_object.selected_alpn_protocol() == BULK_ALPN:
            self._owner.hand_over(self, transport)
            return
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.local = bool(peer and own) and is_own_computer(peer[0], own[0])
        loop = asyncio.get_running_loop()
        self.heard = self.read_at = self._owner.now()
        self._login_timer = loop.call_later(LOGIN_TIMEOUT, self._login_timed_out)
        self._worker = loop.create_task(self._answer_requests())
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: octets as TLS opened them. A frame that is malformed or too long, or a live one before log-in, ends
        the connection."""
        self.heard = self._owner.now()
        try:
            self._unhandled.extend(self._reader.feed_untrusted(data))
            if self._paused is None:
                self._handle_some(self.heard)
        except ProtocolError as error:
            self._refuse(error)
        self._owner.wake()

    def _handle_some(self, now: float) -> None:
        while self._unhandled:
            wait = self._budget.take(now)
            if wait and self._transport is not None:
                self._owner.count("tls_slowed_down")
                self._transport.pause_reading()
                self._paused = asyncio.get_running_loop().call_later(max(wait, _PAUSE_MIN), self._read_on)
                return
            octets = self._unhandled.popleft()
            self._handle(decode_from_client_untrusted(octets), len(octets))

    def _read_on(self) -> None:
        self._paused = None
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        try:
            self._handle_some(self._owner.now())
        except ProtocolError as error:
            self._refuse(error)
        self._owner.wake()

    def _refuse(self, error: ProtocolError) -> None:
        self._owner.count(f"tls_{str(error).replace(' ', '_')}")
        self._unhandled.clear()
        self.abort()

    def resume_writing(self) -> None:
        """asyncio: much of what waited was written."""
        self._looked.set()
        self._owner.drained(self)

    def _look(self) -> None:
        """See what was read meanwhile; asyncio tells only what TLS has not sealed yet."""
        self._looking = None
        if self._transport is None:
            return
        before, waiting = self.read_at, self.queued
        self._look_pause = self._limits.look if self.read_at > before else min(2 * self._look_pause, _LOOK_MAX)
        self._looked.set()
        self._owner.drained(self)
        if waiting and self._owner.now() - self.read_at > READ_PATIENCE:
            self.too_slow()
        elif waiting > self._limits.write_buffer_busy:
            self._look_later()

    def _look_later(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(self._look_pause, self._look)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone. What is under way is carried to its end, without an answer."""
        self._transport = None
        if self._login_timer:
            self._login_timer.cancel()
        # What it ends with holds this connection: together they would stay until somebody looks for cycles.
        worker, self._worker = self._worker, None
        if worker:
            worker.cancel()
        if self._paused:
            self._paused.cancel()
        if self._looking:
            self._looking.cancel()
        self._owner.outgoing.note(self, 0)
        self._unhandled.clear()
        self._owner.disconnected(self)

    # --- In ------------------------------------------------------------------------------------------------------

    def _handle(self, frame: Any, size: int) -> None:
        if not isinstance(frame, Request):
            if self.user is None:
                raise ProtocolError("live frame before login")
            self._owner.core.receive(self.session, frame, Transport.TLS, self.heard)
            return
        if self.user is None and not isinstance(frame.operation, BeforeLogin):
            self._owner.count("request_before_login")
            self.send(pack_frame(Failure(frame.id, Code.BAD_REQUEST, "log in first")))
            return
        wait = self._owner.over_rate(self, frame.operation)
        if wait:
            self.send(pack_frame(Failure(frame.id, Code.BUSY, "too many requests", round(wait * 1000))))
            return
        if self._requests.full() or (self._asked and self._asked + size > REQUESTS_OCTETS_MAX):
            self.send(pack_frame(Failure(frame.id, Code.BUSY, "too many requests at once", 200)))
            return
        self._asked += size
        self._requests.put_nowait((frame, size))

    async def _answer_requests(self) -> None:
        while True:
            request, size = await self._requests.get()
            self._asked -= size
            while self._held_back():
                self._looked.clear()
                self._look_later()
                await self._looked.wait()
            if isinstance(request.operation, _LONG):
                self._owner.background(self.carry_out(request))
                continue
            self.asking = True
            # Whoever hangs up meanwhile must not keep a change from being carried to its end: what is committed is
            # told to everybody whom it concerns.
            await asyncio.shield(self._owner.background(self.carry_out(request)))
            self.asking = False

    async def carry_out(self, request: Request) -> None:
        """Do what is asked and answer. Nothing comes between the two: an event that followed would else arrive before
        the answer, and the client take the older for the newer."""
        answer = await self._answer(request)
        self.send(answer)
        if self._end_with is not None:
            self.end(*self._end_with)
        self._owner.wake()

    def _held_back(self) -> bool:
        """Whether what was asked before must be read before the next answer."""
        waiting = self.queued
        return waiting > self._limits.write_buffer_busy or (waiting > 0 and self._owner.outgoing.busy)

    async def _answer(self, request: Request) -> bytes:
        if not isinstance(request.operation, _PAGES):
            return packed(await self._result(request))
        try:
            async with self._owner.pages:
                if self.open:
                    return packed(await self._result(request))
        except StoreError as error:
            log.warning("a page could not be read: %s", error)
        return packed(Failure(request.id, Code.UNAVAILABLE, "the database is away", 1000))

    async def _result(self, request: Request) -> Response | Failure:
        return await answered(request, self._owner.answer(self, request.operation))

    # --- Out -----------------------------------------------------------------------------------------------------

    def send(self, octets: bytes) -> int:
        """Write; returns the octets that wait. A connection whose buffer overflows ends."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return 0
        transport.write(octets)
        self._sent += len(octets)
        waiting = self.queued
        self._owner.outgoing.note(self, waiting)
        if waiting > self._limits.write_buffer_max:
            self.too_slow()
        elif waiting > self._limits.write_buffer_busy:
            self._look_later()
        return waiting

    def too_slow(self) -> None:
        """What waits for this client is too much: it ends."""
        self._owner.count("tls_too_slow")
        self.abort()

    @property
    def queued(self) -> int:
        """Octets that wait to be written."""
        waiting = waiting_octets(self._transport) if self._transport else 0
        if self._sent - waiting > self._read:
            self._read = self._sent - waiting
            self.read_at = self._owner.now()
        return waiting

    @property
    def open(self) -> bool:
        """Whether the client is still there."""
        return self._transport is not None

    def logged_in(self, user: int, device: bytes) -> None:
        """Log-in succeeded: larger frames, no deadline. Raises Refused when the client hung up meanwhile."""
        if not self.open:
            raise Refused(Code.UNAVAILABLE, "the connection is gone")
        self.user, self.device, self.challenge = user, device, None
        self._reader.limit = FRAME_MAX_TO_SERVER
        if self._login_timer:
            self._login_timer.cancel()

    def end_after_answer(self, code: Code | None, text: str) -> None:
        """As `end`, once the request under way is answered."""
        self._end_with = code, text

    def end(self, code: Code | None, text: str) -> None:
        """Say goodbye and close; the session is over with it, whenever the client hangs up."""
        self.send(pack_frame(Goodbye(code or 0, text)))
        # Requests that wait belong to a session that has no right from here on.
        self._unhandled.clear()
        while not self._requests.empty():
            self._requests.get_nowait()
        if self._transport:
            self._transport.close()
            self._owner.ended(self)

    def abort(self) -> None:
        """Close at once."""
        if self._transport:
            with contextlib.suppress(OSError):
                self._transport.abort()

    def _login_timed_out(self) -> None:
        self._owner.count("login_timed_out")
        self.abort()
