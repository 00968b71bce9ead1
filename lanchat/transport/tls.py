"""The control channel: TLS 1.3 to a server whose certificate is compared with a pin before one octet is sent.

There is no certificate authority on a local network. The certificate is self-signed, its fingerprint is the identity,
and TLS itself proves that the other side holds the key. `open_channel` returns an open channel with the fingerprint
that was shown; whoever calls it decides and closes it when it is not the right one. Frames come in order, whole; they
wait in the channel until somebody reads them or attaches a receiver.
"""

import asyncio
import contextlib
import hashlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ALPN, FRAME_MAX, FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.wire import FrameReader, pack_frame
from lanchat.transport.connecting import connect

# What may wait to be written: a server that stops reading must not fill our memory. The outbox sends 256 KiB at a time.
WRITE_BUFFER_MAX = 4 << 20

# Frames that nobody has read yet, in octets. Before log-in there is one answer at a time, and nothing comes unasked.
UNREAD_MAX = 64 * 1024
# Behind the answer to a log-in what is said to everybody may follow before it is taken.
UNREAD_MAX_LOGGED_IN = 4 << 20

Receiver = Callable[[list[bytes]], None]
# None: ended in good order, or broken off by us.
Closed = Callable[[Exception | None], None]


class ChannelClosed(Exception):
    """The connection ended."""


def client_context(alpn: str = ALPN) -> ssl.SSLContext:
    """TLS 1.3, one of our ALPNs, no authorities: the pin is compared by the caller."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context


def shown_fingerprint(transport: asyncio.Transport, alpn: str = ALPN) -> str | None:
    """SHA-256 of the certificate that the other side showed, 64 hex digits; None when it does not speak this
    protocol."""
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True)
    spoken = tls.selected_alpn_protocol() == alpn
    return hashlib.sha256(certificate).hexdigest() if spoken and certificate else None


async def open_channel(
    host: str, port: int, timeout: float, on_answer: Callable[[], None] = lambda: None
) -> "TlsChannel":
    """Connect and shake hands; `on_answer` is called between the two. Raises OSError (also ssl.SSLError), TimeoutError,
    ProtocolError (something else than this protocol answers there). Nothing of ours has been sent."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        sock = await connect(host, port)
        on_answer()
        try:
            # An empty server name: no SNI, for it says nothing here.
            _, channel = await loop.create_connection(TlsChannel, sock=sock, ssl=client_context(), server_hostname="")
        except OSError as error:
            # The frames in it hold the transport and what it waits for, and that the error: with 256 KiB of buffers
            # they would stay until somebody looks for cycles.
            raise error.with_traceback(None)  # noqa: B904
    if channel.fingerprint is None:
        channel.abort()
        raise ProtocolError("not a LAN Chat server")
    return channel


class TlsChannel(asyncio.Protocol):
    """One connection. Event loop's thread only."""

    def __init__(self) -> None:
        """Not connected; the event loop makes it with the connection. `fingerprint` (64 hex digits), `peer` and `own`
        (addresses of the socket) are there after the handshake."""
        self.fingerprint: str | None = None
        self.peer: tuple[Any, ...] = ()
        self.own: tuple[Any, ...] = ()
        self._reader = FrameReader(FRAME_MAX_UNAUTHENTICATED)
        self._transport: asyncio.Transport | None = None
        self._frames: deque[bytes] = deque()
        self._unread = 0
        self._unread_max = UNREAD_MAX
        self._arrival: asyncio.Future[None] | None = None
        self._receiver: Receiver | None = None
        self._on_closed: Closed | None = None
        self._closed = False
        self._error: Exception | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """After the handshake. `fingerprint` stays None when the other side does not speak this protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER_MAX)
        self.fingerprint = shown_fingerprint(transport)
        self.peer = transport.get_extra_info("peername")
        self.own = transport.get_extra_info("sockname")

    def data_received(self, data: bytes) -> None:
        """Cuts frames, for the receiver or, without one, for `read`. A frame that is too long, and more unread octets
        than may wait, abort the connection with ProtocolError."""
        try:
            frames = self._reader.feed_untrusted(data)
        except ProtocolError as error:
            self.abort(error)
            return
        if self._receiver is None:
            # A frame of nothing costs memory as well.
            self._unread += sum(len(frame) + 64 for frame in frames)
            if self._unread > self._unread_max:
                self.abort(ProtocolError("more than was asked for"))
                return
        self._frames.extend(frames)
        self._hand_on()

    def connection_lost(self, error: Exception | None) -> None:
        """Ends a `read` that waits, and calls `on_closed`: with the error of `abort`, when there was one."""
        self._closed = True
        self._transport = None
        self._error = self._error or error
        self._wake()
        if self._on_closed is not None:
            self._on_closed(self._error)

    # Reading

    def _hand_on(self) -> None:
        if self._receiver is not None and self._frames:
            frames = list(self._frames)
            self._frames.clear()
            self._receiver(frames)
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def read(self) -> bytes:
        """The next frame, while no receiver is attached. Raises ChannelClosed."""
        while not self._frames:
            if self._closed:
                raise ChannelClosed(str(self._error or "")) from self._error
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        frame = self._frames.popleft()
        self._unread -= len(frame) + 64
        return frame

    def raise_limit(self) -> None:
        """Log-in is under way: the answer, and what follows it, may be large."""
        self._reader.limit = FRAME_MAX
        self._unread_max = UNREAD_MAX_LOGGED_IN

    def attach(self, receiver: Receiver, on_closed: Closed) -> None:
        """From now on frames go to `receiver`, those that are here already at once. `on_closed` is called once, later
        or, for a connection that has ended, now."""
        self._receiver = receiver
        self._on_closed = on_closed
        self._hand_on()
        if self._closed:
            on_closed(self._error)

    def pause(self) -> None:
        """Hand nothing more on; the kernel, and then the server, keeps what follows."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """After `pause`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # Writing

    @property
    def open(self) -> bool:
        """Whether the connection has not ended; a goodbye that is still being sent counts as open."""
        return not self._closed

    def send(self, frame: Any) -> None:
        """Write a frame; dropped when the connection has ended. A server that does not read loses us."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(pack_frame(frame))
        if transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            self.abort(ConnectionError("the server does not read"))

    def close(self) -> None:
        """Close after what was written; the receiver hears nothing more."""
        self._receiver = self._on_closed = None
        if self._transport is not None:
            self._transport.close()

    def abort(self, error: Exception | None = None) -> None:
        """Close at once; `on_closed` gets `error`."""
        self._error = self._error or error
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.abort()

    async def wait_closed(self, timeout: float) -> None:
        """After `close`: until the goodbye is out, at most so long; then without."""
        end = asyncio.get_running_loop().time() + timeout
        while not self._closed and (left := end - asyncio.get_running_loop().time()) > 0:
            self._arrival = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._arrival
        self.abort()
