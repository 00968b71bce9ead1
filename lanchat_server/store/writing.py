"""The one connection that writes, and the lease under which it does.

A server takes the lease at its start, whoever has it, and renews it every few seconds; a command takes one that nobody
renews (`SqlStore.claim_lease`). Who ends gives it back. Times of renewals are the database's, in milliseconds: whoever
looks at them may be another computer.

A transaction asks for the lease with the first thing that it does, and locks it: whatever it reads or changes, it does
as the newest server, and nobody takes the lease before it ended. MySQL and MariaDB are asked together with what a batch
of messages writes, so that it costs no answer of its own; SQLite, where asking costs next to nothing, at once.

A connection that broke while nobody wrote is replaced, once, when a transaction has done nothing else yet.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import ColumnElement, literal_column, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.store import schema
from lanchat_server.store.bulk import Changes
from lanchat_server.store.claiming import Holding, Verdict
from lanchat_server.store.driver import Guard, Row, ask
from lanchat_server.store.engine import WRITES
from lanchat_server.store.errors import is_lost
from lanchat_server.store.url import Address

T = TypeVar("T")

_LEASE = "SELECT incarnation FROM lease"
_NOW_SQLITE: ColumnElement[int] = literal_column("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
_NOW_MYSQL: ColumnElement[int] = literal_column("CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")


class Writing:
    """For one thread. Nothing is written before the lease was taken. Methods raise SQLAlchemyError and Fenced."""

    def __init__(self, engine: Engine, address: Address) -> None:
        self._engine = engine
        self._is_sqlite = address.is_sqlite
        self._now_ms = _NOW_SQLITE if self._is_sqlite else _NOW_MYSQL
        self._guard = Guard(_LEASE if self._is_sqlite else _LEASE + " FOR UPDATE", self._check)
        self._incarnation: int | None = None
        self._connection: Connection | None = None
        # Of the present transaction: it has the lease; its connection was made for it.
        self._held = False
        self._fresh = False
        # The connection was lost, and none has worked since.
        self._broken = False

    def take_lease(self, holder: str, now_ms: int) -> int:
        """See lanchat_server.core.ports.Store."""
        with self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            incarnation = self._take(connection, holder, now_ms)
        self._incarnation = incarnation
        return incarnation

    def claim(self, holder: str, now_ms: int, judge: Callable[[Holding], Verdict]) -> tuple[Holding, Verdict]:
        """Take the lease if it is free; what was found, and the judgement of it."""
        lease, incarnation = schema.lease.c, None
        look = select(lease.incarnation, lease.renewed_ms, lease.holder, self._now_ms - lease.renewed_ms)
        with self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            found = Holding(*connection.execute(look.with_for_update()).one())
            verdict = judge(found)
            if verdict is Verdict.FREE:
                incarnation = self._take(connection, holder, now_ms)
        self._incarnation = incarnation
        return found, verdict

    def _take(self, connection: Connection, holder: str, now_ms: int) -> int:
        lease = schema.lease.c
        connection.execute(
            update(schema.lease).values(
                incarnation=lease.incarnation + 1, holder=holder[:255], taken_ms=now_ms, renewed_ms=self._now_ms
            )
        )
        return int(connection.execute(select(lease.incarnation)).scalar_one())

    def renew(self) -> None:
        """In a transaction: who has the lease lives."""
        self.connection().execute(update(schema.lease).values(renewed_ms=self._now_ms))

    def give_back(self) -> None:
        """Nobody needs to wait for it. Not tried when the database was away last."""
        if self._incarnation is None or self._broken:
            return
        mine = schema.lease.c.incarnation == self._incarnation
        with suppress(SQLAlchemyError), self._engine.connect() as connection:
            writing = connection.execution_options(**{WRITES: True})
            with writing.begin():
                writing.execute(update(schema.lease).where(mine).values(renewed_ms=0))

    def begin(self) -> None:
        if self._incarnation is None:
            raise StoreError(_("Nothing is written without the lease of the database"))
        self._held = False
        self._fresh = self._connection is None
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**{WRITES: True})
        self._connection.begin()
        if self._is_sqlite:
            self.connection()

    def connection(self) -> Connection:
        """In a transaction that has the lease."""
        if not self._held:
            self._first(self._ask)
            self._held = True
        return self._present

    def write(self, fill: Callable[[Changes], None]) -> int:
        """Make the changes with which `fill` fills; how many rows their updates found. It may be called twice."""
        if self._held:
            return self._write(fill, None)
        found = self._first(lambda: self._write(fill, self._guard))
        self._held = True
        return found

    def commit(self) -> None:
        self._present.commit()
        self._broken = False

    def give_up(self, error: SQLAlchemyError | None) -> None:
        """Undo; a connection that broke is thrown away, so that the next transaction makes a new one."""
        connection = self._connection
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            if error is None or not is_lost(error):
                connection.rollback()
                return
        self._connection, self._broken = None, True
        with suppress(SQLAlchemyError):
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _present(self) -> Connection:
        assert self._connection is not None, "no transaction"
        return self._connection

    def _first(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except SQLAlchemyError as error:
            if self._fresh or not is_lost(error):
                raise
            self.give_up(error)
        self.begin()
        return work()

    def _ask(self) -> None:
        self._check(ask(self._present, self._guard.question))

    def _write(self, fill: Callable[[Changes], None], guard: Guard | None) -> int:
        changes = Changes(self._present, guard)
        fill(changes)
        changes.send()
        return changes.found

    def check(self, incarnation: int) -> None:
        """Raises Fenced unless this is the incarnation of the lease that was taken here."""
        self._check([(incarnation,)])

    def _check(self, held: list[Row]) -> None:
        if held != [(self._incarnation,)]:
            raise Fenced(_("A newer server has taken over the database: this one stops"))


class UnderLease:
    """Base of what makes up a transaction."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    @property
    def _connection(self) -> Connection:
        """Never kept: the first use may replace it."""
        return self._writing.connection()
