"""Where a room opens, and the line above what is new: after a restart, with a second device, without the focus."""

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.ui.model.chat_model import ScrollTarget
from lanchat.ui.model.entries import MessageEntry, UnreadMarkEntry
from tests.support.ui_desk import Workbench


def first_below_the_line(workbench: Workbench) -> int | None:
    """The number of the message below the line; None without a line."""
    entries = workbench.model.entries()
    place = next((n for n, entry in enumerate(entries) if isinstance(entry, UnreadMarkEntry)), None)
    if place is None:
        return None
    below = entries[place + 1]
    assert isinstance(below, MessageEntry)
    return below.line.seq


def first_unread(workbench: Workbench, room: int, read: int) -> int:
    lines = workbench.engine.world.lines[room]
    return next(line.seq for line in lines if (line.seq or 0) > read and not line.mine)  # type: ignore[return-value]


@pytest.mark.parametrize("read", [0, 1, 50, 250, 395])
def test_room_opens_at_its_first_unread_message(read: int) -> None:
    workbench = Workbench(lines=400)
    workbench.engine.world.renewed(1, read=read)
    workbench.log_in()
    assert workbench.model.jump == ScrollTarget("fresh")
    assert first_below_the_line(workbench) == first_unread(workbench, 1, read)


def test_room_with_more_own_lines_than_a_page_opens_at_the_first_unread_message() -> None:
    workbench = Workbench(lines=10)
    workbench.engine.world.renewed(1, read=8)
    for _ in range(150):
        workbench.engine.world.store(workbench.engine.world.line(1, 1, "mine", None, 1.0))
    workbench.engine.world.renewed(1)
    workbench.log_in()
    assert first_below_the_line(workbench) == first_unread(workbench, 1, 8)


def test_never_read_room_with_countless_messages_opens_at_its_end() -> None:
    workbench = Workbench(lines=1300)
    workbench.engine.world.renewed(1, read=0)
    workbench.engine.world.rooms[1] = replace(workbench.engine.world.rooms[1], unread=1000)
    workbench.log_in()
    assert workbench.model.timeline
    assert workbench.model.timeline.at_bottom


def opened_with_unread(lines: int = 30, read: int = 20) -> Workbench:
    workbench = Workbench(lines=lines)
    workbench.engine.world.renewed(1, read=read)
    workbench.model.focused = False
    workbench.log_in()
    assert first_below_the_line(workbench) == first_unread(workbench, 1, read)
    return workbench


def test_reading_on_another_device_moves_the_line_down_and_takes_it_away() -> None:
    workbench = opened_with_unread()
    workbench.engine.emit(api.RoomUpdated(workbench.engine.world.renewed(1, read=25)))
    workbench.run()
    assert first_below_the_line(workbench) == first_unread(workbench, 1, 25)
    workbench.engine.emit(api.RoomUpdated(workbench.engine.world.renewed(1, read=30)))
    workbench.run()
    assert first_below_the_line(workbench) is None
    assert workbench.model.rooms[1].unread == 0


def test_list_read_again_moves_the_line_too() -> None:
    workbench = opened_with_unread()
    workbench.engine.world.renewed(1, read=30)
    workbench.chat.refresh()
    workbench.run()
    assert first_below_the_line(workbench) is None


def test_reading_here_keeps_the_line_until_the_room_is_opened_again() -> None:
    workbench = opened_with_unread()
    workbench.chat.seen(1, 25)
    workbench.chat.seen(1, 30)
    workbench.run()
    assert first_below_the_line(workbench) == first_unread(workbench, 1, 20)
    workbench.chat.open_room(2)
    workbench.chat.open_room(1)
    workbench.run()
    assert first_below_the_line(workbench) is None


def test_mark_that_the_network_has_not_heard_of_is_not_taken_back() -> None:
    workbench = opened_with_unread()
    late = workbench.model.rooms[1]
    workbench.chat.seen(1, 30)
    workbench.model.apply(api.RoomUpdated(late))
    assert (workbench.model.rooms[1].read, workbench.model.rooms[1].unread) == (30, 0)
    workbench.model.apply(api.RoomUpdated(replace(late, head=31, unread=7)))
    assert (workbench.model.rooms[1].read, workbench.model.rooms[1].unread) == (30, 7)


def test_line_moves_below_what_was_seen_when_something_comes_without_the_focus() -> None:
    workbench = opened_with_unread()
    workbench.chat.seen(1, 30)
    workbench.run()
    workbench.engine.say(1, "bob", "new")
    workbench.engine.say(1, "bob", "newer")
    workbench.run()
    assert first_below_the_line(workbench) == 31


def test_marking_the_open_room_as_read_takes_the_line_away() -> None:
    workbench = opened_with_unread()
    workbench.chat.mark_read(1)
    assert first_below_the_line(workbench) is None
    assert workbench.model.rooms[1].unread == 0
