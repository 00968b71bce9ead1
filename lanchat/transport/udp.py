"""The client's end of the UDP relay: one connected socket, sealed datagrams, keys that are renewed.

On POSIX the event loop says when there is something to read and a loop drains it; on Linux what came together is read
together. Where the loop has no readers (Windows) a thread receives (receiving_thread.py). Errors of the socket are no
errors here: a closed port on the other side, a full buffer or a lost route are what the TLS channel and repair are for.
"""

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from lanchat.platform.network import segmentation
from lanchat.protocol.datagram import seal
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import SessionKeys, decode_server_datagram_untrusted
from lanchat.transport.receiving_thread import Received, ReceivingThread

# One turn of the event loop reads at most this many, so that a flood cannot starve everything else.
DRAIN_MAX = 256
# A batch of the server may bring hundreds of datagrams at once; they wait in the kernel while we store.
BUFFER_OCTETS = 1 << 20
# Fresh keys are asked for when so many packets are left of the present ones.
PACKETS_RESERVE = 1 << 16
# Keys that open datagrams: the present ones and those before. A server that sends new ones without end makes the oldest
# useless before their time.
_OPENERS_MAX = 4

OnFrames = Callable[[list[Any]], None]


class UdpRelay:
    """`on_frames(frames)` for each datagram that opens, `on_idle()` after each turn that had any. Event loop's thread
    only. Raises OSError on creation when there is no such address family or route."""

    def __init__(
        self,
        peer: tuple[Any, ...],
        log_id: bytes,
        epoch: int,
        on_frames: OnFrames,
        on_idle: Callable[[], None],
        *,
        threaded: bool = sys.platform == "win32",
        limits: seal.SealLimits = seal.SEAL_LIMITS,
    ) -> None:
        """`peer`: address of the TLS connection; from elsewhere nothing is heard. Nothing is sealed or opened before
        `use_keys`. `threaded`: a thread receives and hands over to the event loop, which calls `on_frames` all the
        same. `dropped` counts datagrams by reason."""
        self.dropped: Counter[str] = Counter()
        self._log_id = log_id
        self._epoch = epoch
        self._limits = limits
        self._on_frames = on_frames
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._sealer: seal.Sealer | None = None
        self._openers: dict[int, seal.Opener] = {}
        self._old: dict[int, asyncio.TimerHandle] = {}
        self._closed = False
        self._socket = _connected_socket(peer)
        self._receive = self._receive_one
        self._thread: ReceivingThread | None = None
        if threaded:
            self._thread = ReceivingThread(self._socket, self._take, self._count_failure, "lanchat-udp")
        else:
            self._socket.setblocking(False)
            if segmentation.leave_together(self._socket):
                self._receive = self._receive_several
            self._loop.add_reader(self._socket.fileno(), self._drain)

    def use_keys(self, keys: SessionKeys) -> None:
        """Seal with these from now on; the old ones open for half a minute more."""
        self._forget(keys.key_id)
        for key_id in self._openers:
            if key_id not in self._old:
                self._old[key_id] = self._loop.call_later(self._limits.old_key_grace, self._forget, key_id)
        self._sealer = seal.Sealer(keys.to_server, keys.key_id, self._log_id, self._epoch, self._limits)
        self._openers[keys.key_id] = seal.Opener(keys.to_client, keys.key_id, self._log_id, self._epoch, self._limits)
        while len(self._openers) > _OPENERS_MAX:
            self._forget(next(iter(self._openers)))

    def _forget(self, key_id: int) -> None:
        timer = self._old.pop(key_id, None)
        if timer is not None:
            timer.cancel()
        self._openers.pop(key_id, None)

    @property
    def nearly_used_up(self) -> bool:
        """Whether fresh keys should be asked for."""
        return self._sealer is not None and self._sealer.left <= PACKETS_RESERVE

    def send(self, payload: bytes) -> None:
        """Seal and send; what cannot be sent is lost, as a datagram may be."""
        if self._sealer is None or self._closed:
            return
        try:
            self._socket.send(self._sealer.seal(payload))
        except (OSError, OverflowError) as error:
            self.dropped[f"send_{type(error).__name__}"] += 1

    def close(self) -> None:
        """Closes the socket; no datagram is opened any more. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for timer in self._old.values():
            timer.cancel()
        if self._thread is not None:
            self._thread.close()
        else:
            self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    # Receiving

    def _drain(self) -> None:
        for _ in range(DRAIN_MAX):
            try:
                datagrams = self._receive()
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error that belongs to something we sent. What waits behind it is read next time.
                self._count_failure()
                break
            for datagram in datagrams:
                self._open(datagram)
                if self._closed:
                    return
        self._on_idle()

    def _receive_one(self) -> list[bytes]:
        return [self._socket.recv(DATAGRAM_MAX + 1)]

    def _receive_several(self) -> list[bytes]:
        if sys.platform == "win32":
            raise NotImplementedError
        octets, ancillary, _flags, _peer = self._socket.recvmsg(segmentation.TOGETHER_MAX, segmentation.ANCILLARY_SPACE)
        return segmentation.parted(octets, ancillary)

    def _count_failure(self) -> None:
        self.dropped["receive_failed"] += 1

    def _take(self, received: list[Received]) -> None:
        """What the thread received together."""
        for datagram, _peer in received:
            self._open(datagram)
            if self._closed:  # by what the datagram brought
                return
        self._on_idle()

    def _open(self, datagram: bytes) -> None:
        """Nothing here raises: what does not open is dropped and counted."""
        try:
            if len(datagram) > DATAGRAM_MAX:
                raise ProtocolError("datagram too long")
            opener = self._openers.get(seal.key_id_untrusted(datagram))
            if opener is None:
                raise ProtocolError("unknown key")
            frames = decode_server_datagram_untrusted(opener.open_untrusted(datagram))
        except ProtocolError as error:
            self.dropped[str(error)] += 1
            return
        self._on_frames(frames)


def _connected_socket(peer: tuple[Any, ...]) -> socket.socket:
    """A socket that hears that address alone."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        sock.connect(peer)
    except OSError:
        sock.close()
        raise
    return sock
