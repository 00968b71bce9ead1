"""One transaction of the single writer: the log. Accounts and rooms are in accounts.py and rooms.py.

Speed comes from few statements: each method sends a number of them that does not grow with the batch (very long lists
go in slices), and rows are inserted many at a time. So what is appended to several rooms waits, and is written by
`flush` for all of them together: at the end, or before the log is read again.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat.protocol.messages import Kind, MessageKey
from lanchat_server.core.model import (
    ChangesKey,
    Decision,
    IndexProgress,
    NewRecord,
    Rejection,
    RoomHead,
    RunKey,
    Target,
)
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store import indexing, reindexing, rows, schema
from lanchat_server.store.accounts import Accounts
from lanchat_server.store.bulk import Changes, ask_each, chunks, find_rows, insert_rows
from lanchat_server.store.errors import is_duplicate, statement_error
from lanchat_server.store.reads import REF_AS_FILTER
from lanchat_server.store.rooms import Rooms
from lanchat_server.store.url import Address
from lanchat_server.store.writing import Writing

_records = schema.records.c

_MESSAGE = ("room_id", "device_id", "run", "n")
# One step down an index, however long the run is.
_LAST_NUMBER = """
    (SELECT n FROM records r WHERE r.room_id = k.a AND r.device_id = k.b AND r.run = k.c ORDER BY n DESC LIMIT 1),
    (SELECT n FROM rejections r WHERE r.room_id = k.a AND r.device_id = k.b AND r.run = k.c ORDER BY n DESC LIMIT 1)
"""
_TARGETS = select(_records.seq, _records.kind, _records.author_id, _records.body.is_(None)).where(
    _records.room_id == bindparam("room"), _records.seq.in_(bindparam("seqs", expanding=True))
)
_ERASE = (
    update(schema.records)
    .where(_records.room_id == bindparam("room"), _records.seq.in_(bindparam("seqs", expanding=True)))
    .values(body=None)
)
# Why a range and a list: see `reads.py`.
_ERASE_EDITS = (
    update(schema.records)
    .where(
        _records.room_id == bindparam("room"),
        _records.ref_seq.between(bindparam("low"), bindparam("high")),
        REF_AS_FILTER.in_(bindparam("seqs", expanding=True)),
        _records.kind == int(Kind.EDIT),
    )
    .values(body=None)
)
# All of it is in the index.
_COUNT_CHANGES = "(SELECT COUNT(*) FROM records r WHERE r.room_id = k.a AND r.ref_seq = k.b AND r.kind = k.c)"
_HEAD = ("head_seq", "head_hash", "head_ms")


class _Appended(NamedTuple):
    """`before`: the head before these records, where it is known."""

    room: int
    records: Sequence[NewRecord]
    head: RoomHead
    before: RoomHead | None


class SqlTransaction(Accounts, Rooms):
    """See lanchat_server.core.ports.Transaction. Alive inside `SqlStore.transaction` only."""

    def __init__(self, writing: Writing, address: Address, heads: dict[int, RoomHead]) -> None:
        """`heads`: those that this process committed last. Each is compared with its row when it is moved on, so they
        save a look and decide nothing."""
        super().__init__(writing)
        self._address = address
        self._appended: dict[int, _Appended] = {}
        self.known_heads = heads

    def renew_lease(self) -> None:
        self._writing.renew()

    def heads(self, rooms: Collection[int]) -> dict[int, RoomHead]:
        unknown = [(room,) for room in rooms if room not in self.known_heads]
        for (room,), *head in find_rows(self._connection, "rooms", ("id",), _HEAD, unknown):
            self.known_heads[room] = RoomHead(*head)
        return {room: self.known_heads[room] for room in rooms if room in self.known_heads}

    def decisions(self, keys: Collection[MessageKey]) -> dict[MessageKey, Decision]:
        self.flush()
        stored = find_rows(self._connection, "records", _MESSAGE, ["seq"], keys)
        refused = find_rows(self._connection, "rejections", _MESSAGE, ["code"], keys)
        found = {MessageKey(*key): Decision(0, code) for key, code in refused}
        return found | {MessageKey(*key): Decision(seq, 0) for key, seq in stored}

    def last_numbers(self, runs: Collection[RunKey]) -> dict[RunKey, int]:
        self.flush()
        found = ask_each(self._connection, _LAST_NUMBER, runs)
        return {run: max(stored or 0, refused or 0) for run, stored, refused in found}

    def targets(self, room: int, seqs: Collection[int]) -> dict[int, Target]:
        self.flush()
        found = {}
        for chunk in chunks(seqs):
            for seq, kind, author, erased in self._connection.execute(_TARGETS, {"room": room, "seqs": chunk}):
                found[seq] = Target(Kind(kind), author, bool(erased))
        return found

    def count_changes(self, keys: Collection[ChangesKey]) -> dict[ChangesKey, int]:
        self.flush()
        by_key = {(key.room, key.ref, int(key.kind)): key for key in keys}
        return {by_key[asked]: count for asked, count in ask_each(self._connection, _COUNT_CHANGES, list(by_key))}

    def append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        """Written by `flush`, which then raises CommitFailed."""
        if room in self._appended:
            self.flush()
        if records:
            self._appended[room] = _Appended(room, records, head, self.known_heads.get(room))
            self.known_heads[room] = head

    def flush(self) -> None:
        """Write what was appended. Raises CommitFailed."""
        appended = list(self._appended.values())
        if not appended:
            return
        self._appended.clear()
        heads = [(one.room, one.records[0].record.seq - 1, *one.head) for one in appended]
        values = [rows.record_values(one.room, new) for one in appended for new in one.records]
        before = {one.room: one.before.time_ms for one in appended if one.before is not None}

        def fill(changes: Changes) -> None:
            changes.update("rooms", ("id", "head_seq"), _HEAD, heads)
            changes.insert(schema.records, values)
            indexing.index(changes, [(one.room, map(_said, one.records)) for one in appended], before)

        try:
            found = self._writing.write(fill)
        except SQLAlchemyError as error:
            if is_duplicate(error):
                raise CommitFailed(_("A message was stored twice")) from error
            raise statement_error(error, self._address) from error
        if found != len(heads):
            raise CommitFailed(_("The log of a room is not where it should be"))
        for one in appended:
            self._erase(one.room, one.records)

    def index_more(self, messages: int) -> IndexProgress | None:
        self.flush()
        return reindexing.index_more(self._connection, messages)

    def _erase(self, room: int, records: Sequence[NewRecord]) -> None:
        """Blank what deletions among these records speak of."""
        deleted = sorted({new.header.ref for new in records if new.header.kind is Kind.DELETE})
        for chunk in chunks(deleted):
            self._connection.execute(_ERASE, {"room": room, "seqs": chunk})
            edits = {"room": room, "seqs": chunk, "low": chunk[0], "high": chunk[-1]}
            self._connection.execute(_ERASE_EDITS, edits)

    def reject(self, rejections: Sequence[Rejection]) -> None:
        first: dict[MessageKey, Rejection] = {}
        for rejection in rejections:
            first.setdefault(rejection.key, rejection)
        decided = self.decisions(first)
        new = [(*key, int(row.code), row.time_ms) for key, row in first.items() if key not in decided]
        insert_rows(self._connection, schema.rejections, new)


def _said(new: NewRecord) -> indexing.Said:
    text = None if new.record.body is None else new.text
    return indexing.Said(new.record.seq, new.record.time_ms, new.header.kind, new.header.ref, text)
