"""A small plot of the last values of a figure: a line, the highest value, the newest one."""

import tkinter as tk
from collections.abc import Sequence

from lanchat.ui.kit.canvas.drawing import Font
from lanchat.ui.kit.toolkit import Toolkit


def points(values: Sequence[float], most: int, width: int, height: int) -> list[tuple[float, float]]:
    """Where the line goes: the newest value at the right edge, 0 at the lower one. `most`: values that fill the width.
    Pure."""
    top = max(max(values, default=0.0), 1e-9)
    step = width / max(most - 1, 1)
    begin = width - step * (len(values) - 1)
    return [(begin + step * place, height - height * value / top) for place, value in enumerate(values)]


class Plot:
    """Main thread. The caller places `canvas`, which may be of any width."""

    def __init__(self, tools: Toolkit, master: tk.Misc, title: str, most: int) -> None:
        """`most`: values that fill the width."""
        self._tools = tools
        self._title = title
        self._most = most
        self._values: list[float] = []
        self._newest = ""
        palette = tools.palette
        self.canvas = tk.Canvas(
            master,
            height=tools.px(84),
            width=tools.px(160),
            background=palette.field,
            highlightthickness=1,
            highlightbackground=palette.line,
        )
        self.canvas.bind("<Configure>", lambda event: self._draw())

    def show(self, values: Sequence[float], newest: str) -> None:
        """Other values. `newest`: the last one as people read it."""
        self._values, self._newest = list(values), newest
        self._draw()

    def _draw(self) -> None:
        canvas, px, palette = self.canvas, self._tools.px, self._tools.palette
        width, height = canvas.winfo_width(), canvas.winfo_height()
        canvas.delete("all")
        pad, above = px(8), px(34)
        canvas.create_text(pad, px(6), anchor="nw", text=self._title, font=Font.SMALL.value, fill=palette.muted)
        canvas.create_text(width - pad, px(5), anchor="ne", text=self._newest, font=Font.NAME.value, fill=palette.text)
        line = points(self._values, self._most, width - 2 * pad, max(height - above - pad, 1))
        if len(line) > 1:
            moved = [(x + pad, y + above) for x, y in line]
            canvas.create_line(*moved, fill=palette.accent, width=max(px(1.5), 1))
