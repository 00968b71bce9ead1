"""One connection for files: octets in, parts to the service; parts out, as fast as the client reads.

Chunks are received into buffers of their own (`BufferedProtocol`), and handed to a thread that checks and writes them;
no more is read while PARTS_MAX wait for it. What is asked is done one after the other by one task.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.wire import (
    TransferRefused,
    UseTicket,
    decode_bulk_from_client_untrusted,
    pack_bulk,
    part_head,
    part_head_untrusted,
)
from lanchat.protocol.wire.bulk import PART_HEAD_OCTETS
from lanchat_server.core.refusals import Refused
from lanchat_server.service.answers import TEXT_MAX
from lanchat_server.service.net.tls_internals import enlarge_read_buffer
from lanchat_server.service.transfers.tickets import TicketHolder

# Parts that came and wait for their turn: with the one that is coming and the one that is written 4 MiB of a
# connection.
PARTS_MAX = 2
# Octets that wait to be written, and that are sealed at once: 0.3 ms of the event loop.
WRITE_BUFFER_MAX = 1 << 20
SLICE = 256 * 1024
# From connecting to the ticket; without an octet either way.
TICKET_TIMEOUT = 10.0
SILENCE_MAX = 75.0

log = logging.getLogger(__name__)


class TransferOwner(Protocol):
    """What a connection asks of the service that it belongs to."""

    def now(self) -> float:
        """Steady seconds."""

    def count(self, reason: str, number: int = 1) -> None:
        """So many more of these."""

    def admit(self, connection: "BulkConnection", ticket: bytes) -> TicketHolder:
        """Whose the connection is from now on. Raises Refused."""

    async def frame(self, connection: "BulkConnection", frame: Any) -> None:
        """Do what a frame asks for, and answer. Raises Refused, ProtocolError."""

    async def chunk(self, connection: "BulkConnection", number: int, octets: memoryview) -> None:
        """Take a chunk. Raises Refused, ProtocolError."""

    def gone(self, connection: "BulkConnection") -> None:
        """It has ended."""


class BulkConnection(asyncio.BufferedProtocol):
    """See the module. `holder`: None until the ticket."""

    def __init__(self, owner: TransferOwner, address: str, settled: Callable[[], None]) -> None:
        """`address`: the peer's. `settled`: it has used its ticket, or is gone."""
        self._settled = settled
        self.address = address
        self.holder: TicketHolder | None = None
        # What the service keeps for it: the upload that is under way.
        self.upload: Any = None
        self.heard = owner.now()
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._head = bytearray(PART_HEAD_OCTETS)
        self._into: memoryview = memoryview(self._head)
        self._filled = 0
        # Of the part that is coming; None: its head is.
        self._number: int | None = None
        self._parts: deque[tuple[int, memoryview]] = deque()
        self._came = asyncio.Event()
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- asyncio.BufferedProtocol ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: TLS is up. The client has TICKET_TIMEOUT for its ticket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(WRITE_BUFFER_MAX)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICKET_TIMEOUT, self._look)
        self._task = loop.create_task(self._work())

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where the next octets go."""
        return self._into[self._filled :]

    def buffer_updated(self, count: int) -> None:
        """asyncio: so many octets came. A part that is malformed or too long ends the connection."""
        self.heard = self._owner.now()
        self._filled += count
        if self._filled < len(self._into):
            return
        try:
            self._part_came()
        except ProtocolError as error:
            self._owner.count(f"bulk_{str(error).replace(' ', '_')}")
            self.abort()

    def _part_came(self) -> None:
        self._filled = 0
        if self._number is None:
            length, self._number = part_head_untrusted(self._head)
            if self.holder is None and (self._number or length > FRAME_MAX_UNAUTHENTICATED):
                raise ProtocolError("part before the ticket")
            self._into = memoryview(bytearray(length))
            return
        self._parts.append((self._number, self._into))
        self._number, self._into = None, memoryview(self._head)
        self._came.set()
        if len(self._parts) >= PARTS_MAX and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """asyncio: much waits to be written."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """asyncio: most of it was written."""
        self._writable.set()
        self.heard = self._owner.now()

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone. What came of an upload stays."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._parts.clear()
        self._writable.set()
        self._settled()
        self._owner.gone(self)

    def _look(self) -> None:
        """Whoever has no ticket, or moves nothing, has had his time."""
        assert self._timer is not None
        if self.holder is None or self._owner.now() - self.heard > SILENCE_MAX:
            self._owner.count("bulk_timed_out")
            self.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(SILENCE_MAX / 4, self._look)

    # --- What is asked ---------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            while not self._parts:
                self._came.clear()
                await self._came.wait()
            number, octets = self._parts.popleft()
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            try:
                await self._do(number, octets)
            except Refused as refused:
                self.send(TransferRefused(refused.code, refused.text[:TEXT_MAX], round(refused.retry * 1000)))
                if self.holder is None and self._transport is not None:
                    self._transport.close()
            except ProtocolError as error:
                self._owner.count(f"bulk_{str(error).replace(' ', '_')}")
                self.abort()
            except Exception:
                log.exception("a request failed: %s", "transfer")
                self.abort()

    async def _do(self, number: int, octets: memoryview) -> None:
        if number:
            await self._owner.chunk(self, number, octets)
            return
        frame = decode_bulk_from_client_untrusted(octets)
        if self.holder is None:
            if not isinstance(frame, UseTicket):
                raise ProtocolError("no ticket")
            self.holder = self._owner.admit(self, frame.ticket)
            self._settled()
            if self._transport is not None:
                enlarge_read_buffer(self._transport)
        await self._owner.frame(self, frame)

    # --- Out -------------------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether the client is still there."""
        return self._transport is not None

    def send(self, frame: Any) -> None:
        """A frame. What answers single requests is small, or the leaves."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pack_bulk(frame))

    async def send_chunk(self, number: int, octets: bytes) -> None:
        """A chunk, slice after slice: others have their turn between."""
        left = memoryview(octets)
        head = part_head(len(octets), number)
        while left:
            await self._writable.wait()
            if self._transport is None or self._transport.is_closing():
                raise Refused(Code.UNAVAILABLE, "the connection is gone")
            self._transport.write(head + bytes(left[:SLICE]))
            head, left = b"", left[SLICE:]
            await asyncio.sleep(0)

    def end(self, code: Code, text: str) -> None:
        """Say why, and close: its session is over."""
        self.send(TransferRefused(code, text))
        if self._transport is not None:
            self._transport.close()
        self._owner.gone(self)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.abort()
