"""Mentions in the window: marked rows, the key that jumps, completion of members' names."""

from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.ui.conversation.bubbles import message_block
from lanchat.ui.kit.canvas.drawing import Box
from lanchat.ui.lists.roster import RoomRowKey, room_rows
from lanchat.ui.model.entries import MessageEntry
from lanchat.ui.model.mentions import mentionable
from tests.support.ui_desk import Workbench
from tests.support.ui_kit import kit, line


@pytest.fixture
def workbench() -> Workbench:
    made = Workbench(lines=60)
    made.log_in()
    return made


def change(workbench: Workbench, room: int, **changes: Any) -> None:
    workbench.model.apply(api.RoomUpdated(replace(workbench.model.rooms[room], **changes)))


def called_rooms(workbench: Workbench) -> list[object]:
    return [row.key for row in room_rows(workbench.model, "") if row.called]


def test_row_is_marked_until_the_mention_is_read(workbench: Workbench) -> None:
    workbench.model.rooms[2] = replace(workbench.model.rooms[2], unread=2, read=0, called=2, head=9)
    assert called_rooms(workbench) == [RoomRowKey(2)]
    workbench.model.read_up_to(2, 1)
    assert called_rooms(workbench) == [RoomRowKey(2)]
    workbench.model.read_up_to(2, 2)
    assert called_rooms(workbench) == []


def test_key_jumps_to_the_mention_of_this_room_then_of_others(workbench: Workbench) -> None:
    change(workbench, 1, unread=9, called=5)
    change(workbench, 3, unread=2, called=2)
    workbench.chat.next_mention()
    workbench.run()
    timeline = workbench.model.timeline
    assert (workbench.model.current, workbench.model.flash) == (1, timeline.find(5).id)  # type: ignore[union-attr]
    change(workbench, 1, called=0)
    workbench.chat.next_mention()
    workbench.run()
    assert workbench.model.current == 3
    change(workbench, 3, called=0)
    workbench.chat.next_mention()
    assert workbench.model.current == 3


def test_names_of_members_are_completed(workbench: Workbench) -> None:
    def names(before: str) -> list[str]:
        return [person.name for person in mentionable(workbench.model, before)]

    assert names("hello @an") == ["anna"]
    assert names("@смир") == ["anna"]
    assert names("@GARC") == ["maria"]
    assert len(names("@")) == 6
    assert names("@zz") == names("mail@an") == names("an") == names("@anna") == []


def test_message_that_mentions_oneself_has_a_bar() -> None:
    def boxes(called: bool) -> int:
        block = message_block(MessageEntry(line(1, called=called), True, True), 600, kit(), 1, True)
        return sum(isinstance(op, Box) for op in block.ops)

    assert boxes(True) == boxes(False) + 1
