"""A label in one line that ends with an ellipsis where its text has no room; the mouse on it shows all of it."""

import tkinter as tk
from collections.abc import Callable, Sequence

from lanchat.ui.kit import tooltip
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.canvas.wrap import elide
from lanchat.ui.kit.styles import ControlStyle
from lanchat.ui.kit.toolkit import Toolkit

# Pixels that a label keeps around its text.
_MARGIN = 2


def fitted(tools: Toolkit, font: Font, texts: Sequence[str], widget: tk.Misc, beside: int) -> str:
    """The first of the texts, the longest one, that has room in a widget which uses `beside` pixels for something
    else, or the beginning of the last; the first one before the widget has a width."""
    width = widget.winfo_width() - beside
    return _longest(texts, width, lambda part: tools.kit.measure(font, part)) if widget.winfo_ismapped() else texts[0]


def _longest(texts: Sequence[str], width: int, measure: Callable[[str], int]) -> str:
    return next((text for text in texts if measure(text) <= width), "") or elide(texts[-1], width, measure)


class ElidedLabel:
    """`look` draws with `font`. Main thread."""

    def __init__(self, tools: Toolkit, master: tk.Misc, look: ControlStyle, font: Font) -> None:
        """Empty until `show`; the caller places `label`."""
        self.label = tools.label(master, "", look)
        for sequence in ("<Configure>", "<Map>"):
            self.label.bind(sequence, lambda event: self._fit())
        self._measure = tools.kit.measure
        self._font = font
        self._texts: tuple[str, ...] = ("",)
        self._tooltip = tooltip.Tooltip(self.label, tools.palette)
        self.label.bind("<Motion>", self._explain, add="+")
        self.label.bind("<Leave>", lambda event: self._tooltip.hide(), add="+")

    def show(self, *texts: str) -> None:
        """The first of these texts, the longest one, that has room; else the beginning of the last."""
        self._texts = tuple(glyphs.inline(text) for text in texts)
        self._fit()

    def _fit(self) -> None:
        width = self.label.winfo_width() - _MARGIN
        shown = self._texts[0]
        if self.label.winfo_ismapped():
            shown = _longest(self._texts, width, lambda part: self._measure(self._font, part))
        if shown != str(self.label.cget("text")):
            self.label.configure(text=shown)

    def _explain(self, event: "tk.Event[tk.Misc]") -> None:
        whole = self._texts[0]
        self._tooltip.offer("" if str(self.label.cget("text")) == whole else whole, event)
