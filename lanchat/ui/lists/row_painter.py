"""Draws one row of a list (rows.py) on a canvas."""

import tkinter as tk

import msgspec

from lanchat.protocol.codes import PresenceState
from lanchat.ui.kit.canvas.brush import Brush
from lanchat.ui.kit.canvas.drawing import Avatar, Font, LayoutContext
from lanchat.ui.kit.canvas.images import Images
from lanchat.ui.kit.canvas.text_line import text_line
from lanchat.ui.kit.canvas.wrap import elide
from lanchat.ui.lists.rows import ListRow


class RowLook(msgspec.Struct, frozen=True):
    """All that decides how a row looks, wherever it stands. `focused`: the keyboard is on it."""

    row: ListRow
    width: int
    height: int
    selected: bool = False
    hovered: bool = False
    focused: bool = False


class RowPainter:
    """Main thread."""

    def __init__(
        self, canvas: tk.Canvas, kit: LayoutContext, images: Images, ground: str, *, two_lines: bool = False
    ) -> None:
        """`ground`: the colour that the list stands on; `two_lines`: rows show their subtitle."""
        self._canvas = canvas
        self._kit = kit
        self._images = images
        self._ground = ground
        self._two_lines = two_lines
        self._brush = Brush(canvas, images, kit.palette, ground)

    def height(self, row: ListRow) -> int:
        """Of a row, in pixels."""
        px, heights = self._kit.px, self._kit.height
        if row.heading:
            return heights[Font.SMALL_BOLD] + px(16)
        if self._two_lines:
            return max(heights[Font.BODY] + heights[Font.SMALL] + px(14), px(50))
        return max(heights[Font.BODY] + px(12), px(36))

    def draw(self, look: RowLook, y: int, tag: str) -> None:
        """Draws a row with its upper edge at `y`; all its items have `tag`."""
        if look.row.heading:
            self._heading(look, y, tag)
            return
        palette, px = self._kit.palette, self._kit.px
        ground = self._row_ground(look)
        if ground != self._ground:
            self._brush.box(px(6), y + 1, look.width - px(12), look.height - 2, px(8), ground, self._ground, tag)
        if look.focused:
            right, bottom = look.width - px(6), y + look.height - 2
            self._canvas.create_rectangle(px(5), y + 1, right, bottom, outline=palette.accent, width=2, tags=tag)
        left = self._picture(look, y, ground, tag)
        right = self._right(look, y, ground, tag)
        self._words(look, (left, right), y, tag)

    def _row_ground(self, look: RowLook) -> str:
        palette = self._kit.palette
        if look.selected:
            return palette.row_selected
        if look.hovered:
            return palette.row_hover if self._ground != palette.row_hover else palette.plain_hover
        return self._ground

    def _heading(self, look: RowLook, y: int, tag: str) -> None:
        px, kit = self._kit.px, self._kit
        text = elide(look.row.title, look.width - px(28), lambda part: kit.measure(Font.SMALL_BOLD, part))
        self._text((px(14), y + look.height - px(4)), text, "sw", Font.SMALL_BOLD, kit.palette.muted, tag)

    def _text(self, place: tuple[int, int], text: str, anchor: str, font: Font, fill: str, tag: str) -> None:
        self._canvas.create_text(*place, text=text, anchor=anchor, font=font.value, fill=fill, tags=tag)  # type: ignore[call-overload]

    def _picture(self, look: RowLook, y: int, ground: str, tag: str) -> int:
        """Draws picture and dot; returns where the words begin."""
        px, palette, row = self._kit.px, self._kit.palette, look.row
        size = px(36 if self._two_lines else 26)
        x, top = px(14), y + (look.height - size) // 2
        if row.icon:
            icon = 20 if self._two_lines else 16
            image = self._images.icon(row.icon, icon, palette.muted)
            self._canvas.create_image(x + size // 2, y + look.height // 2, image=image, tags=tag)
        elif row.initials:
            self._brush.avatar(Avatar(x, top, size, row.initials, row.index), 0, tag, ground)
        else:
            return x
        if row.presence is not None:
            dot = px(12 if self._two_lines else 11)
            image = self._images.disc(dot, self._dot(row.presence), ground, ground)
            self._canvas.create_image(x + size + px(3), top + size + px(3), image=image, anchor="se", tags=tag)
        return x + size + px(10)

    def _dot(self, presence: PresenceState) -> str:
        palette = self._kit.palette
        return {PresenceState.ONLINE: palette.online, PresenceState.AWAY: palette.away}.get(presence, palette.offline)

    def _right(self, look: RowLook, y: int, ground: str, tag: str) -> int:
        """Draws time, badges and marks; returns where the words of the lower line must end."""
        px, palette, row = self._kit.px, self._kit.palette, look.row
        edge = look.width - px(14)
        middle = y + look.height // 2
        first, second = self._line_middles(row, look.height)
        if row.right:
            fill = palette.muted_on_selected if look.selected else palette.muted
            at = y + first if self._two_lines else middle
            self._text((edge, at), row.right, "e", Font.SMALL, fill, tag)
            if not self._two_lines:
                edge -= self._kit.measure(Font.SMALL, row.right) + px(6)
        at = y + second if self._two_lines and row.right else middle
        if row.badge:
            edge = self._pill(str(row.badge) if row.badge < 1000 else "999+", row.loud, (edge, at), ground, tag)
        if row.called:
            edge = self._pill("@", True, (edge, at), ground, tag)
        for mark in reversed(row.marks):
            image = self._images.icon(mark, 12, palette.muted_on_selected if look.selected else palette.muted)
            self._canvas.create_image(edge, at, image=image, anchor="e", tags=tag)
            edge -= px(12) + px(6)
        return edge

    def _pill(self, text: str, loud: bool, place: tuple[int, int], ground: str, tag: str) -> int:
        """A text in a round box with its right edge at a place; returns where what is beside it must end."""
        px, palette = self._kit.px, self._kit.palette
        edge, at = place
        tall = self._kit.height[Font.SMALL] + px(2)
        wide = max(self._kit.measure(Font.SMALL_BOLD, text) + px(10), tall)
        fill, on_fill = (palette.accent, palette.on_accent) if loud else (palette.quiet_badge, palette.on_quiet_badge)
        self._brush.box(edge - wide, at - tall // 2, wide, tall, tall // 2, fill, ground, tag)
        self._text((edge - wide // 2, at), text, "center", Font.SMALL_BOLD, on_fill, tag)
        return edge - wide - px(6)

    def _line_middles(self, row: ListRow, height: int) -> tuple[int, int]:
        """Of a row's two lines, from its top; time and badge stand in them."""
        title, small = self._kit.height[Font.NAME if row.strong else Font.BODY], self._kit.height[Font.SMALL]
        top = (height - title - small) // 2
        return top + title // 2, top + title + small // 2

    def _words(self, look: RowLook, edges: tuple[int, int], y: int, tag: str) -> None:
        palette, px, kit, row = self._kit.palette, self._kit.px, self._kit, look.row
        left, right = edges
        colour = palette.on_row_selected if look.selected else palette.muted if row.dim else palette.text
        quiet = palette.muted_on_selected if look.selected else palette.muted
        font = Font.NAME if row.strong else Font.BODY
        two = self._two_lines and bool(row.subtitle)
        total = kit.height[font] + (kit.height[Font.SMALL] if two else 0)
        top = y + (look.height - total) // 2
        start, first = left, right
        if self._two_lines and row.right:
            first = look.width - px(20) - kit.measure(Font.SMALL, row.right)
        if row.sign:
            image = self._images.icon(row.sign, 12, quiet)
            self._canvas.create_image(left, top + kit.height[font] // 2, image=image, anchor="w", tags=tag)
            start += px(12) + px(4)
        ops, _width = text_line(kit, row.title, font, (start, top), max(first - start, px(20)), colour)
        self._brush.draw(ops, 0, tag)
        if two:
            below = (left, top + kit.height[font])
            limit = max(right - left, px(20))
            ops, _width = text_line(kit, row.subtitle, Font.SMALL, below, limit, quiet)
            self._brush.draw(ops, 0, tag)
            for start, end in row.marked:
                self._mark(row.subtitle[:start], row.subtitle[start:end], below, limit, tag)

    def _mark(self, before: str, text: str, place: tuple[int, int], limit: int, tag: str) -> None:
        """Draws a part of a line again, on the colour of a hit, as far as it is not cut off."""
        kit, palette = self._kit, self._kit.palette
        x, y = place
        _ops, start = text_line(kit, before, Font.SMALL, place, 1 << 20, palette.text)
        ops, width = text_line(kit, text, Font.SMALL, (x + start, y), 1 << 20, palette.on_other)
        if start + width + kit.measure(Font.SMALL, "…") <= limit:
            edges = x + start, y, x + start + width, y + kit.height[Font.SMALL]
            self._canvas.create_rectangle(*edges, fill=palette.flash, outline="", tags=tag)
            self._brush.draw(ops, 0, tag)
