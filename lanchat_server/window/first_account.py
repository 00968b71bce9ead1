"""The form in the server's window that makes the administrator's account, while there is no account."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.i18n import _
from lanchat.ui.kit.canvas.glyphs import inline
from lanchat.ui.kit.fields.entry_text import EntryText
from lanchat.ui.kit.fields.field_problems import FieldName, FieldProblem
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.theme import Palette
from lanchat.ui.kit.toolkit import Toolkit

_GAP = 8


class FirstAccountForm:
    """Name, password twice, and a button; what is wrong stands below the field that it is about. Main thread.

    `make` is called with the three texts."""

    def __init__(self, tools: Toolkit, parent: tk.Misc, make: Callable[[str, str, str], None]) -> None:
        """The caller places `frame` in `parent`. `make`: user name, password, and the password again, unchecked."""
        self._tools = tools
        self._make = make
        self._shown: FieldProblem | None = None
        self.frame = ttk.Frame(parent)
        self.frame.columnconfigure((0, 1, 2), weight=1, uniform="fields")
        self._entries: dict[FieldName, ttk.Entry] = {}
        self._texts: dict[FieldName, EntryText] = {}
        names = {
            FieldName.USER: _("User name"),
            FieldName.PASSWORD: _("Password"),
            FieldName.AGAIN: _("The password again"),
        }
        for column, (field, name) in enumerate(names.items()):
            self._add_field(column, field, name)
        self._complaint = ttk.Label(self.frame, justify="left", font="TkDefaultFont")
        self._button = tools.button(self.frame, _("Create the administrator"), self._submit, ControlStyle.ACCENT)
        self._button.grid(row=3, column=0, columnspan=3, sticky="w", pady=(tools.px(_GAP), 0))

    def _add_field(self, column: int, field: FieldName, name: str) -> None:
        secret = field is not FieldName.USER
        gap = (0, self._tools.px(_GAP))
        name_label = self._tools.label(self.frame, name, ControlStyle.MUTED)
        name_label.grid(row=0, column=column, sticky="ew", padx=gap)
        entry = ttk.Entry(
            self.frame, show="\u2022" if secret else "", style=ControlStyle.ENTRY.value, font="TkTextFont"
        )
        entry.grid(row=1, column=column, sticky="ew", padx=gap)
        for key in ("<Return>", "<KP_Enter>"):
            entry.bind(key, lambda _event: self._submit())
        self._entries[field], self._texts[field] = entry, EntryText(entry, secret=secret)

    def _submit(self) -> None:
        user, password, again = (text.get() for text in self._texts.values())
        self._shown = None  # the same fault once more takes the keyboard once more
        self._make(user, password, again)

    def show(self, needed: bool, busy: bool, problem: FieldProblem | None) -> None:
        """`needed`: there is no account yet; else what was typed is forgotten. `busy`: it is being made."""
        if not needed:
            for text in self._texts.values():
                if text.get():
                    text.set("")
        state = "disabled" if busy else "normal"
        controls: list[ttk.Entry | ttk.Button] = [*self._entries.values(), self._button]
        for control in controls:
            if str(control.cget("state")) != state:
                control.configure(state=state)
        if problem != self._shown:
            self._shown = problem
            self._complain(problem)

    def _complain(self, problem: FieldProblem | None) -> None:
        if problem is None:
            self._complaint.grid_remove()
            return
        entry = self._entries[problem.field]
        column = list(self._entries).index(problem.field)
        # A long sentence may use the columns beside it.
        self._complaint.configure(
            text=inline(problem.text), wraplength=max(self.frame.winfo_width() // 3 * (3 - column), 1)
        )
        self._complaint.grid(row=2, column=column, columnspan=3 - column, sticky="w", pady=(2, 0))
        entry.focus_set()
        entry.icursor("end")

    def paint(self, palette: Palette) -> None:
        """The colour of what is wrong, in a theme that was just chosen."""
        self._complaint.configure(foreground=palette.on_danger_soft)
