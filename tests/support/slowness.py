"""How slow this computer is at the moment, for tests that bound processor time.

Processor time does not count what other programs take, but it grows with what they do to caches and shared cores, and
with the hour on a virtual machine: the work below took 4.5 to 11 ms within one afternoon.
"""

import time
from statistics import median

_TIMES = 7
# An estimate, as the work was not measured when the limits were: it takes some 90 times as long as the check of an
# Ed25519 signature, which took 43 µs then.
_USUAL = 0.004


def slowness() -> float:
    """Times longer than usual that a fixed piece of work takes now; 1 at least."""
    return max(1.0, median(_spent() for _ in range(_TIMES)) / _USUAL)


def _spent() -> float:
    began = time.process_time()
    found = {str(number): number * number % 7 for number in range(20_000)}
    sorted(found)
    return time.process_time() - began
