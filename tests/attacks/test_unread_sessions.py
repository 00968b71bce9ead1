"""Sessions that send requests and do not read, in a small form; `python -m tests.attacks unread` runs it in full."""

from collections.abc import Iterator

import pytest

from tests.attacks import unread
from tests.attacks.recording_client import RecordingClient
from tests.support.procs import ServerProcess

FullServer = tuple[ServerProcess, RecordingClient]


@pytest.fixture(autouse=True)
def relaxed_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "ANSWER_MAX", 20.0)
    monkeypatch.setattr(unread, "LOG_IN_MAX", 20.0)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FullServer]:
    with unread.full_server(tmp_path_factory.mktemp("full"), unread.Contents(rooms=60, people=11, texts=45)) as full:
        yield full


LARGEST = [
    draw for draw in unread.REQUEST_KINDS if draw.name in ("searches", "pages of history", "repairs", "live messages")
]


@pytest.mark.parametrize("draw", LARGEST, ids=lambda draw: draw.name)
def test_pending_octets_of_one_member_are_bounded(full: FullServer, draw: unread.RequestKind) -> None:
    outcome = unread.flood_of_one_member(*full, draw, 1.0)
    assert outcome.attempts >= unread.ROUNDS_MIN
    assert not outcome.faults


def test_search_hits_with_many_edits_are_bounded(full: FullServer) -> None:
    outcome = unread.flood_of_edits(*full, seconds=2.0, one=True)
    assert outcome.attempts >= unread.ROUNDS_MIN * unread.SESSIONS
    assert not outcome.faults


def test_serves_reading_sessions_while_others_stop_reading(full: FullServer) -> None:
    """More sessions than half of the budget has room for."""
    outcome = unread.flood_of_many_accounts(*full, accounts=32, seconds=2.0)
    assert not outcome.faults


def test_incomplete_frames_use_bounded_memory(full: FullServer) -> None:
    assert unread.incomplete_frames(*full, accounts=20).faults == []
