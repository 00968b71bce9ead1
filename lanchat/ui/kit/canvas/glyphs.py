"""Which characters may reach a Tk widget as they are, and how the others are shown.

Tk 8.6 draws text on X11 through Xft. One glyph of a colour emoji font is enough to end the program with an X error on
systems whose libXft is older than 2.3.5, and characters outside the Basic Multilingual Plane are stored as surrogate
pairs that older versions measure wrongly. So on X11 such characters are taken out of every text before a widget sees
it, but for letters (Japanese names have some) that a font of this computer has. The model and the network keep the text
as it was written; `split` cuts it into runs, and what shows a run decides: the conversation and the composer draw a
small picture or a chip with the name, everything else writes `[thumbs up sign]`.

On Windows and macOS the system's own text drawing copes, and texts stay whole (`protect(False)`).
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from lanchat.i18n.emoji import name_of
from lanchat.protocol.text.cleaning import WORD, kind
from lanchat.protocol.text.emoji import BMP_PICTURES, SELECTORS, SKIN_TONES, ZWJ
from lanchat.protocol.text.markup import visible

_ONE = f"(?:(?:[\U00010000-\U0010ffff{BMP_PICTURES}][{SELECTORS}]?|[^\\s][{SELECTORS}])[{SKIN_TONES}]?)"
_FLAG = "(?:[\U0001f1e6-\U0001f1ff]{2})"
_KEYCAP = f"(?:[0-9#*][{SELECTORS}]?\u20e3)"
_REGION = "(?:\U0001f3f4[\U000e0020-\U000e007e]{1,16}\U000e007f)"
_CLUSTER = re.compile(f"{_FLAG}|{_REGION}|{_KEYCAP}|{_ONE}(?:{ZWJ}{_ONE})*|[{SELECTORS}\ud800-\udfff]+")
_LETTERS_MAX = 4096  # whose fonts are remembered
_SKIN = ("light", "medium-light", "medium", "medium-dark", "dark")

_protected = True


def _no_font(char: str) -> bool:
    return False


_draws: Callable[[str], bool] = _no_font


class GlyphRun(NamedTuple):
    """A piece of a text: plain characters, or one character that must be drawn as a picture (`name` says which)."""

    text: str
    name: str = ""


def protect(wanted: bool, draws: Callable[[str], bool] = _no_font) -> None:
    """Whether texts are cut at all: True on X11. `draws`: whether a font has a letter beyond the Basic Multilingual
    Plane. Once, before the first text is shown."""
    global _protected, _draws
    _protected, _draws = wanted, lru_cache(_LETTERS_MAX)(draws)


def _is_text(cluster: str) -> bool:
    """Letters beyond the Basic Multilingual Plane and nothing else, which can be shown as they are."""
    return all(char > "\uffff" and kind(char) == WORD and _draws(char) for char in cluster)


def split(text: str) -> list[GlyphRun]:
    """The text in runs, in order; joined again they are the text."""
    if not _protected or text.isascii():
        return [GlyphRun(text)] if text else []
    runs: list[GlyphRun] = []
    start = 0
    for match in _CLUSTER.finditer(text):
        if _is_text(match.group()):
            continue
        if match.start() > start:
            runs.append(GlyphRun(text[start : match.start()]))
        runs.append(GlyphRun(match.group(), spoken(match.group())))
        start = match.end()
    if start < len(text):
        runs.append(GlyphRun(text[start:]))
    return runs


def spoken(cluster: str) -> str:
    """The name of a character or of a sequence that makes one picture; never empty."""
    if name := name_of(cluster):
        return name
    if len(cluster) == 2 and all("\U0001f1e6" <= char <= "\U0001f1ff" for char in cluster):
        return "flag " + "".join(chr(ord(char) - 0x1F1E6 + ord("A")) for char in cluster)
    if cluster.endswith("\u20e3"):
        return f"key {cluster[0]}"
    names = [_name(char) for char in cluster if char not in SELECTORS + ZWJ]
    return ", ".join(names) or "variation selector"


def _name(char: str) -> str:
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        return f"{_SKIN[ord(char) - 0x1F3FB]} skin tone"
    return unicodedata.name(char, f"U+{ord(char):04X}").lower()


def inline(text: str) -> str:
    """The text as a widget may have it: pictures written out in brackets."""
    return "".join(f"[{run.name}]" if run.name else run.text for run in split(text))


def flat(text: str, limit: int = 200) -> str:
    """The beginning of a text in one line; not for a widget, but for `text_line`."""
    flat = " ".join(text[: limit * 2].split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def one_line(text: str, limit: int = 200) -> str:
    """The beginning of a text for a list or a title: one line, safe for a widget."""
    return inline(flat(text, limit))


def preview(text: str, limit: int = 200) -> str:
    """As `flat`, of a message: without the marks for bold letters and the like."""
    return flat(visible(text[: limit * 4]), limit)


def joined(typed: str) -> str:
    """Text from a widget or an event: the surrogate pairs in which Tk 8.6 hands out characters, put together again."""
    return typed.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
