"""The allowance of one day, as one number that survives a restart."""

import pytest

from lanchat_server.core.limits import allowance
from lanchat_server.core.limits.allowance import DAY_US

NOON_MS = 1_700_000_000_000
DAY_MS = DAY_US // 1000


def take(free_us: int, count: int, most: int, now_ms: int) -> tuple[int, list[float]]:
    waits = []
    for _ in range(count):
        waits.append(allowance.wait(free_us, most, 1, now_ms))
        if not waits[-1]:
            free_us = allowance.after(free_us, most, 1, now_ms)
    return free_us, waits


@pytest.mark.parametrize("most", [1, 3, 7, 100, 100_000])
def test_day_allows_a_burst_and_then_a_steady_rate(most: int) -> None:
    free_us, waits = take(0, most + 1, most, NOON_MS)
    assert waits[:most] == [0] * most
    assert waits[most] == pytest.approx(86_400 / most, rel=1e-3)
    later_ms = NOON_MS + DAY_MS // most + 1
    assert take(free_us, 2, most, later_ms)[1] == [0, pytest.approx(86_400 / most, rel=1e-2)]


def test_request_larger_than_a_day_waits_for_the_whole_allowance() -> None:
    assert allowance.wait(0, 10, 1_000, NOON_MS) == 0
    free_us = allowance.after(0, 10, 1_000, NOON_MS)
    assert allowance.wait(free_us, 10, 1_000, NOON_MS) == 86_400


def test_clock_that_was_years_ahead_blocks_nothing() -> None:
    free_us, _ = take(0, 3, 3, NOON_MS + 3650 * DAY_MS)
    assert allowance.wait(free_us, 3, 1, NOON_MS) == 0
    assert allowance.used(free_us, NOON_MS) == 0


def test_clock_set_back_slightly_frees_no_allowance() -> None:
    free_us, _ = take(0, 3, 3, NOON_MS)
    assert allowance.wait(free_us, 3, 1, NOON_MS - 1_000) > 0
