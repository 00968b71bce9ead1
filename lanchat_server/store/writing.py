"""The one connection that writes, and the lease under which it does.

A transaction asks for the lease with the first thing that it does, and locks it: whatever it reads or changes, it does
as the newest server, and nobody takes the lease before it ended. MySQL and MariaDB are asked together with what a batch
of messages writes, so that it costs no answer of its own; SQLite, where asking costs next to nothing, at once.

A connection that broke while nobody wrote is replaced, once, when a transaction has done nothing else yet.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import Fenced
from lanchat_server.store import schema
from lanchat_server.store.bulk import Changes
from lanchat_server.store.driver import Guard, Row, ask
from lanchat_server.store.engine import WRITES
from lanchat_server.store.errors import is_lost
from lanchat_server.store.url import Address

T = TypeVar("T")

_LEASE = "SELECT incarnation FROM lease"


class Writing:
    """For one thread. Until `take_lease` any holder of the lease will do. Methods raise SQLAlchemyError and Fenced."""

    def __init__(self, engine: Engine, address: Address) -> None:
        self._engine = engine
        self._is_sqlite = address.is_sqlite
        self._guard = Guard(_LEASE if self._is_sqlite else _LEASE + " FOR UPDATE", self._check)
        self._incarnation: int | None = None
        self._connection: Connection | None = None
        # Of the present transaction: it has the lease; its connection was made for it.
        self._held = False
        self._fresh = False

    def take_lease(self, holder: str, now_ms: int) -> int:
        """See lanchat_server.core.ports.Store."""
        lease = schema.lease.c
        taken = update(schema.lease).values(incarnation=lease.incarnation + 1, holder=holder[:255], taken_ms=now_ms)
        with self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            connection.execute(taken)
            incarnation = int(connection.execute(select(lease.incarnation)).scalar_one())
        self._incarnation = incarnation
        return incarnation

    def begin(self) -> None:
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

    def give_up(self, error: SQLAlchemyError | None) -> None:
        """Undo; a connection that broke is thrown away, so that the next transaction makes a new one."""
        connection = self._connection
        if connection is None:
            return
        with suppress(SQLAlchemyError):
            if error is None or not is_lost(error):
                connection.rollback()
                return
        self._connection = None
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

    def _check(self, held: list[Row]) -> None:
        if self._incarnation is not None and held != [(self._incarnation,)]:
            raise Fenced(_("A newer server has taken over the database: this one stops"))


class UnderLease:
    """Base of what makes up a transaction."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    @property
    def _connection(self) -> Connection:
        """Never kept: the first use may replace it."""
        return self._writing.connection()
