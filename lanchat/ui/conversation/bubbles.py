"""Laying out one message: where bubble, name, quotation, text, reactions, time and ticks go. Pure.

From top to bottom a bubble has: the author's name (first of a group, not one's own), the quoted message, the text, why
it was refused, reactions; time and ticks stand at the lower right, beside the last of these when there is room.
"""

from collections.abc import Sequence

from lanchat.app.api import Line, Reaction
from lanchat.i18n import _
from lanchat.ui.conversation.body import body, short_name
from lanchat.ui.conversation.sheet import Sheet, Skin
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import (
    Avatar,
    Block,
    Box,
    EmojiPicture,
    Font,
    Glyph,
    HitArea,
    HitAreaKind,
    LayoutContext,
    Op,
    TextSpan,
    avatar_index,
    initials,
)
from lanchat.ui.kit.canvas.pictures import has_picture
from lanchat.ui.kit.canvas.text_line import text_line
from lanchat.ui.kit.canvas.wrap import wrap
from lanchat.ui.model.entries import MessageEntry, shown_time
from lanchat.ui.texts import words
from lanchat.ui.texts.files import shown_text
from lanchat.wording.problems import details_text

COLUMN = 920  # a conversation wider than this is centred: the eye does not find the next line in a wider one
BUBBLE = 600  # about 80 characters
_PAD = 12
_GUTTER = 58  # at the left of every bubble: the pictures of others stand there
_RIGHT = 20  # at the right of one's own bubbles


def message_block(message: MessageEntry, width: int, kit: LayoutContext, me: int, named: bool) -> Block:
    """The block of a message in a conversation `width` pixels wide. `named`: whether names are shown (not in a
    conversation of two)."""
    line, px = message.line, kit.px
    column = min(width, px(COLUMN))
    left = (width - column) // 2
    free = column - px(_GUTTER) - px(_RIGHT if line.mine else 40)
    limit = max(min(free, px(BUBBLE)) - 2 * px(_PAD), px(60))
    sheet = Sheet(kit, _skin(message, kit), limit, px(6))
    if named and message.first and not line.mine:
        _name(sheet, line)
    if line.reply_to and not line.deleted:
        _quotation(sheet, line)
    _text(sheet, message)
    if line.refused is not None:
        _reason(sheet, _("Not sent: {reason}").format(reason=words.refusal(line.refused)))
    elif line.waits is not None and line.seq is None:
        _reason(sheet, details_text(line.waits))
    if line.reactions and not line.deleted:
        _chips(sheet, line.reactions, me)
    _meta(sheet, line)
    return _finished(sheet, message, left, column)


def _skin(message: MessageEntry, kit: LayoutContext) -> Skin:
    palette, line = kit.palette, message.line
    if message.flash:
        text = palette.on_own if line.mine else palette.on_other
        return Skin(palette.flash, text, text, palette.flash)
    if line.refused is not None:
        return Skin(palette.danger_soft, palette.on_danger_soft, palette.on_danger_soft, palette.danger_soft)
    if line.mine:
        return Skin(palette.own, palette.on_own, palette.muted_on_own, palette.quote_own)
    return Skin(palette.other, palette.on_other, palette.muted_on_other, palette.quote)


def _finished(sheet: Sheet, message: MessageEntry, left: int, column: int) -> Block:
    """The sheet put in its place, with the bubble below it and the author's picture beside it."""
    kit, line, px = sheet.kit, message.line, sheet.kit.px
    top = px(10) if message.first else px(2)
    inner = max(sheet.width, px(24))
    width, height = inner + 2 * px(_PAD), sheet.y + px(7)
    x = left + column - px(_RIGHT) - width if line.mine else left + px(_GUTTER)
    bubble = Box(x, top, width, height, sheet.skin.ground, kit.palette.surface, px(12))
    dx = x + px(_PAD)
    ops: list[Op] = [bubble]
    if line.called:
        ops.append(Box(x + px(4), top + px(8), px(3), height - px(16), kit.palette.accent, sheet.skin.ground, px(1)))
    for op in sheet.ops:
        stretched = op._replace(width=inner) if isinstance(op, Box) and not op.width else op
        ops.append(stretched._replace(x=stretched.x + dx, y=stretched.y + top))
    spots = [spot._replace(x=spot.x + dx, y=spot.y + top, width=spot.width or inner) for spot in sheet.spots]
    if message.last and not line.mine:
        size, name = px(34), words.author(line)
        at = (left + px(14), top + height - size)
        ops.append(Avatar(*at, size, initials(name), avatar_index(line.author)))
        spots.append(HitArea(*at, size, size, HitAreaKind.AUTHOR))
    rows = tuple(row._replace(x=row.x + dx, y=row.y + top) for row in sheet.rows)
    return Block(top + height, tuple(ops), tuple(spots), rows, (x, top, width, height))


