"""What is read off a running process, and how figures of several rounds become one.

Processor time is that of the whole process, user and system together, with the kernel's own resolution (nanoseconds;
`/proc/<pid>/stat` counts in steps of 10 ms, too coarse for a quiet server).
"""

import contextlib
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Linux: the clock of a process's processor time, made of its id (clock_getcpuclockid(3)).
_PROCESS_CLOCK = 2


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


def memory_mib(pid: int) -> float:
    """Resident memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the least and the greatest of them."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed; not a number without values."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "kernel": os.uname().release,
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _memory() -> str:
    kib = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1])
    return f"{kib / (1 << 20):.0f} GiB"
