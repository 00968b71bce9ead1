"""Draws the shapes of drawing.py on a canvas. The only place that turns them into Tk items."""

import tkinter as tk
from collections.abc import Iterable

from lanchat.ui.kit.canvas.drawing import Avatar, Box, EmojiPicture, Font, Glyph, Hairline, Op, TextSpan
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.theme import Palette


class Brush:
    """Puts shapes on one canvas. Main thread."""

    def __init__(self, canvas: tk.Canvas, images: Images, palette: Palette, ground: str) -> None:
        """`ground`: the colour under the round pictures of people and rooms."""
        self._canvas = canvas
        self._images = images
        self._palette = palette
        self._ground = ground  # what pictures of people stand on

    def draw(self, ops: Iterable[Op], dy: int, tag: str) -> int:
        """Draws the shapes moved down by `dy`; returns the last canvas item of the first one."""
        first = 0
        for op in ops:
            item = self._one(op, dy, tag)
            first = first or item
        return first

    def _one(self, op: Op, dy: int, tag: str) -> int:
        canvas = self._canvas
        if isinstance(op, TextSpan):
            return canvas.create_text(
                op.x, op.y + dy, text=op.text, anchor="nw", font=op.font.value, fill=op.fill, tags=tag
            )
        if isinstance(op, Box):
            return self.box(op.x, op.y + dy, op.width, op.height, op.radius, op.fill, op.ground, tag)
        if isinstance(op, Glyph):
            image = self._images.icon(op.name, op.size, op.fill)
            return canvas.create_image(op.x, op.y + dy, image=image, anchor="nw", tags=tag)
        if isinstance(op, EmojiPicture):
            image = self._images.emoji(op.text, op.size)
            return canvas.create_image(op.x, op.y + dy, image=image, anchor="nw", tags=tag)
        if isinstance(op, Hairline):
            return canvas.create_line(op.x, op.y + dy, op.x + op.width, op.y + dy, fill=op.fill, tags=tag)
        return self.avatar(op, dy, tag)

    def avatar(self, op: Avatar, dy: int, tag: str, ground: str = "") -> int:
        """A person's or room's picture."""
        canvas, palette = self._canvas, self._palette
        image = self._images.disc(op.size, palette.avatars[op.colour], ground or self._ground)
        canvas.create_image(op.x, op.y + dy, image=image, anchor="nw", tags=tag)
        middle = op.size // 2
        return canvas.create_text(
            op.x + middle,
            op.y + dy + middle,
            text=op.initials,
            font=Font.INITIALS.value,
            fill=palette.on_avatar,
            tags=tag,
        )

    def box(self, x: int, y: int, width: int, height: int, radius: int, fill: str, ground: str, tag: str) -> int:
        """A filled rectangle with smooth round corners; returns its last item."""
        canvas = self._canvas
        radius = min(radius, width // 2, height // 2)
        right, bottom = x + width, y + height
        if radius < 1:
            return canvas.create_rectangle(x, y, right, bottom, fill=fill, width=0, tags=tag)
        for which, (left, top) in enumerate(
            ((x, y), (right - radius, y), (right - radius, bottom - radius), (x, bottom - radius))
        ):
            image = self._images.corner(radius, fill, ground, which)
            canvas.create_image(left, top, image=image, anchor="nw", tags=tag)
        if width > 2 * radius:
            canvas.create_rectangle(x + radius, y, right - radius, bottom, fill=fill, width=0, tags=tag)
        return canvas.create_rectangle(x, y + radius, right, bottom - radius, fill=fill, width=0, tags=tag)
