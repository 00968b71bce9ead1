"""Long runs accumulate: finished pieces are kept, over interruptions too, and the tables count all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.pieces import Kept, Piece, bound, play
from tests.chaos.tables import report, slow

CAMPAIGN = {
    "kills": {"after-commit": 2, "at random": 1},
    "made": 300,
    "told": 299,
    "stored": 300,
    "recoveries": [0.5, 1.5],
    "returns": [1.0, 2.0],
    "faults": [],
}


def test_interrupted_run_continues(tmp_path: Path) -> None:
    played: list[int] = []

    def pieces(breaks_at: int) -> Iterator[Piece]:
        for number in range(4):

            def one(number: int = number) -> dict[str, object]:
                if number == breaks_at:
                    raise KeyboardInterrupt
                played.append(number)
                return {"faults": []}

            yield Piece(f"part/{number}", one)

    with pytest.raises(KeyboardInterrupt):
        play(pieces(breaks_at=2), Kept("run", tmp_path), None, lambda: None)
    assert play(pieces(breaks_at=9), Kept("run", tmp_path), None, lambda: None)
    assert played == [0, 1, 2, 3]
    assert not play(pieces(breaks_at=9), Kept("other", tmp_path), -1.0, lambda: None)
    kept = Kept("run", tmp_path)
    kept.forget("part/3")
    assert "part/3" not in Kept("run", tmp_path)
    assert "part/2" in Kept("run", tmp_path)


def test_tables_count_all_pieces(tmp_path: Path) -> None:
    kept = Kept("run", tmp_path)
    kept.keep("kills/SQLite/0", CAMPAIGN)
    kept.keep("kills/SQLite/1", CAMPAIGN | {"faults": ["lost: anna: 1 was durable and is not stored", "order: x"]})
    text = report(kept)
    assert text.startswith("6 servers and 0 clients killed, 600 messages written meanwhile: 1 lost, 1 twice")
    assert "confidence" not in text
    assert "| SQLite | 6 | 600 | 598 | 1 | 1 | 0 | 4 | 0.50 | 1.50 | 1.50 | 1.00 | 2.00 | 2.00 |" in text
    assert "| after-commit | 4 |" in text
    assert slow(kept) == []
    kept.keep("kills/SQLite/1", CAMPAIGN | {"recoveries": [7.0]})
    assert "fewer than one message in 200 is lost" in report(kept)
    assert slow(kept) == ["SQLite: clients were live only after 7.00 s (p99)"]


def test_bound_is_the_rule_of_three() -> None:
    assert bound(3000) == 1000
