"""The client's copy: no statement reads a whole table of a room, with this Python's SQLite and the newest one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.log.messages import Kind
from lanchat.store.local import SqliteLocalStore
from tests.support.local_log import Log, key, message, stored_log
from tests.support.newest_sqlite import NewestSqlite

TABLES = ("records", "edits", "erasures")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteLocalStore]:
    store = SqliteLocalStore(tmp_path / "copy.sqlite")
    yield store
    store.close()


def statements(store: SqliteLocalStore) -> list[str]:
    """What SQLite was given to read the log, with its values."""
    seen: list[str] = []
    connection = store._database._connection
    assert connection is not None
    connection.set_trace_callback(seen.append)
    log = Log().fill(200)
    store.start_span(1, 0, log.hash_at(0))
    store.append(1, log.span(1, 200), log.head(200))
    log.add("better", Kind.EDIT, 7)
    log.add("", Kind.DELETE, 7)
    store.append(1, log.span(201, 202), log.head(202))
    store.records(1, 40, 60)
    store.held_rooms()
    item = store.add_outgoing(key(1), message(1), 1)
    store.outgoing()
    store.remove_outgoing([item.key])
    store.erase_room(1, 5)
    connection.set_trace_callback(None)
    return [text for text in seen if text.startswith(("SELECT", "UPDATE", "DELETE")) and any(t in text for t in TABLES)]


def test_no_statement_scans_the_log(store: SqliteLocalStore) -> None:
    asked = statements(store)
    connection = store._database._connection
    assert connection is not None
    assert asked
    newest = NewestSqlite(connection.cursor())
    for text in asked:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
        for step in (*(row[-1] for row in rows), *newest.plan(text)):
            assert not any(step.startswith(f"SCAN {table}") for table in TABLES), f"{step}   for   {text}"
            assert not step.endswith("(room=?)") or "LIMIT" in text, f"{step}   for   {text}"


def test_a_scan_would_be_seen(store: SqliteLocalStore) -> None:
    stored_log(store)
    connection = store._database._connection
    assert connection is not None
    steps = NewestSqlite(connection.cursor()).plan("SELECT * FROM records WHERE data = x'00'")
    assert [step for step in steps if step.startswith("SCAN records")]


def test_the_newest_sqlite_is_newer() -> None:
    import apsw

    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 46)
    assert sqlite3.sqlite_version
