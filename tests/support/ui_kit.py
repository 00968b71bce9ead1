"""What headless tests of the window's layout and model share: a kit that measures without a screen, and lines."""

from typing import Any

import msgspec

from lanchat.app.api import Line
from lanchat.ui.kit.canvas.drawing import Font, LayoutContext
from lanchat.ui.kit.theme import LIGHT

EPOCH = 1_700_000_000.0


def kit() -> LayoutContext:
    """Every character ten pixels wide, every line twenty high."""
    return LayoutContext(LIGHT, lambda font, text: 10 * len(text), dict.fromkeys(Font, 20), round)


def line(seq: int | None, author: int = 2, text: str = "hello", **changes: Any) -> Line:
    """A message of room 1, stored at a minute's distance from its neighbours when it has a number."""
    when = EPOCH + 60.0 * (seq or 0)
    identity = f"1.{author}.0.{seq}" if seq else "1.1.0.new"
    made = Line(
        id=identity,
        room=1,
        seq=seq,
        author=author,
        author_name=f"user{author}",
        display_name=f"User {author}",
        mine=author == 1,
        text=text,
        sent_at=when,
        stored_at=when if seq else 0.0,
        members=3,
    )
    return msgspec.structs.replace(made, **changes)
