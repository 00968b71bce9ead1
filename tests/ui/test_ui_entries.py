"""Entries of a conversation (days, marks, groups of messages), their layout in a scene, text selection."""

import datetime
import itertools

import pytest
from msgspec.structs import replace

from lanchat.app.api import Line
from lanchat.ui.conversation.marks import entry_block
from lanchat.ui.conversation.scene import Position, Scene
from lanchat.ui.conversation.selection import Selection
from lanchat.ui.kit.canvas.drawing import Block
from lanchat.ui.model.entries import (
    BeginningEntry,
    DayEntry,
    Entry,
    EntryContext,
    MessageEntry,
    UnreadMarkEntry,
    UnsentEntry,
    arrange,
)
from lanchat.ui.texts import words
from tests.support.ui_kit import EPOCH, kit, line

TODAY = datetime.datetime.fromtimestamp(EPOCH).astimezone().date()


def test_arrange_inserts_days_and_marks() -> None:
    stored = [line(1), line(2, author=1), line(3), line(2000)]
    entries = arrange(stored, [line(None, author=1)], EntryContext(at_top=True, fresh_after=2, waiting=True))
    assert [type(entry) for entry in entries] == [
        BeginningEntry,
        DayEntry,
        MessageEntry,
        MessageEntry,
        UnreadMarkEntry,
        MessageEntry,
        DayEntry,
        MessageEntry,
        UnsentEntry,
        MessageEntry,
    ]
    assert len({entry.key for entry in entries}) == len(entries)


def test_days_follow_the_server_clock_when_it_was_set_back() -> None:
    year = 365 * 86400.0
    ahead = EPOCH + 10 * year
    stored = [line(1), line(2, stored_at=ahead), line(3), line(4, stored_at=ahead), line(5)]
    entries = arrange(stored, [], EntryContext())
    days = [entry.day for entry in entries if isinstance(entry, DayEntry)]
    future = datetime.datetime.fromtimestamp(ahead).astimezone().date()
    assert days == [TODAY, future, TODAY, future, TODAY]
    assert len({entry.key for entry in entries}) == len(entries)


def test_imported_message_stands_on_the_day_of_the_other_program() -> None:
    old = EPOCH - 365 * 86400.0
    entries = arrange([line(1, sent_at=old, imported=True), line(2)], [], EntryContext())
    days = [entry.day for entry in entries if isinstance(entry, DayEntry)]
    assert days == [datetime.datetime.fromtimestamp(old).astimezone().date(), TODAY]


@pytest.mark.parametrize("sent_at", [915_148_800.0, 4_070_908_800.0, 1e300, -1e300])
def test_authors_clock_does_not_affect_days(sent_at: float) -> None:
    stored = [line(1, sent_at=sent_at), line(2)]
    assert arrange(stored, [], EntryContext()) == [
        DayEntry(TODAY),
        MessageEntry(stored[0], True, False),
        MessageEntry(stored[1], False, True),
    ]


def test_times_outside_the_calendar_are_shown() -> None:
    for seconds in (1e300, -1e300, 2.0**63):
        assert [type(entry) for entry in arrange([line(1, stored_at=seconds)], [], EntryContext())] == [
            DayEntry,
            MessageEntry,
        ]
        assert words.clock(seconds)
        assert words.moment(seconds)
        assert words.full_moment(seconds)


def test_own_messages_get_no_unread_mark() -> None:
    assert UnreadMarkEntry not in map(type, arrange([line(1), line(2, author=1)], [], EntryContext(fresh_after=1)))


def test_consecutive_messages_of_an_author_are_grouped() -> None:
    stored = [line(1), line(2), line(3, author=1), line(4, author=1), line(60, author=1)]
    flags = [(e.first, e.last) for e in arrange(stored, [], EntryContext()) if isinstance(e, MessageEntry)]
    assert flags == [(True, False), (False, True), (True, False), (False, True), (True, True)]


def test_unread_mark_ends_a_group() -> None:
    entries = arrange([line(1), line(2)], [], EntryContext(fresh_after=1))
    assert [(e.first, e.last) for e in entries if isinstance(e, MessageEntry)] == [(True, True), (True, True)]


# Scene


def scene() -> Scene:
    return Scene(
        lambda entry: entry_block(entry, 800, kit(), 1, True, lambda: TODAY), lambda style, text: 10 * len(text)
    )


def entries_of(lines: list[Line]) -> list[Entry]:
    return arrange(lines, [], EntryContext())


def test_blocks_are_stacked_without_gap_or_overlap() -> None:
    view = scene()
    view.show(entries_of([line(seq, text="word " * (seq % 30 + 1)) for seq in range(1, 60)]))
    for one, two in itertools.pairwise(view.placed):
        assert one.bottom == two.y
    assert view.top == view.placed[0].y
    assert view.bottom == view.placed[-1].bottom


def test_anchor_keeps_its_position_when_other_lines_change() -> None:
    view = scene()
    view.show(entries_of([line(seq) for seq in range(100, 150)]))
    anchor = line(120).id
    before = view.find(anchor)
    assert before
    view.show(entries_of([line(seq) for seq in range(60, 130)]), ["not there", anchor])
    after = view.find(anchor)
    assert after
    assert after.y == before.y
    assert view.top < 0


