"""What every view needs to make its controls: palette, sizes, pictures; and the small controls that several use."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any

import msgspec

from lanchat.i18n import _
from lanchat.ui import glyphs, tooltip
from lanchat.ui.drawing import Kit
from lanchat.ui.entry_text import PASTED_MAX, EntryText
from lanchat.ui.images import Images
from lanchat.ui.offer import Offer, first_part
from lanchat.ui.styles import Look
from lanchat.ui.theme import Palette

BULLET = "•"
_FIELD_OCTETS_MAX = 4 * PASTED_MAX


class Toolkit(msgspec.Struct):
    """One look of the window; a new one is made when theme, language or text size change. Main thread.

    `home` gives the keyboard to where somebody types; the page sets it.
    """

    root: tk.Tk
    kit: Kit
    images: Images
    home: Callable[[], None] = lambda: None

    def take_keyboard(self) -> None:
        """After a menu or a dialog: the keyboard is the main window's again."""
        self.root.focus_force()
        self.home()

    @property
    def palette(self) -> Palette:
        return self.kit.palette

    def px(self, pixels: float) -> int:
        """Pixels at 96 dpi as pixels here."""
        return self.kit.px(pixels)

    def label(self, master: tk.Misc, text: str = "", look: Look = Look.TEXT, width: int = 0) -> ttk.Label:
        """Words; with `width` (pixels at 96 dpi) they wrap."""
        label = ttk.Label(master, text=glyphs.inline(text), style=look.value, justify="left")
        if width:
            label.configure(wraplength=self.px(width - 8))
        return label

    def button(
        self, master: tk.Misc, text: str, command: Callable[[], object], look: Look = Look.PLAIN, icon: str = ""
    ) -> ttk.Button:
        """A button with words, perhaps a picture before them."""
        button = ttk.Button(master, text=text, command=command, style=look.value)
        if icon:
            colour = {Look.ACCENT: self.palette.on_accent, Look.DANGER: self.palette.on_danger}.get(
                look, self.palette.text
            )
            image = self.images.icon(icon, 16, colour)
            button.configure(image=image, text=f" {text}", compound="left")
        return button

    def icon_button(
        self, master: tk.Misc, icon: str, hint: str, command: Callable[[], object], look: Look = Look.QUIET
    ) -> ttk.Button:
        """A button that is only a picture; `hint` is its tooltip."""
        colour = self.palette.on_accent if look is Look.ACCENT else self.palette.text
        button = ttk.Button(master, command=command, style=look.value)
        resting = self.images.icon(icon, 16, self.palette.on_disabled)
        pictures: Any = (self.images.icon(icon, 16, colour), "disabled", resting)
        button.configure(image=pictures)
        tooltip.attach(button, self.palette, hint)
        return button

    def picture(self, master: tk.Misc, icon: str, size: int, colour: str, ground: str) -> tk.Label:
        """A picture alone."""
        image = self.images.icon(icon, size, colour)
        return tk.Label(master, image=image, background=ground, borderwidth=0)


class Field:
    """An entry field with its name above it. What is pasted comes in one line; of what is far too long the beginning is
    offered."""

    def __init__(
        self, tools: Toolkit, master: tk.Misc, name: str, value: str = "", *, secret: bool = False, hint: str = ""
    ) -> None:
        self.frame = ttk.Frame(master)
        if name:
            tools.label(self.frame, name, Look.FIELD_NAME).pack(anchor="w", pady=(0, tools.px(3)))
        self.entry = ttk.Entry(self.frame, style=Look.ENTRY.value, font="TkTextFont", show=BULLET if secret else "")
        self.entry.pack(fill="x")
        if hint:
            tools.label(self.frame, hint, Look.SMALL, 360).pack(anchor="w", pady=(tools.px(3), 0))
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
        self._complaint = tools.label(self.frame, "", Look.ERROR)
        self.frame.bind("<Configure>", self._wrap)
        self._text = EntryText(self.entry, secret=secret, too_long=self._too_long)
        self.set(value)

    def get(self) -> str:
        """The text itself, also where the entry shows a name in brackets for an emoji."""
        return self._text.get()

    def set(self, value: str) -> None:
        self._text.set(value)

    def focus(self) -> None:
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
        self.entry.state(["!disabled" if enabled else "disabled"])

    def on_return(self, command: Callable[[], object]) -> None:
        for sequence in ("<Return>", "<KP_Enter>"):
            self.entry.bind(sequence, lambda event: command())


def menu_button(widget: tk.Misc) -> str:
    """The event that opens a context menu. The release, not the press: on X11 a menu that opens under a button which is
    still held takes the release for a choice, and is gone again."""
    aqua = str(widget.tk.call("tk", "windowingsystem")) == "aqua"
    return "<ButtonRelease-2>" if aqua else "<ButtonRelease-3>"
