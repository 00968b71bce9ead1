"""An entry field with a name, for one line of text or a secret."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable

from lanchat.i18n import _
from lanchat.ui.kit import tooltip
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.entry_text import PASTED_MAX, EntryText
from lanchat.ui.kit.fields.offer import Offer, first_part
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit

BULLET = "•"


_FIELD_OCTETS_MAX = 4 * PASTED_MAX


class Field:
    """An entry field with its name above it. What is pasted comes in one line; of what is far too long the beginning is
    offered."""

    def __init__(
        self, tools: Toolkit, master: tk.Misc, name: str, value: str = "", *, secret: bool = False, hint: str = ""
    ) -> None:
        """`name`: above the entry; empty: none. `secret`: bullets, and an eye that shows the text. `hint`: below it."""
        self.frame = ttk.Frame(master)
        if name:
            tools.label(self.frame, name, ControlStyle.FIELD_NAME).pack(anchor="w", pady=(0, tools.px(3)))
        self.entry = ttk.Entry(
            self.frame, style=ControlStyle.ENTRY.value, font="TkTextFont", show=BULLET if secret else ""
        )
        self.entry.pack(fill="x")
        if hint:
            tools.label(self.frame, hint, ControlStyle.SMALL, 360).pack(anchor="w", pady=(tools.px(3), 0))
        self._readable = False
        if secret:
            eye = tools.picture(self.frame, "eye", 16, tools.palette.muted, tools.palette.field)
            eye.configure(cursor="hand2")
            eye.bind("<Button-1>", lambda event: self._turn())
            tooltip.attach(eye, tools.palette, _("Show or hide"))
            eye.place(in_=self.entry, relx=1, rely=0.5, x=-tools.px(12), anchor="e")
        self.limit = PASTED_MAX  # of what is offered then
        self._offer: Offer | None = None
        self._tools = tools
        self._complaint = tools.label(self.frame, "", ControlStyle.ERROR)
        self.frame.bind("<Configure>", self._wrap)
        self._text = EntryText(self.entry, secret=secret, too_long=self._too_long)
        self.set(value)

    def get(self) -> str:
        """The text itself, also where the entry shows a name in brackets for an emoji."""
        return self._text.get()

    def set(self, value: str) -> None:
        """Another text; undo does not lead back to the one before."""
        self._text.set(value)

    def focus(self) -> None:
        """The keyboard goes to the entry, the cursor to its end."""
        self.entry.focus_set()
        self.entry.icursor("end")

    def complain(self, text: str) -> None:
        """Says below the entry what is wrong with what stands in it; empty: nothing."""
        if glyphs.inline(text) == str(self._complaint.cget("text")):
            return
        self._complaint.configure(text=glyphs.inline(text))
        if text:
            self._complaint.pack(anchor="w", after=self.entry, pady=(self._tools.px(3), 0))
        else:
            self._complaint.pack_forget()

    def _wrap(self, event: "tk.Event[tk.Misc]") -> None:
        self._complaint.configure(wraplength=max(event.width - self._tools.px(4), 1))

    def _too_long(self, pasted: str) -> None:
        part = first_part(pasted, self.limit - len(self.get()), _FIELD_OCTETS_MAX)
        self._offer = self._offer or Offer(self._tools, self.frame, self._answered, narrow=True)
        self._offer.frame.pack(fill="x")
        self._offer.ask(
            _("Too long: {count} characters.").format(count=len(pasted)),
            _("Insert the first {n}").format(n=len(part)) if part else "",
            lambda: self._text.insert(part),
        )

    def _answered(self) -> None:
        if self._offer:
            self._offer.frame.pack_forget()
        self.entry.focus_set()

    def _turn(self) -> None:
        """Somebody wants to read a secret that they type, or hide it again."""
        self._readable = not self._readable
        self.entry.configure(show="" if self._readable else BULLET)

    def enable(self, enabled: bool) -> None:
        """An entry that is not enabled shows its text and takes no input."""
        self.entry.state(["!disabled" if enabled else "disabled"])

    def on_change(self, changed: Callable[[], None]) -> None:
        """`changed` is called when a person has changed the text, in whatever way; not after `set`."""
        self._text.on_change(changed)

    def on_return(self, command: Callable[[], object]) -> None:
        """Return and Enter of the keypad run this command instead of the one before, and nothing else."""

        def run() -> str:
            command()
            return "break"

        for sequence in ("<Return>", "<KP_Enter>"):
            self.on_key(sequence, run)

    def on_key(self, sequence: str, command: Callable[[], object]) -> None:
        """This key runs the command instead of the one before, after `on_change` of the text that stands there: keys
        that come quickly are all handled before the event loop is idle."""

        def run(_event: "tk.Event[tk.Misc]") -> object:
            self._text.emit_pending_change()
            return command()

        self.entry.bind(sequence, run)
