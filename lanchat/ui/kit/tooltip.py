"""A small window with a few words that appears when the mouse rests on something."""

import tkinter as tk

from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.theme import Palette

_DELAY_MS = 500
_WIDTH = 320  # pixels


class Tooltip:
    """The tooltip of one widget; `offer` says what belongs to the place under the mouse. Main thread."""

    def __init__(self, widget: tk.Misc, palette: Palette) -> None:
        """Hidden by a click on the widget and by its end; the caller binds `offer` and `hide` to the mouse."""
        self._widget = widget
        self._palette = palette
        self._text = ""
        self._job = ""
        self._window: tk.Toplevel | None = None
        widget.bind("<Destroy>", lambda event: self.hide(), add="+")
        widget.bind("<Button>", lambda event: self.hide(), add="+")

    def offer(self, text: str, event: "tk.Event[tk.Misc]") -> None:
        """The mouse is at a place with these words; empty for none."""
        if text == self._text:
            return
        self.hide()
        if text:
            self._text = text
            x, y = event.x_root, event.y_root
            self._job = self._widget.after(_DELAY_MS, lambda: self._show(x, y))

    def hide(self) -> None:
        """Nothing is explained any more."""
        self._text = ""
        if self._job:
            self._widget.after_cancel(self._job)
            self._job = ""
        if self._window:
            self._window.destroy()
            self._window = None

    def _show(self, x: int, y: int) -> None:
        self._job = ""
        window = self._window = tk.Toplevel(self._widget, background=self._palette.tooltip)
        window.wm_overrideredirect(True)
        label = tk.Label(
            window,
            text=glyphs.inline(self._text),
            font=Font.SMALL.value,
            background=self._palette.tooltip,
            foreground=self._palette.on_tooltip,
            justify="left",
            wraplength=_WIDTH,
            padx=8,
            pady=4,
        )
        label.pack()
        left = min(x + 12, window.winfo_screenwidth() - label.winfo_reqwidth() - 4)
        window.wm_geometry(f"+{max(left, 0)}+{y + 18}")


def attach(widget: tk.Misc, palette: Palette, text: str) -> None:
    """One tooltip for a whole widget."""
    tooltip = Tooltip(widget, palette)
    widget.bind("<Motion>", lambda event: tooltip.offer(text, event), add="+")
    widget.bind("<Leave>", lambda event: tooltip.hide(), add="+")
