"""The list of rooms: order, what is pinned, muted, unread or private, and what of it is kept."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import ttkbootstrap
from msgspec.structs import replace

from lanchat.app import api
from lanchat.core.policy import NO_POLICY
from lanchat.protocol.codes import RoomKind
from lanchat.store.profile import ProfileStore
from lanchat.ui.kit.pacing import EVERY_MS, Pacer
from lanchat.ui.lists.roster import RoomRowKey, room_rows
from lanchat.ui.lists.rows import ListRow
from lanchat.ui.menus.menus import MenuItem, RoomAction, room_entries
from lanchat.ui.model.room_choices import RoomChoices, choices_from
from lanchat.ui.settings.memory import WindowSettings
from tests.support.ui_desk import Workbench

NAMES = {1: "general", 2: "разработка", 3: "random", 4: "ops"}


@pytest.fixture
def workbench() -> Workbench:
    made = Workbench()
    made.log_in()
    for room, seconds in ((1, 10.0), (2, 40.0), (3, 20.0), (4, 30.0)):
        change(made, room, last_time=seconds)
    return made


def change(workbench: Workbench, room: int, **changes: Any) -> None:
    workbench.model.apply(api.RoomUpdated(replace(workbench.model.rooms[room], **changes)))


def titles(workbench: Workbench) -> list[str]:
    return [row.title for row in room_rows(workbench.model, "")]


def row(workbench: Workbench, room: int) -> ListRow:
    return next(row for row in room_rows(workbench.model, "") if row.key == RoomRowKey(room))


def test_rooms_and_conversations_stand_by_last_activity(workbench: Workbench) -> None:
    assert titles(workbench) == ["разработка", "ops", "random", "general"]
    workbench.chat.open_direct("anna")
    workbench.run()
    direct = next(room for room in workbench.model.rooms.values() if room.partner)
    change(workbench, direct.room, last_time=35.0)
    assert titles(workbench) == ["разработка", "Анна Смирнова", "ops", "random", "general"]
    change(workbench, 1, last_time=50.0)
    assert titles(workbench)[0] == "general"


def test_room_that_one_was_invited_to_just_now_stands_first(workbench: Workbench) -> None:
    change(workbench, 1, last_time=0.0, joined_at=45.0)
    change(workbench, 2, joined_at=1.0)
    assert titles(workbench) == ["general", "разработка", "ops", "random"]


def test_order_of_names_is_a_choice(workbench: Workbench) -> None:
    workbench.chat.listing.order_by_name(True)
    assert titles(workbench) == ["general", "ops", "random", "разработка"]
    workbench.chat.listing.order_by_name(False)
    assert titles(workbench)[0] == "разработка"


def test_pinned_rooms_stand_first_and_archived_ones_last(workbench: Workbench) -> None:
    workbench.chat.listing.pin(3)
    workbench.chat.listing.pin(1)
    assert titles(workbench) == ["random", "general", "разработка", "ops"]
    assert row(workbench, 3).marks == ("pin-angle-fill",)
    workbench.chat.listing.pin(1)
    change(workbench, 2, archived=True)
    assert titles(workbench) == ["random", "ops", "general", "Archived", "разработка"]


def test_muted_room_asks_for_no_attention(workbench: Workbench) -> None:
    change(workbench, 2, unread=5)
    assert row(workbench, 2).loud
    unread = workbench.model.unread
    workbench.chat.listing.mute(2)
    quiet = row(workbench, 2)
    assert (quiet.badge, quiet.loud, quiet.strong, quiet.marks) == (5, False, False, ("bell-slash",))
    assert workbench.model.unread == unread - 5
    workbench.chat.listing.mute(2)
    assert row(workbench, 2).loud


def test_private_rooms_have_a_lock(workbench: Workbench) -> None:
    change(workbench, 2, kind=RoomKind.PRIVATE)
    assert [row(workbench, room).sign for room in (1, 2)] == ["", "lock-fill"]


def test_unread_filter_shows_unread_rooms_and_the_open_one(workbench: Workbench) -> None:
    change(workbench, 4, unread=2)
    workbench.chat.listing.show_unread_only(True)
    assert titles(workbench) == ["ops", "random", "general"]  # the fake world has something unread in random
    workbench.chat.open_room(4)
    workbench.run()
    change(workbench, 4, unread=0)
    assert titles(workbench) == ["ops", "random"]
    workbench.chat.listing.show_unread_only(False)
    assert len(titles(workbench)) == 4


def test_marking_a_room_as_read_needs_no_opening(workbench: Workbench) -> None:
    head = workbench.model.rooms[3].head
    assert workbench.model.rooms[3].unread
    workbench.chat.mark_read(3)
    assert workbench.model.rooms[3].unread == 0
    workbench.run()
    assert workbench.engine.called(api.MarkReadCommand)[-1] == api.MarkReadCommand(3, head)
    assert (workbench.model.rooms[3].unread, workbench.model.current) == (0, 1)


def test_room_menu_offers_what_fits_the_room(workbench: Workbench) -> None:
    def labels(room: api.RoomView, choices: RoomChoices) -> list[str]:
        done: list[RoomAction] = []
        entries = room_entries(room, choices, done.append)
        return [entry.label for entry in entries if isinstance(entry, MenuItem) and entry.enabled]

    room = replace(workbench.model.rooms[3], unread=1)
    assert labels(room, RoomChoices())[:3] == ["Mark as read", "Pin to the top", "Mute"]
    assert labels(room, RoomChoices({3}, {3}))[:3] == ["Mark as read", "Unpin", "Unmute"]
    assert "Leave the room…" in labels(room, RoomChoices())
    assert "Leave the room…" not in labels(replace(room, general=True), RoomChoices())
    assert labels(replace(room, unread=0), RoomChoices())[0] == "Pin to the top"
    assert labels(replace(room, kind=RoomKind.DIRECT), RoomChoices()) == ["Mark as read", "Pin to the top", "Mute"]


def settings(folder: Path) -> WindowSettings:
    store = ProfileStore.open(folder)
    server = SimpleNamespace(log_id=b"\x07" * 16, fingerprint="07" * 32)
    fake = SimpleNamespace(settings=store.settings, last_server=lambda: server)
    return WindowSettings(cast(ProfileStore, fake), NO_POLICY)


def test_choices_are_kept_for_each_account(tmp_path: Path) -> None:
    before = settings(tmp_path)
    before.keep_room_choices(1, RoomChoices({3, 4}, {4, 5}, by_name=True, unread_only=True))
    before.keep_room_choices(2, RoomChoices({9}, by_name=True))
    before.save()
    after = settings(tmp_path)
    assert after.room_choices(1) == RoomChoices({3, 4}, {4, 5}, by_name=True)
    assert after.room_choices(2).pinned == {9}
    after.keep_room_choices(1, RoomChoices({4}))
    after.save()
    assert settings(tmp_path).room_choices(1) == RoomChoices({4})


def test_unusable_choices_are_set_aside(tmp_path: Path) -> None:
    key = f"room_choices_{'07' * 16}_1"
    tmp_path.chmod(0o700)
    (tmp_path / "settings.toml").write_text(f'rooms_by_name = "yes"\n[{key}]\n3 = "loud"\n4 = "pinned"\nx = "muted"\n')
    read = settings(tmp_path)
    assert read.room_choices(1) == RoomChoices({4})
    assert "rooms_by_name" in read.notice


def test_every_glyph_of_the_list_exists() -> None:
    file = Path(ttkbootstrap.style.icons.__file__).parents[1] / "assets" / "icons" / "glyphmap.json"
    assert {"bell-slash", "pin-angle-fill", "lock-fill", "sort-down"} <= set(json.loads(file.read_text("utf-8")))


def test_noted_choices_are_read_again() -> None:
    choices = RoomChoices({1, 2}, {2, 3})
    assert choices_from(choices.noted(), by_name=False) == choices


def test_list_is_drawn_at_once_and_then_five_times_a_second() -> None:
    drawn: list[int] = []
    timers: list[tuple[int, Any]] = []
    pacer = Pacer(lambda: drawn.append(1), lambda after, run: timers.append((after, run)))
    for _ in range(100):
        pacer.soon()
    assert (len(drawn), [after for after, _run in timers]) == (1, [EVERY_MS])
    timers.pop()[1]()
    assert (len(drawn), len(timers)) == (2, 1)
    timers.pop()[1]()
    assert (len(drawn), len(timers)) == (2, 0)  # nothing more is drawn when nothing changes
    pacer.soon()
    pacer.now()
    assert (len(drawn), len(timers)) == (4, 1)
