"""The muted text in an empty field that says what goes there."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from functools import partial

from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.elided import fitted
from lanchat.ui.kit.toolkit import Toolkit, menu_button


class Placeholder:
    """A label over a field; clicks on it reach the field. Main thread."""

    def __init__(
        self, tools: Toolkit, field: tk.Text | ttk.Entry, inset: int, texts: Callable[[], tuple[str, ...]]
    ) -> None:
        """Hidden until `show`. `inset`: pixels at normal scaling between the field's edge and its text; `texts`,
        the longest one first, are asked for again whenever the field changes its size."""
        self._tools = tools
        self._field = field
        self._inset = tools.px(inset)
        self._texts = texts
        self._label = tk.Label(
            field.master,
            font=Font.BODY.value,
            background=tools.palette.field,
            foreground=tools.palette.muted,
            borderwidth=0,
            padx=0,
            pady=0,
            cursor="xterm",
        )
        self._label.bind("<Button-1>", lambda event: field.focus_set())
        # What is selected elsewhere is pasted, and the menu of the field opens.
        for sequence in dict.fromkeys(("<Button-2>", "<ButtonRelease-2>", menu_button(field))):
            self._label.bind(sequence, partial(self._hand_to_field, sequence))
        for sequence in ("<Configure>", "<Map>"):
            field.bind(sequence, lambda event: self.update(), add="+")
        self.update()

    def update(self) -> None:
        """Takes the longest of the present texts that has room."""
        text = fitted(self._tools, Font.BODY, self._texts(), self._field, 2 * self._inset)
        self._label.configure(text=text)

    def show(self, visible: bool) -> None:
        """Visible: the field is empty."""
        if visible:
            self._label.place(in_=self._field, x=self._inset, rely=0.5, anchor="w")
        else:
            self._label.place_forget()

    def _hand_to_field(self, sequence: str, event: "tk.Event[tk.Misc]") -> None:
        self._field.event_generate(sequence, x=0, y=0, rootx=event.x_root, rooty=event.y_root)
