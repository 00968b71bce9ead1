"""What goes out: frames packed into datagrams and TLS octets once, for as many sessions as get them.

A datagram costs the same whether it is full or not (docs/PERFORMANCE.md), so the records of a batch are laid as close
as they fit, those of several rooms too: each is encoded once, and its octets are counted, not estimated. Several
datagrams for one session can be handed to the kernel together when all but the last have the same length, so they are
given one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.limits import DATAGRAM_FRAMES_MAX, DATAGRAM_MAX, PAGE_OCTETS_MAX, RECORDS_MAX
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import Records, pack_frame, with_length
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.sessions import Session

# What fits a datagram once sealed; the array around the frames takes up to 3 octets.
PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD - 3
# A record's own octets beside header and body: signature, numbers, msgpack.
_RECORD_EXTRA = 64 + 2 + 9 + 9 + 3 + 3 + 1
# The frame around the records: array, tag, room, number of records, no head.
_FRAME_EXTRA = 1 + 1 + 9 + 3 + 1
# How msgpack begins a `Records`: an array of tag, room, records, head.
_RECORDS_ARRAY = 0x94
# Filling datagrams up to one length is worth it while it adds no more than a quarter.
_PADDING_SHARE = 4


class SendFrames(msgspec.Struct, frozen=True):
    """Octets for sessions: one payload to seal for each (UDP), or ready TLS frames."""

    sessions: tuple[int, ...]
    path: Transport
    payload: bytes


class RecordFetch(msgspec.Struct, frozen=True):
    """Records to read from the store for a repair; answered with `ServerCore.fetched`."""

    session: int
    room: int
    seqs: tuple[int, ...]


Output = SendFrames | RecordFetch


class PackedFrames:
    """The same frames both ways; what no session gets is not packed. `frames`: what fits a datagram, encoded; `large`:
    what goes over TLS in any case, ready to send."""

    def __init__(self, frames: tuple[bytes, ...], large: bytes, make_stream: Callable[[], bytes]) -> None:
        """`make_stream` returns all of it as TLS frames; it is called at most once."""
        self.frames = frames
        self.large = large
        self._make_stream = make_stream

    @cached_property
    def datagrams(self) -> tuple[bytes, ...]:
        """Payloads to seal, for who has UDP."""
        return _datagrams(self.frames)

    @cached_property
    def stream(self) -> bytes:
        """Ready TLS frames, for who has no UDP."""
        return self._make_stream()


def record_size(record: Record) -> int:
    """An upper bound of a record's octets on the wire."""
    return _RECORD_EXTRA + len(record.header) + len(record.body or b"") + len(record.erased_hash)


def pack_records(room: int, records: list[Record], head: Head | None, inline_body: int) -> PackedFrames:
    """Records of a batch: as few datagrams as they fit, the head with the last; large bodies over TLS."""
    encoded = [msgspec.Raw(encode(record)) for record in records]
    small = [raw for raw, record in zip(encoded, records, strict=True) if len(record.body or b"") <= inline_body]
    large = [raw for raw, record in zip(encoded, records, strict=True) if len(record.body or b"") > inline_body]
    frames = _record_frames(room, small, head)
    return PackedFrames(
        tuple(frames),
        b"".join(_stream(room, large, head)),
        lambda: b"".join(_stream(room, encoded, head)),
    )


def pack_frames(frames: list[Any]) -> PackedFrames:
    """Small live frames: one after the other into datagrams."""
    encoded = tuple(encode(frame) for frame in frames)
    return PackedFrames(encoded, b"", lambda: b"".join(map(with_length, encoded)))


def merged(parts: Sequence[PackedFrames]) -> PackedFrames:
    """What the parts hold, in order, in fewer datagrams."""
    if len(parts) == 1:
        return parts[0]
    frames = tuple(frame for part in parts for frame in part.frames)
    return PackedFrames(frames, b"".join(part.large for part in parts), lambda: b"".join(part.stream for part in parts))


def _record_frames(room: int, records: list[msgspec.Raw], head: Head | None) -> list[bytes]:
    """Each fits a datagram."""
    chunks = list(_chunks(records, PAYLOAD_MAX - _FRAME_EXTRA))
    if head is not None and (not chunks or _size(chunks[-1]) + len(encode(head)) > PAYLOAD_MAX - _FRAME_EXTRA):
        # A last record that leaves no room for the head beside others comes with it in a frame of their own.
        chunks.append([chunks[-1].pop()] if chunks and len(chunks[-1]) > 1 else [])
    heads = [None] * (len(chunks) - 1) + [head]
    return [encode(Records(room, chunk, proof)) for chunk, proof in zip(chunks, heads, strict=bool(chunks))]  # type: ignore[arg-type]


