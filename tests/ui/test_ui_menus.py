"""Menu entries by context, and their icons."""

import json
from pathlib import Path

import pytest
import ttkbootstrap.style.icons

from lanchat.app.api import Account, Line, Person, RoomView
from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, Role, RoomKind
from lanchat.ui.kit.theme import ROLES
from lanchat.ui.menus import menus
from lanchat.ui.menus.menus import Entry, MenuItem, Submenu
from lanchat.ui.model.room_choices import RoomChoices
from tests.support.ui_kit import line

GENERAL = RoomView(
    1, "general", "general", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, True, 3, 0, 5, 0, 5, general=True
)


def labels(entries: list[Entry]) -> list[str]:
    return [entry.label for entry in entries if isinstance(entry, MenuItem | Submenu)]


def message_menu(one: Line, may_delete: bool = False, selected: bool = False) -> list[Entry]:
    return menus.message_menu(one, 1, may_delete, selected, lambda verb: None, lambda emoji: None)


@pytest.mark.parametrize(
    ("one", "offered"),
    [
        (line(1), ["Reply", "React", "Copy message", "Write to User 2"]),
        (
            line(1, author=1),
            ["Reply", "React", "Copy message", "Edit", "Delete…", "Who has received and read it…"],
        ),
        (line(None, author=1), ["Copy message"]),
        (line(None, author=1, refused=Code.TOO_LARGE), ["Copy message", "Put into the message field again"]),
        (line(1, deleted=True), ["Write to User 2"]),
    ],
)
def test_message_menu_entries(one: Line, offered: list[str]) -> None:
    assert labels(message_menu(one)) == offered


def test_moderators_may_delete_messages_of_others() -> None:
    assert "Delete…" in labels(message_menu(line(1), may_delete=True))
    assert menus.may_moderate(Account(1, "a", "A", Role.ADMINISTRATOR))
    assert not menus.may_moderate(Account(1, "a", "A", Role.MEMBER))
    assert not menus.may_moderate(None)


def test_selected_text_can_be_copied() -> None:
    assert "Copy selected text" in labels(message_menu(line(1), selected=True))


def test_leave_is_disabled_for_general() -> None:
    entries = menus.room_entries(GENERAL, RoomChoices(), lambda action: None)
    (leave,) = [e for e in entries if isinstance(e, MenuItem) and "Leave" in e.label]
    assert not leave.enabled


def test_every_menu_icon_and_picture_glyph_exists() -> None:
    file = Path(ttkbootstrap.style.icons.__file__).parents[1] / "assets" / "icons" / "glyphmap.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    person = Person(2, "bob", "Bob", PresenceState.ONLINE, 0.0, Role.MEMBER)
    entries = [
        *message_menu(line(1, author=1), True, True),
        *message_menu(line(None, refused=Code.TOO_LARGE)),
        *menus.conversation_entries(lambda action: None),
        *menus.room_entries(GENERAL, RoomChoices(), lambda action: None),
        *menus.room_entries(GENERAL, RoomChoices({GENERAL.room}, {GENERAL.room}), lambda action: None, governs=True),
        *menus.order_menu(False, lambda by_name: None),
        *menus.add_menu(lambda action: None),
        *menus.account_menu(True, lambda action: None),
        *menus.account_menu(False, lambda action: None),
        *menus.person_menu(person, True, lambda: None, lambda: None),
    ]
    reactions = [item for entry in entries if isinstance(entry, Submenu) for item in entry.items]
    shown = [entry for entry in [*entries, *reactions] if isinstance(entry, MenuItem | Submenu)]
    assert {entry.icon for entry in shown if entry.icon} <= set(known)
    assert {entry.role for entry in shown if isinstance(entry, MenuItem)} <= ROLES
