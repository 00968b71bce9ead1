"""Broken networks, the short form of `make lab`: whatever happens, nothing is lost and nothing comes twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.matrix import COLUMNS, Row, play, report
from tests.lab.matrix_cases import CASES, CLIENTS, Case
from tests.lab.netns import missing

# Seconds from sent to shown, at most: a computer that runs other tests besides is slow, and `make lab` measures.
SLOWEST = 40.0
# Messages of each client; the talk goes on for as long as the trouble lasts.
COUNTS = {
    "0 % lost each way": 30,
    "5 % lost each way": 30,
    "20 % lost each way": 30,
    "30 % lost each way": 30,
    "blackhole: 5 s nothing, 2 s everything": 14,
    "a client's address changes": 25,
    "the server's address changes": 25,
    "UDP blocked altogether, address typed": 30,
    "UDP blocked in the middle": 40,
    "multicast blocked": 30,
    "broadcast blocked": 30,
    "two interfaces, two networks": 30,
    "a client's interface down for 3 s": 50,
    "the server's interface down for 3 s": 50,
}


def case(name: str) -> Case:
    (found,) = [case for case in CASES if case.name == name]
    return replace(found, count=COUNTS[name])


@pytest.mark.lab
@pytest.mark.parametrize("name", COUNTS)
def test_broken_network_neither_loses_nor_duplicates_messages(name: str, tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    row = play(case(name), tmp_path)
    assert row.bad == []
    assert (row.lost, row.twice) == (0, 0)
    assert row.sent == row.stored == CLIENTS * COUNTS[name]
    assert row.shown == CLIENTS * row.sent
    assert max(row.delays) < SLOWEST


def test_table_lists_violations() -> None:
    row = Row("a bad network", sent=10, stored=9, shown=28, lost=2, twice=1, delays=[0.001, 0.25])
    assert row.bad == ["a bad network: 2 lost", "a bad network: 1 twice", "a bad network: 1 not stored"]
    assert row.cells == ("a bad network", 10, 9, 28, 2, 1, "1", "250", "250")
    kept = {CASES[0].name: Row(CASES[0].name, 10, 10, 30, delays=[0.0]).figures}
    text = report(kept)  # type: ignore[arg-type]
    assert "10 messages, each shown to three people: 0 lost, 0 twice, of 30" in text
    assert "fewer than one in 10" in text
    assert " | ".join(COLUMNS) in text
    kept[CASES[0].name]["lost"] = 1
    assert "confidence" not in report(kept)  # type: ignore[arg-type]
