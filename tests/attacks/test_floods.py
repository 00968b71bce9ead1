"""Floods in a small form; `python -m tests.attacks floods rowdy slow` does them in full on a quiet machine.
Here other tests run on the same processors: what is looked at is that everything arrives, that doors stay open, and
that memory is bounded.
"""

from pathlib import Path

import pytest

from tests.attacks import floods
from tests.attacks.honest import PATIENCE


@pytest.fixture(autouse=True)
def limits_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that nobody gets counts as long as the people's patience; whoever does not get in tries as long."""
    monkeypatch.setattr(floods, "CHAT_P99", PATIENCE)
    monkeypatch.setattr(floods, "SLOWDOWN", 1000.0)
    monkeypatch.setattr(floods, "SLOWDOWN_BY_ALL", 1000.0)
    monkeypatch.setattr(floods, "LOG_IN_MAX", PATIENCE)
    monkeypatch.setattr(floods, "LOG_IN_PATIENCE", PATIENCE / 10)


@pytest.mark.parametrize(("kind", "count"), [("noise", 2_000), ("mute", 600)])
def test_a_flood_from_outside_leaves_chat_and_doors_open(tmp_path: Path, kind: str, count: int) -> None:
    outcome = floods.by_strangers(tmp_path, kind, count, seconds=0.8, rounds=1, log_in=2)
    assert outcome.attempts > 100
    assert not outcome.faults


def test_a_member_who_floods_slows_nobody_down(tmp_path: Path) -> None:
    outcome = floods.by_a_member(tmp_path, "mixture", 5, seconds=1.0, rounds=1)
    assert outcome.attempts > 100
    assert not outcome.faults
