"""Waiting with a time limit: no test waits without one, and none sleeps for a guessed time.

Limits are written for a computer that has nothing else to do; `patient` makes them long enough for one that is busy.
They end a test that hangs and measure nothing: what waits returns as soon as it has what it waits for.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# How much longer than on an idle computer anything may take.
PATIENCE = 6.0


def patient(seconds: float) -> float:
    """A time limit, in seconds, that also holds while other programs keep the processors busy."""
    return seconds * PATIENCE


def wait_until(probe: Callable[[], T], timeout: float, what: str, interval: float = 0.02) -> T:
    """Calls `probe` until it returns something true and returns that.

    `timeout` (see `patient`) and `interval` in seconds. Raises TimeoutError that names `what`; the probe runs at least
    twice, the last time after the limit, so that a busy computer does not fail a test that was done in time.
    """
    deadline = time.monotonic() + patient(timeout)
    while True:
        late = time.monotonic() >= deadline
        if found := probe():
            return found
        if late:
            raise TimeoutError(f"{what}: not within {patient(timeout):g} s")
        time.sleep(interval)
