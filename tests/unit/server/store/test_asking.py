"""Autocommit connections for single queries: kept, without a transaction, replaced when they broke."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from lanchat_server.core.model import StoredPage
from lanchat_server.core.ports import StoreError
from lanchat_server.store import SqlStore
from lanchat_server.store.connection import asking
from tests.support.mariadb import MariaDB
from tests.support.stores import Database, Log
from tests.support.waiting import patient


@pytest.fixture
def checkouts() -> Iterator[list[object]]:
    """One element for each connection that is taken from a pool."""
    taken: list[object] = []

    def record_statement(dbapi_connection: object, *_: object) -> None:
        taken.append(dbapi_connection)

    event.listen(Engine, "engine_connect", record_statement)
    yield taken
    event.remove(Engine, "engine_connect", record_statement)


def newest(log: Log) -> StoredPage:
    return log.store.page(log.room, anchor=1 << 40, forward=False, limit=5, first_seq=1, octets=1 << 20)


def seqs(page: StoredPage) -> list[int]:
    return [record.seq for record in page.records]


def test_one_connection_answers_successive_queries_with_new_data(store: SqlStore, checkouts: list[object]) -> None:
    log = Log(store)
    asked: list[str] = []
    event.listen(
        Engine, "before_cursor_execute", record_statement := lambda _c, _k, statement, *_: asked.append(statement)
    )
    try:
        log.say("one")
        checkouts.clear()
        asked.clear()
        assert seqs(newest(log)) == [1]
        assert asked
        assert not any(statement.startswith("BEGIN") for statement in asked)
    finally:
        event.remove(Engine, "before_cursor_execute", record_statement)
    log.say("two")
    assert seqs(newest(log)) == [1, 2]
    log.say("three")
    assert seqs(newest(log)) == [1, 2, 3]
    assert len(checkouts) == 1


def test_concurrent_queries_have_a_connection_each(store: SqlStore, checkouts: list[object]) -> None:
    log = Log(store)
    log.say("one")
    checkouts.clear()
    together = threading.Barrier(3, timeout=patient(10))

    def query(connection: Connection) -> int:
        together.wait()
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM records").scalar_one())

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(store._asking.ask(query))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [1, 1, 1]
    assert len(checkouts) == 3
    assert seqs(newest(log)) == [1]
    assert len(checkouts) == 3


def test_query_leaves_no_transaction_open(store: SqlStore, checkouts: list[object]) -> None:
    """Whether it goes to the driver itself or through SQLAlchemy, which registers a transaction."""
    log = Log(store)
    log.say("first")  # the writer has a connection of its own
    checkouts.clear()

    def count(connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT COUNT(*) FROM records").scalar_one())

    for number in range(2, 5):
        log.say("more")
        assert store._asking.ask(count) == number
        assert len(seqs(newest(log))) == number
    assert len(checkouts) == 1


def test_connection_of_a_failed_query_is_not_kept(store: SqlStore, checkouts: list[object]) -> None:
    def query(connection: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store._asking.ask(query)
    log = Log(store)
    log.say("one")
    checkouts.clear()
    assert seqs(newest(log)) == [1]
    assert len(checkouts) == 1


def test_long_idle_connection_is_replaced(
    store: SqlStore, checkouts: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(store)
    log.say("one")
    newest(log)
    monkeypatch.setattr(asking, "RECYCLE", -1)
    checkouts.clear()
    assert seqs(newest(log)) == [1]
    assert len(checkouts) == 1


def test_closed_store_keeps_no_connection(store: SqlStore) -> None:
    log = Log(store)
    log.say("one")

    def query(connection: Connection) -> StoredPage:
        page = newest(log)
        store._asking.close()
        return page

    assert seqs(store._asking.ask(query)) == [1]
    assert not store._asking._idle


@pytest.mark.mariadb
def test_closed_connection_is_replaced_and_an_outage_reported(tmp_path: Path) -> None:
    with MariaDB() as server:
        database = Database(tmp_path, server.create_database("chat"))
        log = Log(database.open())
        log.say("one")
        assert seqs(newest(log)) == [1]
        for (number,) in server.execute("SELECT id FROM information_schema.processlist WHERE db = 'chat'"):
            server.execute(f"KILL {number}")
        assert seqs(newest(log)) == [1]
        server.stop()
        with pytest.raises(StoreError) as raised:
            newest(log)
        assert "\n" not in str(raised.value)
        server.start()
        assert seqs(newest(log)) == [1]
        database.close()
