"""Locks between processes: one holder, released explicitly or by the death of the holder, on a file that stays."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lanchat.platform.disk import file_lock
from lanchat.platform.disk.file_lock import FileLock, FileLockedError
from tests.support.child import Child

ROOT = Path(__file__).parents[3]

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from lanchat.platform.disk.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) if sys.argv[2:] else None
print("held", child and child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def hold(path: Path, *more: str) -> Child:
    child = Child([sys.executable, "-c", HOLDER, str(path), *more], cwd=ROOT)
    child.wait_for_line(lambda line: line.startswith("held"), 60, "the lock")
    return child


def test_second_lock_in_the_same_process_is_refused(path: Path) -> None:
    first = FileLock(path)
    with pytest.raises(FileLockedError):
        FileLock(path)
    first.release()
    FileLock(path).release()


def test_lock_of_another_process_is_refused_until_it_is_killed(path: Path) -> None:
    child = hold(path)
    try:
        with pytest.raises(FileLockedError):
            FileLock(path, timeout=0.05)
    finally:
        child.kill()
    FileLock(path, timeout=60).release()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by its number")
def test_started_program_does_not_inherit_the_lock(path: Path) -> None:
    child = hold(path, "with a child")
    grandchild = int(child.stdout[0].split()[1])
    try:
        child.kill()
        FileLock(path, timeout=60).release()
        os.kill(grandchild, 0)  # it lives
    finally:
        os.kill(grandchild, 9)


def test_waits_for_the_holder_to_release(path: Path) -> None:
    first = FileLock(path)
    waiter = threading.Thread(target=lambda: FileLock(path, timeout=600).release())
    waiter.start()
    first.release()
    waiter.join(60)
    assert not waiter.is_alive()


def test_file_stays_and_keeps_its_content(path: Path) -> None:
    path.write_bytes(b"x")
    lock = FileLock(path)
    assert os.listdir(path.parent) == ["lock"]
    lock.release()
    assert path.read_bytes() == b"x"
    assert os.listdir(path.parent) == ["lock"]


def test_release_twice_closes_nothing_else(path: Path) -> None:
    lock = FileLock(path)
    lock.release()
    other = os.open(path, os.O_RDWR)  # gets the descriptor's number
    lock.release()
    os.fstat(other)
    os.close(other)


def test_file_system_without_locks_is_an_error_and_no_contention(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lock_descriptor(descriptor: int, *, blocking: bool) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(file_lock, "lock_descriptor", lock_descriptor)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        FileLock(path, timeout=600)
    monkeypatch.undo()
    FileLock(path).release()


@pytest.mark.skipif(sys.platform == "win32", reason="flock is of POSIX")
def test_contends_with_programs_that_use_flock(path: Path) -> None:
    """Versions of the program that locked without the library keep this one out, and the other way round."""
    lock = FileLock(path)
    held = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = [sys.executable, "-c", held, str(path)]
    assert b"BlockingIOError" in subprocess.run(command, stderr=subprocess.PIPE, check=False).stderr
    lock.release()
    assert subprocess.run(command, check=False).returncode == 0
