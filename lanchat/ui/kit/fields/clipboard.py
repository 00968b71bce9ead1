"""Text from the clipboard and from what is selected elsewhere, however long it is."""

import tkinter as tk

from lanchat.ui.kit.canvas import glyphs

# What a program offers that has a text, in whatever character set.
_TEXTS = ("UTF8_STRING", "STRING", "TEXT", "COMPOUND_TEXT")


def clipboard_text(widget: tk.Misc, selection: str = "CLIPBOARD") -> str:
    """The text with plain line breaks; empty when there is none."""
    offered = _offered(widget, selection)
    if offered and not any(kind in _TEXTS or kind.startswith("text/plain") for kind in offered):
        # Asked for a text all the same, some programs hand out their picture, and Tk makes a text of its octets.
        return ""
    try:
        text = widget.selection_get(selection=selection)  # type: ignore[no-untyped-call]
    except tk.TclError:
        text = _in_one_piece(widget, selection)
    return glyphs.joined(text).replace("\r\n", "\n").replace("\r", "\n")


def holds_picture(widget: tk.Misc, selection: str = "CLIPBOARD") -> bool:
    """Whether there is a picture, and no text, as far as the system tells."""
    if offered := _offered(widget, selection):
        return any(kind.startswith("image/") for kind in offered) and not clipboard_text(widget, selection)
    if str(widget.tk.call("tk", "windowingsystem")) == "x11" or clipboard_text(widget, selection):
        return False
    from PIL import Image, ImageGrab

    try:
        return isinstance(ImageGrab.grabclipboard(), Image.Image)
    except (NotImplementedError, OSError):
        return False


def _offered(widget: tk.Misc, selection: str) -> tuple[str, ...]:
    """The kinds of what is there, as programs on X11 tell them; empty when nobody does."""
    if str(widget.tk.call("tk", "windowingsystem")) != "x11":
        return ()
    arguments = ("-displayof", str(widget), "-selection", selection, "-type", "TARGETS")
    try:
        return tuple(str(widget.tk.call("selection", "get", *arguments)).split())
    except tk.TclError:
        return ()


def _in_one_piece(widget: tk.Misc, selection: str) -> str:
    """What Tk on X11 refuses because it comes in one large piece."""
    if str(widget.tk.call("tk", "windowingsystem")) != "x11":
        return ""
    try:
        arguments = ("-displayof", str(widget), "-selection", selection, "-type", "UTF8_STRING")
        return str(widget.tk.call("selection", "get", *arguments))
    except tk.TclError as error:
        if "too large" not in str(error):
            return ""
    from lanchat.ui.kit.keys.xlib import selection_text

    return selection_text(widget.winfo_screen(), selection)
