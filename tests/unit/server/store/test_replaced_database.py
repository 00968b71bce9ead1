"""The database is replaced under a running server: an older copy, another file, nothing. A mismatch stops the
server."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.connection.engine import DatabaseTimeouts
from tests.support.mariadb import MariaDB
from tests.support.stores import Database, Log, added, general, member, room, user


def restore_rows(store: SqlStore, sql: str) -> None:
    """As a copy would do it: rows as they were, by another connection."""
    with store._engine.connect() as connection:
        connection.exec_driver_sql(sql)
        connection.commit()


def lease(store: SqlStore) -> tuple[int, int]:
    with store.reading() as connection:
        incarnation, changes = connection.exec_driver_sql("SELECT incarnation, changes FROM lease").one()
    return incarnation, changes


def test_each_transaction_is_counted_in_the_lease(store: SqlStore) -> None:
    before = lease(store)
    added(store, "Anna")
    Log(store).say("one")
    with pytest.raises(KeyError):
        added(store, "Anna")
    assert lease(store) == (before[0], before[1] + 2)


def test_count_restarts_at_a_random_number_with_each_lease(database: Database) -> None:
    store = database.open()
    first = lease(store)
    store.take_lease("again", 1)
    assert abs(lease(store)[1] - first[1]) > 1_000_000


CHANGES: dict[str, Callable[[SqlStore], object]] = {
    "account": lambda store: added(store, "Boris"),
    "nothing": lambda store: _transact(store, lambda tx: None),
    "lease": lambda store: _transact(store, lambda tx: tx.renew_lease()),
    "room": lambda store: _transact(store, lambda tx: tx.add_room(room(store, 5, "kitchen"))),
    "invite": lambda store: _transact(store, lambda tx: tx.add_invite(b"hash", 1, 5, 1)),
    "recovery": lambda store: _transact(store, lambda tx: tx.set_recovery(None, 1)),
    "receipts": lambda store: _transact(store, lambda tx: tx.set_cursors({})),
    "members": lambda store: _transact(store, lambda tx: tx.remove_members(1, [1])),
    "seen": lambda store: _transact(store, lambda tx: tx.touch({1: 5}, {})),
}


def _transact(store: SqlStore, change: Callable[..., object]) -> None:
    with store.transaction() as tx:
        change(tx)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_no_kind_of_transaction_commits_on_an_older_copy(
    database: Database, change: Callable[[SqlStore], object]
) -> None:
    store = database.open()
    log = Log(store)
    count = lease(store)[1]
    added(store, "Anna")
    restore_rows(store, f"UPDATE lease SET changes = {count}")
    with pytest.raises(Fenced, match="not as this server left it"):
        log.say("two")
    with pytest.raises(Fenced):
        change(store)
    # It stays so, whatever comes back then.
    restore_rows(store, f"UPDATE lease SET changes = {count + 1}")
    with pytest.raises(Fenced):
        change(store)
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM users").scalar_one() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM records").scalar_one() == 0


@pytest.mark.parametrize("sql", ["UPDATE lease SET incarnation = incarnation - 1", "DELETE FROM lease"])
def test_lease_of_another_copy_stops_the_server(store: SqlStore, sql: str) -> None:
    restore_rows(store, sql)
    with pytest.raises(Fenced, match="not as this server left it"):
        added(store, "Anna")


def test_directory_is_not_reloaded_from_an_older_copy(store: SqlStore) -> None:
    count = lease(store)[1]
    added(store, "Anna")
    restore_rows(store, f"UPDATE lease SET changes = {count}")
    with pytest.raises(Fenced):
        store.snapshot()


@pytest.mark.mariadb
def test_missing_tables_stop_the_server(mariadb_url: str, tmp_path: Path, mariadb: MariaDB) -> None:
    store = open_store(mariadb_url, tmp_path)
    store.take_lease("test", 1)
    added(store, "Anna")
    name = mariadb_url.rpartition("/")[2]
    mariadb.execute("DROP TABLE lease", database=name)
    with pytest.raises(Fenced):
        added(store, "Boris")
    store.close()


@pytest.mark.mariadb
def test_missing_database_stops_the_server(mariadb_url: str, tmp_path: Path, mariadb: MariaDB) -> None:
    store = open_store(mariadb_url, tmp_path)
    store.take_lease("test", 1)
    mariadb.execute(f"DROP DATABASE `{mariadb_url.rpartition('/')[2]}`")
    with pytest.raises(Fenced):
        added(store, "Boris")
    store.close()


@pytest.mark.mariadb
def test_count_is_valid_after_an_unknown_commit(tmp_path: Path) -> None:
    """Stored or not, the next commit decides."""
    with MariaDB() as server:
        store = open_store(server.create_database("chat"), tmp_path, timeouts=DatabaseTimeouts(answer=2))
        store.take_lease("test", 1)

        def cut(name: str, cut: Callable[[], None]) -> None:
            with store.transaction() as tx:
                tx.add_user(user(name))
                cut()

        with pytest.raises(CommitUnknown):
            cut("Anna", server.kill)
        with pytest.raises(CommitFailed):
            added(store, "Boris")
        server.start()
        added(store, "Carla")
        try:
            with pytest.raises(CommitUnknown):
                cut("Dora", server.pause)
        finally:
            server.resume()
        added(store, "Emil")
        assert [row.name for row in store.snapshot().users] == ["Carla", "Dora", "Emil"]
        store.close()


@pytest.mark.mariadb
def test_mariadb_restarted_on_an_older_copy_stops_the_server(tmp_path: Path) -> None:
    with MariaDB() as server:
        store = open_store(server.create_database("chat"), tmp_path)
        store.take_lease("test", 1)
        added(store, "Anna")
        server.stop()
        shutil.copytree(server.folder / "data", tmp_path / "copy")
        server.start()
        added(store, "Boris")
        server.kill()
        shutil.rmtree(server.folder / "data")
        (tmp_path / "copy").rename(server.folder / "data")
        server.start()
        with pytest.raises(Fenced, match="older copy"):
            added(store, "Carla")
        assert server.execute("SELECT name FROM users", database="chat") == [("Anna",)]
        store.close()


# --- The SQLite file --------------------------------------------------------------------------------------------------


def copy_of(file: Path, name: str = "copy") -> Path:
    """A whole, valid copy of a database that is in use."""
    target = file.with_name(name)
    source, copy = sqlite3.connect(file), sqlite3.connect(target)
    source.backup(copy)
    source.close()
    copy.close()
    return target


def overwrite(file: Path) -> None:
    older = copy_of(file)
    file.write_bytes(older.read_bytes())


def truncate(file: Path) -> None:
    os.truncate(file, 8192)


def overwrite_in_part(file: Path) -> None:
    with open(file, "r+b") as stream:
        stream.seek(4096)
        stream.write(b"\0" * 4096)


def link_to_a_copy(file: Path) -> None:
    copy = copy_of(file)
    file.unlink()
    file.symlink_to(copy)


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "removed": lambda file: file.unlink(),
    "renamed": lambda file: file.rename(file.with_name("elsewhere")),
    "copy renamed onto it": lambda file: copy_of(file).rename(file),
    "overwritten": overwrite,
    "overwritten in part": overwrite_in_part,
    "emptied": lambda file: os.truncate(file, 0),
    "cut off": truncate,
    "link": link_to_a_copy,
    "log removed": lambda file: file.with_name(file.name + "-wal").unlink(),
    "log emptied": lambda file: os.truncate(file.with_name(file.name + "-wal"), 0),
    "index removed": lambda file: file.with_name(file.name + "-shm").unlink(),
}


@pytest.fixture
def sqlite_unused(tmp_path: Path) -> SqlStore:
    return Database(tmp_path, None).open()


@pytest.fixture
def sqlite(tmp_path: Path) -> SqlStore:
    database = Database(tmp_path, None)
    store = database.open()
    added(store, "Anna")
    return store


@pytest.mark.skipif(os.name != "posix", reason="an open database cannot be replaced there")
@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_nothing_is_written_after_the_file_was_replaced(
    sqlite: SqlStore, replacement: Callable[[Path], object]
) -> None:
    assert sqlite.address.path is not None
    replacement(sqlite.address.path)
    for _ in range(2):
        with pytest.raises(Fenced, match="replaced or changed by another program"):
            added(sqlite, "Boris")
    sqlite.close()


@pytest.mark.skipif(os.name != "posix", reason="an open database cannot be replaced there")
@pytest.mark.parametrize("replacement", ["removed", "renamed", "copy renamed onto it", "link", "log removed"])
def test_transaction_into_an_unlinked_file_is_not_acknowledged(sqlite: SqlStore, replacement: str) -> None:
    assert sqlite.address.path is not None
    path = sqlite.address.path

    def replace_before_commit() -> None:
        with sqlite.transaction() as tx:
            tx.add_user(user("Boris"))
            REPLACEMENTS[replacement](path)

    with pytest.raises(Fenced):
        replace_before_commit()
    sqlite.close()


@pytest.mark.skipif(os.name != "posix", reason="an open database cannot be replaced there")
def test_replacing_copy_does_not_get_the_old_write_ahead_log(tmp_path: Path) -> None:
    """The write-ahead log that is left beside it belongs to another file: SQLite would mix the two."""
    database = Database(tmp_path, None)
    store = database.open()
    added(store, "Anna")
    assert store.address.path is not None
    copy = copy_of(store.address.path)
    added(store, "Boris")
    copy.rename(store.address.path)
    with pytest.raises(Fenced):
        added(store, "Carla")
    store.close()
    again = database.open()
    assert [row.name for row in again.snapshot().users] == ["Anna"]
    assert (tmp_path / "lanchat.sqlite3-wal.left").exists()
    database.close()


def test_closed_reader_is_no_change_by_another_program(sqlite_unused: SqlStore) -> None:
    """Nothing was written yet, so no other connection needs to be open."""
    general(sqlite_unused)
    sqlite_unused._engine.dispose()
    assert general(sqlite_unused).name == "general"
    added(sqlite_unused, "Anna")
    sqlite_unused.close()


def roll_back_much(store: SqlStore, log: Log) -> None:
    with store.transaction() as tx:
        tx.append(log.room, [log.make("y" * 4000) for _ in range(50)], log.head)
        tx.flush()
        raise RuntimeError


def test_large_writes_are_no_change_by_another_program(tmp_path: Path) -> None:
    """Checkpoints, transactions larger than their memory, and rollbacks of such."""
    database = Database(tmp_path, None)
    store = database.open()
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA cache_size=20")
    log = Log(store)
    for number in range(30):
        made = [log.make("x" * 4000, device=str(number)) for _ in range(20)]
        log.store_all(*made)
        if number % 7 == 0:
            with pytest.raises(RuntimeError):
                roll_back_much(store, log)
            log = Log(store)
    database.close()


# --- Ids --------------------------------------------------------------------------------------------------------------


def test_account_id_is_not_reused_after_restoring_an_older_copy(database: Database) -> None:
    """Ids follow the time, so that a copy without later accounts does not assign theirs."""
    store = database.open()

    def at(name: str, ms: int) -> int:
        with store.transaction() as tx:
            return tx.add_user(user(name, created_ms=ms)).id

    first, second = at("Anna", 1000), at("Boris", 2000)
    with store.transaction() as tx:
        tx.add_members([member(general(store).id, first)])
    restore_rows(store, f"DELETE FROM users WHERE id = {second}")
    assert at("Carla", 3000) not in (first, second)


def test_account_ids_increase_when_the_clock_goes_back(store: SqlStore) -> None:
    with store.transaction() as tx:
        ids = [tx.add_user(user(name, created_ms=ms)).id for name, ms in (("A", 9), ("B", 9), ("C", 4), ("D", 20))]
    assert ids == [9, 10, 11, 20]
