"""Behaviour of the store when the database fails during an operation. Servers are really killed and stopped."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy.exc import OperationalError

from lanchat_server.core.ports import CommitFailed, CommitUnknown, StoreError
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.connection.engine import DatabaseTimeouts
from lanchat_server.store.connection.errors import explain
from lanchat_server.store.connection.url import sqlite_address
from tests.support.mariadb import PASSWORD, MariaDB
from tests.support.stores import Database, Log, added, user
from tests.support.waiting import wait_until


@pytest.fixture
def server() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server


@pytest.fixture
def store(server: MariaDB, tmp_path: Path) -> Iterator[SqlStore]:
    """A store that waits for an answer for two seconds only."""
    store = open_store(server.create_database("chat"), tmp_path, timeouts=DatabaseTimeouts(connect=2, answer=2))
    store.take_lease("test", 1)
    yield store
    store.close()


def one_line_without_password(error: BaseException) -> bool:
    return "\n" not in str(error) and PASSWORD not in str(error) and bool(str(error))


def names(store: SqlStore) -> list[str]:
    return [row.name for row in store.snapshot().users]


def established(server: MariaDB) -> list[object]:
    """The connections of this process to the server that neither side has closed."""
    found = psutil.Process().net_connections("tcp")
    return [one for one in found if one.status == "ESTABLISHED" and one.raddr and one.raddr.port == server.port]


@pytest.mark.mariadb
def test_server_dying_before_the_commit(server: MariaDB, store: SqlStore) -> None:
    def kill_during_transaction() -> None:
        with store.transaction() as tx:
            tx.add_user(user("Anna"))
            server.kill()
            tx.add_user(user("Boris"))

    with pytest.raises(CommitFailed) as raised:
        kill_during_transaction()
    assert one_line_without_password(raised.value)
    with pytest.raises(CommitFailed) as raised:
        added(store, "Carla")
    assert one_line_without_password(raised.value)
    with pytest.raises(StoreError) as reading:
        store.snapshot()
    assert one_line_without_password(reading.value)
    server.start()
    added(store, "Dora")
    assert names(store) == ["Dora"]


@pytest.mark.mariadb
def test_server_dying_at_the_commit(server: MariaDB, store: SqlStore) -> None:
    added(store, "Anna")

    def kill_before_commit() -> None:
        with store.transaction() as tx:
            tx.add_user(user("Boris"))
            server.kill()

    with pytest.raises(CommitUnknown) as raised:
        kill_before_commit()
    assert one_line_without_password(raised.value)
    server.start()
    assert names(store) == ["Anna"]
    assert raised.value.stored is False
    added(store, "Boris")


@pytest.mark.mariadb
def test_server_hanging_at_the_commit(server: MariaDB, store: SqlStore) -> None:
    """It has the COMMIT and carries it out when it resumes: the result is unknown until then."""

    def pause_before_commit() -> None:
        with store.transaction() as tx:
            tx.add_user(user("Anna"))
            server.pause()

    try:
        with pytest.raises(CommitUnknown) as raised:
            pause_before_commit()
    finally:
        server.resume()
    assert one_line_without_password(raised.value)
    assert names(store) == ["Anna"]
    assert raised.value.stored is True
    added(store, "Boris")
    assert names(store) == ["Anna", "Boris"]


@pytest.mark.mariadb
def test_server_hanging_before_the_commit(server: MariaDB, store: SqlStore) -> None:
    log = Log(store)

    def pause_during_transaction() -> None:
        with store.transaction() as tx:
            tx.add_user(user("Anna"))
            server.pause()
            tx.add_user(user("Boris"))

    try:
        with pytest.raises(CommitFailed) as raised:
            pause_during_transaction()
        with pytest.raises(CommitFailed):
            added(store, "Carla")
    finally:
        server.resume()
    assert one_line_without_password(raised.value)
    log.say("one", "two")
    assert names(store) == []


@pytest.mark.mariadb
def test_reading_from_a_hanging_server(server: MariaDB, store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    added(store, "Anna")
    server.pause()
    try:
        with pytest.raises(StoreError) as raised:
            store.snapshot()
        with pytest.raises(StoreError):
            store.records(1, [1])
    finally:
        server.resume()
    assert one_line_without_password(raised.value)
    assert names(store) == ["Anna"]
    assert caplog.text == ""


@pytest.mark.mariadb
def test_restart_between_two_transactions_is_tolerated(server: MariaDB, store: SqlStore) -> None:
    added(store, "Anna")
    server.stop()
    server.start()
    added(store, "Boris")
    assert names(store) == ["Anna", "Boris"]


@pytest.mark.mariadb
def test_message_after_a_restart_is_stored(server: MariaDB, store: SqlStore) -> None:
    log = Log(store)
    log.say("one")
    server.stop()
    server.start()
    log.say("two")
    server.stop()
    three = log.make("three")
    with pytest.raises(CommitFailed) as raised:
        log.store_all(three)
    assert one_line_without_password(raised.value)
    server.start()
    log.store_all(three)
    assert [record.seq for record in store.records(log.room, range(1, 9))] == [1, 2, 3]


@pytest.mark.mariadb
def test_connection_closed_by_the_server_is_replaced(server: MariaDB, store: SqlStore) -> None:
    added(store, "Anna")
    for (number,) in server.execute("SELECT id FROM information_schema.processlist WHERE db = 'chat'"):
        server.execute(f"KILL {number}")
    # The list of processes drops a connection before the server closes it.
    wait_until(lambda: not established(server), 30, "the server has closed the connections")
    assert names(store) == ["Anna"]
    added(store, "Boris")


@pytest.mark.mariadb
def test_committed_data_survives_a_power_cut(server: MariaDB, store: SqlStore) -> None:
    log = Log(store)
    for i in range(20):
        log.say(f"message {i}")
    server.kill()
    server.start()
    assert len(store.records(log.room, range(1, 21))) == 20


@pytest.mark.mariadb
def test_deadlock_is_a_failed_commit(server: MariaDB, store: SqlStore) -> None:
    """Another program locks tables in another order. The server ends the smaller transaction."""
    [anna] = added(store, "Anna")
    by_hand = store._engine.connect()
    by_hand.begin()
    for i in range(50):
        by_hand.exec_driver_sql(f"INSERT INTO invites VALUES (x'{i:02x}', 1, 1, 1)")
    by_hand.exec_driver_sql("UPDATE users SET email = 'x'")
    wait = threading.Thread(target=lambda: by_hand.exec_driver_sql("SELECT * FROM lease FOR UPDATE").all())

    def deadlock() -> None:
        with store.transaction() as tx:
            tx.heads([])
            wait.start()
            waiting = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
            wait_until(lambda: server.execute(waiting), 5, "the other one waits for the lease")
            tx.update_user(anna.id, email="y")

    with pytest.raises(CommitFailed) as raised:
        deadlock()
    assert one_line_without_password(raised.value)
    wait.join(10)
    by_hand.rollback()
    by_hand.close()
    added(store, "Boris")
    assert names(store) == ["Anna", "Boris"]


def test_full_disk_is_a_failed_commit(tmp_path: Path) -> None:
    database = Database(tmp_path, None)
    store = database.open()
    log = Log(store)
    log.say("one")
    with store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with store.transaction() as tx:
        tx._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(CommitFailed, match="No space left") as raised:
        log.say(*["x" * 4000] * 10)
    assert one_line_without_password(raised.value)
    assert len(store.records(log.room, range(20))) == 1
    database.close()


@pytest.mark.parametrize(("free", "text"), [(4096, "No space left for the database"), (1 << 30, "disk I/O error")])
def test_full_disk_is_named_where_sqlite_tells_of_input_and_output(
    free: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free, folder=folder))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    said = explain(OperationalError("PRAGMA journal_mode=WAL", None, error), sqlite_address(tmp_path / "chat.sqlite3"))
    assert text in said
    assert str(tmp_path / "chat.sqlite3") in said
