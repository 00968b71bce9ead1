"""How slow this computer is at the moment, for tests that bound processor time.

Processor time does not count what other programs take, but it grows with what they do to caches and shared cores, and
with the hour on a rented machine: the same piece of work took 4 ms one day and 9 on another.
"""

import time
from statistics import median

_TIMES = 7
# What the work below takes on the machine that the limits were taken on.
_USUAL = 0.004


def slowness() -> float:
    """Times longer than usual that a fixed piece of work takes now; 1 at least."""
    return max(1.0, median(_spent() for _ in range(_TIMES)) / _USUAL)


def _spent() -> float:
    began = time.process_time()
    found = {str(number): number * number % 7 for number in range(20_000)}
    sorted(found)
    return time.process_time() - began
