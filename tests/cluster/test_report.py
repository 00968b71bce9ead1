"""The table of `make cluster`, without a cluster."""

from pathlib import Path
from typing import Any

from tests.chaos.pieces import Kept
from tests.cluster.__main__ import _figures, _pause, report
from tests.cluster.cases import CASES
from tests.lab.matrix import Row


class Told:
    """What a client said."""

    def __init__(self, *stored: float) -> None:
        self.stored = stored

    def of(self, *_kinds: str) -> list[dict[str, Any]]:
        return [{"at": at} for at in self.stored]


MOVES = next(case for case in CASES if case.moves)


def figures(**times: float | None) -> dict[str, Any]:
    row = Row(MOVES.name, sent=2, stored=2, shown=6)
    told: Any = [Told(99.9, 108.0), Told(109.0)]
    return _figures(MOVES, row, told, {"trouble": 100.0, "ready": None, "closed": None} | times)


def test_pause_is_the_longest_time_without_a_stored_message() -> None:
    told: Any = [Told(1.0, 99.5, 100.5, 108.0), Told(99.0, 104.0)]
    assert _pause(told, 100.0) == 4.0
    assert _pause([], 100.0) == 0.0


def test_take_over_is_measured_from_the_trouble() -> None:
    found = figures(ready=108.5, closed=107.5)
    assert found["cells"][-2:] == ("8.5", "0.0")
    assert found["faults"] == []


def test_two_servers_at_the_same_time_are_a_fault() -> None:
    assert "both servers served for 1.5 s" in figures(ready=107.0, closed=108.5)["faults"][0]


def test_missing_take_over_is_a_fault() -> None:
    assert figures()["faults"] == [f"{MOVES.name}: the standby did not take over"]


def test_report_has_the_cases_that_were_played(tmp_path: Path) -> None:
    kept = Kept("cluster", tmp_path)
    kept.keep(MOVES.name, figures(ready=108.5, closed=107.5))
    text = report(kept)
    assert "2 messages in 1 cases: 0 lost, 0 twice." in text
    assert f"| {MOVES.name} | 2 | 2 | 6 | 0 | 0 |" in text
