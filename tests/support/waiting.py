"""Waiting with a time limit: no test waits without one, and none sleeps for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(probe: Callable[[], T], timeout: float, what: str, interval: float = 0.02) -> T:
    """Calls `probe` until it returns something true and returns that.

    `timeout` and `interval` in seconds. Raises TimeoutError that names `what`; the probe runs at least twice,
    the last time after the limit, so that a busy computer does not fail a test that was done in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        late = time.monotonic() >= deadline
        if found := probe():
            return found
        if late:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)
