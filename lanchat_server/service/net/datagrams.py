"""The UDP relay's socket: opens and seals datagrams, learns addresses, never blocks.

On POSIX the event loop says when there is something to read and a loop drains it: `asyncio.DatagramProtocol` costs ten
times as much per datagram. On Windows a thread receives, because its event loop has no readers
(transport/receiving_thread.py); SIO_UDP_CONNRESET is switched off there, or one client that closed its port would stop
the socket.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from lanchat.platform.network import segmentation
from lanchat.platform.network.interfaces import ignore_port_unreachable
from lanchat.protocol.datagram import seal
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import SessionKeys, decode_client_datagram_untrusted
from lanchat.transport.receiving_thread import Received, ReceivingThread
from lanchat_server.service.net.connection import frame_budget

# One turn of the event loop reads at most this many, so that a flood cannot starve everything else.
DRAIN_MAX = 256
# A turn of the event loop costs as much as ten datagrams. When they come faster than one in `CROWDED`, the socket is
# looked at every `LOOK` seconds instead, and all that is there is read at once, until fewer than `FEW` were there.
CROWDED = 0.0015
LOOK = 0.008
FEW = 3
# Datagrams that wait in the kernel while a batch is being committed: 4 MiB are some 3,000 full ones.
BUFFER_OCTETS = 4 << 20

# A device that computes no checksums; a route with a smaller MTU. Anything else is one client's trouble.
_CANNOT_CUT_UP = frozenset((errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.EOPNOTSUPP))

Address = tuple[Any, ...]
log = logging.getLogger(__name__)


class UdpChannel(msgspec.Struct):
    """The keys and the address of one session. `old` opens what was sealed before the last change of keys."""

    session: int
    key_id: int
    sealer: seal.Sealer
    opener: seal.Opener
    budget: TokenBucket
    address: Address | None = None
    old: list[int] = []


class DatagramRelay:
    """One socket for all sessions. `on_frame(session, frame)` is called for each live frame, `on_idle()` after each
    turn that had any. `make_budget` gives what a session may send; more is dropped. `drain_max`: datagrams that are
    read in one turn of the event loop."""

    def __init__(
        self,
        sock: socket.socket,
        log_id: bytes,
        epoch: int,
        on_frame: Callable[[int, Any], None],
        on_idle: Callable[[], None],
        count: Callable[..., None],
        make_budget: Callable[[], TokenBucket] = frame_budget,
        limits: seal.SealLimits = seal.SEAL_LIMITS,
        drain_max: int = DRAIN_MAX,
        threaded: bool = sys.platform == "win32",
    ) -> None:
        """`sock` is bound; `close` closes it. Every seal covers `log_id` and `epoch`. `count(reason, number)` hears
        what was sent, received and dropped; `number` may be left out. All are called on the event loop. `threaded`: a
        thread receives."""
        self._sock = sock
        self._log_id = log_id
        self._epoch = epoch
        self._on_frame = on_frame
        self._on_idle = on_idle
        self._count = count
        self._make_budget = make_budget
        self._limits = limits
        self._drain_max = drain_max
        self._by_key: dict[int, tuple[UdpChannel, seal.Opener]] = {}
        self._by_session: dict[int, UdpChannel] = {}
        self._buffer = bytearray(2048)
        self._view = memoryview(self._buffer)
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._segments = False
        self._threaded = threaded
        self._thread: ReceivingThread | None = None
        self._last_read = 0.0
        self._looking: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to read."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_OCTETS)
        if self._threaded:
            ignore_port_unreachable(self._sock)
            self._thread = ReceivingThread(self._sock, self._take, self._count_failure, "udp")
        else:
            self._sock.setblocking(False)
            self._segments = segmentation.cuts_up(self._sock)
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and close the socket; a second call does nothing."""
        if not self._closed:
            self._closed = True
            if self._looking is not None:
                self._looking.cancel()
            if self._thread is not None:
                self._thread.close()
            elif not self._threaded:
                self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    # --- Sessions ------------------------------------------------------------------------------------------------

    def open_channel(self, session: int, keys: SessionKeys) -> None:
        """A session's first or next keys. The old ones open datagrams for half a minute more."""
        opener = self._make_opener(keys)
        sealer = self._make_sealer(keys)
        channel = self._by_session.get(session)
        if channel is None:
            channel = UdpChannel(session, keys.key_id, sealer, opener, self._make_budget())
            self._by_session[session] = channel
        else:
            channel.old.append(channel.key_id)
            self._loop.call_later(self._limits.old_key_grace, self._drop_key, channel, channel.key_id)
            channel.key_id, channel.sealer, channel.opener = keys.key_id, sealer, opener
        self._by_key[keys.key_id] = (channel, opener)

    def _make_opener(self, keys: SessionKeys) -> seal.Opener:
        return seal.Opener(keys.to_server, keys.key_id, self._log_id, self._epoch, self._limits)

    def _make_sealer(self, keys: SessionKeys) -> seal.Sealer:
        return seal.Sealer(keys.to_client, keys.key_id, self._log_id, self._epoch, self._limits)

    def uses(self, key_id: int) -> bool:
        """Whether a key of this id opens datagrams now, a session's last one included."""
        return key_id in self._by_key

    def close_channel(self, session: int) -> None:
        """None of the session's keys opens or seals from now on; nothing happens for one without keys."""
        channel = self._by_session.pop(session, None)
        if channel is not None:
            for key_id in (*channel.old, channel.key_id):
                self._by_key.pop(key_id, None)

    def _drop_key(self, channel: UdpChannel, key_id: int) -> None:
        if key_id in channel.old:
            channel.old.remove(key_id)
            self._by_key.pop(key_id, None)

    def packets_left(self, session: int) -> int:
        """How many datagrams the present key still seals."""
        channel = self._by_session.get(session)
        return channel.sealer.left if channel else 0

    # --- Sending -------------------------------------------------------------------------------------------------

    def send_all(self, sessions: Iterable[int], payloads: Sequence[bytes]) -> list[int]:
        """As `send`, the same payloads to each of the sessions; returns those that have no address or no key left.
        Where the kernel cuts datagrams up, what goes to one session takes one system call."""
        if not self._segments:
            return [session for session in sessions if not all(self.send(session, payload) for payload in payloads)]
        if len(payloads) == 1:
            return self._send_one_each(sessions, payloads[0])
        if not _of_one_length(payloads):
            return list({session for payload in payloads for session in self._send_one_each(sessions, payload)})
        most = segmentation.SEGMENTS_MAX
        parts = [payloads[start : start + most] for start in range(0, len(payloads), most)]
        return self._send_segments_each(sessions, parts)

    # The two loops below are the hottest of the server; what they call is kept out of them on purpose.

    def _send_one_each(self, sessions: Iterable[int], payload: bytes) -> list[int]:
        find, sendto, sent = self._by_session.get, self._sock.sendto, 0
        lost: list[int] = []
        for session in sessions:
            channel = find(session)
            if channel is None or channel.address is None:
                lost.append(session)
                continue
            try:
                sendto(channel.sealer.seal(payload), channel.address)
                sent += 1
            except OverflowError:
                lost.append(session)
            except OSError:
                self._count("udp_send_failed")
        self._count("udp_out", sent)
        return lost

    def _send_segments_each(self, sessions: Iterable[int], parts: list[Sequence[bytes]]) -> list[int]:
        if sys.platform == "win32":
            raise NotImplementedError
        find, sendmsg, sent = self._by_session.get, self._sock.sendmsg, 0
        size = len(parts[0][0]) + seal.OVERHEAD
        ancillary = segmentation.cut_into(size)
        lost: list[int] = []
        for session in sessions:
            channel = find(session)
            if channel is None or (address := channel.address) is None:
                lost.append(session)
                continue
            seal_one = channel.sealer.seal
            try:
                for part in parts:
                    datagrams = [seal_one(payload) for payload in part]
                    sendmsg(datagrams, ancillary, 0, address)
                    sent += len(part)
            except OverflowError:
                lost.append(session)
            except OSError as error:
                if error.errno in _CANNOT_CUT_UP:
                    self._cannot_cut_up(error, datagrams, address)
                else:
                    self._count("udp_send_failed", len(part))
        self._count("udp_out", sent)
        return lost

    def _cannot_cut_up(self, error: OSError, datagrams: list[bytes], address: Address) -> None:
        """Then as everywhere else. What is lost beyond these datagrams, repair brings."""
        log.info("the kernel does not cut datagrams up here: %s", error)
        self._segments = False
        for datagram in datagrams:
            self._send_sealed(datagram, address)

    def send(self, session: int, payload: bytes) -> bool:
        """Seal and send; False when there is no address or no key left for it. A full socket buffer loses the datagram,
        which repair then makes good."""
        channel = self._by_session.get(session)
        if channel is None or channel.address is None:
            return False
        try:
            datagram = channel.sealer.seal(payload)
        except OverflowError:
            return False
        self._send_sealed(datagram, channel.address)
        return True

    def _send_sealed(self, datagram: bytes, address: Address) -> None:
        try:
            self._sock.sendto(datagram, address)
        except OSError:
            self._count("udp_send_failed")
        else:
            self._count("udp_out")

    # --- Receiving -----------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """The event loop says that there is something."""
        now = self._loop.time()
        crowded = now - self._last_read < CROWDED
        self._last_read = now
        self._drain()
        if crowded:
            self._loop.remove_reader(self._sock.fileno())
            self._looking = self._loop.call_later(LOOK, self._look)

    def _look(self) -> None:
        """See what has come meanwhile."""
        found = self._drain()
        if found >= FEW:
            self._looking = self._loop.call_later(0.0 if found == self._drain_max else LOOK, self._look)
        else:
            self._looking = None
            self._last_read = self._loop.time()
            self._loop.add_reader(self._sock.fileno(), self._readable)

    def _drain(self) -> int:
        """Handle what there is; returns how many datagrams it was."""
        receive, view, found = self._sock.recvfrom_into, self._view, self._drain_max
        for number in range(self._drain_max):
            try:
                size, address = receive(self._buffer)
            except (BlockingIOError, InterruptedError):
                found = number
                break
            except OSError:
                self._count_failure()
                found = number
                break
            self._handle(bytes(view[:size]), address)
        self._on_idle()
        return found

    def _take(self, received: list[Received]) -> None:
        """What the thread received together."""
        for datagram, address in received:
            self._handle(datagram, address)
        self._on_idle()

    def _count_failure(self) -> None:
        self._count("udp_receive_failed")

    def _handle(self, datagram: bytes, address: Address) -> None:
        """Nothing here raises: what does not open is dropped and counted."""
        try:
            if len(datagram) > DATAGRAM_MAX:
                raise ProtocolError("datagram too long")
            channel, opener = self._by_key[seal.key_id_untrusted(datagram)]
            payload = opener.open_untrusted(datagram)
            frames = decode_client_datagram_untrusted(payload)
        except (ProtocolError, KeyError) as error:
            self._count("udp_unknown_key" if isinstance(error, KeyError) else f"udp_{_reason(error)}")
            return
        if channel.budget.take(self._loop.time(), len(frames)):
            self._count("udp_over_rate")
            return
        self._count("udp_in")
        if opener is channel.opener and opener.newest:
            channel.address = address
        for frame in frames:
            self._on_frame(channel.session, frame)


def _of_one_length(payloads: Sequence[bytes]) -> bool:
    """Whether all but the last have the same length, and the last is not longer."""
    length = len(payloads[0])
    return len(payloads[-1]) <= length and all(len(payload) == length for payload in payloads[:-1])


def _reason(error: ProtocolError) -> str:
    return str(error).replace(" ", "_")
