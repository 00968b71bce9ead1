"""Laying out the text of a message: rows with styles, quotations, lists, blocks of code, pictures. Pure.

A text of more than FOLD_ABOVE rows is folded: its first FOLDED rows are shown, and a line below them shows all.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lanchat.i18n import _
from lanchat.protocol.text.markup import Paragraph, ParagraphKind, Style, is_marked, paragraphs
from lanchat.ui.conversation.sheet import Sheet
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import (
    Box,
    EmojiPicture,
    Font,
    Glyph,
    HitArea,
    HitAreaKind,
    LayoutContext,
    TextRow,
    TextSpan,
    font_of,
)
from lanchat.ui.kit.canvas.pictures import has_picture
from lanchat.ui.kit.canvas.wrap import RowPiece, WrappedRow, wrap, wrap_spans

FOLD_ABOVE = 30
FOLDED = 20
_GROUNDS_MAX = (
    200  # emoji by name and pieces of code in one message that get a ground: it is several items on the canvas
)


class _Part(NamedTuple):
    """Rows that are drawn alike; `left`: where they begin."""

    rows: Sequence[WrappedRow]
    left: int = 0
    paragraph: Paragraph | None = None


def body(sheet: Sheet, text: str, *, unfolded: bool = True) -> None:
    """Puts the text onto the sheet, all of it when it is `unfolded` or short."""
    parts = _parts(sheet, text)
    long = sum(len(part.rows) for part in parts) > FOLD_ABOVE
    left = FOLDED if long and not unfolded else 0
    for part in parts:
        shown = part._replace(rows=part.rows[:left]) if left else part
        _put(sheet, shown, text)
        if left and (left := left - len(shown.rows)) <= 0:
            break
    if long:
        _fold_line(sheet, _("Show less") if unfolded else _("Show all"))


def _parts(sheet: Sheet, text: str) -> list[_Part]:
    kit, limit = sheet.kit, sheet.limit

    def measure(style: Style, part: str) -> int:
        return kit.measure(font_of(style), part)

    def pictured(emoji: str) -> int:
        return picture_width(kit, emoji)

    if not is_marked(text):
        return [_Part(wrap(text, limit, sheet.measure(Font.BODY), pictured))]
    parts = []
    for paragraph in paragraphs(text):
        left, right = _insets(kit, paragraph, text)
        room = max(limit - left - right, kit.px(40))
        rows = wrap_spans(text, paragraph.spans, paragraph.end, room, measure, pictured)
        parts.append(_Part(rows, left, paragraph))
    return parts


def _insets(kit: LayoutContext, paragraph: Paragraph, text: str) -> tuple[int, int]:
    """What is free at the left and at the right of a paragraph's rows."""
    px = kit.px
    match paragraph.kind:
        case ParagraphKind.QUOTE:
            return px(12) * paragraph.depth, 0
        case ParagraphKind.ITEM:
            marker = paragraph.marker
            assert marker
            return px(16) * paragraph.depth + kit.measure(Font.BODY, text[marker.start : marker.end]) + px(7), 0
        case ParagraphKind.CODE:
            return px(9), px(30)  # the button stands there
    return 0, 0


def _put(sheet: Sheet, part: _Part, text: str) -> None:
    kit, paragraph = sheet.kit, part.paragraph
    if paragraph and paragraph.kind is ParagraphKind.CODE:
        _code(sheet, part, text)
        return
    top = sheet.y
    if paragraph and paragraph.marker:
        typed = text[paragraph.marker.start : paragraph.marker.end]
        sign = "\u2022" if paragraph.bullet else typed
        at = part.left - kit.px(7) - kit.measure(Font.BODY, typed)
        sheet.ops.append(TextSpan(at, top, sign, Font.BODY, sheet.skin.text))
    _rows(sheet, part, kit.height[Font.BODY])
    if paragraph and paragraph.kind is ParagraphKind.QUOTE:
        for depth in range(paragraph.depth):
            bar = Box(kit.px(12) * depth, top, kit.px(3), sheet.y - top, kit.palette.link, sheet.skin.ground, 0)
            sheet.ops.append(bar)


def _rows(sheet: Sheet, part: _Part, height: int) -> None:
    for row in part.rows:
        _row(sheet, row, part.left, height)
        sheet.rows.append(TextRow(part.left, sheet.y, height, row))
        sheet.took(part.left + row.width, height)


