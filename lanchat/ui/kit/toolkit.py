"""What every view needs to make its controls: palette, sizes, pictures; and the small controls that several use."""

import tkinter as tk
import tkinter.ttk as ttk
from collections.abc import Callable
from typing import Any

import msgspec

from lanchat.ui.kit import tooltip
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import LayoutContext
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.theme import Palette


class Toolkit(msgspec.Struct):
    """One look of the window; a new one is made when theme, language or text size change. Main thread.

    `home` gives the keyboard to where somebody types; the page sets it.
    """

    root: tk.Tk
    kit: LayoutContext
    images: Images
    home: Callable[[], None] = lambda: None

    def take_keyboard(self) -> None:
        """After a menu or a dialog: the keyboard is the main window's again."""
        self.root.focus_force()
        self.home()

    @property
    def palette(self) -> Palette:
        """The colours of this look."""
        return self.kit.palette

    def px(self, pixels: float) -> int:
        """Pixels at 96 dpi as pixels here."""
        return self.kit.px(pixels)

    def label(
        self, master: tk.Misc, text: str = "", look: ControlStyle = ControlStyle.TEXT, width: int = 0
    ) -> ttk.Label:
        """Words; with `width` (pixels at 96 dpi) they wrap."""
        label = ttk.Label(master, text=glyphs.inline(text), style=look.value, justify="left")
        if width:
            label.configure(wraplength=self.px(width - 8))
        return label

    def button(
        self,
        master: tk.Misc,
        text: str,
        command: Callable[[], object],
        look: ControlStyle = ControlStyle.PLAIN,
        icon: str = "",
    ) -> ttk.Button:
        """A button with words, perhaps a picture before them."""
        button = ttk.Button(master, text=text, command=command, style=look.value)
        if icon:
            colour = {ControlStyle.ACCENT: self.palette.on_accent, ControlStyle.DANGER: self.palette.on_danger}.get(
                look, self.palette.text
            )
            image = self.images.icon(icon, 16, colour)
            button.configure(image=image, text=f" {text}", compound="left")
        return button

    def icon_button(
        self,
        master: tk.Misc,
        icon: str,
        hint: str,
        command: Callable[[], object],
        look: ControlStyle = ControlStyle.QUIET,
    ) -> ttk.Button:
        """A button that is only a picture; `hint` is its tooltip."""
        colour = self.palette.on_accent if look is ControlStyle.ACCENT else self.palette.text
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


def menu_button(widget: tk.Misc) -> str:
    """The event that opens a context menu. The release, not the press: on X11 a menu that opens under a button which is
    still held takes the release for a choice, and is gone again."""
    aqua = str(widget.tk.call("tk", "windowingsystem")) == "aqua"
    return "<ButtonRelease-2>" if aqua else "<ButtonRelease-3>"
