"""Write access: the lease on every database, the file lock on SQLite."""

import threading
from pathlib import Path

import pytest

from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced, StoreError
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.connection.engine import TIMEOUTS, WRITER_IDLE_TIMEOUT, DatabaseTimeouts
from lanchat_server.store.transactions.claiming import ServerTerms
from tests.support.stores import Database, Log, added, user


def test_each_start_takes_the_next_incarnation(database: Database) -> None:
    store = database.open(lease=False)
    assert store.take_lease("first", 1) == 1
    store.close()
    again = database.open(lease=False)
    assert again.take_lease("second", 2) == 2


def test_newest_server_fences_the_older_one(database: Database) -> None:
    store = database.open()
    log = Log(store)
    log.say("one")
    newer = second_server(database, store)
    with pytest.raises(Fenced) as raised, store.transaction() as tx:
        tx.heads([log.room])
    assert "\n" not in str(raised.value)
    with pytest.raises(Fenced):
        log.say("two")
    with pytest.raises(Fenced), store.transaction():
        pass
    assert [row.seq for row in newer.records(log.room, [1, 2])] == [1]
    Log(newer).say("two", device="b")
    with pytest.raises(Fenced):
        log.say("two")
    assert len(newer.records(log.room, [1, 2, 3])) == 2


def second_server(database: Database, first: SqlStore) -> SqlStore:
    """On SQLite the lock keeps a second process out; the row is then changed directly."""
    if not database.is_sqlite:
        return database.open()
    with first.replacing() as connection:
        connection.exec_driver_sql("UPDATE lease SET incarnation = incarnation + 1")
    first.close()
    first_again = database.open(lease=False)
    first._engine = first_again._engine
    first_again.take_lease("second", 2)
    return first_again


@pytest.mark.mariadb
class TestTwoServersOnOneDatabase:
    def open_two(self, url: str, folder: Path, timeouts: DatabaseTimeouts = TIMEOUTS) -> tuple[SqlStore, SqlStore]:
        stores = open_store(url, folder / "a", timeouts=timeouts), open_store(url, folder / "b", timeouts=timeouts)
        for name, store in zip("ab", stores, strict=True):
            store.take_lease(name, 1)
        return stores

    def test_older_server_is_fenced_during_a_transaction(self, mariadb_url: str, tmp_path: Path) -> None:
        """The newer one waits for a transaction that has begun, and no longer."""
        older = open_store(mariadb_url, tmp_path)
        older.take_lease("a", 1)
        newer = open_store(mariadb_url, tmp_path)
        incarnations: list[int] = []
        thread = threading.Thread(target=lambda: incarnations.append(newer.take_lease("b", 2)))
        with older.transaction() as tx:
            tx.heads([])
            thread.start()
            tx.add_user(user("Anna"))
        thread.join(10)
        assert incarnations == [2]
        assert [row.name for row in newer.snapshot().users] == ["Anna"]
        with pytest.raises(Fenced):
            added(older, "Boris")
        added(newer, "Boris")
        older.close()
        newer.close()

    def test_lock_timeout_is_a_failed_commit(self, mariadb_url: str, tmp_path: Path) -> None:
        older, newer = self.open_two(mariadb_url, tmp_path, DatabaseTimeouts(lock=1))
        with newer.transaction() as tx:
            tx.heads([])
            with pytest.raises(CommitFailed) as raised:
                added(older, "Anna")
            assert "\n" not in str(raised.value)
        added(newer, "Anna")
        for store in (older, newer):
            store.close()


def test_sqlite_database_has_one_process(tmp_path: Path) -> None:
    store = open_store(None, tmp_path)
    for url in (None, f"sqlite:///{tmp_path}/lanchat.sqlite3"):
        with pytest.raises(StoreError, match="Another LAN Chat server uses the data in"):
            open_store(url, tmp_path)
    store.close()
    open_store(None, tmp_path).close()


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    store = database.open()
    log = Log(store)
    log.say("one")
    with store.transaction() as tx:
        tx.append(log.room, [log.make("two")], log.head)
        seen: list[int] = []
        threads = [threading.Thread(target=lambda: seen.append(len(store.records(log.room, [1, 2])))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert seen == [1] * 8
    assert len(store.records(log.room, [1, 2])) == 2


@pytest.mark.mariadb
def test_silent_transaction_frees_the_lease(mariadb_url: str, tmp_path: Path) -> None:
    """As of a server that was cut off after its question had arrived: MariaDB hears nothing of it any more."""
    older = open_store(mariadb_url, tmp_path, timeouts=DatabaseTimeouts(idle_write=1))
    newer = open_store(mariadb_url, tmp_path)
    older.take_lease("older", 1)

    def stay_silent() -> None:
        with older.transaction() as tx:
            tx.renew_lease()
            assert newer.take_over("newer", ServerTerms(b"", 0), lambda _held: True)

    with pytest.raises(CommitUnknown):
        stay_silent()
    with pytest.raises(Fenced):
        older.snapshot()
    assert newer.lease_holder().holder == "newer"
    older.close()
    newer.close()


@pytest.mark.mariadb
def test_connection_that_writes_is_given_up_when_idle(mariadb_url: str, tmp_path: Path) -> None:
    store = open_store(mariadb_url, tmp_path)
    store.take_lease("test", 1)
    with store.transaction() as tx:
        assert tx._connection.exec_driver_sql("SELECT @@SESSION.wait_timeout").scalar() == WRITER_IDLE_TIMEOUT
    store.close()
