"""The contract of the local store, method by method. Histories: tests/unit/store/test_local_store_model.py."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.core.ports import LocalStore, LocalStoreError, StoredSpan
from lanchat.protocol.log.records import genesis_hash
from lanchat.store.local import SqliteLocalStore
from lanchat.store.schema import STEPS, migrate
from tests.support.local_log import LOG_ID, Log, key, message, room_info, user_info

GENESIS = genesis_hash(LOG_ID, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "log.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteLocalStore]:
    store = SqliteLocalStore(path)
    yield store
    store.close()


@pytest.fixture
def other(path: Path, store: SqliteLocalStore) -> Iterator[SqliteLocalStore]:
    """A second opener of the same file."""
    other = SqliteLocalStore(path)
    yield other
    other.close()


def test_implements_the_port(store: SqliteLocalStore) -> None:
    port: LocalStore = store
    assert port.outgoing() == []
    assert store.recovered is None


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_files_are_private(store: SqliteLocalStore, path: Path) -> None:
    store.add_outgoing(key(1), message(1), 1)
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {path.name, path.name + "-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_unchanged_data_is_not_written_again(store: SqliteLocalStore, path: Path) -> None:
    store.save_rooms([room_info(1, "one")])
    store.save_users([user_info(1, "anna")])
    size = path.with_name(path.name + "-wal").stat().st_size
    store.save_rooms([room_info(1, "one")])
    store.save_users([user_info(1, "anna")])
    assert path.with_name(path.name + "-wal").stat().st_size == size


def test_everything_is_read_back_after_reopening(path: Path) -> None:
    log = Log().fill(70)
    store = SqliteLocalStore(path)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.span(1, 64), log.head(64))
    item = store.add_outgoing(key(1), message(1), 5)
    store.close()
    store.close()
    with pytest.raises(LocalStoreError):
        store.span(1)
    again = SqliteLocalStore(path)
    assert again.span(1) == StoredSpan(0, GENESIS, 64, log.hash_at(64))
    assert again.records(1, 1, 99) == [link.record for link in log.span(1, 64)]
    assert again.outgoing() == [item]
    assert again.recovered is None
    again.close()


def test_newer_file_is_refused_and_unchanged(path: Path, store: SqliteLocalStore) -> None:
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LocalStoreError, match="newer program") as error:
        SqliteLocalStore(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_older_file_is_migrated_step_by_step(path: Path, store: SqliteLocalStore) -> None:
    item = store.add_outgoing(key(1), message(1), 5)
    store.close()
    newer = (
        *STEPS,
        ("CREATE TABLE extra (a INTEGER)", "INSERT INTO extra VALUES (1)"),
        ("UPDATE extra SET a = a + 1",),
    )
    connection = sqlite3.connect(path, isolation_level=None)
    for _ in range(2):
        migrate(connection, newer)
        assert connection.execute("SELECT a FROM extra").fetchall() == [(2,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("DROP TABLE extra")
    connection.close()
    again = SqliteLocalStore(path)
    assert again.outgoing() == [item]
    again.close()


def test_failed_migration_changes_nothing(path: Path, store: SqliteLocalStore) -> None:
    store.close()
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*STEPS, ("CREATE TABLE extra (a INTEGER)", "nonsense")))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
    connection.close()


def test_locked_file_is_reported_and_usable_later(path: Path, store: SqliteLocalStore) -> None:
    short_timeout = SqliteLocalStore(path, busy_timeout=0.05)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalStoreError, match="locked"):
        short_timeout.add_outgoing(key(1), message(1), 5)
    assert short_timeout.outgoing() == []
    blocker.execute("ROLLBACK")
    blocker.close()
    short_timeout.add_outgoing(key(1), message(1), 5)
    assert len(store.outgoing()) == 1
    short_timeout.close()


def test_invalid_path_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalStoreError):
        SqliteLocalStore(tmp_path / "file" / "log.sqlite")


def test_threads_may_share_a_store(store: SqliteLocalStore) -> None:
    def add(run: int) -> None:
        for n in range(1, 26):
            store.add_outgoing(key(n, run=run), message(n, run=run), n)

    threads = [threading.Thread(target=add, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = store.outgoing()
    assert len(items) == 100
    for run in range(4):
        assert [item.key.n for item in items if item.key.run == run] == list(range(1, 26))


def test_opening_a_room_costs_the_same_for_a_long_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in steps of SQLite's virtual machine; the seconds are measured by the benchmark of history."""
    steps = [opening_steps(tmp_path / f"{count}", count, monkeypatch) for count in (500, 20_000)]
    assert 400 < steps[1] <= steps[0] * 1.1


def opening_steps(path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """For the last 400 lines of a room of `count`, from a file that was just opened."""
    log = Log().fill(count)
    store = SqliteLocalStore(path)
    store.start_span(1, 0, GENESIS)
    for first in range(1, count + 1, 500):
        store.append(1, log.span(first, first + 499), log.head(first + 499))
    store.close()
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connect = sqlite3.connect

    def counting(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_progress_handler(step, 1)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counting)
        store = SqliteLocalStore(path)
        span = store.span(1)
        assert span
        records = store.records(1, span.cursor - 399, span.cursor)
        counted = steps
        store.close()
    assert records == [link.record for link in log.span(count - 399, count)]
    return counted
