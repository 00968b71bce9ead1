"""Members who lie, and those who are none any more; `python -m tests.attacks members rowdy` does it at length."""

from pathlib import Path

from tests.attacks import members
from tests.attacks.outcome import faults
from tests.attacks.tapped import watched


def test_lies_are_refused_and_cost_nobody_a_number(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as (_, watcher):
        outcomes = [
            members.in_other_names(watcher, 40),
            members.of_another_log(watcher),
            members.two_bodies(watcher, 15),
        ]
    assert not faults(outcomes)


def test_who_was_removed_or_revoked_gets_nothing_with_the_keys_of_before(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as (_, watcher):
        outcomes = [members.removed(watcher), members.revoked(watcher)]
    assert all(outcome.attempts >= 7 for outcome in outcomes)
    assert not faults(outcomes)
