"""Sessions that ask and read nothing, in a small form; `python -m tests.attacks unread` does it in full."""

from collections.abc import Iterator

import pytest

from tests.attacks import unread
from tests.attacks.tapped import Tapped
from tests.support.procs import ServerProcess

Full = tuple[ServerProcess, Tapped]


@pytest.fixture(autouse=True)
def limits_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "ANSWER_MAX", 20.0)
    monkeypatch.setattr(unread, "LOG_IN_MAX", 20.0)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    with unread.full(tmp_path_factory.mktemp("full"), unread.Contents(rooms=60, people=11, texts=45)) as full:
        yield full


LARGEST = [draw for draw in unread.DRAWS if draw.name in ("searches", "pages of history", "repairs", "live messages")]


@pytest.mark.parametrize("draw", LARGEST, ids=lambda draw: draw.name)
def test_what_waits_for_one_member_is_bounded(full: Full, draw: unread.Draw) -> None:
    outcome = unread.of_one_member(*full, draw, 1.0)
    assert outcome.attempts >= unread.ROUNDS_MIN
    assert not outcome.faults


def test_search_for_what_was_edited_often_is_answered_in_bounds(full: Full) -> None:
    outcome = unread.edits(*full, seconds=2.0, one=True)
    assert outcome.attempts >= unread.ROUNDS_MIN * unread.SESSIONS
    assert not outcome.faults


def test_who_reads_is_served_beside_sessions_that_do_not(full: Full) -> None:
    """More sessions than half of the budget has room for."""
    outcome = unread.of_a_crowd(*full, accounts=32, seconds=2.0)
    assert not outcome.faults


def test_frames_without_their_end_take_little_memory(full: Full) -> None:
    assert unread.half_frames(*full, accounts=20).faults == []