def _code(sheet: Sheet, part: _Part, text: str) -> None:
    """A block of code on a ground of its own, with a button that copies it."""
    kit, px = sheet.kit, sheet.kit.px
    assert part.paragraph
    code = "\n".join(text[span.start : span.end] for span in part.paragraph.spans)
    width = part.left + max((row.width for row in part.rows), default=0) + px(30)
    sheet.y += px(3)
    top, height = sheet.y, len(part.rows) * kit.height[Font.MONO] + 2 * px(6)
    sheet.ops.append(Box(0, top, 0, height, sheet.skin.quote, sheet.skin.ground, px(6)))
    sheet.y += px(6)
    _rows(sheet, part, kit.height[Font.MONO])
    sheet.ops.append(Glyph(width - px(22), top + px(7), "copy", 14, sheet.skin.muted))
    sheet.spots.append(HitArea(width - px(26), top + px(3), px(24), px(22), HitAreaKind.COPY_CODE, code))
    sheet.y = top + height
    # Nothing else may stand beside the block.
    sheet.took(width, px(3))
    sheet.last = (sheet.limit, px(3))


def _row(sheet: Sheet, row: WrappedRow, left: int, height: int) -> None:
    palette = sheet.kit.palette
    for piece in row.pieces:
        x = left + piece.x
        if piece.name:
            _emoji(sheet, x, sheet.y, piece.text, height)
        elif piece.link:
            sheet.ops.append(TextSpan(x, sheet.y, piece.text, Font.LINK, palette.link))
            sheet.spots.append(HitArea(x, sheet.y, piece.width, height, HitAreaKind.LINK, piece.link))
        elif not piece.text.isspace():
            _words(sheet, piece, x, height)


def _words(sheet: Sheet, piece: RowPiece, x: int, height: int) -> None:
    font, y = font_of(piece.style), sheet.y
    own = sheet.kit.height[font]
    if piece.style & Style.CODE and height != own:
        y += (height - own) // 2
    if piece.style & Style.CODE and height == sheet.kit.height[Font.BODY] and sheet.has_ground(_GROUNDS_MAX):
        sheet.ops.append(Box(x, sheet.y + 1, piece.width, height - 2, sheet.skin.quote, sheet.skin.ground, 0))
    sheet.ops.append(TextSpan(x, y, piece.text, font, sheet.skin.text))


def _fold_line(sheet: Sheet, text: str) -> None:
    kit = sheet.kit
    width, height = kit.measure(Font.LINK, text), kit.height[Font.LINK]
    sheet.y += kit.px(4)
    sheet.ops.append(TextSpan(0, sheet.y, text, Font.LINK, kit.palette.link))
    sheet.spots.append(HitArea(0, sheet.y, width, height, HitAreaKind.UNFOLD))
    sheet.took(width, height)


def picture_width(kit: LayoutContext, emoji: str) -> int:
    """A picture is as wide as a line is high; an emoji without one becomes a chip with its name."""
    if has_picture(emoji):
        return kit.px(20)
    return kit.measure(Font.SMALL, short_name(emoji)) + 2 * kit.px(6)


def short_name(emoji: str) -> str:
    """The beginning of an emoji's name."""
    name = glyphs.spoken(emoji)
    return name if len(name) <= 40 else name[:39] + "…"


def _emoji(sheet: Sheet, x: int, y: int, emoji: str, height: int) -> None:
    kit, palette, px = sheet.kit, sheet.kit.palette, sheet.kit.px
    if has_picture(emoji):
        sheet.ops.append(EmojiPicture(x + px(1), y + (height - px(18)) // 2, emoji, 18))
        return
    tall = min(kit.height[Font.SMALL] + px(2), height)
    at = y + (height - tall) // 2
    if not sheet.has_ground(_GROUNDS_MAX):
        sheet.ops.append(TextSpan(x + px(6), at + px(1), short_name(emoji), Font.SMALL, sheet.skin.muted))
        return
    width = picture_width(kit, emoji) - px(2)
    sheet.ops.append(Box(x + px(1), at, width, tall, palette.chip, sheet.skin.ground, px(6)))
    sheet.ops.append(TextSpan(x + px(6), at + px(1), short_name(emoji), Font.SMALL, palette.on_chip))
