"""Members who lie, and those who are none any more; `python -m tests.attacks members rowdy` does it at length."""

import asyncio
from pathlib import Path

import pytest

from tests.attacks import members
from tests.attacks.floods import Attack, endure
from tests.attacks.outcome import Outcome, faults
from tests.attacks.tapped import watched
from tests.support.procs import ServerProcess


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


@pytest.mark.parametrize("kind", ["mixture"])
def test_a_member_who_floods_slows_nobody_down(tmp_path: Path, kind: str) -> None:
    """The margin is wide here, where other tests run beside it."""
    with ServerProcess(tmp_path / "data") as server:
        attack, outcome = Attack("rowdy", kind, server.port, 5), Outcome(kind, 0)
        asyncio.run(endure(server, tmp_path / "clients", attack, outcome, seconds=2.5, rounds=1))
    assert outcome.attacked is not None
    assert outcome.memory is not None
    assert outcome.attacked < 1.0, outcome
    assert outcome.memory[1] - outcome.memory[0] < 64 << 20, outcome
    assert attack.figures["datagrams"] > 1000
