"""Archived and deleted rooms in the window: who is offered what, what is shown, and a person who does it for real."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.api import Account
from lanchat.i18n import set_language
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.ui.lists.roster import RoomRowKey, joinable_rows, room_rows
from lanchat.ui.menus import menus
from lanchat.ui.menus.menus import Entry, MenuItem
from tests.support.problems import said
from tests.support.procs import ServerProcess, run_client
from tests.support.ui_desk import Workbench
from tests.support.xvfb import screenshot
from tests.ui.test_ui_menus import labels, line
from tests.ui.test_ui_real import PASSWORD, RIGHT, enrol, open_window
from tests.ui.test_ui_real import server as server

ROOM = api.RoomView(4, "kitchen", "kitchen", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, True, 3, 0, 0, 0, 0)
MEMBER = Account(1, "anna", "Anna", Role.MEMBER)
MODERATOR = replace(MEMBER, role=Role.MODERATOR)


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def room_menu(room: api.RoomView, account: Account) -> list[str]:
    entries: list[Entry] = menus.room_menu(room, lambda action: None, governs=menus.may_govern(account, room))
    return [entry.label for entry in entries if isinstance(entry, MenuItem)]


def test_room_is_archived_and_deleted_by_who_made_it_and_by_moderators() -> None:
    offered = {"Archive the room…", "Delete the room…"}
    assert not offered & set(room_menu(ROOM, MEMBER))
    assert offered <= set(room_menu(ROOM, MODERATOR))
    assert offered <= set(room_menu(replace(ROOM, mine=True), MEMBER))
    assert "Take out of the archive…" in room_menu(replace(ROOM, archived=True), MODERATOR)


@pytest.mark.parametrize("room", [replace(ROOM, general=True), replace(ROOM, kind=RoomKind.DIRECT, mine=True)])
def test_general_and_direct_rooms_stay(room: api.RoomView) -> None:
    assert not menus.may_govern(MODERATOR, room)


def test_message_of_an_archived_room_is_only_read() -> None:
    entries = menus.message_menu(line(1), 1, True, False, lambda verb: None, lambda emoji: None, archived=True)
    assert not {"Reply", "React", "Edit", "Delete…"} & set(labels(entries))
    assert "Copy message" in labels(entries)


def bench_in(room: int) -> Workbench:
    bench = Workbench()
    bench.log_in()
    bench.chat.open_room(room)
    bench.run()
    return bench


def test_nothing_is_sent_into_an_archived_room_and_the_draft_stays() -> None:
    bench = bench_in(4)
    bench.model.draft.text = "half a thought"
    bench.chat.ask(api.ArchiveRoomCommand(4))
    bench.run()
    assert bench.model.archived
    assert not bench.model.can_send()
    assert not bench.chat.submit("half a thought")
    assert not bench.chat.edit_last()
    assert bench.model.draft.text == "half a thought"
    bench.chat.ask(api.ArchiveRoomCommand(4, archived=False))
    bench.run()
    assert bench.model.can_send()


def test_archived_rooms_stand_below_the_others() -> None:
    bench = bench_in(4)
    bench.chat.ask(api.ArchiveRoomCommand(4))
    bench.run()
    rows = room_rows(bench.model, "")
    heading = next(index for index, row in enumerate(rows) if row.title == "Archived")
    assert [row.key for row in rows[heading + 1 :]] == [RoomRowKey(4)]
    assert rows[heading + 1].dim
    assert RoomRowKey(4) not in [row.key for row in joinable_rows(bench.model)]


def test_deleted_room_makes_way_for_another_and_takes_its_draft_along() -> None:
    bench = bench_in(4)
    bench.model.draft.text = "half a thought"
    bench.engine.emit(api.RoomRemoved(4, deleted=True))
    bench.run()
    assert bench.model.current not in (0, 4)
    assert 4 not in bench.model.drafts


def test_message_of_a_deleted_room_is_not_jumped_to() -> None:
    bench = bench_in(1)
    bench.engine.emit(api.RoomRemoved(4, deleted=True))
    bench.run()
    bench.chat.jump_to(4, 2)
    bench.run()
    assert bench.model.current == 1


def test_refusal_says_why() -> None:
    bench = bench_in(4)
    bench.chat.submit("too late")
    bench.run()
    bench.engine.emit(api.LineRefused("x", 9, Code.ROOM_DELETED, said("The room was deleted")))
    bench.run()
    assert bench.model.notices[-1] == "The room was deleted"


@pytest.mark.display
def test_a_room_is_archived_taken_back_and_deleted_by_hand(
    display: str,
    server: ServerProcess,
    tmp_path: Path,
) -> None:
    anna = enrol(server, tmp_path / "anna", "anna", "Anna")
    bob = enrol(server, tmp_path / "bob", "bob", "Bob")
    assert run_client(["create-room", "kitchen"], anna).returncode == 0
    assert run_client(["join", "kitchen"], bob).returncode == 0
    assert run_client(["send", "kitchen", "the last word"], bob).returncode == 0
    with open_window(display, anna) as one, open_window(display, bob, geometry=RIGHT) as other:
        other.take_keyboard()
        other.click("kitchen", "item")
        other.see("Message to kitchen")
        one.take_keyboard()
        one.click("kitchen", "item", button=3)
        one.choose("Archive the room…")
        one.see("Archive kitchen?")
        one.click("Archive", "TButton")
        other.see("Archived: it can only be read")
        other.see("the last word", "item")
        one.see("Public room, archived · 2 members")
        screenshot(display, tmp_path / "archived.png")
        one.click("kitchen", "item", button=3)
        one.choose("Take out of the archive…")
        one.click("Take out", "TButton")
        other.see("Message to kitchen")
        one.click("kitchen", "item", button=3)
        one.choose("Delete the room…")
        one.see("Delete kitchen?")
        one.write("not the password")
        one.click("Delete the room", "TButton")
        one.see("Wrong name or password")
        screenshot(display, tmp_path / "delete.png")
        one.click("not the password", "TEntry")
        one.keys("ctrl+a")
        one.write(PASSWORD)
        one.keys("Return")
        one.see("kitchen is deleted.")
        other.see("Room kitchen was deleted, for everybody and for good")
        other.see("Message to general")
        screenshot(display, tmp_path / "deleted.png")


@pytest.mark.display
def test_what_was_found_in_a_deleted_room_goes_with_it(display: str, server: ServerProcess, tmp_path: Path) -> None:
    anna = enrol(server, tmp_path / "anna", "anna", "Anna")
    assert run_client(["create-room", "kitchen"], anna).returncode == 0
    assert run_client(["send", "kitchen", "soup with dumplings"], anna).returncode == 0
    assert run_client(["send", "general", "soup in the yard"], anna).returncode == 0
    with open_window(display, anna) as one:
        one.take_keyboard()
        one.see("soup in the yard", "item")
        one.keys("ctrl+f")
        one.click("In all rooms")
        one.keys("ctrl+f")
        one.write("soup")
        one.see("Anna · kitchen", "item")
        assert run_client(["rooms", "delete", "kitchen"], anna, env={"LANCHAT_PASSWORD": PASSWORD}).returncode == 0
        one.probe.wait_gone("Anna · kitchen", "item")
        one.see("soup in the yard", "item")
