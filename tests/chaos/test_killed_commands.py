"""Commands that are killed at some of their steps, or whose disk fails: repeating the command completes it, and nothing
that was there is lost. All steps: `python -m tests.chaos commands`; restores into SQLite, at each step on the disk:
test_killed_restore.py."""

import contextlib
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from lanchat.platform.disk.files import create_private
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import key_swap
from lanchat_server.maintenance.backup import backup_at_rest, restore
from lanchat_server.store import open_store
from tests.chaos.commands import COMMANDS, Command, killed
from tests.chaos.test_killed_restore import KEYS, make_server
from tests.support.mariadb import MariaDB

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
# Steps are many, and those that make the tables of MariaDB are slow: some of them, spread over the whole.
STRIDE, STRIDE_MARIADB = 17, 43

each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "_"))


@each_command
def test_killed_command_is_atomic_and_can_be_repeated(tmp_path: Path, command: Command) -> None:
    result = killed(command, tmp_path, None, STRIDE)
    assert result.faults == []
    assert result.kills > 1


@pytest.mark.mariadb
@pytest.mark.timeout(180)
@each_command
def test_killed_command_on_mariadb_is_atomic_and_can_be_repeated(
    tmp_path: Path, command: Command, mariadb: MariaDB
) -> None:
    result = killed(command, tmp_path, mariadb, STRIDE_MARIADB)
    assert result.faults == []
    assert result.kills > 0


def test_planted_early_key_replacement_is_detected(tmp_path: Path) -> None:
    """A planted fault shows that these tests can fail."""

    def stage(keys: Path, log: Any, files: Any) -> None:
        keys.mkdir(mode=0o700, exist_ok=True)
        for name, content in files:
            (keys / name).unlink(missing_ok=True)
            create_private(keys / name, content)

    command = next(command for command in COMMANDS if command.name == "restore over another one")
    with patch.object(key_swap, "stage", stage):
        assert killed(command, tmp_path, None, 2).faults


def user_names(url: str | None, folder: Path) -> list[str]:
    store = open_store(url, folder)
    key_swap.settle(folder / "keys", store.log)
    found = [row.name for row in store.snapshot().users]
    store.close()
    return found


def keys(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "keys").iterdir()}


@pytest.mark.parametrize("name", ["fsync", "rename", "replace"])
def test_disk_errors_during_restore_keep_keys_and_database_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
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
        found = user_names(None, folder)
        assert found in (["Anna"], ["Boris"]), call
        assert keys(folder) == {key: f"{found[0]}'s {key}" for key in KEYS}, call
        if left > 0:
            break
    assert left > 0
