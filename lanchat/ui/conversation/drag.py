"""Dragging with the mouse: while it is held above or below a canvas, the view follows it, also when it rests there."""

import tkinter as tk
from collections.abc import Callable

_EVERY_MS = 50


class MouseDrag:
    """`dragged` gets the place of the mouse on the screen of `canvas`, and by how many pixels it is above (negative) or
    below it: at once, and from then on 20 times a second while it is. Main thread."""

    def __init__(self, canvas: tk.Canvas, dragged: Callable[[int, int, int], None]) -> None:
        """Nothing is dragged. Ends with the canvas; the caller binds `move` and `stop` to the mouse."""
        self._canvas = canvas
        self._dragged = dragged
        self._place = (0, 0)
        self._job = ""
        canvas.bind("<Destroy>", lambda event: self.stop(), add="+")

    def move(self, x: int, y: int) -> None:
        """The mouse is here now, its button held."""
        self._place = (x, y)
        if not self._job:
            self._follow()

    def _follow(self) -> None:
        self._job = ""
        x, y = self._place
        beyond = min(y, 0) + max(y - self._canvas.winfo_height(), 0)
        if beyond:
            self._job = self._canvas.after(_EVERY_MS, self._follow)
        self._dragged(x, y, beyond)

    def stop(self) -> None:
        """The button is not held any more."""
        if self._job:
            self._canvas.after_cancel(self._job)
            self._job = ""
