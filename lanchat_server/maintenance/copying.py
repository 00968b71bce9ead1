"""`copy-database`: all of a database into another one, of the same or the other kind. The log stays what it is: id,
epoch, numbers and hashes, so that a server with the same keys goes on with the copy.

Rows go in the order of their keys, a batch in each transaction. Until all of them are there and were compared, the log
of the copy has the epoch FILLING, with which no server starts. The table `copying`, which is there for as long, says of
which state of which log it is: a copy that was broken off goes on behind the last key that it has, and begins anew when
somebody else has used the original since.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path

import msgspec
from sqlalchemy import BINARY, BigInteger, Column, Integer, LargeBinary, MetaData, Table, delete, func, insert, select
from sqlalchemy.engine import Connection

from lanchat.i18n import _
from lanchat_server.core.limits.allowance import AllowanceKind
from lanchat_server.core.model import LogState
from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.store import SqlStore, dump, open_store
from lanchat_server.store.connection.url import DatabaseAddress, parse_url
from lanchat_server.store.opening import FILLING
from lanchat_server.store.soundness import ConsistencyCheck
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch

# Rows of one transaction: what an interruption loses is a second of work.
_BATCH = 1000

_copying = Table(
    "copying",
    MetaData(),
    Column("log_id", BINARY(16).with_variant(LargeBinary(), "sqlite"), nullable=False),
    Column("epoch", BigInteger(), nullable=False),
    Column("incarnation", BigInteger(), nullable=False),
    Column("id", Integer(), primary_key=True, autoincrement=False),
    mysql_engine="InnoDB",
    mariadb_engine="InnoDB",
)


class CopyProgress(msgspec.Struct, frozen=True):
    """How far a copy is: rows of one table. `comparing`: all are copied, and are being compared."""

    table: str
    done: int
    total: int
    comparing: bool


class CopySummary(msgspec.Struct, frozen=True):
    """What the copy has. `found`: rows of it that an earlier, broken off one had copied."""

    log: LogState
    tables: dict[str, int]
    found: int
    seconds: float

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(self.tables.values())


Tell = Callable[[CopyProgress], None]


def copy_database(source: str, target: str, data_dir: Path, tell: Tell) -> CopySummary:
    """Copy the database at one URL to the other and compare. The target is empty, or has what an earlier copy of the
    same state left. Raises StoreError with one line for a person: one is missing, used by a server, full, or the copy
    is not equal to the original."""
    began = time.monotonic()
    _check_differ(parse_url(source, data_dir), parse_url(target, data_dir))
    origin = open_store(source, data_dir, migrate=False)
    try:
        into = open_store(target, data_dir, command=True, filling=True)
        try:
            into.claim_lease()
            origin.claim_lease()
            with origin.reading() as reader, into.batches() as begin:
                return _Copy(origin, into, reader, begin, tell).run(began)
        except Fenced as error:
            raise StoreError(_("A server was started meanwhile: stop it, and give the command again")) from error
        finally:
            into.close()
    finally:
        origin.close()


def _check_differ(source: DatabaseAddress, target: DatabaseAddress) -> None:
    """Raise StoreError when the two are one, as far as the addresses tell."""
    if source.path is not None and target.path is not None:
        same = source.path.resolve() == target.path.resolve()
    else:
        same = str(source) == str(target)
    if same:
        raise StoreError(_("The copy and the original are the same database"))


class _Copy:
    """One run. `reader` sees one state of the original."""

    def __init__(
        self,
        origin: SqlStore,
        into: SqlStore,
        reader: Connection,
        begin: Callable[[], AbstractContextManager[Connection]],
        tell: Tell,
    ) -> None:
        self._origin = origin
        self._into = into
        self._reader = reader
        self._begin = begin
        self._tell = tell

    def run(self, began: float) -> CopySummary:
        found = self._prepare()
        totals = {table: dump.count_rows(self._reader, table) for table in dump.TABLES}
        for table, total in totals.items():
            self._fill(table, total)
        self._compare(totals)
        self._finish()
        tables = {table.name: total for table, total in totals.items()}
        return CopySummary(self._origin.log, tables, found, time.monotonic() - began)

    def _prepare(self) -> int:
        """Make the target ready to be filled; how many rows it has of an earlier copy."""
        log, incarnation = self._origin.log, self._origin.incarnation
        with self._begin() as connection:
            if self._into.log.epoch != FILLING:
                self._check_empty(connection)
            _copying.create(connection, checkfirst=True)
        with self._begin() as connection:
            mark = connection.execute(select(_copying)).first()
            # Whoever used the original since took its lease, as this command has just done again.
            goes_on = mark is not None and tuple(mark)[:3] == (log.log_id, log.epoch, incarnation - 1)
            if not goes_on:
                dump.clear(connection)
                dump.set_log(connection, LogState(log.log_id, FILLING))
            connection.execute(delete(_copying).where(_copying.c.id == 1))
            values = {"log_id": log.log_id, "epoch": log.epoch, "incarnation": incarnation, "id": 1}
            connection.execute(insert(_copying).values(values))
            return sum(dump.count_rows(connection, table) for table in dump.TABLES) if goes_on else 0

    def _check_empty(self, connection: Connection) -> None:
        if any(dump.count_rows(connection, table) for table in (schema.users, schema.records)):
            text = _("{database} is not empty: copy into a database of its own")
            raise StoreError(text.format(database=self._into.address))

    def _fill(self, table: Table, total: int) -> None:
        with self._begin() as connection:
            after, done = dump.last_key(connection, table), dump.count_rows(connection, table)
            times = _last_times(connection) if table is schema.records else {}
        rows = dump.read_rows(self._reader, table, after)
        while batch := list(islice(rows, _BATCH)):
            with self._begin() as connection:
                dump.write_rows(connection, table, batch, times)
            done += len(batch)
            self._tell(CopyProgress(table.name, done, total, comparing=False))

    def _compare(self, totals: dict[Table, int]) -> None:
        """Raise StoreError unless each row of the copy is that of the original, and its log is whole."""
        soundness = ConsistencyCheck(self._origin.log.log_id)
        with self._into.reading() as copied:
            for table, total in totals.items():
                there = dump.read_rows(copied, table)
                for done, row in enumerate(dump.read_rows(self._reader, table), 1):
                    if next(there, None) != row:
                        raise StoreError(self._differs(table))
                    _check(soundness, table, row, self._origin.address)
                    if done % _BATCH == 0 or done == total:
                        self._tell(CopyProgress(table.name, done, total, comparing=True))
                if next(there, None) is not None:
                    raise StoreError(self._differs(table))
        _sound(soundness.finish, self._origin.address)

    def _differs(self, table: Table) -> str:
        text = _("{database} is no true copy: the table {table} differs. Empty it and give the command again")
        return text.format(database=self._into.address, table=table.name)

    def _finish(self) -> None:
        """Give the copy the log's epoch: from now on a server may use it."""
        self._origin.check_lease()
        used = schema.used
        rows = self._reader.execute(select(used).where(used.c.what != int(AllowanceKind.LOG))).all()
        with self._begin() as connection:
            changes = StatementBatch(connection)
            changes.put(used, [tuple(row) for row in rows])
            changes.send()
            dump.set_log(connection, self._origin.log)
        with self._begin() as connection:
            _copying.drop(connection, checkfirst=True)


def _last_times(connection: Connection) -> dict[int, int]:
    """Of the last record of each room."""
    records = schema.records
    last = select(records.c.room_id, func.max(records.c.seq).label("seq")).group_by(records.c.room_id).subquery()
    on = (records.c.room_id == last.c.room_id) & (records.c.seq == last.c.seq)
    found = connection.execute(select(records.c.room_id, records.c.time_ms).join(last, on))
    return {row.room_id: row.time_ms for row in found}


def _check(soundness: ConsistencyCheck, table: Table, row: dump.Row, address: DatabaseAddress) -> None:
    _sound(lambda: soundness.check(table, row), address)


def _sound(look: Callable[[], None], address: DatabaseAddress) -> None:
    try:
        look()
    except ValueError as error:
        text = _("The database {path} is damaged: restore a backup")
        raise StoreError(text.format(path=address) + f" ({error})") from error
