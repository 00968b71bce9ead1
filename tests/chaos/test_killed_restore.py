"""A restore that is killed at each of its steps on the disk: afterwards keys and database are both the old ones or both
those of the backup."""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat_server.maintenance import key_swap
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.store import open_store
from tests.chaos.commands import run_in_child
from tests.support.stores import added

KEYS = ("identity.crt", "identity.key", "log.key")
# What changes folders; writing into a file that nobody reads yet is no step of its own.
STEPS = frozenset(("os.rename", "os.remove", "os.rmdir", "os.mkdir"))
STEPS_MAX = 200


def make_server(folder: Path, user: str) -> None:
    """A database with one user and keys with his name in them."""
    (folder / "keys").mkdir(parents=True)
    for name in KEYS:
        (folder / "keys" / name).write_text(f"{user}'s {name}")
    store = open_store(None, folder)
    store.take_lease("test", 1)
    added(store, user)
    store.close()


def kill_at(step: int) -> None:
    """From now on this process dies before the given step (0: the first)."""
    left = step

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS or (event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(count)


def users_and_keys(folder: Path) -> tuple[list[str], dict[str, str]]:
    """What a start finds: the users, and the keys' files."""
    store = open_store(None, folder)
    key_swap.settle(folder / "keys", store.log)
    users = [row.name for row in store.snapshot().users]
    store.close()
    files = (folder / "keys").iterdir() if (folder / "keys").is_dir() else []
    return users, {path.name: path.read_text() for path in files}


def expected_users_and_keys(user: str) -> tuple[list[str], dict[str, str]]:
    return [user], {name: f"{user}'s {name}" for name in KEYS}


@pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
@pytest.mark.parametrize("occupied", [True, False], ids=["replacing", "new"])
def test_killed_restore_keeps_keys_and_database_consistent(tmp_path: Path, occupied: bool) -> None:
    make_server(tmp_path / "source", "Anna")
    store = open_store(None, tmp_path / "source")
    backup(tmp_path / "a.backup", store, tmp_path / "source" / "keys")
    store.close()
    if occupied:
        make_server(tmp_path / "target", "Boris")
    else:
        (tmp_path / "target").mkdir()
        open_store(None, tmp_path / "target").close()
    before = expected_users_and_keys("Boris") if occupied else ([], {})
    found = []
    for step in range(STEPS_MAX):
        folder = tmp_path / f"killed{step}"
        shutil.copytree(tmp_path / "target", folder)

        def work(folder: Path = folder, step: int = step) -> None:
            kill_at(step)
            restore(tmp_path / "a.backup", None, folder, force=True)

        lived = run_in_child(work)
        found.append(users_and_keys(folder))
        assert found[-1] in (before, expected_users_and_keys("Anna")), f"killed before step {step}"
        assert sorted(path.name for path in folder.iterdir() if path.name.startswith("keys")) in (["keys"], [])
        if lived:
            break
    assert found[0] == before
    assert found[-1] == found[-2] == expected_users_and_keys("Anna")
    assert len(found) > 8
