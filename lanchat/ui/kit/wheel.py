"""The wheel of the mouse and, from Tk 9 on, the touchpad, which has events of its own."""

import contextlib
import tkinter as tk
from collections.abc import Callable

WHEEL = ("<Button-4>", "<Button-5>", "<MouseWheel>")
_TOUCHPAD = "<TouchpadScroll>"
_NOTCH = 120  # what Tk counts for a notch of a wheel
_TOUCHPAD_NOTCH = 48  # pixels of a finger's way that scroll as far as a notch


def bind(widget: tk.Misc, turned: Callable[[float], object]) -> None:
    """`turned` is called with the notches, or parts of one; down is above 0."""

    def wheel(event: "tk.Event[tk.Misc]") -> str:
        turned(-1 if event.num == 4 else 1 if event.num == 5 else -event.delta / _NOTCH)
        return "break"

    def touchpad(event: "tk.Event[tk.Misc]") -> str:
        turned(touchpad_notches(event.delta))
        return "break"

    for sequence in WHEEL:
        widget.bind(sequence, wheel)
    with contextlib.suppress(tk.TclError):  # Tk 8.6 does not know the event
        widget.bind(_TOUCHPAD, touchpad)


def touchpad_notches(packed: int) -> float:
    """The vertical part of what Tk packs into one number: pixels to the right in the upper 16 bits, down in the lower
    ones, each with a sign."""
    down = packed & 0xFFFF
    return -(down - 0x10000 if down & 0x8000 else down) / _TOUCHPAD_NOTCH
