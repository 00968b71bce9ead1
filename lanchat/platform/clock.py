"""The clocks of this computer, as a value that is handed to what needs them."""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

# How early an event loop may call a timer, in seconds: a step of its clock (16 ms on Windows, 1 ns on Linux), and what
# adding and comparing such times may be wrong by.
TIMER_EARLY = time.get_clock_info("monotonic").resolution + 1e-6


def wall_ms() -> int:
    """Milliseconds UTC, above 0 also where the clock stands before 1970; somebody may set this clock."""
    return max(1, time.time_ns() // 1_000_000)


def steady_ms() -> int:
    """Milliseconds of a clock that nobody sets; on Linux those in which the computer slept count as well."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return time.monotonic_ns() // 1_000_000


class Clock(NamedTuple):
    """Both clocks of a computer, in milliseconds; this computer's unless others are handed in."""

    wall_ms: Callable[[], int] = wall_ms
    steady_ms: Callable[[], int] = steady_ms


SYSTEM_CLOCK = Clock()
