"""The loaded window over a room's log: no hole, no duplicate and no lost own line in any order of arrival."""

import random

import pytest

from lanchat.protocol.codes import Code
from lanchat.ui.model.timeline import WINDOW, Timeline
from tests.support.problem_details import details_of
from tests.support.ui_kit import line


def loaded_timeline(first: int, last: int, *, at_bottom: bool = True) -> Timeline:
    timeline = Timeline(1)
    timeline.reset([line(seq) for seq in range(first, last + 1)], at_bottom=at_bottom)
    return timeline


def numbers(timeline: Timeline) -> list[int | None]:
    return [one.seq for one in timeline.stored]


def test_live_lines_are_appended_once() -> None:
    timeline = loaded_timeline(1, 3)
    assert timeline.add(line(4))
    assert not timeline.add(line(4))
    assert numbers(timeline) == [1, 2, 3, 4]


def test_live_lines_are_sorted_by_number() -> None:
    for seed in range(20):
        timeline = loaded_timeline(1, 1)
        arriving = list(range(2, 30)) * 2
        random.Random(seed).shuffle(arriving)
        for seq in arriving:
            timeline.add(line(seq))
        assert numbers(timeline) == list(range(1, 30))


def test_lines_outside_the_window_are_not_added() -> None:
    timeline = loaded_timeline(100, 200, at_bottom=False)
    assert not timeline.add(line(500))
    assert not timeline.add(line(5))
    assert numbers(timeline) == list(range(100, 201))


def test_pages_extend_the_window_up_to_its_bound() -> None:
    timeline = loaded_timeline(1000, 1000 + WINDOW - 1)
    assert not timeline.at_top
    timeline.prepend([line(seq) for seq in range(900, 1000)])
    assert (timeline.first, timeline.last) == (900, 900 + WINDOW - 1)
    assert not timeline.at_bottom
    timeline.append([line(seq) for seq in range(1300, 1400)], at_bottom=True)
    assert (timeline.first, timeline.last) == (1000, 1399)
    assert timeline.at_bottom
    assert numbers(timeline) == list(range(1000, 1400))


def test_first_number_or_empty_page_marks_the_top() -> None:
    timeline = loaded_timeline(5, 9)
    timeline.prepend([line(seq) for seq in range(1, 5)])
    assert timeline.at_top
    since_joining = loaded_timeline(50, 60)
    since_joining.prepend([])
    assert since_joining.at_top


def test_overlapping_pages_make_no_duplicates() -> None:
    timeline = loaded_timeline(5, 9)
    timeline.prepend([line(seq) for seq in range(2, 8)])
    timeline.append([line(seq) for seq in range(7, 12)], at_bottom=True)
    assert numbers(timeline) == list(range(2, 12))


def test_stored_own_line_moves_to_its_number() -> None:
    timeline = loaded_timeline(1, 3)
    timeline.add(line(None, author=1, id="mine"))
    assert [one.id for one in timeline.unstored] == ["mine"]
    assert timeline.was_stored("mine", 4)
    assert not timeline.unstored
    assert (timeline.stored[-1].id, timeline.stored[-1].seq) == ("mine", 4)
    assert not timeline.was_stored("mine", 4)


@pytest.mark.parametrize("news_first", [False, True])
def test_result_and_event_of_a_sent_line_in_either_order(news_first: bool) -> None:
    timeline = loaded_timeline(1, 3)
    sent = line(None, author=1, id="mine")
    stored = line(4, author=1, id="mine")
    for one in (stored, sent) if news_first else (sent, stored):
        timeline.add(one)
    assert [one.id for one in timeline.unstored] == []
    assert numbers(timeline) == [1, 2, 3, 4]


def test_refusal_before_the_result_stays() -> None:
    timeline = loaded_timeline(1, 3)
    sent = line(None, author=1, id="mine")
    timeline.add(sent)
    assert timeline.was_refused("mine", Code.NOT_A_MEMBER)
    timeline.add(sent)
    assert timeline.unstored[0].refused is Code.NOT_A_MEMBER


def test_reason_for_waiting_stays_until_stored() -> None:
    timeline = loaded_timeline(1, 3)
    sent = line(None, author=1, id="mine")
    timeline.add(sent)
    assert timeline.now_waits("mine", details_of("no room"))
    timeline.add(sent)
    assert timeline.unstored[0].waits == details_of("no room")
    assert not timeline.now_waits("another", details_of("no room"))
    assert timeline.was_stored("mine", 4)
    stored = timeline.find(4)
    assert stored is not None
    assert stored.waits is None


def test_reload_keeps_refused_and_drops_stored_lines() -> None:
    timeline = loaded_timeline(1, 3)
    timeline.add(line(None, author=1, id="refused", sent_at=1.0))
    timeline.was_refused("refused", Code.TOO_LARGE)
    timeline.add(line(None, author=1, id="stored meanwhile", sent_at=2.0))
    timeline.reset([line(1), line(2, id="stored meanwhile")], at_bottom=True)
    assert [one.id for one in timeline.unstored] == ["refused"]


def test_changes_apply_to_loaded_lines_only() -> None:
    timeline = loaded_timeline(1, 3)
    assert timeline.change(line(2, text="edited"))
    assert timeline.stored[1].text == "edited"
    assert not timeline.change(line(9, text="edited"))
    assert numbers(timeline) == [1, 2, 3]


def test_last_own_line_skips_deleted_lines() -> None:
    timeline = Timeline(1)
    timeline.reset([line(1, author=1), line(2, author=1, deleted=True), line(3)], at_bottom=True)
    last = timeline.last_own()
    assert last is not None
    assert last.seq == 1