def _name(sheet: Sheet, line: Line) -> None:
    kit = sheet.kit
    fill = kit.palette.names[avatar_index(line.author)]
    ops, width = text_line(kit, glyphs.flat(words.author(line), 80), Font.NAME, (0, sheet.y), sheet.limit, fill)
    height = kit.height[Font.NAME]
    sheet.ops += ops
    sheet.spots.append(HitArea(0, sheet.y, width, height, HitAreaKind.AUTHOR))
    sheet.took(width, height + kit.px(1))


def _quotation(sheet: Sheet, line: Line) -> None:
    """Author and beginning of the message that is answered, on a ground of their own with a bar at the left."""
    kit, px = sheet.kit, sheet.kit.px
    inset, gap = px(10), px(4)
    room = sheet.limit - 2 * inset
    line_height = kit.height[Font.SMALL]
    height = 2 * line_height + 2 * gap
    top = sheet.y + px(2)
    author = glyphs.flat(line.reply_author, 80) or _("A message")
    said = glyphs.preview(line.reply_text) or "…"
    first, below = (inset, top + gap), (inset, top + gap + line_height)
    who, wide = text_line(kit, author, Font.SMALL_BOLD, first, room, sheet.skin.text)
    what, wider = text_line(kit, said, Font.SMALL, below, room, sheet.skin.muted)
    sheet.ops += [
        Box(0, top, 0, height, sheet.skin.quote, sheet.skin.ground, px(6)),
        Box(0, top, px(4), height, kit.palette.link, sheet.skin.ground, px(2)),
        *who,
        *what,
    ]
    sheet.spots.append(HitArea(0, top, 0, height, HitAreaKind.QUOTE))
    sheet.took(max(wide, wider) + 2 * inset, height + px(6))


def _text(sheet: Sheet, message: MessageEntry) -> None:
    kit = sheet.kit
    if not message.line.deleted:
        body(sheet, shown_text(message.line), unfolded=message.unfolded)
        return
    text = _("This message was deleted")
    sheet.ops.append(TextSpan(0, sheet.y, text, Font.ITALIC, sheet.skin.muted))
    sheet.took(kit.measure(Font.ITALIC, text), kit.height[Font.ITALIC])


def _reason(sheet: Sheet, text: str) -> None:
    kit = sheet.kit
    height = kit.height[Font.SMALL_BOLD]
    sheet.y += kit.px(3)
    for row in wrap(text, sheet.limit, sheet.measure(Font.SMALL_BOLD), lambda name: 0):
        for piece in row.pieces:
            sheet.ops.append(TextSpan(piece.x, sheet.y, piece.text, Font.SMALL_BOLD, sheet.skin.text))
        sheet.took(row.width, height)


def _chips(sheet: Sheet, reactions: Sequence[Reaction], me: int) -> None:
    """A chip for each emoji with the number of people, in as many rows as it takes."""
    kit, px = sheet.kit, sheet.kit.px
    gap, tall = px(4), max(kit.height[Font.SMALL] + px(6), px(24))
    x, sheet.y = 0, sheet.y + px(4)
    for reaction in reactions:
        width = _chip_width(kit, reaction)
        if x and x + width > sheet.limit:
            sheet.took(x - gap, tall + gap)
            x = 0
        _chip(sheet, reaction, (x, width, tall), me in reaction.users)
        x += width + gap
    sheet.took(x - gap, tall)


