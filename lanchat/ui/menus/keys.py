"""Keys of the main page as data: what they do, and what people read about them."""

import enum
import sys

import msgspec

from lanchat.i18n import _
from lanchat.ui.kit.keys.shortcuts import virtual


class Action(enum.Enum):
    """Everything that a key or a menu of the main page can ask for."""

    QUICK_SWITCH = enum.auto()
    SEARCH = enum.auto()
    NEXT_HIT = enum.auto()
    PREVIOUS_HIT = enum.auto()
    NEXT_ROOM = enum.auto()
    PREVIOUS_ROOM = enum.auto()
    NEXT_UNREAD = enum.auto()
    NEXT_MENTION = enum.auto()
    PAGE_UP = enum.auto()
    PAGE_DOWN = enum.auto()
    TO_END = enum.auto()
    MESSAGES = enum.auto()
    CANCEL = enum.auto()
    NEW_ROOM = enum.auto()
    JOIN_ROOM = enum.auto()
    PEOPLE_PANEL = enum.auto()
    SHORTCUTS = enum.auto()
    LARGER = enum.auto()
    SMALLER = enum.auto()
    USUAL_SIZE = enum.auto()
    PROFILE = enum.auto()
    PASSWORD = enum.auto()
    DEVICES = enum.auto()
    SERVER = enum.auto()
    ADMINISTRATION = enum.auto()
    LANGUAGE = enum.auto()
    THEME = enum.auto()
    NOTIFICATIONS = enum.auto()
    POLICY = enum.auto()
    ABOUT = enum.auto()
    LOG_OUT = enum.auto()
    QUIT = enum.auto()


class KeyBinding(msgspec.Struct, frozen=True):
    """`sequence` in Tk's notation, without the angle brackets."""

    sequence: str
    action: Action


KEYS = (
    KeyBinding("Control-k", Action.QUICK_SWITCH),
    KeyBinding("Control-f", Action.SEARCH),
    KeyBinding("F3", Action.NEXT_HIT),
    KeyBinding("Shift-F3", Action.PREVIOUS_HIT),
    KeyBinding("Alt-Down", Action.NEXT_ROOM),
    KeyBinding("Alt-Up", Action.PREVIOUS_ROOM),
    KeyBinding("Control-Tab", Action.NEXT_ROOM),
    KeyBinding("Alt-Shift-Down", Action.NEXT_UNREAD),
    KeyBinding("Alt-Shift-Up", Action.NEXT_MENTION),
    KeyBinding("Control-End", Action.TO_END),
    KeyBinding("Control-Up", Action.MESSAGES),
    KeyBinding("Escape", Action.CANCEL),
    KeyBinding("Prior", Action.PAGE_UP),
    KeyBinding("Next", Action.PAGE_DOWN),
    KeyBinding("Control-n", Action.NEW_ROOM),
    KeyBinding("Control-j", Action.JOIN_ROOM),
    KeyBinding("Control-p", Action.PEOPLE_PANEL),
    KeyBinding("Control-plus", Action.LARGER),
    KeyBinding("Control-equal", Action.LARGER),
    KeyBinding("Control-minus", Action.SMALLER),
    KeyBinding("Control-0", Action.USUAL_SIZE),
    KeyBinding("Control-q", Action.QUIT),
    KeyBinding("F1", Action.SHORTCUTS),
)

_KEYS_OF_SHORTCUTS = frozenset("abcdefghijklmnopqrstuvwxyz0") | {"plus", "minus", "equal"}


def sequence(key: KeyBinding) -> str:
    """What to bind: letters and signs by their virtual event (see shortcuts.py), the rest by Tk's own name."""
    head, _dash, last = key.sequence.rpartition("-")
    if head == "Control" and last in _KEYS_OF_SHORTCUTS:
        return virtual(last)
    plain = key.sequence.replace("Control-", "Command-") if sys.platform == "darwin" else key.sequence
    return f"<{plain}>"


def shortcut_keys() -> frozenset[str]:
    """The keys that shortcuts.py has to tell of."""
    return frozenset(key.sequence.rpartition("-")[2] for key in KEYS if sequence(key).startswith("<<"))


def help_lines() -> list[tuple[str, str]]:
    """Keys and what they do, for people."""
    return [
        ("Enter", _("send the message")),
        ("Shift+Enter", _("begin a new line")),
        ("↑", _("edit the last own message (when the field is empty)")),
        ("Esc", _("cancel reply, edit or search")),
        ("Ctrl+K", _("go to a room or person")),
        ("Ctrl+F", _("search in messages")),
        ("F3  Shift+F3", _("next, previous hit of the search")),
        ("Alt+↑  Alt+↓", _("previous, next room")),
        ("Alt+Shift+↓", _("next room with something new")),
        ("Alt+Shift+↑", _("next message that mentions you")),
        ("PageUp  PageDown", _("scroll the conversation")),
        ("Ctrl+End", _("to the newest message")),
        ("Ctrl+↑", _("move between messages; Enter opens the menu")),
        ("Ctrl+N", _("new room")),
        ("Ctrl+J", _("join a room")),
        ("Ctrl+P", _("show or hide the people")),
        ("Ctrl+Plus  Ctrl+Minus", _("larger, smaller text")),
        ("F1", _("this list")),
    ]
