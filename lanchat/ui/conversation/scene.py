"""The conversation as blocks one below the other, and what is selected in it. No Tk.

Each entry is laid out once and again only when it or the width changed. After a change the blocks are stacked around an
anchor that keeps its place: what a person is reading does not move when older messages are put above it, when one
grows, or when those far below are dropped. So `y` may be negative; it has no meaning but in relation to the others.
"""

import bisect
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from lanchat.ui.kit.canvas.drawing import Block, HitArea, TextRow
from lanchat.ui.kit.canvas.wrap import StyledMeasure, offset_at
from lanchat.ui.model.entries import Entry, MessageEntry


class Placed(msgspec.Struct, frozen=True):
    """An entry in its place."""

    entry: Entry
    block: Block
    y: int

    @property
    def bottom(self) -> int:
        """The first `y` below the entry."""
        return self.y + self.block.height


class Position(msgspec.Struct, frozen=True, order=True):
    """A gap between two characters: of which placed entry, and before which character of its text."""

    index: int
    offset: int


def _waits(entry: Entry) -> bool:
    return isinstance(entry, MessageEntry) and entry.line.seq is None


class Scene:
    """Stacked entries. `lay` makes the block of an entry; `measure` measures the text of messages."""

    def __init__(self, lay: Callable[[Entry], Block], measure: StyledMeasure) -> None:
        """`measure` returns pixels. Without entries until `show`."""
        self._lay = lay
        self._measure = measure
        self._blocks: dict[str, tuple[Entry, Block]] = {}
        self.placed: list[Placed] = []
        self._tops: list[int] = []

    def forget_layout(self) -> None:
        """The width or the look changed: everything is laid out anew by the next `show`."""
        self._blocks.clear()

    def show(self, entries: Sequence[Entry], anchors: Iterable[str] = ()) -> None:
        """Stack these entries; the first of `anchors` (keys) that is there before and after keeps its place. A message
        that was stored meanwhile, and so may have gone elsewhere, is one only where no other is."""
        old = {placed.entry.key: placed.y for placed in self.placed}
        waited = {placed.entry.key for placed in self.placed if _waits(placed.entry)}
        moved = waited.difference(entry.key for entry in entries if _waits(entry)) if waited else waited
        anchors = sorted(anchors, key=moved.__contains__)
        blocks = {entry.key: (entry, self._block(entry)) for entry in entries}
        self._blocks = blocks
        heights = [blocks[entry.key][1].height for entry in entries]
        start = self._start(entries, heights, old, anchors)
        self.placed = []
        for entry, height in zip(entries, heights, strict=True):
            self.placed.append(Placed(entry, blocks[entry.key][1], start))
            start += height
        self._tops = [placed.y for placed in self.placed]

    def _block(self, entry: Entry) -> Block:
        known = self._blocks.get(entry.key)
        return known[1] if known and known[0] == entry else self._lay(entry)

    @staticmethod
    def _start(entries: Sequence[Entry], heights: Sequence[int], old: dict[str, int], anchors: Iterable[str]) -> int:
        index = {entry.key: number for number, entry in enumerate(entries)}
        for key in anchors:
            if key in index and key in old:
                return old[key] - sum(heights[: index[key]])
        return 0

    @property
    def top(self) -> int:
        """The upper edge of the first entry, may be negative; 0 without entries."""
        return self.placed[0].y if self.placed else 0

    @property
    def bottom(self) -> int:
        """The lower edge of the last entry, may be negative; 0 without entries."""
        return self.placed[-1].bottom if self.placed else 0

    def within(self, top: int, bottom: int) -> list[Placed]:
        """Those of which something lies between `top` and `bottom`."""
        first = max(bisect.bisect_right(self._tops, top) - 1, 0)
        last = bisect.bisect_left(self._tops, bottom)
        return [placed for placed in self.placed[first:last] if placed.bottom > top]

    def find(self, key: str) -> Placed | None:
        """The entry with this key; None when it is not among those shown."""
        return next((placed for placed in self.placed if placed.entry.key == key), None)

    def index_at(self, y: int) -> int:
        """The index of the entry at `y`, the nearest one above or below all of them; -1 when there is none."""
        return max(min(bisect.bisect_right(self._tops, y) - 1, len(self.placed) - 1), min(0, len(self.placed) - 1))

    def spot_at(self, x: int, y: int) -> tuple[Placed, HitArea] | None:
        """What reacts at this place."""
        index = self.index_at(y)
        if index < 0:
            return None
        placed = self.placed[index]
        spot = next((spot for spot in placed.block.spots if spot.holds(x, y - placed.y)), None)
        return (placed, spot) if spot else None

    def message_at(self, x: int, y: int) -> MessageEntry | None:
        """The message whose bubble is at this height, wherever `x` is."""
        index = self.index_at(y)
        if index < 0:
            return None
        placed = self.placed[index]
        inside = placed.y <= y < placed.bottom
        return placed.entry if inside and isinstance(placed.entry, MessageEntry) else None

    def over_text(self, x: int, y: int) -> bool:
        """Whether the place is inside a bubble that has text."""
        index = self.index_at(y)
        if index < 0 or not self.placed[index].block.rows:
            return False
        left, top, width, height = self.placed[index].block.body
        return left <= x < left + width and top <= y - self.placed[index].y < top + height

    # Selection

    def position_at(self, x: int, y: int) -> Position | None:
        """The gap between characters nearest to a place."""
        index = self.index_at(y)
        if index < 0:
            return None
        placed = self.placed[index]
        rows = placed.block.rows
        if not rows:
            return Position(index, 0)
        inside = y - placed.y
        row = next((row for row in rows if inside < row.y + row.height), None)
        if row is None:
            return Position(index, rows[-1].row.end)
        if inside < rows[0].y:
            return Position(index, 0)
        return Position(index, self._offset(row, x))

    def _offset(self, row: TextRow, x: int) -> int:
        for piece in row.row.pieces:
            if x - row.x < piece.x + piece.width:
                return offset_at(piece, x - row.x, partial(self._measure, piece.style))
        return row.row.pieces[-1].end if row.row.pieces else row.row.end

    def marked(self, placed: Placed, start: int, end: int) -> list[tuple[int, int, int, int]]:
        """Rectangles (left, top, right, bottom) behind the characters `start` to `end` of one entry."""
        found = []
        for row in placed.block.rows:
            if start < row.row.end and end > row.row.start:
                left = row.x + self._x_of(row, start)
                right = row.x + (self._x_of(row, end) if end <= row.row.end else row.row.width)
                if right > left:
                    found.append((left, placed.y + row.y, right, placed.y + row.y + row.height))
        return found

    def _x_of(self, row: TextRow, offset: int) -> int:
        for piece in row.row.pieces:
            if offset <= piece.start:
                return piece.x
            if offset < piece.end:
                inside = "" if piece.name else piece.text[: offset - piece.start]
                return piece.x + self._measure(piece.style, inside)
        return row.row.width
