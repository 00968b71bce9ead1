"""What is read off a running process and the machine.

Processor time is that of the whole process, user and system together, with the kernel's own resolution (nanoseconds;
`/proc/<pid>/stat` counts in steps of 10 ms, too coarse for a quiet server).
"""

import contextlib
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import lanchat
from tests.support.slowness import slowness

# Linux: the clock of a process's processor time, made of its id (clock_getcpuclockid(3)).
_PROCESS_CLOCK = 2
# Slower than usual by so much is said beside the figures.
_WORTH_SAYING = 1.25


def cpu_seconds(pid: int) -> float:
    """Processor time that the process has used so far, all threads, also ended ones."""
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def waited_seconds(pid: int) -> float:
    """How long its threads were ready to run and no processor was free (Documentation/scheduler/sched-stats)."""
    waited = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            waited += int((thread / "schedstat").read_text().split()[1])
    return waited / 1e9


def two_cores() -> tuple[int, int]:
    """One for a server, another for its clients; the same where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def pin(pid: int, core: int) -> None:
    """Keep a process on one core: all of its threads, and those that they start."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {core})


def memory_mib(pid: int) -> float:
    """Resident memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def fdatasync_ms(times: int = 50) -> float:
    """Median time in which 4 KiB at the end of a file are on the disk; it changes within minutes."""
    spent = []
    with tempfile.TemporaryFile(prefix="lanchat-bench-", buffering=0) as file:
        for _ in range(times):
            file.write(os.urandom(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def machine() -> dict[str, str]:
    """What figures are taken on, and with which versions."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "kernel": os.uname().release,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "MariaDB": _version("mariadbd", "--no-defaults", "--version"),
        "ngircd": _version("ngircd", "--version"),
        "mosquitto": _version("mosquitto", "-h"),
        "LAN Chat": lanchat.__version__,
    }


def program(name: str) -> str | None:
    """Where a server's program is: Debian keeps them off the path of ordinary users."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def today() -> str:
    """The day, and how slow the computer is on it: on a virtual one that differs."""
    day, slow = datetime.now(UTC).strftime("%Y-%m-%d"), slowness()
    return f"{day}, a computer {slow:.1f} × slower than usual" if slow > _WORTH_SAYING else day


def _version(name: str, *options: str) -> str:
    found = program(name)
    if found is None:
        return "not installed"
    told = subprocess.run([found, *options], capture_output=True, text=True, timeout=10).stdout
    match = re.search(r"\d+\.\d+(\.\d+)?", told)
    return match[0] if match else "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _memory() -> str:
    kib = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1])
    return f"{kib / (1 << 20):.0f} GiB"