def _chip_parts(reaction: Reaction) -> tuple[str, str]:
    """The emoji that is drawn as a picture, and the words beside it."""
    count = str(len(reaction.users))
    runs = glyphs.split(reaction.emoji[:40])
    if len(runs) == 1 and runs[0].name:
        emoji = runs[0].text
        return (emoji, count) if has_picture(emoji) else ("", f"{short_name(emoji)} {count}")
    return "", f"{glyphs.one_line(reaction.emoji, 40)} {count}"


def _chip_width(kit: LayoutContext, reaction: Reaction) -> int:
    emoji, text = _chip_parts(reaction)
    return 2 * kit.px(8) + kit.measure(Font.SMALL, text) + (kit.px(16 + 5) if emoji else 0)


def _chip(sheet: Sheet, reaction: Reaction, place: tuple[int, int, int], mine: bool) -> None:
    kit, palette, px = sheet.kit, sheet.kit.palette, sheet.kit.px
    x, width, tall = place
    emoji, text = _chip_parts(reaction)
    ground = palette.chip_own if mine else palette.chip
    sheet.ops.append(Box(x, sheet.y, width, tall, ground, sheet.skin.ground, tall // 2))
    sheet.spots.append(HitArea(x, sheet.y, width, tall, HitAreaKind.CHIP, reaction.emoji))
    at = x + px(8)
    if emoji:
        sheet.ops.append(EmojiPicture(at, sheet.y + (tall - px(16)) // 2, emoji, 16))
        at += px(16 + 5)
    middle = sheet.y + (tall - kit.height[Font.SMALL]) // 2
    sheet.ops.append(TextSpan(at, middle, text, Font.SMALL, palette.on_chip))


def _meta(sheet: Sheet, line: Line) -> None:
    """Time and ticks: at the right of the lowest row when they fit there, else in a row of their own."""
    kit, px = sheet.kit, sheet.kit.px
    text = words.clock(shown_time(line))
    if line.edited and not line.deleted:
        text = _("edited {clock}").format(clock=text)
    if line.imported:
        text = _("imported, {clock}").format(clock=text)
    if line.pending:
        text = _("{text}, change not stored yet").format(text=text)
    if count := words.readers(line):
        text = f"{count} · {text}"
    tick = _tick(line, kit, sheet.skin)
    width = kit.measure(Font.SMALL, text) + (px(4 + 16) if tick else 0)
    height = kit.height[Font.SMALL]
    last_width, last_height = sheet.last
    if last_width + px(14) + width <= max(sheet.limit, sheet.width):
        sheet.width = max(sheet.width, last_width + px(14) + width)
        y = sheet.y - min(height, last_height) + (px(2) if last_height >= height else 0)
        if last_height > height + px(6):  # beside chips: on their middle
            y = sheet.y - (last_height + height) // 2
    else:
        y = sheet.y
        sheet.took(max(width, sheet.width), height)
    x = sheet.width - width
    sheet.ops.append(TextSpan(x, y, text, Font.SMALL, sheet.skin.muted))
    if tick:
        glyph, fill = tick
        sheet.ops.append(Glyph(sheet.width - px(16), y + (height - px(16)) // 2, glyph, 16, fill))
    ticking = line.mine and not line.deleted
    sheet.spots.append(HitArea(x, y, width, height, HitAreaKind.TICKS if ticking else HitAreaKind.TIME))


def _tick(line: Line, kit: LayoutContext, skin: Skin) -> tuple[str, str] | None:
    """Glyph and colour: clock, one tick, two ticks (received by all), a filled one (read by all)."""
    if not line.mine or line.deleted:
        return None
    if line.refused is not None:
        return "exclamation-circle-fill", skin.text
    if line.seq is None:
        return "clock", skin.muted
    if line.members and line.read >= line.members:
        return "check-circle-fill", skin.text if skin.ground == kit.palette.flash else kit.palette.tick_read
    if line.members and line.received >= line.members:
        return "check2-all", skin.muted
    return "check2", skin.muted
