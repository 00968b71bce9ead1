"""From text to the words that a search knows: the same on the server, whatever its database, and on a client alone.

A text is found when it has, for every word of the query, that word or one that begins with it; of what is written
without spaces, when the query stands somewhere in it.

* Forms of a letter are one: case, accents (also decomposed), width, ligatures, Arabic presentation forms, vowel points
  and tatweel, ё and е, ß and ss, final sigma, dotless i; digits of any script are those of ASCII. й, ї and ў are
  letters of their own, vowel signs of Indian scripts and the voicing marks of kana are kept.
* A word ends at everything that is no letter, digit or mark. Joiners, soft hyphens and variation selectors are as if
  they were not there. So `don't` is `don` and `t`, and an address is its parts.
* A run of characters of a script without spaces (Han, kana, Thai, Lao, Khmer, Myanmar, Tibetan, Yi) or of emoji is
  indexed as all its pieces of three characters, each of which begins with the pieces of two and one.

Full-text engines are not left to split text: their ideas of letters differ, InnoDB ignores words of one or two letters
and a list of English ones, drops characters outside the basic plane, and MariaDB cannot split Chinese at all. So each
word is written in a-z and 0-9 with a fixed beginning; to an engine it is a plain word of three letters or more. The
code of a character is never the beginning of another character's code, so the code of a word begins with the code of
each of its beginnings: search by prefix works on the codes. Basic Latin stays readable, Cyrillic takes two letters
each, other scripts four or seven. Words count up to WORD_MAX letters of code (about 80 Latin, 40 Cyrillic); InnoDB
ignores longer ones (innodb_ft_max_token_size 84). A server on which an administrator has raised
innodb_ft_min_token_size above 3 finds the shortest words among the newest messages only.

The same with each Python: characters that Unicode 14.0 does not have (`assigned.py`) are letters and stay as they are;
scripts without spaces and emoji are ranges of code points.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache

from lanchat.protocol.limits import SEARCH_CHARACTERS_MAX
from lanchat.protocol.text.cleaning import unassigned_ranges

# Of these rules. Whoever keeps an index makes it anew when it was made by others.
VERSION = 2

WORD_MAX = 80
# Two letters in front of each word: a word of one letter has the three that InnoDB asks for, and none is a stop word.
PREFIX = "zz"
_CODE_LENGTH = WORD_MAX - len(PREFIX)
# Words beyond this many letters of code in one text are not found; the largest column holds 65,535. 4,000 Chinese
# characters have 60,000.
_TOKENS_MAX = 65_000
# More words than this in a search add nothing that a person would notice.
_QUERY_WORDS_MAX = 16
# Characters in a piece of a run. Two would find 東京都 in a text that has 東京 and 京都.
_PIECE = 3
# Characters in what is remembered.
_SHORT = 24
_MARKS_MAX = 30

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS = frozenset(_DIGITS) - {"q", "x"}
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяіїє"

# Letters of their own although Unicode takes them apart; and marks that are dropped: accents, Hebrew and Syriac points,
# Arabic vowel signs, hamza and madda, tatweel; joiners and other format characters, Hangul fillers, variation
# selectors, skin tones.
_DROPPED = re.compile(
    "([Ии]\u0306|[Іі]\u0308|[Уу]\u0306)"
    "|[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u061c\u0640\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08ca-\u08e1\u08e3-\u08ff\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)
# Letters with a stroke or a hook have no decomposition; letters that Arabic and Persian keyboards write differently.
_SAME = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t",
        "ƀ": "b", "ɓ": "b", "ƈ": "c", "ȼ": "c", "ɖ": "d", "ɗ": "d", "ɇ": "e", "ƒ": "f", "ɠ": "g", "ǥ": "g", "ɨ": "i",
        "ɉ": "j", "ƙ": "k", "ƚ": "l", "ⱡ": "l", "ɲ": "n", "ƞ": "n", "ɵ": "o", "ƥ": "p", "ɍ": "r", "ƭ": "t", "ʉ": "u",
        "ʋ": "v", "ƴ": "y", "ɏ": "y", "ƶ": "z", "ⱥ": "a", "ⱦ": "t", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه",
    }
)  # fmt: skip
# Letters to Unicode, apostrophes to people.
_APOSTROPHES = frozenset("\u02b9\u02bb\u02bc\u02bd\ua78c")
# Scripts written without spaces: Thai to Tibetan, Myanmar, Khmer, kana and Bopomofo, Yi, ideographs.
_SPACELESS = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA000, 0xA4CF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1B000, 0x1B2FF), (0x20000, 0x3FFFF),
)  # fmt: skip
_EMOJI = ((0x2300, 0x23FF), (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF))
# Where ranges begin and where they are over, ascending.
_SPACELESS_BOUNDS = [bound for low, high in _SPACELESS for bound in (low, high + 1)]
_EMOJI_BOUNDS = [bound for low, high in _EMOJI for bound in (low, high + 1)]
# Around the code of a character of a run.
_MARK = "|"
_PARTS = re.compile(r"(?:\|[0-9a-z]+\|)+|[0-9a-z]+")


def words(text: str) -> list[str]:
    """The codes of the different words of `text`, in order of first appearance."""
    return list(dict.fromkeys(_codes(text, _indexed)))


def tokens(text: str) -> str:
    """What is indexed for `text`: a space before each word, so that ` word` is in it where a word begins so."""
    return (" " + " ".join(words(text)))[:_TOKENS_MAX]


def query_words(text: str) -> list[str]:
    """The codes of what a person searches for. A word that another one begins with is left out."""
    found = list(dict.fromkeys(_codes(text[:SEARCH_CHARACTERS_MAX], _wanted)))[:_QUERY_WORDS_MAX]
    return [word for word in found if not any(other != word and other.startswith(word) for other in found)]


def has_words(indexed: str, wanted: list[str]) -> bool:
    """Whether a text is found: `indexed` are its `tokens`, `wanted` the `query_words` of a search."""
    return bool(wanted) and all(f" {word}" in indexed for word in wanted)


def _codes(text: str, pieces: Callable[[list[str]], list[str]]) -> Iterable[str]:
    """Each word of `text`; of each run what `pieces` makes of the codes of its characters."""
    if text.isascii():
        return [PREFIX + word[:_CODE_LENGTH] for word in _ascii_codes(text).split()]
    return _codes_of_parts(text, pieces)


def _codes_of_parts(text: str, pieces: Callable[[list[str]], list[str]]) -> Iterator[str]:
    for part in text.split():
        for run in _runs_of_short(part) if len(part) <= _SHORT else _runs(part):
            for piece in pieces(run) if len(run) > 1 else run:
                yield PREFIX + piece[:_CODE_LENGTH]


def _indexed(run: list[str]) -> list[str]:
    return ["".join(run[start : start + _PIECE]) for start in range(len(run))]


def _wanted(run: list[str]) -> list[str]:
    """Without the shorter pieces at the end: others begin with what they say."""
    return _indexed(run)[: max(1, len(run) - _PIECE + 1)]


def _runs(text: str) -> list[list[str]]:
    """Codes of words: one for a word, one for each character of a run without spaces."""
    codes = fold(text if len(text) <= _SHORT else _stream_safe(text)).translate(_CODES)
    if _MARK not in codes:
        return [[word] for word in codes.split()]
    return [part[1:-1].split(_MARK * 2) if part[0] == _MARK else [part] for part in _PARTS.findall(codes)]


# Most words come again and again: 4,096 × some 500 octets are 2 MiB.
_runs_of_short = lru_cache(maxsize=4096)(_runs)


def _ascii_codes(text: str) -> str:
    """What `_CODES` would make of it, in a fifth of the time."""
    spaced = text.encode("ascii").lower().translate(_ASCII_SPACED).decode("ascii")
    return spaced.replace("q", "qy").replace("x", "qx")


def _stream_safe(text: str) -> str:
    """Without more than 30 combining characters in a row (Unicode Standard Annex 15): putting n of them into order
    takes n² steps."""
    row, kept = 0, []
    for char in text:
        row = row + 1 if unicodedata.combining(char) else 0
        if row <= _MARKS_MAX:
            kept.append(char)
    return "".join(kept)


def fold(text: str) -> str:
    """The form in which letters are compared."""
    parts = _newer().split(text)
    return "".join(part if index % 2 else _fold(part) for index, part in enumerate(parts))


@cache
def _newer() -> re.Pattern[str]:
    """One or more characters that Unicode 14.0 does not have."""
    ranges = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in unassigned_ranges())
    return re.compile(f"([{ranges}]+)")


def _fold(text: str) -> str:
    plain = _bare(unicodedata.normalize("NFKD", text)).casefold()
    return unicodedata.normalize("NFC", _bare(unicodedata.normalize("NFKD", plain))).translate(_SAME)


def _bare(decomposed: str) -> str:
    return _DROPPED.sub(lambda found: found[1] or "", decomposed)


class _Codes(dict[int, str]):
    """Character to code, filled as characters turn up.

    Only the basic plane and emoji are remembered: 70,000 entries, about 8 MiB, is what texts made for the purpose can
    reach.
    """

    def __missing__(self, point: int) -> str:
        code = _code(chr(point))
        if point < 0x10000 or _within(chr(point), _EMOJI_BOUNDS):
            self[point] = code
        return code


def _code(char: str) -> str:
    if char in _LETTERS:
        return char
    if _within(char, _EMOJI_BOUNDS):
        return _MARK + _code_of_letter(char) + _MARK
    if not _newer().match(char):
        category = unicodedata.category(char)
        if not (char.isalnum() or category[0] == "M") or char in _APOSTROPHES:
            return " "
        if category == "Nd":
            return str(unicodedata.decimal(char))
    code = _code_of_letter(char)
    return _MARK + code + _MARK if _within(char, _SPACELESS_BOUNDS) else code


def _within(char: str, bounds: list[int]) -> bool:
    return bool(bisect_right(bounds, ord(char)) & 1)


def _code_of_letter(char: str) -> str:
    point = ord(char)
    if char in "qx":
        return "qy" if char == "q" else "qx"
    if char in _CYRILLIC:
        return "x" + _DIGITS[_CYRILLIC.index(char)]
    # The first digit is at most x: y and z begin the code of q and the long ones.
    if point < 0xAC00:
        return "q" + _digits(point, 3)
    return "qz" + _digits(point, 5)


def _digits(number: int, width: int) -> str:
    out = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        out = _DIGITS[digit] + out
    return out


_CODES = _Codes()
# Letters and digits as they are, a space for everything else.
_ASCII_SPACED = bytes(code if chr(code).isalnum() and code < 128 else ord(" ") for code in range(256))
