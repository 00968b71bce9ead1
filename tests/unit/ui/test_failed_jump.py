"""A jump to a message that cannot be loaded is reported, and the view keeps its lines."""

from typing import Any

import pytest

from lanchat.app.api import CommandError, ErrorKind
from lanchat.protocol.problems import Problem
from tests.support.ui_desk import Workbench

REASON = "Not everything could be loaded in time"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A room of 2,000 messages, of which only the newest can be loaded."""
    bench = Workbench(lines=2000)
    bench.log_in()

    def fail(command: Any) -> None:
        raise CommandError(ErrorKind.TIMEOUT, Problem.NOT_ALL_LOADED)

    monkeypatch.setattr(bench.engine, "_do_LoadLinesFrom", fail)
    return bench


def test_failed_jump_is_reported_and_keeps_the_view(bench: Workbench) -> None:
    before = bench.texts()
    bench.chat.jump_to(1, 500)
    bench.run()
    assert bench.model.notices == [REASON]
    assert bench.texts() == before


def test_failed_jump_into_another_room_shows_its_end(bench: Workbench) -> None:
    bench.chat.jump_to(2, 1)
    bench.run()
    assert bench.model.notices == [REASON]
    assert bench.model.current == 2
    assert len(bench.texts()) == 3
