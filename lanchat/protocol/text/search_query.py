"""What a person types into a search: words, and operators that say from whom, where and when. Pure.

`from:anna`, `in:general`, `after:2026-11-01`, `before:30.11.2026`; a name with blanks stands in quotation marks,
`from:"Anna Smirnova"`. The first day counts, the last one does not. The Russian names of the operators (`от`, `в`,
`после`, `до`) mean the same. What looks like an operator and is none stays a word. What is no day behind `after:` or
`before:` is told apart: as a word it would find nothing, and nobody would know why.
"""

import re

import msgspec

from lanchat.protocol.text.search_words import has_words, query_words, tokens

# Year, month, day.
Day = tuple[int, int, int]

_OPERATORS = {
    "from": "author", "от": "author", "in": "room", "в": "room",
    "after": "after", "после": "after", "before": "before", "до": "before",
}  # fmt: skip
_PART = re.compile(r'(\w+):(?:"([^"]*)"|«([^»]*)»|(\S+))')
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\Z", re.ASCII)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Letters of a word, with the marks above them.
_WORD = re.compile(r"\w[\w\u0300-\u036f\u0591-\u05c7\u064b-\u065f]*")
# Of a longer run without blanks, as Chinese and Japanese are written, so much is looked at from each character on.
_PIECE = 3
_LONG = 64


class SearchQuery(msgspec.Struct, frozen=True):
    """`words`: what is left without the operators. `author`, `room`: names as typed; empty for anybody and any room.
    `after`: from this day on; `before`: up to the day before. `no_day`: what stands where a day should."""

    words: str
    author: str = ""
    room: str = ""
    after: Day | None = None
    before: Day | None = None
    no_day: str = ""

    @property
    def filters(self) -> bool:
        """Whether there is any operator beside the room."""
        return bool(self.author or self.after or self.before)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is searched for: neither a word nor an operator that chooses messages."""
        return not (query_words(self.words) or self.filters or self.no_day)


def parse_query(text: str) -> SearchQuery:
    """From what was typed. Of an operator that comes twice the last one holds."""
    found: dict[str, str | Day] = {}

    def take(part: re.Match[str]) -> str:
        name = _OPERATORS.get(part[1].casefold())
        value = next((value for value in part.groups()[1:] if value is not None), "").strip()
        if name is None or not value:
            return part[0]
        day = _day(value) if name in ("after", "before") else None
        if name in ("author", "room") or day:
            found[name] = day or value
        else:
            found["no_day"] = value
        return " "

    words = " ".join(_PART.sub(take, text).split())
    return SearchQuery(words, **found)  # type: ignore[arg-type]


def _day(text: str) -> Day | None:
    """From `2026-11-30` or `30.11.2026`; None for what is no day."""
    if found := _YEAR_FIRST.match(text):
        year, month, day = map(int, found.groups())
    elif found := _DAY_FIRST.match(text):
        day, month, year = map(int, found.groups())
    else:
        return None
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    fits = year >= 1970 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]
    return (year, month, day) if fits and (leap or (month, day) != (2, 29)) else None


def hit_spans(text: str, words: str) -> list[tuple[int, int]]:
    """Where in a text the words of a search stand, or what begins with them: from each to each offset, ascending."""
    wanted = query_words(words)
    spans = []
    for found in _WORD.finditer(text) if wanted else ():
        word = found[0]
        if word.isascii() or not _is_run(word):
            if _begins(word[:_LONG], wanted):
                spans.append(found.span())
            continue
        start = 0
        while start < len(word):
            piece = word[start : start + _PIECE]
            if any(tokens(piece).startswith(f" {code}") for code in wanted):
                spans.append((found.start() + start, found.start() + start + len(piece)))
                start += len(piece)
            else:
                start += 1
    return spans


def _is_run(word: str) -> bool:
    """Whether it is of a script without blanks: each of its characters begins a word for the search."""
    return len(word) > 1 and has_words(tokens(word[:2]), query_words(word[1]))


def _begins(word: str, wanted: list[str]) -> bool:
    indexed = tokens(word)
    return any(f" {code}" in indexed for code in wanted)
