"""Where the links of a text begin and end. Pure.

A link goes on to the next blank, and ends earlier where people mean it to: before a bracket that it did not open,
before quotation marks, an ellipsis, an emoji, punctuation of other scripts, before ideographs and kana that follow a
Latin letter or digit, and without the punctuation at its end.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lanchat.protocol.emoji import PICTURES, SELECTORS, ZWJ

_BEGIN = re.compile(r"(?<![a-z0-9+.-])(?:https?|lanchat)://(?=[\w\[])", re.IGNORECASE)
# Blanks, what no address has, quotation marks, ellipsis, full-width and other scripts' punctuation, emoji.
_END = re.compile(
    r"[\s<>\"`\\^|\u00ab\u00bb\u201a\u201c-\u201f\u2026\u2039\u203a\u060c\u061b\u061f\u06d4\u0964\u0965\u3001\u3002"
    r"\u3008-\u3011\u3014-\u301b\u301d-\u301f\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b\uff5d"
    rf"\uff5f-\uff64{PICTURES}{SELECTORS}{ZWJ}]"
)
_OPENING = {"(": ")", "[": "]", "{": "}"}
_PUNCTUATION = ".,;:!?'\u2018\u2019"
# Marks of emphasis and quotation that end a link when they stand before it as well.
_PAIRED = {"*": "*", "_": "_", "~": "~", "'": "'", "\u2018": "\u2019"}
_IDEOGRAPHIC = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")


class Link(NamedTuple):
    """`text[start:end]` is the address."""

    start: int
    end: int


def links(text: str) -> Iterator[Link]:
    """The links of a text, ascending."""
    place = 0
    while begin := _BEGIN.search(text, place):
        start = begin.start()
        place = _end(text, start, begin.end())
        if place > begin.end():
            yield Link(start, place)
        else:
            place = begin.end()


def _end(text: str, start: int, host: int) -> int:
    """Where the link ends whose host begins at `host`; there, when it is none."""
    stop = _END.search(text, host)
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
