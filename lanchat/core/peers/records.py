"""Stored records of other clients, for a client whose server is away: whoever has fewer asks whoever has more.

    Stored        an end has other rooms further than this one, or less far
    StoredHead    the newest head there: the log must have signed it, before anything else is asked for
    RecordsPiece  a part of a page of records up to that head

What came is kept aside until it reaches the head. When its chain ends in the head's hash, all of it is proven, and
stored; else the end made it up, and is not asked again for a while. One room is fetched at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from lanchat.core.peers.pieces import ASK_AGAIN, TRIES, WINDOW, PieceSet
from lanchat.core.people.statements import KnownStatements
from lanchat.core.rooms.chain import link_untrusted, record_octets
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PEERS_MAX, RECORDS_MAX
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import decode_header_untrusted
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.wire.peers import PIECE_OCTETS

# Of records that are not proven yet, in memory. A client that lacks more waits for the server.
FETCHED_OCTETS_MAX = 4 << 20
# Pages that are kept for the pieces of them that are still to be asked for, 64 KiB each.
PAGES_MAX = 16
# An end that brought what does not fit, or nothing, is not asked again before.
_AVOIDED_FOR = 60.0
# Ends that are avoided: as many as there are links.
AVOIDED_MAX = 64
# Pages that are read for one end, 2 ms each, and pieces of them: 200 KB a second.
_PAGE_RATE, _PAGE_BURST = 10.0, 20.0
_PIECE_RATE, _PIECE_BURST = 200.0, 400.0
_SOFT_OCTETS = 24 << 10
_ROOMS_IN_A_FRAME = 48
AUTHORS_AT_ONCE = 16


RecordFrame = wire.Stored | wire.WantHead | wire.StoredHead | wire.WantRecords | wire.RecordsPiece


class Copies(Protocol):
    """Local copies of rooms (core/rooms/copies.py)."""

    def cursors(self) -> Mapping[int, int]:
        """How far each room is stored."""

    def head(self, room: int) -> Head | None:
        """The newest one up to which the records are here. Raises LocalStoreError."""

    def records(self, room: int, first: int, last: int) -> list[Record]:
        """Consecutive ones from `first` on. Raises LocalStoreError."""

    def hash_at_cursor(self, room: int) -> bytes | None:
        """The chain hash of the last stored record."""

    def take(self, room: int, records: list[Record], head: Head) -> bool:
        """Store what is proven. Raises LocalStoreError."""


class _Fetch:
    """Records of a room from one end. `seq`, `hash`: of the last one that is here."""

    def __init__(self, end: PeerEnd, room: int, seq: int, before: bytes) -> None:
        """Nothing was asked for."""
        self.end = end
        self.room = room
        self.seq = seq
        self.hash = before
        self.head: Head | None = None
        self.records: list[Record] = []
        self.octets = 0
        self.page: PieceSet | None = None
        self.ask_at = 0.0
        self.tries = 0
        # All of it is here and proven; whose some of it is was asked for.
        self.is_proven = False


class _Served:
    """Bounds of one end."""

    def __init__(self) -> None:
        self.pages = TokenBucket(_PAGE_RATE, _PAGE_BURST)
        self.pieces = TokenBucket(_PIECE_RATE, _PIECE_BURST)


class RecordExchange:
    """Of a client of `user` in the log `log_id`. Methods raise ProtocolError for what breaks a rule, and
    LocalStoreError."""

    def __init__(
        self,
        log_id: bytes,
        user: int,
        statements: KnownStatements,
        copies: Copies,
        check_head: Callable[[Head], bool],
        unknown: Callable[[Collection[bytes]], list[bytes]],
    ) -> None:
        """`check_head`: whether the log signed it, in its present epoch. `unknown`: those of some devices whose
        certificates are not here. Nothing is asked for."""
        self._log_id = log_id
        self._user = user
        self._statements = statements
        self._copies = copies
        self._check_head = check_head
        self._unknown = unknown
        # Whether the server is away: only then anything is asked for.
        self.away = False
        self._fetch: _Fetch | None = None
        # Rooms of which the end of the fetch has more.
        self._further: dict[int, int] = {}
        self._avoided: dict[PeerEnd, float] = {}
        self._served: dict[PeerEnd, _Served] = {}
        self._pages: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()

    # --- What is here ---------------------------------------------------------------------------------------------

    def _reaches(self, user: int) -> list[wire.RoomReach]:
        """How far the rooms are stored that both users are in."""
        cursors = sorted(self._copies.cursors().items())
        return [wire.RoomReach(room, seq) for room, seq in cursors if seq and self._first(room, user)]

    def _first(self, room: int, user: int) -> int:
        """The lowest number that a user may read of a room of both; 0: it is none."""
        members = self._statements.members(room)
        if members is None or self._user not in members:
            return 0
        return members.get(user, 0)

    def digest(self, user: int) -> int:
        """For `Digest`."""
        octets = [reach.room.to_bytes(8, "big") + reach.seq.to_bytes(8, "big") for reach in self._reaches(user)]
        return int.from_bytes(sha256(*octets)[:4], "big") or 1

    def compare(self, user: int, digest: int) -> list[Any]:
        """The answer to a digest of somebody whose server is away."""
        if not digest or digest == self.digest(user):
            return []
        reaches = self._reaches(user)
        starts = range(0, len(reaches), _ROOMS_IN_A_FRAME)
        return [wire.Stored(reaches[start : start + _ROOMS_IN_A_FRAME]) for start in starts]

    def take(self, end: PeerEnd, user: int, frame: RecordFrame, now: float) -> list[Any]:
        """A frame from the end of a user: what to answer."""
        match frame:
            case wire.Stored():
                return self._take_reaches(end, user, frame, now)
            case wire.WantHead():
                return self._hand_out_head(end, user, frame, now)
            case wire.StoredHead():
                return self._take_head(end, frame, now)
            case wire.WantRecords():
                return self._hand_out(end, user, frame, now)
            case wire.RecordsPiece():
                return self._take_piece(end, frame, now)

    # --- Giving ---------------------------------------------------------------------------------------------------

    def _hand_out_head(self, end: PeerEnd, user: int, frame: wire.WantHead, now: float) -> list[Any]:
        """The head of a room that both are in."""
        if not self._first(frame.room, user):
            raise ProtocolError("records of a room that is not shared")
        if self._bounds(end).pages.take(now):
            raise ProtocolError("too many records asked for")
        head = self._copies.head(frame.room)
        return [wire.StoredHead(head)] if head is not None else []

    def _hand_out(self, end: PeerEnd, user: int, frame: wire.WantRecords, now: float) -> list[Any]:
        """A piece of a page that this user may read."""
        first = self._first(frame.room, user)
        if not first or frame.first < first:
            raise ProtocolError("records that the user may not read")
        served = self._bounds(end)
        if served.pieces.take(now):
            raise ProtocolError("too many records asked for")
        page = self._page(served, frame, now)
        if frame.offset >= len(page):
            return []
        octets = page[frame.offset : frame.offset + PIECE_OCTETS]
        return [wire.RecordsPiece(frame.room, frame.first, len(page), frame.offset, octets)]

    def _bounds(self, end: PeerEnd) -> _Served:
        if len(self._served) > PEERS_MAX:
            self._served.clear()
        return self._served.setdefault(end, _Served())

    def _page(self, served: _Served, frame: wire.WantRecords, now: float) -> bytes:
        key = frame.room, frame.first, frame.last
        page = self._pages.get(key)
        if page is None:
            if served.pages.take(now):
                raise ProtocolError("too many records asked for")
            last = min(frame.last, frame.first + RECORDS_MAX - 1, self._copies.cursors().get(frame.room, 0))
            page = self._pages[key] = _cut(self._copies.records(frame.room, frame.first, last))
            if len(self._pages) > PAGES_MAX:
                self._pages.popitem(last=False)
        return page

    def forget(self, live: Mapping[PeerEnd, int]) -> None:
        """Only these ends are heard."""
        self._served = {end: served for end, served in self._served.items() if end in live}
        if self._fetch is not None and self._fetch.end not in live:
            self._fetch = None

    # --- Fetching -------------------------------------------------------------------------------------------------

    def _take_reaches(self, end: PeerEnd, user: int, frame: wire.Stored, now: float) -> list[Any]:
        """Another end has these rooms so far."""
        if not self.away or now < self._avoided.get(end, 0.0):
            return []
        cursors = self._copies.cursors()
        further = {
            reach.room: reach.seq
            for reach in frame.rooms
            if cursors.get(reach.room, reach.seq) < reach.seq and self._first(reach.room, user)
        }
        if self._fetch is not None:
            if self._fetch.end == end:
                self._further |= further
            return []
        self._further = further
        return self._begin(end, now)

    def _begin(self, end: PeerEnd, now: float) -> list[Any]:
        """The next room that this end has further."""
        self._fetch = None
        while self._further:
            room = next(iter(self._further))
            del self._further[room]
            before = self._copies.hash_at_cursor(room)
            if before is not None:
                self._fetch = _Fetch(end, room, self._copies.cursors()[room], before)
                return self._ask(self._fetch, now)
        return []

    def _ask(self, fetch: _Fetch, now: float) -> list[Any]:
        fetch.ask_at = now + ASK_AGAIN
        if fetch.head is None:
            return [wire.WantHead(fetch.room)]
        offsets = fetch.page.missing()[:WINDOW] if fetch.page is not None else [0]
        return [wire.WantRecords(fetch.room, fetch.seq + 1, fetch.head.seq, offset) for offset in offsets]

    def _take_head(self, end: PeerEnd, frame: wire.StoredHead, now: float) -> list[Any]:
        """Where that end stands, as the log signed it."""
        fetch, head = self._fetch, frame.head
        if fetch is None or fetch.end != end or fetch.head is not None or head.room != fetch.room:
            return []
        if not self._check_head(head):
            self._avoid(end, now)
            raise ProtocolError("head is not signed by the log")
        if head.seq <= fetch.seq:
            return self._begin(end, now)
        fetch.head = head
        return self._ask(fetch, now)

    def _take_piece(self, end: PeerEnd, frame: wire.RecordsPiece, now: float) -> list[Any]:
        """A part of the page that was asked for."""
        fetch = self._fetch
        if fetch is None or fetch.end != end or fetch.head is None or fetch.is_proven:
            return []
        if (frame.room, frame.first) != (fetch.room, fetch.seq + 1):
            return []
        if fetch.page is None:
            fetch.page = PieceSet(frame.total)
        if frame.total != fetch.page.total or not fetch.page.add(frame.offset, frame.octets):
            return []
        fetch.tries = 0
        if fetch.page.missing():
            return self._ask(fetch, now) if fetch.page.is_window_full() else []
        octets, fetch.page = fetch.page.octets(), None
        try:
            self._take_page(fetch, fetch.head, wire.decode_peer_records_untrusted(octets))
        except ProtocolError:
            self._avoid(end, now)
            raise
        if fetch.seq < fetch.head.seq:
            return self._ask(fetch, now)
        return self._ask_authors(fetch, now)

    def _ask_authors(self, fetch: _Fetch, now: float) -> list[Any]:
        """Who cannot be named is asked for before anything is shown, once."""
        devices = {decode_header_untrusted(record.header).device for record in fetch.records}
        unknown = self._unknown(sorted(devices))
        if not unknown:
            return self._store(fetch, now)
        fetch.is_proven = True
        fetch.ask_at = now + ASK_AGAIN
        starts = range(0, len(unknown), AUTHORS_AT_ONCE)
        return [wire.WantAuthors(unknown[start : start + AUTHORS_AT_ONCE]) for start in starts]

    def take_authors(self, now: float) -> tuple[PeerEnd, list[Any]] | None:
        """Certificates came: what waited for them is stored. What to ask that end next."""
        fetch = self._fetch
        if fetch is None or not fetch.is_proven:
            return None
        if self._unknown([decode_header_untrusted(record.header).device for record in fetch.records]):
            return None
        return fetch.end, self._store(fetch, now)

    def _store(self, fetch: _Fetch, now: float) -> list[Any]:
        assert fetch.head is not None
        following = self._begin(fetch.end, now)
        self._copies.take(fetch.room, fetch.records, fetch.head)
        return following

    def _take_page(self, fetch: _Fetch, head: Head, records: list[Record]) -> None:
        """Link what came. Raises ProtocolError."""
        if not records:
            raise ProtocolError("page without records")
        for record in records:
            if record.seq != fetch.seq + 1 or record.seq > head.seq:
                raise ProtocolError("page with a hole")
            fetch.hash = link_untrusted(self._log_id, fetch.room, fetch.hash, record).link.hash
            fetch.seq = record.seq
            fetch.octets += record_octets(record)
        fetch.records += records
        if fetch.octets > FETCHED_OCTETS_MAX:
            raise ProtocolError("too many records without a proof")
        if fetch.seq == head.seq and fetch.hash != head.hash:
            raise ProtocolError("records that the log does not have")

    def _avoid(self, end: PeerEnd, now: float) -> None:
        self._fetch = None
        self._further.clear()
        self._avoided[end] = now + _AVOIDED_FOR
        if len(self._avoided) > AVOIDED_MAX:
            del self._avoided[next(iter(self._avoided))]

    # --- Time -----------------------------------------------------------------------------------------------------

    def set_away(self, away: bool) -> None:
        """With the server nobody else is asked."""
        self.away = away
        if not away:
            self._fetch = None

    def timer(self) -> float | None:
        """When `due` has something to ask for again."""
        return self._fetch.ask_at if self._fetch is not None else None

    def due(self, now: float) -> list[tuple[PeerEnd, list[Any]]]:
        """Whom to ask again for what did not come; who does not answer is given up."""
        fetch = self._fetch
        if fetch is None or now < fetch.ask_at:
            return []
        if fetch.is_proven:
            return [(fetch.end, self._store(fetch, now))]
        fetch.tries += 1
        if fetch.tries > TRIES:
            self._avoid(fetch.end, now)
            return []
        return [(fetch.end, self._ask(fetch, now))]


def _cut(records: list[Record]) -> bytes:
    """The first of them, as many as make a page."""
    part: list[Record] = []
    octets = 0
    for record in records:
        part.append(record)
        octets += record_octets(record)
        if octets > _SOFT_OCTETS:
            break
    return encode(part)
