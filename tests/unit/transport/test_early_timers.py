"""Timers that the event loop calls a step of its clock early (Windows: 16 ms) are handled at once, on both sides."""

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lanchat.platform import clock
from lanchat.transport import driver
from lanchat.transport.driver import Driver
from lanchat_server.service import step
from lanchat_server.service.step import CoreDriver

WINDOWS_STEP = 0.015625


class Core:
    """Has one timer; `handled` are the times that it was told."""

    def __init__(self, due: float) -> None:
        self.due = due
        self.handled: list[float] = []

    def timer(self) -> float:
        return self.due

    def handle_timer(self, now: float) -> None:
        self.handled.append(now)

    def next_batch(self, _now: float) -> None: ...

    def take_outputs(self) -> list[Any]:
        return []


def tick(core: Core, now: float) -> None:
    Driver._tick(cast(Any, SimpleNamespace(core=core, now=lambda: now, pump=lambda: None)))


def test_the_clock_step_is_that_of_the_event_loop() -> None:
    assert time.get_clock_info("monotonic").resolution < clock.TIMER_EARLY < 0.1


@pytest.mark.parametrize("early", [0.0, 0.004, WINDOWS_STEP])
def test_the_client_handles_a_timer_within_a_clock_step(monkeypatch: pytest.MonkeyPatch, early: float) -> None:
    monkeypatch.setattr(driver, "TIMER_EARLY", WINDOWS_STEP)
    core = Core(100.0)
    tick(core, 100.0 - early)
    assert core.handled == [100.0]


def test_the_client_leaves_a_timer_that_is_further_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TIMER_EARLY", WINDOWS_STEP)
    core = Core(100.0)
    tick(core, 99.9)
    assert core.handled == [99.9]


@pytest.mark.parametrize(("early", "handled"), [(0.0, [100.0]), (WINDOWS_STEP, [100.0]), (0.1, [])])
def test_the_server_handles_a_timer_within_a_clock_step(
    monkeypatch: pytest.MonkeyPatch, early: float, handled: list[float]
) -> None:
    monkeypatch.setattr(step, "TIMER_EARLY", WINDOWS_STEP)
    core = Core(100.0)
    context = SimpleNamespace(directory=SimpleNamespace(stated=[]))
    server = SimpleNamespace(_now=lambda: 100.0 - early, _core=core, _closed=False, _arm=lambda: None, _context=context)
    CoreDriver.step(cast(Any, server))
    assert core.handled == handled
