"""Floods in a small form; `python -m tests.attacks floods rowdy` does them in full. Limits are wide here: other tests
run beside these, on the same processors."""

from pathlib import Path

import pytest

from tests.attacks import floods
from tests.attacks.floods import by_a_member, by_strangers


@pytest.mark.parametrize(("kind", "count"), [("noise", 10_000), ("mute", 3_000), ("hesitant", 1_000)])
def test_a_flood_from_outside_leaves_chat_and_doors_open(tmp_path: Path, kind: str, count: int) -> None:
    outcome = by_strangers(tmp_path, kind, count, seconds=1.0, rounds=1, log_in=2)
    assert outcome.attempts >= count
    assert not outcome.faults


@pytest.mark.parametrize("kind", ["mixture"])
def test_a_member_who_floods_slows_nobody_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(floods, "SLOWDOWN", 20.0)
    outcome = by_a_member(tmp_path, kind, 5, seconds=1.5, rounds=1)
    assert outcome.attempts > 1000
    assert not outcome.faults
