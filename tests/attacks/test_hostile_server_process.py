"""A hostile server against a client in a process of its own, in a small form; `python -m tests.attacks hostile` does it
in full. Bounds of the client's memory: test_hostile_server.py."""

from pathlib import Path

import pytest

from tests.attacks import hostile_server_process
from tests.attacks.hostile import SCENARIOS, End
from tests.attacks.outcome import faults

NAMES = ("a name of a megabyte", "heads jump ahead", "log-in is refused")


@pytest.fixture(autouse=True)
def relaxed_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_server_process, "LOOK_MAX", 30.0)
    monkeypatch.setattr(hostile_server_process, "BACK_MAX", 60.0)


def test_client_process_recovers_from_a_hostile_server(tmp_path: Path) -> None:
    chosen = tuple(scenario for scenario in SCENARIOS if scenario.name in NAMES)
    assert {scenario.end for scenario in chosen} == set(End)
    outcomes = list(hostile_server_process.hostile_runs(tmp_path, 0.1, chosen))
    assert faults(outcomes) == []
    assert [len(outcome.row()) for outcome in outcomes] == [len(hostile_server_process.HostileRun.columns)] * len(NAMES)
