"""Records of one room above the cursor, linked into the hash chain as far as they are contiguous.

Nothing here is proven: a linked record is proven when a signed head's hash equals the chain hash at its number, which
room.py compares. What lies at or below the cursor is remembered by its hash for a while, so that an old record or head
that comes late is told from a fork.
"""

from collections.abc import Mapping

from lanchat.core.config import ClientConfig
from lanchat.core.events import LinkedRecord, RecordsStored
from lanchat.core.ports import ChainLink, StoredSpan
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Header, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash

# Of a record without its body.
_RECORD_OCTETS = 500


class Contradiction(Exception):
    """A record has another hash than the one that is here already under its number."""

    def __init__(self, seq: int) -> None:
        """`seq`: the number that has two hashes."""
        super().__init__(seq)
        self.seq = seq


def link_untrusted(log_id: bytes, room: int, before: bytes, record: Record) -> LinkedRecord:
    """The record with its header and chain hash; raises ProtocolError when it is malformed or of another room."""
    header = check_untrusted(room, record)
    return LinkedRecord(ChainLink(record, chain_hash(log_id, room, before, record)), header, record)


def check_untrusted(room: int, record: Record) -> Header:
    """The header of a record that can be linked; raises ProtocolError when it never can."""
    header: Header = decode_header_untrusted(record.header)
    if header.room != room:
        raise ProtocolError("record of another room")
    if record.body is None and len(record.erased_hash) != 32:
        raise ProtocolError("erased body without its hash")
    return header


def record_octets(record: Record) -> int:
    """About what a record takes in memory."""
    return _RECORD_OCTETS + len(record.body or b"")


def records_stored(room: int, held: tuple[LinkedRecord, ...], live: bool) -> RecordsStored:
    """The event that these were stored."""
    return RecordsStored(room, held, live, sum([record_octets(item.record) for item in held]))


class Chain:
    """Begins at a stored span; `end` is the last linked number."""

    def __init__(self, log_id: bytes, room: int, span: StoredSpan, config: ClientConfig) -> None:
        """Only the end of `span` is known: its cursor and the hash there."""
        self._log_id = log_id
        self._room = room
        self._config = config
        self.cursor = span.cursor
        # The last linked number; the cursor when nothing above it is linked.
        self.end = span.cursor
        self.linked: list[LinkedRecord] = []
        self.waiting: dict[int, Record] = {}
        self._recent: dict[int, bytes] = {span.cursor: span.cursor_hash}

    @property
    def octets(self) -> int:
        """What is held above the cursor, as `record_octets` counts it."""
        if not self.linked and not self.waiting:
            return 0
        linked = sum(record_octets(held.record) for held in self.linked)
        return linked + sum(map(record_octets, self.waiting.values()))

    def hash_at(self, seq: int) -> bytes | None:
        """The chain hash at a number, when it is linked or still remembered."""
        if seq > self.cursor:
            return self.linked[seq - self.cursor - 1].link.hash if seq <= self.end else None
        return self._recent.get(seq)

    def add_untrusted(self, record: Record) -> None:
        """Take a record that came live. Raises Contradiction, ProtocolError."""
        if record.seq <= self.end:
            self._compare(record)
        elif record.seq > self.end + 1 or len(self.linked) >= self._config.reorder_max:
            self._put_aside(record)
        else:
            self._link(record)
            self._absorb()

    def add_page_untrusted(self, records: list[Record]) -> None:
        """Take consecutive records of a page that begins at or below `end` + 1. Raises Contradiction, ProtocolError."""
        for record in records:
            if record.seq <= self.end:
                self._compare(record)
            elif record.seq != self.end + 1:
                raise ProtocolError("page with a hole")
            elif len(self.linked) >= self._config.unproven_max:
                raise ProtocolError("too many records without a proof")
            else:
                self._link(record)
        self._absorb()

    def end_with(self, given: Mapping[int, Record]) -> int:
        """The last number that is linked when `given` fills the gaps between what waits."""
        end = self.end
        while end + 1 in self.waiting or end + 1 in given:
            end += 1
        return end

    def reaching_untrusted(self, given: Mapping[int, Record], head: Head) -> list[Record]:
        """What waits above `end` with `given` in the gaps, up to a signed head at or below `end_with`. Raises
        ProtocolError when that is not what the log has."""
        before = self.hash_at(self.end) or b""
        records: list[Record] = []
        for seq in range(self.end + 1, head.seq + 1):
            records.append(self.waiting.get(seq) or given[seq])
            before = link_untrusted(self._log_id, self._room, before, records[-1]).link.hash
        if before != head.hash:
            raise ProtocolError("records that the log does not have")
        return records

    def missing(self, top: int, limit: int) -> list[int]:
        """Numbers up to `top` that are not here, the lowest `limit` of them."""
        found: list[int] = []
        seq = self.end + 1
        while seq <= top and len(found) < limit:
            if seq not in self.waiting:
                found.append(seq)
            seq += 1
        return found

    def advance(self, seq: int) -> None:
        """What is linked up to `seq` is stored now."""
        count = seq - self.cursor
        for held in self.linked[:count]:
            self._recent[held.record.seq] = held.link.hash
        del self.linked[:count]
        self.cursor = seq
        for old in list(self._recent)[: max(0, len(self._recent) - self._config.recent_max)]:
            del self._recent[old]
        self._absorb()

    def drop(self) -> None:
        """Forget everything above the cursor."""
        self.linked.clear()
        self.waiting.clear()
        self.end = self.cursor

    def _link(self, record: Record) -> None:
        before = self.hash_at(self.end)
        assert before is not None
        self.linked.append(link_untrusted(self._log_id, self._room, before, record))
        self.end += 1

    def _absorb(self) -> None:
        while (record := self.waiting.pop(self.end + 1, None)) is not None:
            self._link(record)
        if self.waiting and min(self.waiting) <= self.end:
            for seq in [seq for seq in self.waiting if seq <= self.end]:
                del self.waiting[seq]

    def _put_aside(self, record: Record) -> None:
        """Keep the lowest numbers: they are needed first, and the others come again with a page. They are checked now:
        when their turn comes, an error would be put down to the record before them. Raises ProtocolError."""
        check_untrusted(self._room, record)
        self.waiting.setdefault(record.seq, record)
        if len(self.waiting) > self._config.reorder_max:
            del self.waiting[max(self.waiting)]

    def _compare(self, record: Record) -> None:
        mine, before = self.hash_at(record.seq), self.hash_at(record.seq - 1)
        if mine is None or before is None:
            return
        if link_untrusted(self._log_id, self._room, before, record).link.hash != mine:
            raise Contradiction(record.seq)