def test_stored_messages_move_away_from_the_one_that_is_read() -> None:
    """Several that wait are in sight, and some of them go to their places in the log."""
    stored = [line(seq) for seq in range(1, 20)]
    waits = [replace(line(100 + n, text=f"waits {n}"), seq=None, stored_at=0.0) for n in range(10)]
    view, context = scene(), EntryContext(waiting=True)
    view.show(arrange(stored, waits, context))
    y = view.find(waits[4].id).y  # type: ignore[union-attr]
    stored += [replace(waits[7], seq=20, stored_at=1.0), replace(waits[3], seq=21, stored_at=1.0)]
    left = [one for n, one in enumerate(waits) if n not in (3, 7)]
    view.show(arrange(stored, left, context), [one.id for one in waits[3:8]])
    assert view.find(waits[4].id).y == y  # type: ignore[union-attr]
    # The last ones: any of them may keep its place.
    stored += [replace(one, seq=22 + n, stored_at=1.0) for n, one in enumerate(left)]
    view.show(arrange(stored, [], EntryContext()), [one.id for one in waits[4:7]])
    assert view.find(waits[4].id).y == y  # type: ignore[union-attr]


def test_growing_line_above_does_not_move_the_anchor() -> None:
    view = scene()
    lines = [line(seq) for seq in range(1, 40)]
    view.show(entries_of(lines))
    anchor = line(30).id
    y = view.find(anchor).y  # type: ignore[union-attr]
    lines[3] = line(4, text="much longer " * 40)
    view.show(entries_of(lines), [anchor])
    assert view.find(anchor).y == y  # type: ignore[union-attr]


def test_unchanged_entries_are_not_laid_out_again() -> None:
    laid: list[str] = []

    def lay(entry: Entry) -> Block:
        laid.append(entry.key)
        return entry_block(entry, 800, kit(), 1, True, lambda: TODAY)

    view = Scene(lay, lambda style, text: len(text))
    lines = [line(seq) for seq in range(1, 101)]
    view.show(entries_of(lines))
    laid.clear()
    lines[50] = line(51, text="edited")
    view.show(entries_of(lines))
    assert laid == [line(51).id]


def test_within_returns_the_visible_blocks() -> None:
    view = scene()
    view.show(entries_of([line(seq) for seq in range(1, 200)]))
    seen = view.within(1000, 1400)
    assert 0 < len(seen) < 30
    assert all(placed.bottom > 1000 and placed.y < 1400 for placed in seen)
    assert seen[0].y <= 1000
    assert seen[-1].bottom >= 1400


@pytest.mark.parametrize("width", [300, 500, 800, 1600])
def test_bubbles_stay_inside_the_conversation(width: int) -> None:
    long = line(1, text="word " * 200 + "x" * 300, reply_to=1, reply_text="quoted " * 30, reply_author="Somebody " * 9)
    for one in (long, line(2, author=1, text="y" * 500)):
        block = entry_block(MessageEntry(one, True, True), width, kit(), 1, True, lambda: TODAY)
        x, _y, wide, _height = block.body
        assert x >= 0
        assert x + wide <= width


def test_own_messages_are_aligned_right() -> None:
    own = entry_block(MessageEntry(line(1, author=1), True, True), 800, kit(), 1, True, lambda: TODAY)
    other = entry_block(MessageEntry(line(1), True, True), 800, kit(), 1, True, lambda: TODAY)
    assert own.body[0] > other.body[0] + 200


# Selection


def test_selection_within_and_across_messages() -> None:
    view = scene()
    view.show(entries_of([line(1, text="hello world"), line(2, author=3, text="second 👍 line")]))
    selection = Selection(view)
    index = [n for n, placed in enumerate(view.placed) if isinstance(placed.entry, MessageEntry)]
    selection.begin(Position(index[0], 6))
    selection.move(Position(index[0], 11))
    assert selection.copied() == "world"
    selection.move(Position(index[1], 8))
    first, second = selection.copied().split("\n\n")
    assert first.startswith("User 2, ")
    assert first.endswith("\nworld")
    assert second.endswith("\nsecond 👍")
    assert view.marked(*selection.spans()[0])


def test_backward_selection_copies_the_same_text() -> None:
    view = scene()
    view.show(entries_of([line(1, text="hello world")]))
    selection = Selection(view)
    last = len(view.placed) - 1
    selection.begin(Position(last, 11))
    selection.move(Position(last, 6))
    assert selection.copied() == "world"


def test_selects_word_and_message() -> None:
    view = scene()
    view.show(entries_of([line(1, text="hello brave world")]))
    selection = Selection(view)
    last = len(view.placed) - 1
    selection.word(Position(last, 8))
    assert selection.copied() == "brave"
    selection.message(Position(last, 8))
    assert selection.copied() == "hello brave world"
    selection.clear()
    assert selection.copied() == ""


def test_position_at_maps_pixels_to_text_offsets() -> None:
    view = scene()
    view.show(entries_of([line(1, text="hello world")]))
    placed = view.placed[-1]
    row = placed.block.rows[0]
    position = view.position_at(row.x + 52, placed.y + row.y + 5)
    assert position == Position(len(view.placed) - 1, 5)


def test_deleted_message_has_no_selectable_text() -> None:
    view = scene()
    view.show(entries_of([line(1, text="", deleted=True)]))
    selection = Selection(view)
    selection.message(Position(len(view.placed) - 1, 0))
    assert selection.copied() == ""
