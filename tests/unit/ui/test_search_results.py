"""What a search shows: excerpts around the hit, how many there are, going from one to the next."""

import pytest

from lanchat.app.api import Line
from lanchat.ui.lists.results import excerpt, result_rows
from lanchat.ui.lists.roster import LineRowKey
from lanchat.ui.model.search_results import SearchResults
from tests.support.ui_desk import Workbench
from tests.support.ui_kit import line


def numbered(*numbers: int, room: int = 1) -> list[Line]:
    return [line(number, text=f"text {number}", room=room) for number in numbers]


@pytest.mark.parametrize(
    ("text", "shown", "marked"),
    [
        ("Repair works", "Repair works", ["Repair"]),
        ("For the old switch we need a repair before noon", "…need a repair before noon", ["repair"]),
        ("one\n\n**repair** two repairs", "one repair two repairs", ["repair", "repairs"]),
        ("nothing of it", "nothing of it", []),
    ],
)
def test_excerpt_shows_what_stands_around_the_hit(text: str, shown: str, marked: list[str]) -> None:
    found, spans = excerpt(text, "repair")
    assert found == shown
    assert [found[start:end] for start, end in spans] == marked


def test_hit_in_the_middle_of_a_long_text_is_in_the_excerpt() -> None:
    text, ((start, end),) = excerpt("word " * 2000 + "needle " + "word " * 2000, "needle")
    assert (text[start:end], text[0], text[-1]) == ("needle", "…", "…")
    assert len(text) < 130


def test_stepping_goes_through_all_hits_and_around_the_ends() -> None:
    results = SearchResults()
    assert (results.step(1), results.says()) == (None, "")
    results.take(numbered(9, 5), more=False)
    results.take_elsewhere(numbered(7, room=2))
    assert results.says() == "3 hits"
    visited = [results.step(1) for _ in range(4)]
    assert [(hit.room, hit.seq) for hit in visited if hit] == [(1, 9), (1, 5), (2, 7), (1, 9)]
    assert results.says() == "1 of 3"
    assert results.step(-1) == numbered(7, room=2)[0]
    results.take(numbered(9, 5, 3), more=True)
    assert (results.at, results.says()) == (3, "4 of more than 4")


def test_hits_of_other_rooms_stand_below_a_heading() -> None:
    bench = Workbench()
    bench.log_in()
    results = SearchResults()
    results.take(numbered(9), more=False)
    results.take_elsewhere(numbered(7, room=2))
    rows = result_rows(bench.model, results, "text")
    assert [row.key for row in rows] == [LineRowKey(1, 9), "elsewhere", LineRowKey(2, 7)]
    assert rows[2].title.startswith("разработка · ")
    assert rows[2].marked == ((0, 4),)
