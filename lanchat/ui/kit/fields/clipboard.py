"""Text from the clipboard and from what is selected elsewhere, however long it is."""

import tkinter as tk

from lanchat.ui.kit.canvas import glyphs


def clipboard_text(widget: tk.Misc, selection: str = "CLIPBOARD") -> str:
    """The text with plain line breaks; empty when there is none."""
    try:
        text = widget.selection_get(selection=selection)  # type: ignore[no-untyped-call]
    except tk.TclError:
        text = _in_one_piece(widget, selection)
    return glyphs.joined(text).replace("\r\n", "\n").replace("\r", "\n")


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
