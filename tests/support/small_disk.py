"""A disk of one megabyte that can be filled, or made read-only, and put right again. Linux and root only."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a small disk")


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mounted at `folder`, which is made; skips the test where that is not allowed."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def make_room(disk: Path) -> None:
    """It can be written again."""
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    (disk / "filling").unlink(missing_ok=True)
