"""What the views of all pages have in common: the lines below a page, with what was done, what is wrong, and the
question that waits for an answer."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable, Sequence
from typing import Protocol

from lanchat.i18n import _
from lanchat.ui.administration.page_model import PageModel, Question
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.field import Field
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit

WIDTH = 640  # pixels at 96 dpi at which texts below a page wrap, until the page is wider


class AdminPageView(Protocol):
    """A page in one place of the window. Main thread."""

    frame: ttk.Frame

    def enter(self) -> None:
        """The page is in sight: it asks for what it shows."""

    def leave(self) -> None:
        """The page is out of sight: it asks for nothing."""

    def close(self) -> None:
        """The page is about to be destroyed."""


def wrapping(label: ttk.Label, margin: int = 8) -> ttk.Label:
    """The label, which breaks its text at whatever width it gets."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=max(event.width - margin, 1)))
    return label


def labelled(tools: Toolkit, master: tk.Misc, name: str) -> ttk.Frame:
    """A frame with a name in it, for a control below that name."""
    frame = ttk.Frame(master)
    tools.label(frame, name, ControlStyle.FIELD_NAME).pack(anchor="w", pady=(0, tools.px(3)))
    return frame


def choice(tools: Toolkit, master: tk.Misc, names: list[str], chosen: Callable[[int], None]) -> ttk.Combobox:
    """A list to choose one of; `chosen` gets its place when a person has chosen."""
    box = ttk.Combobox(master, values=names, state="readonly", width=max(map(len, names), default=1) + 2)
    box.configure(font="TkDefaultFont")

    def selected(_event: "tk.Event[tk.Misc]") -> None:
        box.selection_clear()
        chosen(box.current())

    box.bind("<<ComboboxSelected>>", selected)
    return box


def stack(frame: tk.Misc, parts: Sequence[tk.Widget], grows: tk.Widget, gap: int) -> None:
    """Places the parts below each other. `grows` takes the room that is left, and gives way in a low window."""
    frame.columnconfigure(0, weight=1)
    for row, part in enumerate(parts):
        part.grid(row=row, column=0, sticky="nsew" if part is grows else "ew", pady=(gap if row else 0, 0))
    frame.rowconfigure(list(parts).index(grows), weight=1)


def show_part(part: tk.Widget, wanted: bool) -> None:
    """In its place of a stack, or out of sight."""
    if wanted:
        part.grid()
    else:
        part.grid_remove()


class CopyField:
    """A text that nobody types, with a button that copies it."""

    def __init__(self, tools: Toolkit, master: tk.Misc) -> None:
        """The caller places `frame`."""
        self._tools = tools
        self._text = ""
        self.frame = ttk.Frame(master)
        self.entry = ttk.Entry(self.frame, style=ControlStyle.ENTRY.value, font="TkFixedFont", width=36)
        self.entry.pack(side="left", fill="x", expand=True)
        self.button = tools.button(self.frame, _("Copy"), self._copy, ControlStyle.ACCENT)
        self.button.pack(side="left", padx=(tools.px(8), 0))

    def show(self, text: str) -> None:
        """Another text to copy."""
        if text != self._text:
            self._text = text
            self.entry.configure(state="normal")
            self.entry.delete(0, "end")
            self.entry.insert(0, glyphs.inline(text))
            self.entry.configure(state="readonly")
            self.button.configure(text=_("Copy"))

    def _copy(self) -> None:
        self.frame.clipboard_clear()
        self.frame.clipboard_append(self._text)
        self.button.configure(text=_("Copied"))


class Notices:
    """The lines below a page."""

    def __init__(self, tools: Toolkit, master: tk.Misc, model: PageModel) -> None:
        """The caller places `frame`, at its full width."""
        self._tools = tools
        self._model = model
        self._asked: Question | None = None
        self.frame = ttk.Frame(master)
        self._text = wrapping(tools.label(self.frame, "", ControlStyle.TEXT, WIDTH))
        self._text.pack(fill="x")
        self._box = ttk.Frame(self.frame)
        self._question = wrapping(tools.label(self._box, "", ControlStyle.TEXT, WIDTH))
        self._question.pack(fill="x")
        self._row = ttk.Frame(self._box)
        self._row.pack(fill="x", pady=(tools.px(8), 0))
        self._secret: Field | None = None

    def show(self) -> None:
        """What the model says now."""
        model = self._model
        if model.problem:
            text, look = model.problem, ControlStyle.ERROR
        elif model.busy:
            text, look = _("One moment…"), ControlStyle.MUTED
        else:
            text, look = model.done, ControlStyle.DONE
        self._text.configure(text=glyphs.inline(text), style=look.value)
        if model.question != self._asked:
            self._asked = model.question
            self._show_question(model.question)

    def _show_question(self, question: Question | None) -> None:
        for child in self._row.winfo_children():
            child.destroy()
        self._secret = None
        if question is None:
            self._box.pack_forget()
            return
        self._question.configure(text=glyphs.inline(question.text))
        self._box.pack(fill="x", pady=(self._tools.px(4), 0))
        look = ControlStyle.DANGER if question.danger else ControlStyle.ACCENT
        yes = self._tools.button(self._row, question.button, self._answer, look)
        if question.secret:
            self._secret = Field(self._tools, self._row, "", secret=True)
            self._secret.entry.configure(width=28)
            self._secret.frame.pack(side="left", padx=(0, self._tools.px(8)))
            self._secret.on_return(self._answer)
        yes.pack(side="left")
        no = self._tools.button(self._row, _("Cancel"), self._model.cancel)
        no.pack(side="left", padx=self._tools.px(8))
        for control in (yes, no, *((self._secret.entry,) if self._secret else ())):
            control.bind("<Escape>", lambda event: self._cancelled())
        for button in (yes, no):
            button.bind("<Return>", lambda event: event.widget.invoke())
        (self._secret.entry if self._secret else no if question.danger else yes).focus_set()

    def _cancelled(self) -> str:
        self._model.cancel()
        return "break"

    def _answer(self) -> None:
        self._model.answer(self._secret.get() if self._secret else "")
