"""One transaction of the single writer: the log. Accounts and rooms are in accounts.py and rooms.py.

Speed comes from few statements: each method sends a number of them that does not grow with the batch (long lists go in
slices of CHUNK), and rows are inserted many at a time.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import TextClause, bindparam, insert, select, text, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat.protocol.messages import Kind, MessageKey
from lanchat_server.core.model import Decision, NewRecord, Rejection, RoomHead, RunKey, Target
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store import indexing, rows
from lanchat_server.store.accounts import Accounts
from lanchat_server.store.chunks import CHUNK, chunks
from lanchat_server.store.errors import is_duplicate, statement_error
from lanchat_server.store.rooms import Rooms
from lanchat_server.store.schema import records, rejections, rooms
from lanchat_server.store.url import Address

_RUN_STEPS = (1, 4, 16, 64, CHUNK)

_HEADS = select(rooms.c.id, rooms.c.head_seq, rooms.c.head_hash, rooms.c.head_ms).where(
    rooms.c.id.in_(bindparam("rooms", expanding=True))
)
_STORED = select(records.c.room_id, records.c.device_id, records.c.run, records.c.n, records.c.seq).where(
    tuple_(records.c.room_id, records.c.device_id, records.c.run, records.c.n).in_(bindparam("keys", expanding=True))
)
_REFUSED = select(
    rejections.c.room_id, rejections.c.device_id, rejections.c.run, rejections.c.n, rejections.c.code
).where(
    tuple_(rejections.c.room_id, rejections.c.device_id, rejections.c.run, rejections.c.n).in_(
        bindparam("keys", expanding=True)
    )
)
_TARGETS = select(records.c.seq, records.c.kind, records.c.author_id, records.c.body.is_(None).label("erased")).where(
    records.c.room_id == bindparam("room"), records.c.seq.in_(bindparam("seqs", expanding=True))
)
_INSERT_RECORDS = insert(records)
_INSERT_REJECTIONS = insert(rejections)
_ERASE = (
    update(records)
    .where(records.c.room_id == bindparam("room"), records.c.seq.in_(bindparam("seqs", expanding=True)))
    .values(body=None)
)
_SET_HEAD = (
    update(rooms)
    .where(rooms.c.id == bindparam("room"), rooms.c.head_seq == bindparam("before"))
    .values(
        head_seq=bindparam("new_seq"),
        head_hash=bindparam("new_hash"),
        head_ms=bindparam("new_ms"),
    )
)


@cache
def _last_numbers(count: int) -> TextClause:
    """For `count` runs: the place in the list, and the highest n in records and in rejections.

    Each is one step down an index, however long the run is.
    """
    one = """SELECT {i} AS i,
        (SELECT MAX(n) FROM records WHERE room_id = :r{i} AND device_id = :d{i} AND run = :u{i}),
        (SELECT MAX(n) FROM rejections WHERE room_id = :r{i} AND device_id = :d{i} AND run = :u{i})"""
    return text(" UNION ALL ".join(one.format(i=i) for i in range(count)))


class SqlTransaction(Accounts, Rooms):
    """See lanchat_server.core.ports.Transaction. Alive inside `SqlStore.transaction` only."""

    def __init__(self, connection: Connection, address: Address) -> None:
        self._connection = connection
        self._address = address

    def heads(self, rooms: Collection[int]) -> dict[int, RoomHead]:
        found = {}
        for chunk in chunks(rooms):
            for room, *head in self._connection.execute(_HEADS, {"rooms": chunk}):
                found[room] = RoomHead(*head)
        return found

    def decisions(self, keys: Collection[MessageKey]) -> dict[MessageKey, Decision]:
        found = {}
        for chunk in chunks(keys):
            for *key, code in self._connection.execute(_REFUSED, {"keys": chunk}):
                found[MessageKey(*key)] = Decision(0, code)
            for *key, seq in self._connection.execute(_STORED, {"keys": chunk}):
                found[MessageKey(*key)] = Decision(seq, 0)
        return found

    def last_numbers(self, runs: Collection[RunKey]) -> dict[RunKey, int]:
        found = {}
        for chunk in chunks(runs):
            # A few lengths only, filled up with the last run, so that each is compiled once.
            length = next(step for step in _RUN_STEPS if step >= len(chunk))
            padded = chunk + chunk[-1:] * (length - len(chunk))
            values: dict[str, Any] = {}
            for i, run in enumerate(padded):
                values |= {f"r{i}": run.room, f"d{i}": run.device, f"u{i}": run.run}
            for i, stored, refused in self._connection.execute(_last_numbers(length), values):
                found[padded[i]] = max(stored or 0, refused or 0)
        return found

    def targets(self, room: int, seqs: Collection[int]) -> dict[int, Target]:
        found = {}
        for chunk in chunks(seqs):
            for seq, kind, author, erased in self._connection.execute(_TARGETS, {"room": room, "seqs": chunk}):
                found[seq] = Target(Kind(kind), author, bool(erased))
        return found

    def append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        if not records:
            return
        self._set_head(room, records[0].record.seq - 1, head)
        try:
            self._connection.execute(_INSERT_RECORDS, [rows.record_values(room, new) for new in records])
        except SQLAlchemyError as error:
            if is_duplicate(error):
                raise CommitFailed(_("A message was stored twice")) from error
            raise statement_error(error, self._address) from error
        deleted = sorted({new.header.ref for new in records if new.header.kind is Kind.DELETE})
        for chunk in chunks(deleted):
            self._connection.execute(_ERASE, {"room": room, "seqs": chunk})
        indexing.index(self._connection, room, records)

    def _set_head(self, room: int, before: int, head: RoomHead) -> None:
        values = {"room": room, "before": before, "new_seq": head.seq, "new_hash": head.hash, "new_ms": head.time_ms}
        if self._connection.execute(_SET_HEAD, values).rowcount != 1:
            raise CommitFailed(_("The log of a room is not where it should be"))

    def reject(self, rejections: Sequence[Rejection]) -> None:
        first: dict[MessageKey, Rejection] = {}
        for rejection in rejections:
            first.setdefault(rejection.key, rejection)
        decided = self.decisions(first)
        new = [
            {**_key_values(key), "code": int(row.code), "time_ms": row.time_ms}
            for key, row in first.items()
            if key not in decided
        ]
        if new:
            self._connection.execute(_INSERT_REJECTIONS, new)


def _key_values(key: MessageKey) -> rows.Values:
    return {"room_id": key.room, "device_id": key.device, "run": key.run, "n": key.n}
