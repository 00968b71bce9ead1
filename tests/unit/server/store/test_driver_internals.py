"""The undocumented parts of SQLAlchemy that are used exist and behave as expected."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from lanchat_server.store.connection.driver import ask, change_many

INSERT = "INSERT INTO t VALUES (?)"


def test_errors_are_those_of_sqlalchemy_without_the_values() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        ask(connection, "CREATE TABLE t (x TEXT PRIMARY KEY)")
        with pytest.raises(IntegrityError) as twice:
            change_many(connection, INSERT, [("secret",), ("secret",)])
        with pytest.raises(OperationalError) as missing:
            ask(connection, "SELECT x FROM nowhere WHERE x = x'736563726574'")
    for found in (twice.value, missing.value):
        assert isinstance(found, DBAPIError)
        assert isinstance(found.orig, sqlite3.Error)
        assert "secret" not in str(found)
        assert "736563726574" not in str(found)


def test_listeners_receive_each_statement() -> None:
    engine = create_engine("sqlite://")
    events: list[tuple[str, Any, bool]] = []
    for name in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(engine, name, lambda *found, name=name: events.append((name, *found[2:4], found[5])))
    with engine.connect() as connection:
        ask(connection, "CREATE TABLE t (x TEXT)")
        events.clear()
        change_many(connection, INSERT, [("a",)])
    assert events == [(f"{when}_cursor_execute", INSERT, [("a",)], True) for when in ("before", "after")]
