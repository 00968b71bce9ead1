"""Temporary folders in memory, where there is enough of it.

Servers and clients under test wait for the disk at each commit, and a database server some hundred times while it makes
its tables. No test ends the computer, so nothing that it checks depends on what is on a disk: a process that is killed
leaves the same files in memory. A test that fills a disk mounts one of its own (`small_disk.py`).
"""

import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
# Octets that the file system must have room for, and the computer free besides: four workers, each with a database
# server of 150 MiB, leave less than a quarter of it in files.
_ROOM_MIN = 4 << 30
_AVAILABLE_MIN = 8 << 30


def use_memory_folder(memory: Path = _MEMORY, available: int | None = None) -> bool:
    """Makes `memory` the folder for temporary files of this process and of all that it starts; returns whether it is.

    Not when the environment names one (`TMPDIR`), and not where programs may not be started from it, as tests do.
    `available`: octets of memory that are free, for tests.
    """
    if "TMPDIR" in os.environ or not (memory.is_dir() and os.access(memory, os.W_OK)):
        return False
    system = os.statvfs(memory)
    if system.f_flag & os.ST_NOEXEC or system.f_bavail * system.f_frsize < _ROOM_MIN:
        return False
    if (_available() if available is None else available) < _AVAILABLE_MIN:
        return False
    os.environ["TMPDIR"] = str(memory)
    tempfile.tempdir = None  # forgets what was found before
    return True


def _available() -> int:
    """Octets of memory that programs may still take; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
