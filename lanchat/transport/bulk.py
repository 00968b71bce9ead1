"""A connection that carries contents of files, as the client has it: same port and pin as the control channel, another
ALPN (see lanchat/protocol/wire/bulk.py).

What comes is read straight into the memory that it stays in. At most `UNREAD_MAX` octets wait to be taken: then the
connection rests, and the server with it. What is sent waits until the connection takes it.
"""

import asyncio
import contextlib
from collections import deque
from typing import NamedTuple

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BULK_ALPN, CHUNK_OCTETS
from lanchat.protocol.wire.base import Frame
from lanchat.protocol.wire.bulk import (
    PART_HEAD_OCTETS,
    BulkFromServer,
    PartHead,
    decode_bulk_from_server_untrusted,
    pack_bulk,
    part_head,
    part_head_untrusted,
)
from lanchat.transport.connecting import connect
from lanchat.transport.tls import ChannelClosed, client_context, shown_fingerprint

# Parts that nobody has taken yet, in octets: while one chunk is checked and written the next ones come.
UNREAD_MAX = 4 * CHUNK_OCTETS
# What is written before the sender waits, in octets.
WRITE_BUFFER_MAX = 2 * CHUNK_OCTETS


class Chunk(NamedTuple):
    """The octets of chunk `number`, counted from 1."""

    number: int
    octets: bytearray


class PartReader:
    """Cuts the stream into parts: `buffer` is where the next octets belong, `filled` says how many came."""

    def __init__(self) -> None:
        """At the beginning of the stream."""
        self._head = bytearray(PART_HEAD_OCTETS)
        self._start()

    def _start(self) -> None:
        self._found: PartHead | None = None
        self._payload = bytearray()
        self._view = memoryview(self._head)

    def buffer(self) -> memoryview:
        """Never empty."""
        return self._view

    def filled_untrusted(self, count: int) -> "Chunk | BulkFromServer | None":
        """A part that is whole with these `count` octets. Raises ProtocolError."""
        self._view = self._view[count:]
        if len(self._view):
            return None
        if self._found is None:
            self._found = part_head_untrusted(self._head)
            self._payload = bytearray(self._found.length)
            self._view = memoryview(self._payload)
            return None
        number, payload = self._found.number, self._payload
        self._start()
        if number:
            return Chunk(number, payload)
        frame: BulkFromServer = decode_bulk_from_server_untrusted(memoryview(payload))
        return frame


async def open_bulk(host: str, port: int, fingerprint: str, timeout: float) -> "BulkChannel":
    """Connect, shake hands, and compare the server's key with the pin. Raises OSError (also ssl.SSLError),
    TimeoutError, ProtocolError. Nothing of ours has been sent."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        sock = await connect(host, port)
        try:
            context = client_context(BULK_ALPN)
            _, channel = await loop.create_connection(BulkChannel, sock=sock, ssl=context, server_hostname="")
        except OSError as error:
            raise error.with_traceback(None)  # noqa: B904 - its frames hold the buffers
    if channel.fingerprint != fingerprint:
        channel.close()
        raise ProtocolError("not the server that is known")
    return channel


class BulkChannel(asyncio.BufferedProtocol):
    """One connection. Event loop's thread only; one task reads, one writes."""

    def __init__(self) -> None:
        """Not connected; the event loop makes it with the connection. `fingerprint`: 64 hex digits, None when the other
        side does not speak this protocol."""
        self.fingerprint: str | None = None
        self._reader = PartReader()
        self._transport: asyncio.Transport | None = None
        self._parts: deque[Chunk | BulkFromServer] = deque()
        self._unread = 0
        self._resting = False
        self._arrival: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._error: Exception | None = None
        self._closed = False

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """After the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER_MAX)
        self.fingerprint = shown_fingerprint(transport, BULK_ALPN)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next octets belong."""
        return self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Takes a part that is whole; what breaks the protocol ends the connection."""
        try:
            part = self._reader.filled_untrusted(nbytes)
        except ProtocolError as error:
            self._abort(error)
            return
        if part is None or self._closed:
            return
        self._parts.append(part)
        self._unread += _octets(part)
        if self._unread >= UNREAD_MAX and not self._resting and self._transport is not None:
            self._resting = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """The connection ends."""

    def connection_lost(self, error: Exception | None) -> None:
        """Ends a `read` and a `send` that wait."""
        self._closed = True
        self._transport = None
        self._error = self._error or error
        self._wake()
        self._room.set()

    def pause_writing(self) -> None:
        """The connection takes nothing more for now."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It takes more."""
        self._room.set()

    # Reading and writing

    @property
    def has_parts(self) -> bool:
        """Whether something came that nobody has read, or the connection has ended."""
        return bool(self._parts) or self._closed

    async def read(self, timeout: float) -> "Chunk | BulkFromServer":
        """The next part. Raises ChannelClosed, TimeoutError when nothing comes for `timeout` seconds."""
        while not self._parts:
            if self._closed:
                raise ChannelClosed(str(self._error or "")) from self._error
            self._arrival = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(timeout):
                await self._arrival
        part = self._parts.popleft()
        self._unread -= _octets(part)
        if self._resting and self._unread < UNREAD_MAX and self._transport is not None:
            self._resting = False
            self._transport.resume_reading()
        return part

    def send(self, frame: Frame) -> None:
        """Write a frame. Raises ChannelClosed."""
        self._open_transport().write(pack_bulk(frame))

    async def send_chunk(self, number: int, octets: bytes, timeout: float) -> None:
        """Write a chunk; returns when the next one may follow. Raises ChannelClosed, TimeoutError when nothing is taken
        for `timeout` seconds."""
        transport = self._open_transport()
        transport.write(part_head(len(octets), number))
        transport.write(octets)
        async with asyncio.timeout(timeout):
            await self._room.wait()
        self._open_transport()

    def close(self) -> None:
        """End at once; again without effect."""
        self._abort(None)

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None or self._closed:
            raise ChannelClosed(str(self._error or "")) from self._error
        return self._transport

    def _abort(self, error: Exception | None) -> None:
        self._error = self._error or error
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.abort()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)


def _octets(part: "Chunk | BulkFromServer") -> int:
    """About what a part takes in memory."""
    return len(part.octets) if isinstance(part, Chunk) else 1024
