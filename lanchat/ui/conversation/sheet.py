"""A bubble while it is laid out: what the parts of a message are put onto, from top to bottom. Pure."""

from collections.abc import Callable

import msgspec

from lanchat.ui.kit.canvas.drawing import Font, HitArea, LayoutContext, Op, TextRow


class Skin(msgspec.Struct, frozen=True):
    """The colours of one bubble."""

    ground: str
    text: str
    muted: str
    quote: str


class Sheet(msgspec.Struct):
    """A bubble in the making: coordinates from the upper left corner of its text, moved to their place at the end."""

    kit: LayoutContext
    skin: Skin
    limit: int
    y: int
    width: int = 0
    ops: list[Op] = []
    spots: list[HitArea] = []
    rows: list[TextRow] = []
    grounds: int = 0  # parts of the text that have a ground of their own
    last: tuple[int, int] = (0, 0)  # width and height of the lowest row, beside which the time may stand

    def took(self, width: int, height: int) -> None:
        """A row of this size was put at `y`."""
        self.width = max(self.width, width)
        self.last = (width, height)
        self.y += height

    def has_ground(self, most: int) -> bool:
        """Whether one more part of the text may have a ground of its own; it is counted."""
        self.grounds += 1
        return self.grounds <= most

    def measure(self, font: Font) -> Callable[[str], int]:
        """What measures a text in a font, pixels."""
        return lambda text: self.kit.measure(font, text)
