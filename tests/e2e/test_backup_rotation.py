"""Backups that are kept by the dozen: by the command and by the server itself, and what a restore says first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_cli_server import error_line, run_command
from tests.support.leaks import guard
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment
from tests.support.small_disk import fill, needs_root, small_disk
from tests.support.waiting import patient, wait_until

OLD = [f"lanchat-2020010{day}-030000-00ff.backup" for day in (1, 2, 3)]
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


def backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir(mode=0o700)
    for name in (*OLD, "mine.txt"):
        (tmp_path / "kept" / name).write_text(name)
    return tmp_path / "kept"


def add(data: Path, user: str) -> None:
    done = run_command(data, "users", "add", user, env=PASSWORD)
    assert done.returncode == 0, done.stderr


def test_backup_into_a_folder_keeps_the_newest(tmp_path: Path, folder: Path) -> None:
    add(tmp_path, "anna")
    done = run_command(tmp_path, "backup", "--to", str(folder), "--keep", "2", "--json")
    [made] = json_lines(done.stdout)
    new = Path(made["file"])
    assert backups(folder) == [OLD[2], new.name, "mine.txt"]
    assert new.stat().st_mode & 0o777 == 0o600
    assert run_command(tmp_path / "new", "restore", str(new)).returncode == 0


@pytest.mark.parametrize("args", [[], ["--keep", "2"], ["file", "--to", "folder"], ["file", "--keep", "2"]])
def test_backup_wants_a_file_or_a_folder(tmp_path: Path, args: list[str]) -> None:
    assert "--to" in error_line(run_command(tmp_path, "backup", *args), 2)


@needs_root
def test_full_disk_leaves_the_older_backups(tmp_path: Path) -> None:
    add(tmp_path, "anna")
    with small_disk(tmp_path / "small") as disk:
        (disk / OLD[0]).write_text("old")
        fill(disk)
        line = error_line(run_command(tmp_path, "backup", "--to", str(disk), "--keep", "1"))
        assert "No space left" in line
        assert backups(disk) == ["filling", OLD[0]]


def test_running_server_makes_the_backup_of_the_night(tmp_path: Path, folder: Path) -> None:
    options = ["--backup-folder", str(folder), "--backup-keep", "2", "--backup-time", "03:00"]
    add(tmp_path, "anna")
    with ServerProcess(tmp_path / "data", extra=options) as server:
        wait_until(lambda: not (folder / OLD[1]).exists(), patient(30), "the older ones are rotated")
        made = backups(folder)
        assert (made[0], made[2], len(made)) == (OLD[2], "mine.txt", 3)
        assert server.stop() == 0
    with ServerProcess(tmp_path / "data", extra=options) as server:
        assert server.stop() == 0
    assert backups(folder) == made  # it had been made since the last time that the clock said three
    assert run_command(tmp_path / "new", "restore", str(folder / made[1])).returncode == 0


def test_bad_time_of_day_is_refused(tmp_path: Path) -> None:
    assert "a time of day such as 03:00" in error_line(run_command(tmp_path, "run", "--backup-time", "25:00"), 2)


# --- What a restore says ----------------------------------------------------------------------------------------------


def answered(data: Path, answer: bytes, *args: str) -> tuple[int, str]:
    """A command in a terminal, where a person types this; its exit code and all that the terminal showed."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal", exc_type=ImportError)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lanchat_server", "--data-dir", str(data / "data"), *args]
    child = subprocess.Popen(
        command, env=plain_environment(data), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    os.write(ours, answer)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the terminal was closed
        pass
    os.close(ours)
    guard.text("a command in a terminal", shown.decode())
    return child.wait(patient(30)), shown.decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A backup with one account; the server has two by now."""
    add(tmp_path, "anna")
    assert run_command(tmp_path, "backup", str(tmp_path / "a.backup")).returncode == 0
    add(tmp_path, "boris")
    return tmp_path / "a.backup"


def names(data: Path) -> list[str]:
    return [row["name"] for row in json_lines(run_command(data, "users", "list", "--json").stdout)]


def test_restore_says_what_it_replaces_and_asks(tmp_path: Path, file: Path) -> None:
    code, shown = answered(tmp_path, b"no\n", "restore", str(file))
    assert code == 1
    assert f"{file}: 1 account, 0 messages, made 20" in shown
    assert "lanchat.sqlite3 now: 2 accounts, 0 messages" in shown
    assert "Replace what is there? [yes/no]" in shown
    assert "Nothing was restored" in shown
    assert names(tmp_path) == ["anna", "boris"]
    code, _shown = answered(tmp_path, b"yes\n", "restore", str(file))
    assert code == 0
    assert names(tmp_path) == ["anna"]


def test_restore_with_yes_asks_nobody(tmp_path: Path, file: Path) -> None:
    assert "--force" in error_line(run_command(tmp_path, "restore", str(file)))
    done = run_command(tmp_path, "restore", str(file), "--yes")
    assert done.returncode == 0, done.stderr
    assert "2 accounts" in done.stderr
    assert names(tmp_path) == ["anna"]


def test_restore_into_nothing_does_not_ask(tmp_path: Path, file: Path) -> None:
    code, shown = answered(tmp_path / "new", b"", "restore", str(file))
    assert (code, "Replace" in shown) == (0, False)
    assert "is empty" in shown
