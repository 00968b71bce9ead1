"""A box with words that is ticked or not."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit


class Check:
    """A box that is ticked or not."""

    def __init__(self, master: tk.Misc, text: str, ticked: bool) -> None:
        """The caller places `widget`."""
        self._ticked = tk.BooleanVar(master, ticked)
        self.widget = ttk.Checkbutton(master, text=text, variable=self._ticked, style=ControlStyle.CHECK.value)

    def on_return(self, command: Callable[[], object]) -> None:
        """Return and Enter of the keypad run this command; the space bar ticks."""

        def run(_event: "tk.Event[tk.Misc]") -> str:
            command()
            return "break"

        for sequence in ("<Return>", "<KP_Enter>"):
            self.widget.bind(sequence, run)

    def get(self) -> bool:
        """Whether it is ticked."""
        return bool(self._ticked.get())

    def set(self, ticked: bool) -> None:
        """Ticks the box, or clears it."""
        self._ticked.set(ticked)


def checkbox(tools: Toolkit, master: tk.Misc, text: str, ticked: bool) -> Check:
    """A box with its words, in a line of its own."""
    check = Check(master, text, ticked)
    check.widget.pack(anchor="w", pady=(0, tools.px(6)))
    return check
