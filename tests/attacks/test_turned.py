"""A hostile server against a client in a process of its own, in a small form; `python -m tests.attacks hostile` does it
in full. What the client must hold, and how much: test_hostile_server.py."""

from pathlib import Path

import pytest

from tests.attacks import turned
from tests.attacks.hostile import SCENARIOS, End
from tests.attacks.outcome import faults

NAMES = ("a name of a megabyte", "heads jump ahead", "log-in is refused")


@pytest.fixture(autouse=True)
def limits_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turned, "LOOK_MAX", 30.0)
    monkeypatch.setattr(turned, "BACK_MAX", 60.0)


def test_client_outlives_a_server_that_turns_hostile(tmp_path: Path) -> None:
    chosen = tuple(scenario for scenario in SCENARIOS if scenario.name in NAMES)
    assert {scenario.end for scenario in chosen} == set(End)
    outcomes = list(turned.sieges(tmp_path, 0.1, chosen))
    assert faults(outcomes) == []
    assert [len(outcome.row()) for outcome in outcomes] == [len(turned.Siege.columns)] * len(NAMES)