def _chunks(records: Iterable[msgspec.Raw], most: int) -> Iterator[list[msgspec.Raw]]:
    """In order, together at most `most` octets and RECORDS_MAX; one record always."""
    chunk: list[msgspec.Raw] = []
    size = 0
    for record in records:
        octets = len(memoryview(record))
        if chunk and (size + octets > most or len(chunk) == RECORDS_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += octets
    if chunk:
        yield chunk


def _size(records: Iterable[msgspec.Raw]) -> int:
    return sum(len(memoryview(record)) for record in records)


def _stream(room: int, records: list[msgspec.Raw], head: Head | None) -> Iterator[bytes]:
    """TLS frames, each below the frame limit."""
    for chunk in _chunks(records, PAGE_OCTETS_MAX):
        yield pack_frame(Records(room, chunk, head))  # type: ignore[arg-type]


# --- Datagrams of frames ---------------------------------------------------------------------------------------------


def _datagrams(frames: Iterable[bytes]) -> tuple[bytes, ...]:
    """In order, as few as they fit; of one length but for the last, which may be shorter, where that costs little."""
    groups: list[list[bytes]] = []
    room_left = -1
    for frame in frames:
        if len(frame) > room_left or len(groups[-1]) == DATAGRAM_FRAMES_MAX:
            groups.append([])
            room_left = PAYLOAD_MAX
        groups[-1].append(frame)
        room_left -= len(frame)
    if len(groups) > 1:
        _bring_to_one_length(groups)
    return tuple(_array_header(len(group)) + b"".join(group) for group in groups)


def _bring_to_one_length(groups: list[list[bytes]]) -> None:
    sizes = [len(_array_header(len(group))) + sum(map(len, group)) for group in groups]
    longest = max(sizes)
    missing = [longest - size for size in sizes[:-1]]
    can = all(group[-1][0] == _RECORDS_ARRAY for group, wanting in zip(groups, missing, strict=False) if wanting)
    if not can or sum(missing) * _PADDING_SHARE > sum(sizes):
        return
    for group, wanting in zip(groups, missing, strict=False):
        if wanting:
            group[-1] = _filled(group[-1], wanting)


def _filled(frame: bytes, size: int) -> bytes:
    """A `Records` with one element more, which readers ignore and which takes `size` octets."""
    return bytes([_RECORDS_ARRAY + 1]) + frame[1:] + encode(_filler(size))


def _filler(size: int) -> Any:
    """A value that msgpack writes in `size` octets: nil is 1, octets have 2 before them, from 256 on 3."""
    if size == 1:
        return None
    if size <= 257:
        return bytes(size - 2)
    return [bytes(255)] if size == 258 else bytes(size - 3)


def _array_header(count: int) -> bytes:
    """msgpack's, of an array with so many elements."""
    return bytes([0x90 + count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


class OutboundQueue:
    """Collects what the core wants sent until the shell takes it."""

    def __init__(self, config: CoreConfig) -> None:
        """Begins empty. Of `config` it needs how long a UDP path counts as open."""
        self._config = config
        self._outputs: list[Output] = []

    def take(self) -> list[Output]:
        """Everything since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def fetch(self, fetch: RecordFetch) -> None:
        """Have records read from the store; the shell answers with `ServerCore.fetched`."""
        self._outputs.append(fetch)

    def send(self, session: Session, frames: list[Any], now: float) -> None:
        """Live frames to one session, the way that is open."""
        self.cast([session], pack_frames(frames), now)

    def send_tls(self, session_ids: Iterable[int], frame: Any) -> None:
        """An event, which goes over TLS only."""
        targets = tuple(session_ids)
        if targets:
            self._outputs.append(SendFrames(targets, Transport.TLS, pack_frame(frame)))

    def send_back(self, session: Session, path: Transport, frame: Any) -> None:
        """An answer on the way that the question came."""
        payload = encode([frame]) if path is Transport.UDP else pack_frame(frame)
        self._outputs.append(SendFrames((session.id,), path, payload))

    def cast(self, sessions: Iterable[Session], packed: PackedFrames, now: float) -> None:
        """The same frames to many: no work per session but to sort it by its way."""
        fresh = self._config.udp_fresh
        datagram_sessions: list[int] = []
        stream_sessions: list[int] = []
        for session in sessions:
            seen = session.udp_seen
            is_open = seen is not None and now - seen <= fresh
            (datagram_sessions if is_open else stream_sessions).append(session.id)
        if datagram_sessions:
            targets = tuple(datagram_sessions)
            self._outputs.extend(SendFrames(targets, Transport.UDP, payload) for payload in packed.datagrams)
            if packed.large:
                self._outputs.append(SendFrames(targets, Transport.TLS, packed.large))
        if stream_sessions and packed.stream:
            self._outputs.append(SendFrames(tuple(stream_sessions), Transport.TLS, packed.stream))
