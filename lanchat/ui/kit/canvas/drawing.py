"""What a laid-out entry consists of: shapes, words, pictures and places that react to the mouse. Pure values.

Coordinates are pixels, `y` from the top of the entry, `x` from the left edge of the conversation.
"""

import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from lanchat.protocol.text.markup import Style
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.wrap import WrappedRow
from lanchat.ui.kit.theme import Palette


class Font(enum.StrEnum):
    """The named fonts of the conversation; fonts.py says what they look like. The value is the Tk name."""

    BODY = "LanchatBody"
    ITALIC = "LanchatItalic"
    LINK = "LanchatLink"
    NAME = "LanchatName"
    SMALL = "LanchatSmall"
    SMALL_BOLD = "LanchatSmallBold"
    TITLE = "LanchatTitle"
    HUGE = "LanchatHuge"
    INITIALS = "LanchatInitials"
    BOLD_ITALIC = "LanchatBoldItalic"
    MONO = "LanchatMono"
    MONO_SMALL = "LanchatMonoSmall"


def font_of(style: Style) -> Font:
    """The font of a part of a message."""
    if style & Style.LINK:
        return Font.LINK
    if style & Style.CODE:
        return Font.MONO
    if style & Style.BOLD:
        return Font.BOLD_ITALIC if style & Style.ITALIC else Font.NAME
    return Font.ITALIC if style & Style.ITALIC else Font.BODY


class LayoutContext(msgspec.Struct, frozen=True):
    """What laying out needs to know of the screen. `px` turns pixels at 96 dpi into pixels here; `height` is the
    distance of two lines of a font."""

    palette: Palette
    measure: Callable[[Font, str], int]
    height: Mapping[Font, int]
    px: Callable[[float], int]


class Box(NamedTuple):
    """A filled rectangle with round corners."""

    x: int
    y: int
    width: int
    height: int
    fill: str
    ground: str
    radius: int


class TextSpan(NamedTuple):
    """Text in one line."""

    x: int
    y: int
    text: str
    font: Font
    fill: str


class Glyph(NamedTuple):
    """A glyph of the icon font, `size` pixels at 96 dpi high and wide."""

    x: int
    y: int
    name: str
    size: int
    fill: str


class EmojiPicture(NamedTuple):
    """An emoji in colour, `size` pixels at 96 dpi high and wide."""

    x: int
    y: int
    text: str
    size: int


class Avatar(NamedTuple):
    """Initials on a disc."""

    x: int
    y: int
    size: int
    initials: str
    colour: int  # which of the palette


class Hairline(NamedTuple):
    """A horizontal hairline."""

    x: int
    y: int
    width: int
    fill: str


Op = Box | TextSpan | Glyph | EmojiPicture | Avatar | Hairline


class HitAreaKind(enum.Enum):
    """What a click on a place means."""

    LINK = enum.auto()
    QUOTE = enum.auto()
    CHIP = enum.auto()
    TICKS = enum.auto()
    COPY_CODE = enum.auto()
    UNFOLD = enum.auto()
    AUTHOR = enum.auto()
    TIME = enum.auto()  # explains itself, does nothing


class HitArea(NamedTuple):
    """A place that reacts; `value` is the link, the emoji, the code, or empty."""

    x: int
    y: int
    width: int
    height: int
    touch: HitAreaKind
    value: str = ""

    def holds(self, x: int, y: int) -> bool:
        """Whether a point, in coordinates of the entry, is inside; the right and lower edges are not."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class TextRow(NamedTuple):
    """A line of the message itself, which can be selected: `x` and `y` of its top left corner."""

    x: int
    y: int
    height: int
    row: WrappedRow


class Block(msgspec.Struct, frozen=True):
    """An entry as it is drawn. `body`: the area of the bubble (x, y, width, height)."""

    height: int
    ops: tuple[Op, ...]
    spots: tuple[HitArea, ...] = ()
    rows: tuple[TextRow, ...] = ()
    body: tuple[int, int, int, int] = (0, 0, 0, 0)


def initials(name: str) -> str:
    """One or two letters for a picture: of the first two words, else of the name."""
    words = [word for word in name.replace(".", " ").replace("_", " ").replace("-", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    letters = words[0][0] + (words[1][0] if len(words) > 1 else "")
    shown = letters.upper()
    return shown if len(shown) <= 2 and shown.isprintable() and glyphs.inline(shown) == shown else "?"


def avatar_index(identity: int) -> int:
    """Which of the palette's eight colours belongs to a person or room: the same everywhere, and neighbours differ."""
    return identity * 3 % 8
