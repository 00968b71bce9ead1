"""One transaction of the single writer: the log. Accounts and rooms are in accounts.py and rooms.py.

Speed comes from few statements: each method sends a number of them that does not grow with the batch (very long lists
go in slices), and rows are inserted many at a time. So what is appended to several rooms waits, and is written by
`flush` for all of them together: at the end, or before the log is read again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import LargeBinary, bindparam, cast, delete, func, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat_server.core.limits import allowance, usage
from lanchat_server.core.limits.allowance import AllowanceHolder, AllowanceKind
from lanchat_server.core.model import (
    ChangesKey,
    ContentsRow,
    Decision,
    IndexProgress,
    NewRecord,
    Rejection,
    RoomHead,
    RoomState,
    RunKey,
    Target,
)
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store.connection.errors import is_duplicate, statement_error
from lanchat_server.store.connection.url import DatabaseAddress
from lanchat_server.store.searching import filling, indexing, reindexing
from lanchat_server.store.tables import reads, rows, schema
from lanchat_server.store.tables.bulk import StatementBatch, ask_each, chunks, find_rows, insert_rows, padded
from lanchat_server.store.tables.reads import REF_AS_FILTER
from lanchat_server.store.transactions import deleting
from lanchat_server.store.transactions.accounts import AccountWrites
from lanchat_server.store.transactions.contents import ContentsWrites, erase_uses, note_uses
from lanchat_server.store.transactions.quarantine import QuarantineWrites
from lanchat_server.store.transactions.rooms import RoomWrites
from lanchat_server.store.transactions.writing import WriteSession

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
_EDITS = (
    _records.room_id == bindparam("room"),
    _records.ref_seq.between(bindparam("low"), bindparam("high")),
    REF_AS_FILTER.in_(bindparam("seqs", expanding=True)),
    _records.kind == int(Kind.EDIT),
)
_ERASE_EDITS = update(schema.records).where(*_EDITS).values(body=None)
# Characters of a text count as octets only where it is cast.
_BODY_OCTETS = select(func.coalesce(func.sum(func.length(cast(_records.body, LargeBinary()))), 0))
_TO_ERASE = (
    _BODY_OCTETS.where(_records.room_id == bindparam("room"), _records.seq.in_(bindparam("seqs", expanding=True))),
    _BODY_OCTETS.where(*_EDITS),
)
# Spenders that are remembered: 16,384 × 200 octets = 3 MiB.
_SPENDERS_MAX = 16_384
# All of it is in the index.
_COUNT_CHANGES = "(SELECT COUNT(*) FROM records r WHERE r.room_id = k.a AND r.ref_seq = k.b AND r.kind = k.c)"
_HEAD = ("head_seq", "head_hash", "head_ms")
_USED = ("what", "name")
_LOG = AllowanceHolder(AllowanceKind.LOG, b"")


class _Appended(NamedTuple):
    room: int
    records: Sequence[NewRecord]
    head: RoomHead


class CommittedState(msgspec.Struct):
    """What this process committed last, so that it need not be looked at. `heads`: each is compared with its row when
    it is moved on, so they decide nothing. `octets` of the log; None: not known."""

    heads: dict[int, RoomHead] = {}
    octets: int | None = None
    free_us: dict[AllowanceHolder, int] = {}


class SqlTransaction(AccountWrites, RoomWrites, QuarantineWrites, ContentsWrites):
    """See lanchat_server.core.ports.Transaction. Alive inside `SqlStore.transaction` only."""

    def __init__(self, writing: WriteSession, address: DatabaseAddress, log_id: bytes, known: CommittedState) -> None:
        """`known` is kept up to date; it is of no use to later transactions unless this one is committed."""
        super().__init__(writing)
        self._address = address
        self._log_id = log_id
        self._appended: dict[int, _Appended] = {}
        # What is more in the log than its row says, and allowances that are not written yet.
        self._more_octets = 0
        self._spent: dict[AllowanceHolder, int] = {}
        self.known = known
        # Records were written; after that, the search was found to have all.
        self.has_appended = False
        self.has_indexed = False

    def renew_lease(self, serves_ms: int = 0) -> str:
        """Set the time of the renewal, by the database's clock."""
        return self._writing.renew(serves_ms)

    def heads(self, rooms: Collection[int]) -> dict[int, RoomHead]:
        """Those in `known` without a look at their rows. Deleted rooms are unknown ones; what was appended counts."""
        heads = self.known.heads
        unknown = [(room,) for room in rooms if room not in heads]
        for (room,), *head, state in find_rows(self._connection, "rooms", ("id",), (*_HEAD, "state"), unknown):
            if state < RoomState.DELETED:
                heads[room] = RoomHead(*head)
        return {room: heads[room] for room in rooms if room in heads}

    def decisions(self, keys: Collection[MessageKey]) -> dict[MessageKey, Decision]:
        """What `records` and `rejections` hold, after `flush`; a message without a decision is left out."""
        self.flush()
        stored = find_rows(self._connection, "records", _MESSAGE, ["seq"], keys)
        refused = find_rows(self._connection, "rejections", _MESSAGE, ["code"], keys)
        found = {MessageKey(*key): Decision(0, code) for key, code in refused}
        return found | {MessageKey(*key): Decision(seq, 0) for key, seq in stored}

    def last_numbers(self, runs: Collection[RunKey]) -> dict[RunKey, int]:
        """Of `records` and `rejections`, after `flush`: one step down an index of each."""
        self.flush()
        found = ask_each(self._connection, _LAST_NUMBER, runs)
        return {run: max(stored or 0, refused or 0) for run, stored, refused in found}

    def targets(self, room: int, seqs: Collection[int]) -> dict[int, Target]:
        """CHUNK numbers in a statement, after `flush`."""
        self.flush()
        found = {}
        for chunk in chunks(seqs):
            for seq, kind, author, erased in self._connection.execute(_TARGETS, {"room": room, "seqs": padded(chunk)}):
                found[seq] = Target(Kind(kind), author, bool(erased))
        return found

    def count_changes(self, keys: Collection[ChangesKey]) -> dict[ChangesKey, int]:
        """After `flush`, from the index alone; 0 where there are none."""
        self.flush()
        by_key = {(key.room, key.ref, int(key.kind)): key for key in keys}
        return {by_key[asked]: count for asked, count in ask_each(self._connection, _COUNT_CHANGES, list(by_key))}

    def append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        """Written by `flush`, which then raises CommitFailed."""
        if room in self._appended:
            self.flush()
        if records:
            self._appended[room] = _Appended(room, records, head)
            self.known.heads[room] = head
            self.add_log_octets(usage.records_octets(records))

    def flush(self) -> None:
        """Write what was appended. Raises CommitFailed."""
        appended = list(self._appended.values())
        if not (appended or self._spent or self._more_octets):
            return
        self._appended.clear()
        used, self._spent = [(*spender, free_us) for spender, free_us in self._spent.items()], {}
        if self._more_octets:
            self.known.octets, self._more_octets = self.log_octets(), 0
            used.append((*_LOG, self.known.octets))
        heads = [(one.room, one.records[0].record.seq - 1, *one.head) for one in appended]
        values = [rows.record_values(one.room, new) for one in appended for new in one.records]

        def fill(changes: StatementBatch) -> None:
            changes.update("rooms", ("id", "head_seq"), _HEAD, heads)
            changes.insert(schema.records, values)
            changes.put(schema.used, used)

        try:
            found = self._writing.write(fill)
        except SQLAlchemyError as error:
            if is_duplicate(error):
                raise CommitFailed(_("A message was stored twice")) from error
            raise statement_error(error, self._address) from error
        if found != len(heads):
            raise CommitFailed(_("The log of a room is not where it should be"))
        for one in appended:
            self.has_appended, self.has_indexed = True, False
            note_uses(self._connection, one.room, one.records)
            self._erase(one.room, one.records)
        if self._more_octets:
            self.flush()

    def delete_rooms(self, rooms: Collection[int]) -> None:
        """After `flush`; the heads of these rooms are forgotten."""
        self.flush()
        for room in rooms:
            self.known.heads.pop(room, None)
        deleting.delete_rooms(self._connection, self._log_id, rooms)

    def erase_more(self, records: int) -> bool:
        """After `flush`; what was freed comes off the log's octets."""
        self.flush()
        freed = deleting.erase_more(self._connection, records)
        self.add_log_octets(-(freed or 0))
        return freed is not None

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        """After `flush`: a message that was just appended may be read."""
        self.flush()
        return reads.nameable(self._connection, user, roots, first_seqs)

    def index_appended(self, messages: int) -> None:
        """After `flush`. `has_indexed` says whether any are left."""
        self.flush()
        self.has_indexed = not filling.fill(self._connection, messages)

    def index_more(self, messages: int) -> IndexProgress | None:
        """After `flush`."""
        self.flush()
        progress = reindexing.index_more(self._connection, messages)
        self.has_indexed = progress is None
        return progress

    def _erase(self, room: int, records: Sequence[NewRecord]) -> None:
        """Blank what deletions among these records speak of, in the search too. What is not indexed yet is not found
        there later: it has no text any more."""
        deleted = sorted({new.header.ref for new in records if new.header.kind is Kind.DELETE})
        indexing.delete_rows(self._connection, [(room, seq) for seq in deleted])
        for chunk in chunks(deleted):
            edits = {"room": room, "seqs": chunk, "low": chunk[0], "high": chunk[-1]}
            freed = _octets_to_erase(self._connection, edits)
            self._connection.execute(_ERASE, {"room": room, "seqs": chunk})
            self._connection.execute(_ERASE_EDITS, edits)
            erase_uses(self._connection, room, chunk)
            self.add_log_octets(-usage.body_octets(freed))

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Of several refusals of one key the first is kept. Each one that is kept counts as REJECTION_OCTETS."""
        first: dict[MessageKey, Rejection] = {}
        for rejection in rejections:
            first.setdefault(rejection.key, rejection)
        decided = self.decisions(first)
        new = [(*key, int(row.code), row.time_ms) for key, row in first.items() if key not in decided]
        insert_rows(self._connection, schema.rejections, new)
        self.add_log_octets(len(new) * usage.REJECTION_OCTETS)

    def set_epoch(self, epoch: int) -> None:
        """Of the log."""
        self._connection.execute(update(schema.log).values(epoch=epoch))

    def number_statements(
        self, number: int, *, users: Collection[int] = (), rooms: Collection[int] = (), devices: Collection[bytes] = ()
    ) -> None:
        """One batch for the three tables (`StatementBatch`)."""
        changes = StatementBatch(self._connection)
        changes.update("users", ("id",), ("number",), [(user, number) for user in users])
        changes.update("rooms", ("id",), ("number",), [(room, number) for room in rooms])
        changes.update("devices", ("id",), ("revoked_number",), [(device, number) for device in devices])
        changes.send()

    # What is used

    def log_octets(self) -> int:
        """From `known`, else from the row in `used`; with what this transaction has added."""
        if self.known.octets is None:
            found = find_rows(self._connection, "used", _USED, ("amount",), [_LOG])
            self.known.octets = next((amount for _key, amount in found), 0)
        return self.known.octets + self._more_octets

    def add_log_octets(self, octets: int) -> None:
        """So much more is in the log, or less."""
        self._more_octets += max(octets, -self.log_octets())

    def allowances(self, spenders: Collection[AllowanceHolder]) -> dict[AllowanceHolder, int]:
        """Those in `known` without a look at their rows; what `set_allowances` was given counts. All of `known` is
        forgotten once it has more than _SPENDERS_MAX."""
        known = self.known.free_us
        if len(known) > _SPENDERS_MAX:
            known.clear()
        unknown = [spender for spender in spenders if spender not in known]
        known.update(dict.fromkeys(unknown, 0))
        found = find_rows(self._connection, "used", _USED, ("amount",), unknown)
        known.update({AllowanceHolder(AllowanceKind(key[0]), key[1]): free_us for key, free_us in found})
        return {spender: self._spent.get(spender, known[spender]) for spender in spenders}

    def set_allowances(self, free_us: Mapping[AllowanceHolder, int]) -> None:
        """Written by `flush`."""
        self._spent.update(free_us)
        self.known.free_us.update(free_us)

    def forget_allowances(self, now_ms: int) -> None:
        """After `flush`. A time too far ahead to be true goes as well; the row of the log stays."""
        self.flush()
        self.known.free_us.clear()
        table = schema.used
        free = table.c.amount
        least, most = allowance.used_between(now_ms)
        self._connection.execute(
            delete(table).where(table.c.what != AllowanceKind.LOG, or_(free <= least, free > most))
        )


def _octets_to_erase(connection: Connection, edits: dict[str, Any]) -> int:
    """Of the bodies of these records and of their edits."""
    return sum(int(connection.execute(statement, edits).scalar_one()) for statement in _TO_ERASE)
