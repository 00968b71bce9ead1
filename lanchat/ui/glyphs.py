"""Which characters may reach a Tk widget as they are, and how the others are shown.

Tk 8.6 draws text on X11 through Xft. One glyph of a colour emoji font is enough to end the program with an X error on
systems whose libXft is older than 2.3.5, and characters outside the Basic Multilingual Plane are stored as surrogate
pairs that it measures wrongly. So on X11 such characters are taken out of every text before a widget sees it. The model
and the network keep the text as it was written; `split` cuts it into runs, and what shows a run decides: the
conversation and the composer draw a small picture or a chip with the name, everything else writes `[thumbs up sign]`.

On Windows and macOS the system's own text drawing copes, and texts stay whole (`protect(False)`).
"""

import re
import unicodedata
from typing import NamedTuple

_ZWJ = "\u200d"
_SELECTORS = "\ufe0e\ufe0f"

# Characters of the BMP that have a colour picture in emoji fonts (emoji-data of Unicode 15.1, property Emoji), from the
# arrows on; what lies below (digits, (c), (R), TM) is in every text font, and those are asked first.
_PICTURES = (
    "\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0"
    "\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f"
    "\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e\u267f\u2692-\u2697"
    "\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8\u26ce\u26cf\u26d1"
    "\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d\u270f\u2712\u2714\u2716"
    "\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u27a1"
    "\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
)
_ONE = f"(?:(?:[\U00010000-\U0010ffff{_PICTURES}][{_SELECTORS}]?|[^\\s][{_SELECTORS}])[\U0001f3fb-\U0001f3ff]?)"
_FLAG = "(?:[\U0001f1e6-\U0001f1ff]{2})"
_KEYCAP = f"(?:[0-9#*][{_SELECTORS}]?\u20e3)"
_CLUSTER = re.compile(f"{_FLAG}|{_KEYCAP}|{_ONE}(?:{_ZWJ}{_ONE})*|[{_SELECTORS}\ud800-\udfff]+")
_SKIN = ("light", "medium-light", "medium", "medium-dark", "dark")

_protected = True


class Run(NamedTuple):
    """A piece of a text: plain characters, or one character that must be drawn as a picture (`name` says which)."""

    text: str
    name: str = ""


def protect(wanted: bool) -> None:
    """Whether texts are cut at all: True on X11. Once, before the first widget."""
    global _protected  # noqa: PLW0603 - a property of this process's display
    _protected = wanted


def split(text: str) -> list[Run]:
    """The text in runs, in order; joined again they are the text."""
    if not _protected or text.isascii():
        return [Run(text)] if text else []
    runs: list[Run] = []
    start = 0
    for match in _CLUSTER.finditer(text):
        if match.start() > start:
            runs.append(Run(text[start : match.start()]))
        runs.append(Run(match.group(), spoken(match.group())))
        start = match.end()
    if start < len(text):
        runs.append(Run(text[start:]))
    return runs


def spoken(cluster: str) -> str:
    """The name of a character or of a sequence that makes one picture, in lower case; never empty."""
    if len(cluster) == 2 and all("\U0001f1e6" <= char <= "\U0001f1ff" for char in cluster):
        return "flag " + "".join(chr(ord(char) - 0x1F1E6 + ord("A")) for char in cluster)
    if cluster.endswith("\u20e3"):
        return f"key {cluster[0]}"
    names = [_name(char) for char in cluster if char not in _SELECTORS + _ZWJ]
    return ", ".join(names) or "variation selector"


def _name(char: str) -> str:
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        return f"{_SKIN[ord(char) - 0x1F3FB]} skin tone"
    return unicodedata.name(char, f"U+{ord(char):04X}").lower()


def inline(text: str) -> str:
    """The text as a widget may have it: pictures written out in brackets."""
    return "".join(f"[{run.name}]" if run.name else run.text for run in split(text))


def one_line(text: str, limit: int = 200) -> str:
    """The beginning of a text for a list or a title: one line, safe for a widget."""
    flat = " ".join(text[: limit * 2].split())
    return inline(flat if len(flat) <= limit else flat[: limit - 1] + "…")


def joined(typed: str) -> str:
    """Text from a widget or an event: the surrogate pairs in which Tk 8.6 hands out characters, put together again."""
    return typed.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
