"""Keys of the main page as data: what they do, and what people read about them.

Shortcuts must work on a Russian keyboard as well: there the key labelled K sends another keysym, so each letter is
bound under both names.
"""

import enum
import sys
from collections.abc import Iterator

import msgspec

from lanchat.i18n import _


class Action(enum.Enum):
    """Everything that a key or a menu of the main page can ask for."""

    QUICK_SWITCH = enum.auto()
    SEARCH = enum.auto()
    NEXT_ROOM = enum.auto()
    PREVIOUS_ROOM = enum.auto()
    NEXT_UNREAD = enum.auto()
    PAGE_UP = enum.auto()
    PAGE_DOWN = enum.auto()
    TO_END = enum.auto()
    MESSAGES = enum.auto()
    CANCEL = enum.auto()
    NEW_ROOM = enum.auto()
    JOIN_ROOM = enum.auto()
    PEOPLE_PANEL = enum.auto()
    ROOM_DETAILS = enum.auto()
    LEAVE_ROOM = enum.auto()
    SHORTCUTS = enum.auto()
    LARGER = enum.auto()
    SMALLER = enum.auto()
    USUAL_SIZE = enum.auto()
    PROFILE = enum.auto()
    PASSWORD = enum.auto()
    DEVICES = enum.auto()
    SERVER = enum.auto()
    LANGUAGE = enum.auto()
    THEME = enum.auto()
    LOG_OUT = enum.auto()
    QUIT = enum.auto()


class Key(msgspec.Struct, frozen=True):
    """`sequence` in Tk's notation, without the angle brackets."""

    sequence: str
    action: Action


KEYS = (
    Key("Control-k", Action.QUICK_SWITCH),
    Key("Control-f", Action.SEARCH),
    Key("Alt-Down", Action.NEXT_ROOM),
    Key("Alt-Up", Action.PREVIOUS_ROOM),
    Key("Control-Tab", Action.NEXT_ROOM),
    Key("Alt-Shift-Down", Action.NEXT_UNREAD),
    Key("Control-End", Action.TO_END),
    Key("Control-Up", Action.MESSAGES),
    Key("Escape", Action.CANCEL),
    Key("Prior", Action.PAGE_UP),
    Key("Next", Action.PAGE_DOWN),
    Key("Control-n", Action.NEW_ROOM),
    Key("Control-j", Action.JOIN_ROOM),
    Key("Control-p", Action.PEOPLE_PANEL),
    Key("Control-plus", Action.LARGER),
    Key("Control-equal", Action.LARGER),
    Key("Control-minus", Action.SMALLER),
    Key("Control-0", Action.USUAL_SIZE),
    Key("Control-q", Action.QUIT),
    Key("F1", Action.SHORTCUTS),
)

# The keysym that the Russian layout has on each Latin letter's key.
_NAMES = "shorti tse u ka ie en ghe sha shcha ze ef yeru ve a pe er o el de ya che es em i te softsign"
_RUSSIAN = dict(zip("qwertyuiopasdfghjklzxcvbnm", _NAMES.split(" "), strict=True))


def sequences(sequence: str) -> Iterator[str]:
    """All Tk sequences for a key: also the one on a Russian keyboard, and the Command key of macOS."""
    if sys.platform == "darwin":
        sequence = sequence.replace("Control-", "Command-")
    yield f"<{sequence}>"
    head, dash, letter = sequence.rpartition("-")
    if dash and letter in _RUSSIAN:
        yield f"<{head}-Cyrillic_{_RUSSIAN[letter]}>"


# Tk binds its clipboard events to Latin letters only.
CLIPBOARD = (
    ("Control-c", "<<Copy>>"),
    ("Control-v", "<<Paste>>"),
    ("Control-x", "<<Cut>>"),
    ("Control-a", "<<SelectAll>>"),
    ("Control-z", "<<Undo>>"),
    ("Control-y", "<<Redo>>"),
)


def help_lines() -> list[tuple[str, str]]:
    """Keys and what they do, for people."""
    return [
        ("Enter", _("send the message")),
        ("Shift+Enter", _("begin a new line")),
        ("↑", _("edit the last own message (when the field is empty)")),
        ("Esc", _("cancel reply, edit or search")),
        ("Ctrl+K", _("go to a room or person")),
        ("Ctrl+F", _("search in messages")),
        ("Alt+↑  Alt+↓", _("previous, next room")),
        ("Alt+Shift+↓", _("next room with something new")),
        ("PageUp  PageDown", _("scroll the conversation")),
        ("Ctrl+End", _("to the newest message")),
        ("Ctrl+↑", _("walk through the messages; Enter opens the menu")),
        ("Ctrl+N", _("new room")),
        ("Ctrl+J", _("join a room")),
        ("Ctrl+P", _("show or hide the people")),
        ("Ctrl+Plus  Ctrl+Minus", _("larger, smaller text")),
        ("F1", _("this list")),
    ]
