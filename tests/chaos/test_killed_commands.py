"""`init-db`, `restore` and `backup` that are killed before one of their statements, or whose disk fails: repeating the
command completes it, and nothing that was there is lost. Restores into SQLite, at each step on the disk:
test_killed_restore.py."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from lanchat_server import key_swap
from lanchat_server.backup import backup, backup_at_rest, restore
from lanchat_server.core.ports import StoreError
from lanchat_server.initdb import init_db
from lanchat_server.store import claiming, open_store
from tests.chaos.test_killed_restore import KEYS, in_child, make_server
from tests.chaos.test_killed_restore import kill_at as kill_at_disk
from tests.support.mariadb import MariaDB
from tests.support.stores import added

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
# Statements that make the tables of MariaDB are slow, and each commits: some of them, spread over the whole.
STRIDE = 13
STEPS_MAX = 400


def kill_at(step: int) -> None:
    """From now on this process dies before the given statement of a database (0: the first)."""
    left = step

    def count(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)


def users(url: str | None, folder: Path) -> list[str]:
    store = open_store(url, folder)
    key_swap.settle(folder / "keys", store.log)
    found = [row.name for row in store.snapshot().users]
    store.close()
    return found


def keys(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "keys").iterdir()}


def each_step(work: Callable[[int, Path], Any], folder: Path, stride: int, after: Callable[[int, Path], None]) -> int:
    """Kills `work` at every `stride`-th step, and looks each time; returns how often it was killed."""
    for number, step in enumerate(range(0, STEPS_MAX, stride)):
        place = folder / f"killed{step}"
        lived = in_child(lambda step=step, place=place: work(step, place))  # type: ignore[misc]
        after(step, place)
        if lived:
            return number
    raise AssertionError("it never ends")


def begin(step: int, place: Path) -> None:
    kill_at(step)
    init_db(None, None, place)


def complete(step: int, place: Path) -> None:
    init_db(None, None, place)
    store = open_store(None, place)
    assert [row.name for row in store.snapshot().rooms] == ["general"], step
    store.close()


def test_an_init_db_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    assert each_step(begin, tmp_path, 3, complete) > 8


@pytest.mark.mariadb
@pytest.mark.timeout(180)
def test_an_init_db_of_mariadb_that_was_killed_is_completed_by_the_next(mariadb: MariaDB, tmp_path: Path) -> None:
    names: list[str] = []

    def work(step: int, place: Path) -> None:
        place.mkdir()
        kill_at(step)
        init_db(mariadb.url(f"killed_init_{step}", "chat", "secret"), mariadb.url(), place)

    def look(step: int, place: Path) -> None:
        names.append(f"killed_init_{step}")
        url = mariadb.url(names[-1], "chat", "secret")
        init_db(url, mariadb.url(), place)
        store = open_store(url, place)
        assert [row.name for row in store.snapshot().rooms] == ["general"], step
        store.close()

    try:
        assert each_step(work, tmp_path, STRIDE, look) > 3
    finally:
        for name in names:
            mariadb.execute(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.mark.mariadb
@pytest.mark.timeout(180)
def test_a_restore_into_mariadb_that_was_killed_leaves_one_state(
    mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The next one has to see that the one that was killed does not renew the lease.
    monkeypatch.setattr(claiming, "LEASE_LIFETIME", 0.6)
    make_server(tmp_path / "source", "Anna")
    store = open_store(None, tmp_path / "source")
    backup(tmp_path / "a.backup", store, tmp_path / "source" / "keys")
    store.close()
    folder = tmp_path / "target"
    (folder / "keys").mkdir(parents=True)
    for name in KEYS:
        (folder / "keys" / name).write_text(f"Boris's {name}")
    store = open_store(mariadb_url, folder)
    store.take_lease("test", 1)
    added(store, "Boris")
    store.close()

    def work(step: int, place: Path) -> None:
        kill_at(step)
        restore(tmp_path / "a.backup", mariadb_url, folder, force=True)

    def look(step: int, place: Path) -> None:
        found = users(mariadb_url, folder)
        assert found in (["Anna"], ["Boris"]), step
        assert keys(folder) == {name: f"{found[0]}'s {name}" for name in KEYS}, step

    assert each_step(work, tmp_path, 5, look) > 5
    assert users(mariadb_url, folder) == ["Anna"]


def test_a_backup_that_was_killed_leaves_the_last_one(tmp_path: Path) -> None:
    folder, file = tmp_path / "server", tmp_path / "a.backup"
    make_server(folder, "Anna")
    backup_at_rest(file, None, folder)
    before = file.read_bytes()

    def work(step: int, place: Path) -> None:
        kill_at_disk(step)
        backup_at_rest(file, None, folder)

    def look(step: int, place: Path) -> None:
        restore(file, None, tmp_path / f"restored{step}")
        assert users(None, tmp_path / f"restored{step}") == ["Anna"]
        assert users(None, folder) == ["Anna"]

    assert each_step(work, tmp_path, 1, look) > 2
    assert file.read_bytes() != before


@pytest.mark.parametrize("name", ["fsync", "rename", "replace"])
def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each call of it once: keys and database belong together afterwards."""
    make_server(tmp_path / "source", "Anna")
    backup_at_rest(tmp_path / "a.backup", None, tmp_path / "source")
    original = getattr(os, name)
    for call in range(1, 30):
        folder = tmp_path / f"target{call}"
        make_server(folder, "Boris")
        left = call

        def fail(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(5, os.strerror(5))
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, fail)
        with contextlib.suppress(StoreError, OSError):
            restore(tmp_path / "a.backup", None, folder, force=True)
        monkeypatch.setattr(os, name, original)
        found = users(None, folder)
        assert found in (["Anna"], ["Boris"]), call
        assert keys(folder) == {key: f"{found[0]}'s {key}" for key in KEYS}, call
        if left > 0:
            break
    assert left > 0
