"""What is selected in the conversation: from one gap between characters to another, over several messages. No Tk.

It holds on to messages by their key, because the scene changes while somebody selects.
"""

import re

import msgspec

from lanchat.protocol.text.markup import visible
from lanchat.ui.conversation.scene import Placed, Position, Scene
from lanchat.ui.model.entries import MessageEntry, shown_time
from lanchat.ui.texts import words
from lanchat.ui.texts.files import shown_text


class End(msgspec.Struct, frozen=True):
    """One end of the selection."""

    key: str
    offset: int


class Selection:
    """Empty until `begin`. Every answer is about the scene as it is now."""

    def __init__(self, scene: Scene) -> None:
        """`scene`: what positions refer to; it may change while something is selected."""
        self._scene = scene
        self._anchor: End | None = None
        self._moving: End | None = None

    def clear(self) -> None:
        """Nothing is selected any more."""
        self._anchor = self._moving = None

    def begin(self, position: Position) -> None:
        """Both ends are at this position: nothing is selected until `move`."""
        self._anchor = self._moving = self._end(position)

    def move(self, position: Position) -> None:
        """The second end is here now; without `begin` nothing is selected."""
        self._moving = self._end(position)

    def word(self, position: Position) -> None:
        """Select the word around a position."""
        text = self._text(self._scene.placed[position.index])
        for match in re.finditer(r"\w+|[^\w\s]+|\s+", text):
            if match.start() <= position.offset <= match.end():
                self._between(position.index, match.start(), match.end())
                if position.offset < match.end():
                    return

    def message(self, position: Position) -> None:
        """Select all text of a message."""
        self._between(position.index, 0, len(self._text(self._scene.placed[position.index])))

    def _between(self, index: int, start: int, end: int) -> None:
        key = self._scene.placed[index].entry.key
        self._anchor, self._moving = End(key, start), End(key, end)

    def _end(self, position: Position) -> End:
        return End(self._scene.placed[position.index].entry.key, position.offset)

    @staticmethod
    def _text(placed: Placed) -> str:
        entry = placed.entry
        return shown_text(entry.line) if isinstance(entry, MessageEntry) and not entry.line.deleted else ""

    def spans(self) -> list[tuple[Placed, int, int]]:
        """The selected characters of each message, from top to bottom; empty when nothing is selected."""
        if self._anchor is None or self._moving is None:
            return []
        index = {placed.entry.key: number for number, placed in enumerate(self._scene.placed)}
        if self._anchor.key not in index or self._moving.key not in index:
            return []
        low, high = sorted(Position(index[end.key], end.offset) for end in (self._anchor, self._moving))
        found = []
        for number in range(low.index, high.index + 1):
            placed = self._scene.placed[number]
            start = low.offset if number == low.index else 0
            end = high.offset if number == high.index else len(self._text(placed))
            if end > start:
                found.append((placed, start, end))
        return found

    def copied(self) -> str:
        """What goes to the clipboard: a whole message as it was typed, a part of one as it is shown; several with
        author and time above each."""
        parts = []
        spans = self.spans()
        for placed, start, end in spans:
            assert isinstance(placed.entry, MessageEntry)
            text = self._text(placed)
            if (start, end) != (0, len(text)):
                text = visible(text, start, end)
            if len(spans) > 1:
                line = placed.entry.line
                text = f"{words.author(line)}, {words.clock(shown_time(line))}\n{text}"
            parts.append(text)
        return "\n\n".join(parts)
