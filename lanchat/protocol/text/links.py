"""Where the links of a text begin and end. Pure.

A link goes on to the next blank, and ends earlier where people mean it to: before a bracket that it did not open,
before quotation marks, an ellipsis, an emoji, punctuation of other scripts, before ideographs and kana that follow a
Latin letter or digit, and without the punctuation at its end.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lanchat.protocol.text.emoji import PICTURES, SELECTORS, ZWJ

_BEGIN = re.compile(rf"(?<![a-z0-9+.-])(?:https?|lanchat)://(?=[\w\[{PICTURES}])", re.IGNORECASE)
# Emoji end a link, but for those in the first label of a host's name (https://i\u2764.example).
_LABEL = re.compile(rf"(?:www\.)?[\w{PICTURES}{SELECTORS}{ZWJ}-]+(?=\.\w)")
# Brackets and quotation marks of all scripts but ASCII, which are balanced, and apostrophes.
_ENCLOSING = (
    "\u00ab\u00bb\u0f3a-\u0f3d\u169b\u169c\u201a-\u201f\u2039\u203a\u2045\u2046\u207d\u207e\u208d\u208e"
    "\u2308-\u230b\u2329\u232a\u2768-\u2775\u27c5\u27c6\u27e6-\u27ef\u2983-\u2998\u29d8-\u29db\u29fc\u29fd"
    "\u2e02-\u2e05\u2e09\u2e0a\u2e0c\u2e0d\u2e1c\u2e1d\u2e20-\u2e29\u2e42\u2e55-\u2e5c\u3008-\u3011"
    "\u3014-\u301b\u301d-\u301f\ufd3e\ufd3f\ufe17\ufe18\ufe35-\ufe44\ufe47\ufe48\ufe59-\ufe5e\uff08\uff09"
    "\uff3b\uff3d\uff5b\uff5d\uff5f\uff60\uff62\uff63"
)
# Blanks, what no address has, quotation marks, ellipsis, full-width and other scripts' punctuation, emoji.
_END = re.compile(
    r"[\s<>\"`\\^|\u2025\u2026\u203d\u2047\u2048\u22ef\u275b-\u2760\u0589\u05c3\u060c\u060d\u061b\u061e\u061f\u066c\u06d4"
    r"\u0700-\u070d\u0964\u0965\u0e5a\u0e5b\u0f0d-\u0f12\u104a\u104b\u1362-\u1368\u17d4-\u17d6\u1801-\u1805\u1808\u1809"
    r"\u2e2e\u2e32\u2e41\u2e4c\u2e53\u2e54\u3001\u3002\ua4fe\ua4ff\ua60d-\ua60f\ua6f3-\ua6f7\ua876\ua877\ua8ce\ua8cf\uaaf0\uaaf1"
    r"\uabeb\ufe10-\ufe19\ufe50-\ufe52\ufe54-\ufe57\uff01\uff02\uff07\uff0c\uff0e\uff1a\uff1b\uff1f\uff61\uff64"
    rf"{_ENCLOSING}{PICTURES}{SELECTORS}{ZWJ}]"
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
# At a link's end; within it they are letters of a title. With Armenian's, dashes, and Spanish marks of what follows.
_PUNCTUATION = (
    ".,;:!?'\u00b4\u2018\u2019\u2032\u2033\u00a1\u00b7\u00bf\u2013\u2014\u2015"
    "\u037e\u0387\u055a\u055b\u055c\u055d\u055e\u055f"
)
# Marks of emphasis and quotation that end a link when they stand before it as well.
_PAIRED = {"*": "*", "_": "_", "~": "~", "'": "'", "\u2018": "\u2019"}
_IDEOGRAPHIC = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")


class TextLink(NamedTuple):
    """`text[start:end]` is the address."""

    start: int
    end: int


def links(text: str) -> Iterator[TextLink]:
    """The links of a text, ascending."""
    place = 0
    while begin := _BEGIN.search(text, place):
        start = begin.start()
        place = _end(text, start, begin.end())
        if place > begin.end():
            yield TextLink(start, place)
        else:
            place = begin.end()


def _end(text: str, start: int, host: int) -> int:
    """Where the link ends whose host begins at `host`; there, when it is none."""
    label = _LABEL.match(text, host)
    stop = _END.search(text, label.end() if label else host)
    end = _balanced(text, host, stop.start() if stop else len(text))
    around = _PAIRED.get(text[start - 1 : start])
    if around in ("'", "\u2019") and (closing := text.find(around, host, end)) > 0:
        end = closing
    loose = _PUNCTUATION + (around or "")
    while end > host and text[end - 1] in loose:
        end -= 1
    return end


def _balanced(text: str, host: int, stop: int) -> int:
    """Up to a closing bracket that was not opened, or to other writing that goes on without a blank."""
    open_: list[str] = []
    for place in range(host, stop):
        char = text[place]
        if char in _OPENING:
            open_.append(_OPENING[char])
        elif char in ")]}":
            if not open_ or open_.pop() != char:
                return place
        elif _IDEOGRAPHIC.match(char) and _follows_latin(text, host, place):
            return place
    return stop


def _follows_latin(text: str, host: int, place: int) -> bool:
    """Whether a sentence goes on here, and not the address: within its name only after a dot."""
    before = text[place - 1]
    if place == host or not (before.isascii() and before.isalnum()):
        return False
    address = text[host:place]
    return "/" in address or "." in address
