"""Statements handed to the database's driver itself: what is done for every batch of messages goes this way.

SQLAlchemy's own way to the same cursor takes two to three times as long as SQLite takes for the statement. Errors are
the same as there, and listeners hear of each statement.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]


class GuardQuery(NamedTuple):
    """A query before changes, and what looks at its rows: when that raises, the changes are not to be kept. `change` is
    made right after it."""

    question: str
    look: Callable[[list[Row]], None]
    change: str


# Of a statement that failed, as an error shows it.
_SHOWN = 200
_LITERAL = re.compile(r"x'[0-9a-f]*('|$)")


def begin(connection: Connection, statement: str) -> None:
    """What the listener to SQLAlchemy's "begin" executes. Raises SQLAlchemyError."""
    _execute(connection, statement, (), many=False)[0].close()


def ask(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[Row]:
    """The rows of a query, octets as `bytes`. `values` for the question marks in it: SQLite alone has such. Raises
    SQLAlchemyError."""
    _begin_if_needed(connection)
    if connection.dialect.name != "sqlite":
        return _ask_mysql(connection, statement)
    cursor, _ = _execute(connection, statement, values, many=False)
    try:
        rows: list[Row] = _checked(connection, statement, cursor.fetchall)
    finally:
        cursor.close()
    return rows


def _ask_mysql(connection: Connection, question: str) -> list[Row]:
    """Past the cursor, which takes as long as the question."""
    raw = _raw(connection)
    with _observed(connection, None, question, (), many=False):
        _checked(connection, question, raw.cmd_query, question.encode())
        rows, _end = _checked(connection, question, raw.get_rows)
    return [tuple(bytes(value) if isinstance(value, bytearray) else value for value in row) for row in rows]


def _raw(connection: Connection) -> Any:
    """The driver's own connection. This attribute has it for each driver that is not an asynchronous one."""
    return connection.connection.dbapi_connection


def change_all(connection: Connection, statements: Sequence[str], guard: GuardQuery | None = None) -> list[int]:
    """MySQL and MariaDB: how many rows each of these statements changed. They have their values in them and are sent
    as one question, after those of `guard`; after one that fails, none is executed. Raises SQLAlchemyError, and what
    the guard raises.

    Past the cursor too: it looks through all of a statement, values included, for a second one."""
    _begin_if_needed(connection)
    raw = _raw(connection)
    question = ";".join([guard.question, guard.change, *statements] if guard else statements)
    with _observed(connection, None, question, (), many=False):
        answers = raw.cmd_query_iter(question.encode())
        if guard is not None:
            _checked(connection, guard.question, next, answers)
            rows, _end = _checked(connection, guard.question, raw.get_rows)
            try:
                guard.look(rows)
            except BaseException:
                # The other answers come in any case.
                with suppress(DBAPIError):
                    _checked(connection, question, deque, answers, 0)
                raise
            _checked(connection, guard.change, next, answers)
        return [int(_checked(connection, one, next, answers)["affected_rows"]) for one in statements]


def change_many(connection: Connection, statement: str, values: Sequence[Sequence[Any]]) -> int:
    """How many rows a statement changed that was executed with each of `values`. Raises SQLAlchemyError."""
    _begin_if_needed(connection)
    cursor, found = _execute(connection, statement, values, many=True)
    cursor.close()
    return found


def _begin_if_needed(connection: Connection) -> None:
    if not connection.in_transaction():
        connection.begin()


def _execute(connection: Connection, statement: str, values: Sequence[Any], *, many: bool) -> tuple[Any, int]:
    """Plain calls: a batch of one message makes nine statements, and SQLite takes a few microseconds for each."""
    dbapi = connection.dialect.loaded_dbapi
    try:
        cursor = _raw(connection).cursor()
        try:
            _notify_listeners("before_cursor_execute", connection, cursor, statement, values, many)
            (cursor.executemany if many else cursor.execute)(statement, values)
        except BaseException:
            cursor.close()
            raise
    except dbapi.Error as error:
        raise _translated(statement, error, dbapi) from error
    _notify_listeners("after_cursor_execute", connection, cursor, statement, values, many)
    return cursor, cursor.rowcount


@contextmanager
def _observed(
    connection: Connection, cursor: Any, statement: str, values: Sequence[Any], *, many: bool
) -> Iterator[None]:
    """Listeners hear of it, before and, when it went well, after."""
    _notify_listeners("before_cursor_execute", connection, cursor, statement, values, many)
    yield
    _notify_listeners("after_cursor_execute", connection, cursor, statement, values, many)


def _notify_listeners(
    event: str, connection: Connection, cursor: Any, statement: str, values: Sequence[Any], many: bool
) -> None:
    """Calls who listens to this event of SQLAlchemy's engine or of all engines; it has no documented call for it.

    Who listens to a single connection is not called: to ask for those, too, takes as long as SQLite does for a
    statement."""
    listeners = getattr(connection.engine.dispatch, event)
    if listeners:
        for tell in listeners:
            tell(connection, cursor, statement, values, None, many)


def _checked(connection: Connection, statement: str, call: Any, *arguments: Any) -> Any:
    """What `call` returns; the driver's errors as SQLAlchemy has them."""
    dbapi = connection.dialect.loaded_dbapi
    try:
        return call(*arguments)
    except dbapi.Error as error:
        raise _translated(statement, error, dbapi) from error


def _translated(statement: str, error: Exception, dbapi: Any) -> BaseException:
    """SQLAlchemy's form of a driver's error, without the values, which are somebody's: what is beside a statement, and
    what is in it."""
    shown = _LITERAL.sub("?", statement[:_SHOWN])
    return DBAPIError.instance(shown, None, error, dbapi.Error, hide_parameters=True)
