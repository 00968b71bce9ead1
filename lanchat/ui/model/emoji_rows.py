"""What the choice of emoji shows: those used last, all by category, or what was searched for. No Tk."""

from collections.abc import Sequence

from lanchat.i18n import _
from lanchat.i18n.emoji import CATEGORIES, all_emoji, find, place_of

COLUMNS = 9
RECENT_MAX = 2 * COLUMNS
EmojiRow = str | tuple[str, ...]  # a heading, or the emoji of a row


def emoji_rows(query: str, recent: Sequence[str]) -> list[EmojiRow]:
    """The rows from top to bottom; with a query those that it finds, else the recent ones and then all."""
    if query.strip():
        return _in_rows([emoji.text for emoji in find(query)])
    rows: list[EmojiRow] = [_("Recently used"), *_in_rows(recent)] if recent else []
    for category, heading in enumerate(_headings()):
        rows += [heading, *_in_rows([emoji.text for emoji in all_emoji() if emoji.category == category])]
    return rows


def _headings() -> list[str]:
    headings = [
        _("Faces"), _("People"), _("Animals and nature"), _("Food and drink"), _("Travel and places"), _("Activities"),
        _("Objects"), _("Symbols"), _("Flags"),
    ]  # fmt: skip
    assert len(headings) == CATEGORIES
    return headings


def _in_rows(emoji: Sequence[str]) -> list[EmojiRow]:
    return [tuple(emoji[start : start + COLUMNS]) for start in range(0, len(emoji), COLUMNS)]


def with_recent(recent: Sequence[str], emoji: str) -> list[str]:
    """The emoji used last, this one first. What has no picture is not kept."""
    if place_of(emoji) is None:
        return list(recent)
    return [emoji, *(other for other in recent if other != emoji)][:RECENT_MAX]


def recent_of(kept: str) -> list[str]:
    """The emoji used last, from the settings, where a blank stands between two."""
    return [emoji for emoji in kept.split() if place_of(emoji) is not None][:RECENT_MAX]
