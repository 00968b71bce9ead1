"""What goes out: frames packed into datagrams and TLS octets once, for as many sessions as get them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lanchat.protocol.codec import encode
from lanchat.protocol.limits import DATAGRAM_MAX, PAGE_OCTETS_MAX
from lanchat.protocol.records import Head, Record
from lanchat.protocol.seal import OVERHEAD
from lanchat.protocol.wire import Records, pack_frame
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.sessions import Path, Session

# What fits a datagram once sealed; the array around the frames takes up to 3 octets.
PAYLOAD_MAX = DATAGRAM_MAX - OVERHEAD - 3
# A record's own octets beside header and body: signature, numbers, msgpack.
_RECORD_EXTRA = 64 + 2 + 9 + 9 + 3 + 3 + 1
# The frame around the records: tag, room, array, and the signed head.
_FRAME_EXTRA = 1 + 1 + 9 + 3
_HEAD_SIZE = 5 + 9 + 9 + 34 + 9 + 66 + 1


@dataclass(frozen=True, slots=True)
class Send:
    """Octets for sessions: one payload to seal for each (UDP), or ready TLS frames."""

    sessions: tuple[int, ...]
    path: Path
    payload: bytes


@dataclass(frozen=True, slots=True)
class Fetch:
    """Records to read from the store for a repair; answered with `ServerCore.fetched`."""

    session: int
    room: int
    seqs: tuple[int, ...]


Output = Send | Fetch


@dataclass(frozen=True, slots=True)
class Packed:
    """The same frames both ways: `datagrams` to seal, `large` for TLS in any case, `stream` for who has no UDP."""

    datagrams: tuple[bytes, ...]
    large: bytes
    stream: bytes


def record_size(record: Record) -> int:
    """An upper bound of a record's octets on the wire."""
    return _RECORD_EXTRA + len(record.header) + len(record.body or b"") + len(record.erased_hash)


def pack_records(room: int, records: list[Record], head: Head | None, inline_body: int) -> Packed:
    """Records of a batch: as few datagrams as they fit, the head with the last; large bodies over TLS."""
    small = [record for record in records if len(record.body or b"") <= inline_body]
    large = [record for record in records if len(record.body or b"") > inline_body]
    datagrams: list[bytes] = []
    chunk: list[Record] = []
    room_left = budget = PAYLOAD_MAX - _FRAME_EXTRA - (_HEAD_SIZE if head else 0)
    for record in small:
        size = record_size(record)
        if chunk and size > room_left:
            datagrams.append(encode([Records(room, chunk)]))
            chunk, room_left = [], budget
        chunk.append(record)
        room_left -= size
    if chunk or head:
        datagrams.append(encode([Records(room, chunk, head)]))
    return Packed(
        tuple(datagrams),
        b"".join(pack_frame(Records(room, part, head)) for part in _stream_parts(large)),
        b"".join(pack_frame(Records(room, part, head)) for part in _stream_parts(records)),
    )


def _stream_parts(records: list[Record]) -> Iterable[list[Record]]:
    """Frames below the frame limit."""
    part: list[Record] = []
    size = 0
    for record in records:
        if part and size + record_size(record) > PAGE_OCTETS_MAX:
            yield part
            part, size = [], 0
        part.append(record)
        size += record_size(record)
    if part:
        yield part


def pack_frames(frames: list[Any]) -> Packed:
    """Small live frames: one after the other into datagrams."""
    datagrams: list[bytes] = []
    chunk: list[Any] = []
    size = 0
    for frame in frames:
        octets = len(encode(frame))
        if chunk and size + octets > PAYLOAD_MAX:
            datagrams.append(encode(chunk))
            chunk, size = [], 0
        chunk.append(frame)
        size += octets
    if chunk:
        datagrams.append(encode(chunk))
    return Packed(tuple(datagrams), b"", b"".join(pack_frame(frame) for frame in frames))


class Outbox:
    """Collects what the core wants sent until the shell takes it."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._outputs: list[Output] = []

    def take(self) -> list[Output]:
        """Everything since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def fetch(self, fetch: Fetch) -> None:
        self._outputs.append(fetch)

    def send(self, session: Session, frames: list[Any], now: float) -> None:
        """Live frames to one session, the way that is open."""
        self.cast([session], pack_frames(frames), now)

    def send_tls(self, session_ids: Iterable[int], frame: Any) -> None:
        """An event, which goes over TLS only."""
        targets = tuple(session_ids)
        if targets:
            self._outputs.append(Send(targets, Path.TLS, pack_frame(frame)))

    def send_back(self, session: Session, path: Path, frame: Any) -> None:
        """An answer on the way that the question came."""
        payload = encode([frame]) if path is Path.UDP else pack_frame(frame)
        self._outputs.append(Send((session.id,), path, payload))

    def cast(self, sessions: Iterable[Session], packed: Packed, now: float) -> None:
        """The same frames to many: no work per session but to sort it by its way."""
        fresh = self._config.udp_fresh
        datagram_sessions: list[int] = []
        stream_sessions: list[int] = []
        for session in sessions:
            (datagram_sessions if session.udp_open(now, fresh) else stream_sessions).append(session.id)
        if datagram_sessions:
            targets = tuple(datagram_sessions)
            self._outputs.extend(Send(targets, Path.UDP, payload) for payload in packed.datagrams)
            if packed.large:
                self._outputs.append(Send(targets, Path.TLS, packed.large))
        if stream_sessions and packed.stream:
            self._outputs.append(Send(tuple(stream_sessions), Path.TLS, packed.stream))
