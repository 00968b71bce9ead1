"""Shortcuts with a letter, `0`, plus or minus, in every widget and whatever the keyboard's layout and Caps Lock.

A key event with Control (Command on macOS) becomes a virtual event: `<<Copy>>` and its like, else `<<Control-k>>`.
Tk's own bindings for these keys do not run: they know Latin lower-case letters only, and Control-k would cut off the
rest of the line before the window gets it.
"""

import sys
import tkinter as tk
from functools import partial

from lanchat.ui.kit.keys.keyboard import Press, meant

TAG = "LanChatShortcuts"
_SHIFT, _ALT_X11 = 0x1, 0x8
CLIPBOARD = {
    "c": "<<Copy>>",
    "v": "<<Paste>>",
    "x": "<<Cut>>",
    "a": "<<SelectAll>>",
    "z": "<<Undo>>",
    "y": "<<Redo>>",
}


def virtual(key: str) -> str:
    """The event that a shortcut's key generates."""
    return CLIPBOARD.get(key) or f"<<Control-{key}>>"


def install(root: tk.Tk, wanted: frozenset[str] = frozenset()) -> None:
    """From now on: the clipboard's and undo's keys, and those of `wanted`. Once per root."""
    keys = wanted | set(CLIPBOARD)
    modifier = "Command" if sys.platform == "darwin" else "Control"
    pressed = partial(_pressed, root, keys)
    root.bind_class(TAG, f"<{modifier}-Key>", pressed)
    # With the right Alt key of many keyboards Windows says Control and Alt: that types a character.
    root.bind_class(TAG, f"<{modifier}-Alt-Key>", lambda event: None)
    # Key events go to what has the keyboard.
    root.bind_all("<FocusIn>", _put_first, add="+")


def _put_first(event: "tk.Event[tk.Misc]") -> None:
    """A widget has the keyboard for the first time: its shortcuts come before everything else."""
    widget = event.widget
    if not isinstance(widget, str) and TAG not in (tags := widget.bindtags()):
        widget.bindtags((TAG, *tags))


def _pressed(root: tk.Tk, keys: frozenset[str], event: "tk.Event[tk.Misc]") -> str | None:
    system = str(root.tk.call("tk", "windowingsystem"))
    state = event.state if isinstance(event.state, int) else 0

    def has_latin() -> bool | None:
        if system != "x11":
            return None
        from lanchat.ui.kit.keys.xlib import has_latin as ask

        return ask(root.winfo_screen(), state)

    key = meant(Press(event.keysym, event.keysym_num, event.keycode), system, has_latin)
    if key not in keys:
        return None
    if not state & _SHIFT or not key.isalpha() or len(key) > 1:
        event.widget.event_generate(virtual(key))
    elif key == "z":
        event.widget.event_generate("<<Redo>>")
    return "break"
