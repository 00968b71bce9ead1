"""Laying out what stands between messages: days, the line above new ones, the heading of unstored ones. Pure."""

import datetime
from collections.abc import Callable

from lanchat.i18n import _
from lanchat.ui.conversation.bubbles import COLUMN, message_block
from lanchat.ui.kit.canvas.drawing import Block, Box, Font, Hairline, LayoutContext, Op, TextSpan
from lanchat.ui.kit.canvas.wrap import elide
from lanchat.ui.model.entries import BeginningEntry, DayEntry, Entry, Mark, MessageEntry, UnreadMarkEntry
from lanchat.ui.texts import words


def entry_block(
    entry: Entry, width: int, kit: LayoutContext, me: int, named: bool, today: Callable[[], datetime.date]
) -> Block:
    """The block of any entry."""
    if isinstance(entry, MessageEntry):
        return message_block(entry, width, kit, me, named)
    return _mark_block(entry, width, kit, today)


def _mark_block(mark: Mark, width: int, kit: LayoutContext, today: Callable[[], datetime.date]) -> Block:
    palette = kit.palette
    if isinstance(mark, DayEntry):
        return _pill(words.day(mark.day, today()), width, kit)
    if isinstance(mark, UnreadMarkEntry):
        return _ruled(_("New messages"), width, kit, palette.fresh)
    if isinstance(mark, BeginningEntry):
        return _pill(_("This is where the conversation begins"), width, kit)
    return _ruled(_("Not stored yet: kept on this computer"), width, kit, palette.warning)


def _pill(text: str, width: int, kit: LayoutContext) -> Block:
    """A label on a round ground in the middle."""
    px, height = kit.px, kit.height[Font.SMALL]
    text = elide(text, max(width - px(60), px(40)), lambda part: kit.measure(Font.SMALL, part))
    inner = kit.measure(Font.SMALL, text)
    tall = height + px(8)
    x = (width - inner) // 2
    ground = Box(x - px(12), px(12), inner + px(24), tall, kit.palette.sidebar, kit.palette.surface, tall // 2)
    return Block(tall + px(16), (ground, TextSpan(x, px(16), text, Font.SMALL, kit.palette.muted)))


def _ruled(text: str, width: int, kit: LayoutContext, colour: str) -> Block:
    """A label between two hairlines."""
    px, height = kit.px, kit.height[Font.SMALL_BOLD]
    column = min(width, px(COLUMN)) - 2 * px(20)
    left = (width - column) // 2
    text = elide(text, max(column - px(60), px(40)), lambda part: kit.measure(Font.SMALL_BOLD, part))
    inner = kit.measure(Font.SMALL_BOLD, text)
    side = max((column - inner) // 2 - px(10), 0)
    y = px(14)
    middle = y + height // 2
    ops: tuple[Op, ...] = (
        Hairline(left, middle, side, colour),
        TextSpan((width - inner) // 2, y, text, Font.SMALL_BOLD, colour),
        Hairline(left + column - side, middle, side, colour),
    )
    return Block(y + height + px(4), ops)
