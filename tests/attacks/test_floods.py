"""Floods in a small form; `python -m tests.attacks floods rowdy slow` does them in full on a quiet machine.
Other tests run on the same processors: asserted are that all messages arrive, that log-ins succeed, and that memory is
bounded.
"""

from pathlib import Path

import pytest

from tests.attacks import floods
from tests.attacks.chat_load import PATIENCE


@pytest.fixture(autouse=True)
def relaxed_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that only a lost message or a failed log-in exceeds."""
    monkeypatch.setattr(floods, "CHAT_P99", PATIENCE)
    monkeypatch.setattr(floods, "SLOWDOWN", 1000.0)
    monkeypatch.setattr(floods, "SLOWDOWN_BY_ALL", 1000.0)
    monkeypatch.setattr(floods, "LOG_IN_MAX", PATIENCE)
    monkeypatch.setattr(floods, "LOG_IN_PATIENCE", PATIENCE / 10)


@pytest.mark.parametrize(("kind", "count"), [("noise", 2_000), ("mute", 600)])
def test_unauthenticated_flood_blocks_neither_chat_nor_logins(tmp_path: Path, kind: str, count: int) -> None:
    outcome = floods.unauthenticated_flood(tmp_path, kind, count, seconds=0.8, rounds=1, log_in=2)
    assert outcome.attempts > 100
    assert not outcome.faults


def test_member_flood_does_not_slow_others_down(tmp_path: Path) -> None:
    outcome = floods.member_flood(tmp_path, "mixture", 5, seconds=1.0, rounds=1)
    assert outcome.attempts > 100
    assert not outcome.faults
