"""The emoji that have a picture: their names in the languages of the program, short names (`:tada:`), search.

`emoji.tsv` is written by packaging/dev/emoji_table.py. It is read when the first emoji is shown or looked for.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from lanchat.i18n import language
from lanchat.protocol.text.emoji import SELECTORS, SKIN_TONES

_TABLE = Path(__file__).with_name("emoji.tsv")
_SELECTOR = re.compile(f"[{SELECTORS}]")
_TONE = re.compile(f"[{SKIN_TONES}]")
CATEGORIES = 9  # people, nature and so on, by number
# A short name that is being typed: nothing stands before it that belongs to a word, a time or an address.
_TYPED = re.compile(r"(?:(?<=\s)|(?<=\()|\A):([a-z0-9_+-]{2,32}|[^\W\d_][\w -]{1,31})(:?)\Z")


class Emoji(msgspec.Struct, frozen=True):
    """One emoji. `place`: column and row of its picture. `words`: what it is found by, folded, of both languages."""

    text: str
    place: tuple[int, int]
    category: int
    short_names: tuple[str, ...]
    names: dict[str, str]
    words: str

    @property
    def name(self) -> str:
        """In the language in use."""
        return self.names[language()]

    @property
    def short_name(self) -> str:
        """As people type it: `:tada:`."""
        return f":{self.short_names[0]}:"


@cache
def _tables() -> tuple[tuple[Emoji, ...], dict[str, tuple[int, int]], dict[str, Emoji]]:
    """All emoji in the order of Unicode's charts; the pictures' places by text without selectors, skin tones too; emoji
    by text without selectors and by short name."""
    found: list[Emoji] = []
    places: dict[str, tuple[int, int]] = {}
    known: dict[str, Emoji] = {}
    for row in _TABLE.read_text(encoding="utf-8").splitlines():
        text, column, line, category, short, english, words, russian, more, tones = row.split("\t")
        short_names, names = tuple(short.split()), {"en": english, "ru": russian}
        searched = f" {short.replace('_', ' ')} {english} {words} {russian} {more}".casefold().replace("ё", "е")
        emoji = Emoji(text, (int(column), int(line)), int(category), short_names, names, searched)
        found.append(emoji)
        places[_plain(text)] = emoji.place
        known[_plain(text)] = emoji
        known |= dict.fromkeys(short_names, emoji)
        for tone in tones.split():
            toned, column, line = tone.rsplit(":", 2)
            places[_plain(toned)] = (int(column), int(line))
    return tuple(found), places, known


def _plain(text: str) -> str:
    return _SELECTOR.sub("", text)


def all_emoji() -> tuple[Emoji, ...]:
    """In the order of Unicode's charts."""
    return _tables()[0]


def place_of(text: str) -> tuple[int, int] | None:
    """Column and row of the picture of an emoji or of a sequence that is one; None: there is none."""
    if text.isascii():
        return None
    places, plain = _tables()[1], _plain(text)
    return places.get(plain) or places.get(_TONE.sub("", plain))


def name_of(text: str) -> str:
    """The name in the language in use, without a skin tone; empty for what is no known emoji."""
    emoji = _tables()[2].get(_TONE.sub("", _plain(text))) if not text.isascii() else None
    return emoji.name if emoji else ""


def named(short_name: str) -> Emoji | None:
    """The emoji with this short name, with or without its colons."""
    return _tables()[2].get(short_name.strip(":").casefold())


def find(query: str, most: int = 200) -> list[Emoji]:
    """Emoji of which each word of `query` begins a word, those first whose short name begins with it."""
    folded = query.casefold().replace("ё", "е").replace("_", " ").strip(" :")
    words = [f" {word}" for word in folded.split()]
    if not words:
        return []
    typed = "_".join(folded.split())
    matches = [emoji for emoji in all_emoji() if all(word in emoji.words for word in words)]
    matches.sort(key=lambda emoji: _rank(emoji, typed, folded))
    return matches[:most]


def _rank(emoji: Emoji, typed: str, folded: str) -> int:
    if typed in emoji.short_names or folded == emoji.name.casefold():
        return 0
    begins = any(name.startswith(typed) for name in emoji.short_names) or emoji.name.casefold().startswith(folded)
    return 1 if begins else 2


def typed_name(before: str) -> tuple[str, bool] | None:
    """The short name that ends a text, without its colons, and whether the closing one is there; None for none."""
    found = _TYPED.search(before[-40:])
    return (found[1], bool(found[2])) if found else None


def replaced(before: str) -> str | None:
    """A text that ends with `:name:`, with the emoji in its place; None when it ends with no such name."""
    found = typed_name(before)
    emoji = named(found[0]) if found and found[1] else None
    return before[: len(before) - len(found[0]) - 2] + emoji.text if found and emoji else None


def suggestions(before: str, most: int = 8) -> Iterator[Emoji]:
    """What the name that is being typed at the end of a text may become."""
    found = typed_name(before)
    if found and not found[1]:
        yield from find(found[0], most)
