"""Archived and deleted rooms in the window: menu entries by role, what is shown, the dialogs with a real server."""

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
from lanchat.ui.model.room_choices import RoomChoices
from tests.support.problem_details import details_of
from tests.support.procs import ServerProcess, run_client
from tests.support.ui_desk import Workbench
from tests.support.xvfb import screenshot
from tests.ui.test_ui_menus import labels, line
from tests.ui.test_ui_real_server import PASSWORD, RIGHT, make_profile, open_window
from tests.ui.test_ui_real_server import server as server

ROOM = api.RoomView(4, "kitchen", "kitchen", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, True, 3, 0, 0, 0, 0)
MEMBER = Account(1, "anna", "Anna", Role.MEMBER)
MODERATOR = replace(MEMBER, role=Role.MODERATOR)


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def room_menu(room: api.RoomView, account: Account) -> list[str]:
    governs = menus.may_govern(account, room)
    entries: list[Entry] = menus.room_entries(room, RoomChoices(), lambda action: None, governs=governs)
    return [entry.label for entry in entries if isinstance(entry, MenuItem)]


def test_creators_and_moderators_may_archive_and_delete_rooms() -> None:
    offered = {"Archive the room…", "Delete the room…"}
    assert not offered & set(room_menu(ROOM, MEMBER))
    assert offered <= set(room_menu(ROOM, MODERATOR))
    assert offered <= set(room_menu(replace(ROOM, mine=True), MEMBER))
    assert "Take out of the archive…" in room_menu(replace(ROOM, archived=True), MODERATOR)


@pytest.mark.parametrize("room", [replace(ROOM, general=True), replace(ROOM, kind=RoomKind.DIRECT, mine=True)])
def test_general_and_direct_rooms_cannot_be_governed(room: api.RoomView) -> None:
    assert not menus.may_govern(MODERATOR, room)


def test_archived_room_offers_no_message_changes() -> None:
    entries = menus.message_menu(line(1), 1, True, False, lambda verb: None, lambda emoji: None, archived=True)
    assert not {"Reply", "React", "Edit", "Delete…"} & set(labels(entries))
    assert "Copy message" in labels(entries)


def workbench_in_room(room: int) -> Workbench:
    bench = Workbench()
    bench.log_in()
    bench.chat.open_room(room)
    bench.run()
    return bench


def test_archived_room_refuses_messages_and_keeps_the_draft() -> None:
    bench = workbench_in_room(4)
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


def test_archived_rooms_are_listed_last() -> None:
    bench = workbench_in_room(4)
    bench.chat.ask(api.ArchiveRoomCommand(4))
    bench.run()
    rows = room_rows(bench.model, "")
    heading = next(index for index, row in enumerate(rows) if row.title == "Archived")
    assert [row.key for row in rows[heading + 1 :]] == [RoomRowKey(4)]
    assert rows[heading + 1].dim
    assert RoomRowKey(4) not in [row.key for row in joinable_rows(bench.model)]


def test_deleting_the_open_room_opens_another_and_drops_its_draft() -> None:
    bench = workbench_in_room(4)
    bench.model.draft.text = "half a thought"
    bench.engine.emit(api.RoomRemoved(4, deleted=True))
    bench.run()
    assert bench.model.current not in (0, 4)
    assert 4 not in bench.model.drafts


def test_jump_into_a_deleted_room_is_ignored() -> None:
    bench = workbench_in_room(1)
    bench.engine.emit(api.RoomRemoved(4, deleted=True))
    bench.run()
    bench.chat.jump_to(4, 2)
    bench.run()
    assert bench.model.current == 1


def test_refused_message_shows_the_reason() -> None:
    bench = workbench_in_room(4)
    bench.chat.submit("too late")
    bench.run()
    bench.engine.emit(api.LineRefused("x", 9, Code.ROOM_DELETED, details_of("The room was deleted")))
    bench.run()
    assert bench.model.notices[-1] == "The room was deleted"


@pytest.mark.display
def test_archive_unarchive_and_delete_dialogs(
    display: str,
    server: ServerProcess,
    tmp_path: Path,
) -> None:
    anna = make_profile(server, tmp_path / "anna", "anna", "Anna")
    bob = make_profile(server, tmp_path / "bob", "bob", "Bob")
    assert run_client(["create-room", "kitchen"], anna).returncode == 0
    assert run_client(["join", "kitchen"], bob).returncode == 0
    assert run_client(["send", "kitchen", "the last word"], bob).returncode == 0
    with open_window(display, anna) as one, open_window(display, bob, geometry=RIGHT) as other:
        other.take_keyboard()
        other.click("kitchen", "item")
        other.see("Message to kitchen")
        one.take_keyboard()
        one.click("kitchen", "item")
        one.see("Message to kitchen")
        one.click("kitchen", "item", button=3)
        one.choose("Archive the room…")
        one.see("Archive kitchen?")
        one.click("Archive", "TButton")
        other.see("Archived: read only")
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
def test_search_hits_of_a_deleted_room_are_removed(display: str, server: ServerProcess, tmp_path: Path) -> None:
    anna = make_profile(server, tmp_path / "anna", "anna", "Anna")
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
        one.see("kitchen · Anna", "item")
        assert run_client(["rooms", "delete", "kitchen"], anna, env={"LANCHAT_PASSWORD": PASSWORD}).returncode == 0
        one.probe.wait_gone("kitchen · Anna", "item")
        one.see("soup in the yard", "item")
