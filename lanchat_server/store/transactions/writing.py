"""The one connection that writes, and the lease under which it does.

A server takes the lease at its start, whoever has it, and renews it every few seconds; a command takes one that nobody
renews (`SqlStore.claim_lease`). Who ends gives it back. Times of renewals are the database's, in milliseconds: whoever
looks at them may be another computer.

A transaction asks for the lease with the first thing that it does, and locks it: whatever it reads or changes, it does
as the newest server, and nobody takes the lease before it ended. MySQL and MariaDB are asked together with what a batch
of messages writes, so that it costs no answer of its own; SQLite, where asking costs next to nothing, at once.

The lease counts transactions, from a random number that is drawn when it is taken. An older copy of the database that
came back has the incarnation but not the count (a commit of unknown outcome leaves two counts possible), and whoever
meets it stops for good: what it has in memory and told others is not there. Of a SQLite database the file is looked at
as well (same_file.py). In a cluster, where locks are known to one server only, the count makes transactions collide.

A commit of unknown outcome may still be under way at a node of a cluster that was cut off. So its outcome is known
only after a later transaction was committed, which changed the same row: had the older one come after that, the cluster
would have refused it. That transaction counts a random number of steps, so that no two of unknown outcome look alike.

A connection that broke while nobody wrote is replaced, once, when a transaction has done nothing else yet; so is one to
a node that is not in use any more.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, literal_column, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import CommitUnknown, Fenced, StoreError
from lanchat_server.store.connection.driver import GuardQuery, Row, ask, change_all, change_many
from lanchat_server.store.connection.engine import WRITES, is_present, note_lost, prepare_writer
from lanchat_server.store.connection.errors import is_lost, is_missing_table, is_rolled_back
from lanchat_server.store.connection.same_file import SameFile
from lanchat_server.store.connection.url import DatabaseAddress
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch
from lanchat_server.store.transactions.claiming import STANDBY_SEEN_MS, LeaseHolder, LeaseVerdict, ServerTerms

T = TypeVar("T")

_LEASE = "SELECT incarnation, changes FROM lease"
_COUNT = "UPDATE lease SET changes = changes + {steps}"
# SQLite: both in one statement, which finds no row where the lease is not as expected.
_COUNT_EXPECTED = "UPDATE lease SET changes = ? WHERE incarnation = ? AND changes = ?"
# Bits of the steps that a transaction counts while the outcome of another one is not known.
_STEP_BITS = 40
_NOW_SQLITE: ColumnElement[int] = literal_column("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
_NOW_MYSQL: ColumnElement[int] = literal_column("CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")


class WriteSession:
    """For one thread. Nothing is written before the lease was taken. Methods raise SQLAlchemyError and Fenced."""

    def __init__(self, engine: Engine, address: DatabaseAddress) -> None:
        """Begins without a lease and without a connection. `engine` stays the caller's."""
        self._engine = engine
        self._is_sqlite = address.is_sqlite
        self._now_ms = _NOW_SQLITE if self._is_sqlite else _NOW_MYSQL
        self._file = None if address.path is None else SameFile(address.path)
        self._incarnation: int | None = None
        # Counts of transactions that the lease may have: one, or more after commits of unknown outcome.
        self._counts: frozenset[int] = frozenset()
        # The one that the present transaction found, and how many steps it counts.
        self._count = 0
        self._steps = 1
        # Commits of unknown outcome, each with the counts that show that it was stored.
        self._unknown: list[tuple[set[int], CommitUnknown]] = []
        # Why nothing is written any more.
        self._fenced: Fenced | None = None
        self._connection: Connection | None = None
        # Of the present transaction: it has the lease; its connection was made for it.
        self._held = False
        self._fresh = False
        # The connection was lost, and none has worked since.
        self._broken = False

    @property
    def incarnation(self) -> int:
        """Of the lease that was taken last; 0: none was."""
        return self._incarnation or 0

    @property
    def mark(self) -> tuple[int, int] | None:
        """Of the lease: its incarnation, and the least count that it may have; None: none was taken."""
        counts = self._counts
        return (self._incarnation, min(counts)) if self._incarnation is not None and counts else None

    def take_lease(self, holder: str, now_ms: int, terms: ServerTerms | None = None) -> int:
        """See lanchat_server.core.ports.Store. `terms`: of a server; None: of a command."""
        with self._engine.connect().execution_options(**{WRITES: True}) as connection:
            with connection.begin():
                incarnation, count = self._take(connection, holder, now_ms, terms)
            self._taken(incarnation, count)
        return incarnation

    def claim(
        self,
        holder: str,
        now_ms: int,
        judge: Callable[[LeaseHolder], LeaseVerdict],
        terms: ServerTerms | None = None,
    ) -> tuple[LeaseHolder, LeaseVerdict]:
        """Take the lease if it is free; what was found, and the judgement of it. `terms` as of `take_lease`."""
        taken = None
        with self._engine.connect().execution_options(**{WRITES: True}) as connection:
            with connection.begin():
                found = self.look(connection, for_update=True)
                verdict = judge(found)
                if verdict is LeaseVerdict.FREE:
                    taken = self._take(connection, holder, now_ms, terms)
            if taken is not None:
                self._taken(*taken)
        return found, verdict

    def look(self, connection: Connection, *, for_update: bool = False) -> LeaseHolder:
        """Who has the lease."""
        lease = schema.lease.c
        age_ms = self._now_ms - lease.renewed_ms
        columns = (lease.incarnation, lease.renewed_ms, lease.holder, age_ms, lease.changes, lease.identity)
        look = select(*columns, lease.serves_ms)
        return LeaseHolder(*connection.execute(look.with_for_update() if for_update else look).one())

    def stand_by(self, connection: Connection, name: str) -> None:
        """Write that `name` waits to take over. Without the lease, and without counting as a change of it."""
        connection.execute(update(schema.lease).values(standby=name[:255], standby_ms=self._now_ms))

    def _take(self, connection: Connection, holder: str, now_ms: int, terms: ServerTerms | None) -> tuple[int, int]:
        lease, count = schema.lease.c, secrets.randbits(62)
        values: dict[str, Any] = {"incarnation": lease.incarnation + 1, "changes": count, "holder": holder[:255]}
        values |= {"taken_ms": now_ms, "renewed_ms": self._now_ms, "serves_ms": 0, "standby": "", "standby_ms": 0}
        connection.execute(update(schema.lease).values(values | (terms._asdict() if terms is not None else {})))
        return int(connection.execute(select(lease.incarnation)).scalar_one()), count

    def _taken(self, incarnation: int, count: int) -> None:
        self._incarnation, self._counts, self._fenced = incarnation, frozenset([count]), None
        self._unknown = []
        if self._file is not None:
            # From now on one connection is open: the last one that is closed takes the write-ahead log away.
            self._connection = self._connection or self._connect()
            self._file.remember()

    def renew(self, serves_ms: int) -> str:
        """See lanchat_server.core.ports.Transaction.renew_lease."""
        lease, connection = schema.lease.c, self.connection()
        connection.execute(update(schema.lease).values(renewed_ms=self._now_ms, serves_ms=serves_ms))
        looked = lease.standby_ms > self._now_ms - STANDBY_SEEN_MS
        return str(connection.execute(select(lease.standby).where(looked)).scalar() or "")

    def give_back(self) -> None:
        """Nobody needs to wait for it. Not tried when the database was away last."""
        if self._incarnation is None or self._broken or self._fenced is not None:
            return
        mine = schema.lease.c.incarnation == self._incarnation
        with suppress(SQLAlchemyError), self._engine.connect() as connection:
            writing = connection.execution_options(**{WRITES: True})
            with writing.begin():
                writing.execute(update(schema.lease).where(mine).values(renewed_ms=0))

    def begin(self) -> None:
        """Begin a transaction. Of SQLite it has the lease then, of others with the first thing that it does. Raises
        StoreError when no lease was taken, and the same Fenced again once one was raised."""
        if self._incarnation is None:
            raise StoreError(_("Nothing is written without the lease of the database"))
        if self._fenced is not None:
            raise self._fenced
        self._held = False
        self._steps = 2 + secrets.randbits(_STEP_BITS) if self._unknown else 1
        if self._connection is not None and not is_present(self._connection):
            self._discard(self._connection)
        self._fresh = self._connection is None
        if self._file is not None:
            self._guarded(self._file.check)
        if self._connection is None:
            self._connection = self._connect()
        self._connection.begin()
        if self._is_sqlite:
            self.connection()

    def _connect(self) -> Connection:
        try:
            connection = self._engine.connect().execution_options(**{WRITES: True})
        except SQLAlchemyError as error:
            if is_missing_table(error):
                self._check([])
            raise
        try:
            prepare_writer(connection)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        return connection

    def connection(self) -> Connection:
        """In a transaction that has the lease."""
        if not self._held:
            self._first(self._ask)
            self._held = True
        return self._present

    def write(self, fill: Callable[[StatementBatch], None]) -> int:
        """Make the changes with which `fill` fills; how many rows their updates found. It may be called twice."""
        if self._held:
            return self._write(fill, None)
        found = self._first(lambda: self._write(fill, self._guard()))
        self._held = True
        return found

    def commit(self) -> None:
        """Raises SQLAlchemyError; then it may have been carried out all the same."""
        count = self._count + self._steps
        before, self._counts = self._counts, self._counts | {count}
        for counts, _error in self._unknown:
            if self._count in counts:
                counts.add(count)
        try:
            self._present.commit()
        except SQLAlchemyError as error:
            if is_rolled_back(error):
                self._counts = before
            raise
        self._counts, self._broken = frozenset([count]), False
        for counts, unknown in self._unknown:
            unknown.stored = count in counts
        self._unknown = []
        if self._file is not None:
            self._guarded(self._file.settle)

    def await_outcome(self, error: CommitUnknown) -> None:
        """`error.stored` is to say what became of the commit that has just failed, once that is known."""
        self._unknown.append(({self._count + self._steps}, error))

    @property
    def awaits_outcome(self) -> bool:
        """Whether what became of a commit is not known yet: the next one that goes well shows it."""
        return bool(self._unknown)

    def give_up(self, error: SQLAlchemyError | None, *, lost: bool = False) -> None:
        """Undo; a connection that broke, or is `lost` otherwise, is thrown away, so that the next transaction makes a
        new one."""
        connection = self._connection
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            if not lost and (error is None or not is_lost(error)):
                connection.rollback()
                # What did not fit into memory has grown the files.
                if self._file is not None and self._fenced is None:
                    with suppress(StoreError):
                        self._guarded(self._file.settle)
                return
        self._broken = True
        note_lost(connection)
        self._discard(connection)
        if self._file is not None and self._fenced is None:
            with suppress(StoreError):
                self._file.remember()

    def _discard(self, connection: Connection) -> None:
        self._connection = None
        with suppress(SQLAlchemyError):
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """After all other connections: of SQLite's the last one moves the log into the database that it has open, and
        one that was opened late may have a file that came in its place."""
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.detach()
            self._connection.close()
            self._connection = None
        if self._file is not None:
            with suppress(OSError, StoreError):
                self._file.leave()

    @property
    def _present(self) -> Connection:
        assert self._connection is not None, "no transaction"
        return self._connection

    def _first(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except SQLAlchemyError as error:
            if is_missing_table(error):
                self._check([])
            if self._fresh or not is_lost(error):
                raise
            self.give_up(error)
        self.begin()
        return work()

    def _guard(self) -> GuardQuery:
        question = _LEASE if self._is_sqlite else _LEASE + " FOR UPDATE"
        return GuardQuery(question, self._check, _COUNT.format(steps=self._steps))

    def _ask(self) -> None:
        if not self._is_sqlite:
            change_all(self._present, [], self._guard())
        elif not self._count_expected():
            guard = self._guard()
            self._check(ask(self._present, guard.question))
            change_many(self._present, guard.change, [()])

    def _count_expected(self) -> bool:
        """Whether the lease is as it was left; then this transaction is counted. False where nothing can be said."""
        if len(self._counts) != 1:
            return False
        (count,) = self._counts
        self._count = count
        return change_many(self._present, _COUNT_EXPECTED, [(count + self._steps, self._incarnation, count)]) == 1

    def _write(self, fill: Callable[[StatementBatch], None], guard: GuardQuery | None) -> int:
        changes = StatementBatch(self._present, guard)
        fill(changes)
        changes.send()
        return changes.found

    def settle(self) -> None:
        """Another connection of this process has committed: it may have grown a SQLite file, or moved its log there."""
        if self._file is not None:
            self._guarded(self._file.settle)

    def check(self, connection: Connection) -> None:
        """Raises Fenced unless the lease is as it was left here. Where none was taken, nothing is known of it. A commit
        that the database is still carrying out is waited for: it holds the row."""
        if self._incarnation is None:
            return
        if self._file is not None:
            self._guarded(self._file.check)
        lease = schema.lease.c
        held = connection.execute(select(lease.incarnation, lease.changes).with_for_update(read=True))
        self._check([tuple(row) for row in held])

    def _check(self, held: list[Row]) -> None:
        self._guarded(lambda: self._compare(held))

    def _compare(self, held: list[Row]) -> None:
        incarnation, count = held[0] if len(held) == 1 else (0, 0)
        assert self._incarnation is not None
        if incarnation > self._incarnation:
            raise Fenced(_("A server that was started later has taken over the database"))
        if incarnation != self._incarnation or count not in self._counts:
            raise Fenced(
                _("The database is not as this server left it: an older copy or another one came in its place")
            )
        self._count = count

    def _guarded(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Fenced as error:
            self._fenced = error
            raise


class LeaseGuarded:
    """Base of what makes up a transaction."""

    def __init__(self, writing: WriteSession) -> None:
        """`writing` is in a transaction for as long as this object is used."""
        self._writing = writing

    @property
    def _connection(self) -> Connection:
        """Never kept: the first use may replace it."""
        return self._writing.connection()
