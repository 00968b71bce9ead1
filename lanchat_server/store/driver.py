"""Statements handed to the database's driver itself: what is done for every batch of messages goes this way.

SQLAlchemy's own way to the same cursor takes two to three times as long as SQLite takes for the statement. Errors are
the same as there, and listeners hear of each statement.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]


def begin(connection: Connection, statement: str) -> None:
    """What the listener to SQLAlchemy's "begin" executes. Raises SQLAlchemyError."""
    _execute(connection, statement, (), many=False)[0].close()


def ask(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[Row]:
    """The rows of a query, octets as `bytes`. Raises SQLAlchemyError."""
    _begin_if_needed(connection)
    cursor, _ = _execute(connection, statement, values, many=False)
    try:
        rows: list[Row] = _checked(connection, statement, cursor.fetchall)
    finally:
        cursor.close()
    if connection.dialect.name == "sqlite":
        return rows
    return [tuple(bytes(value) if isinstance(value, bytearray) else value for value in row) for row in rows]


def change(connection: Connection, statement: str, values: Sequence[Any] = ()) -> int:
    """How many rows a statement changed. Raises SQLAlchemyError."""
    _begin_if_needed(connection)
    cursor, found = _execute(connection, statement, values, many=False)
    cursor.close()
    return found


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
    cursor = _checked(connection, statement, connection.connection.cursor)
    listeners = connection.dispatch
    for tell in listeners.before_cursor_execute:
        tell(connection, cursor, statement, values, None, many)
    try:
        _checked(connection, statement, cursor.executemany if many else cursor.execute, statement, values)
    except BaseException:
        cursor.close()
        raise
    for tell in listeners.after_cursor_execute:
        tell(connection, cursor, statement, values, None, many)
    return cursor, cursor.rowcount


def _checked(connection: Connection, statement: str, call: Any, *arguments: Any) -> Any:
    """What `call` returns; the driver's errors as SQLAlchemy has them, without the values, which may be secret."""
    dbapi = connection.dialect.loaded_dbapi
    try:
        return call(*arguments)
    except dbapi.Error as error:
        raise DBAPIError.instance(statement, None, error, dbapi.Error, hide_parameters=True) from error
