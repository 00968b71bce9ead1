"""From text to the words that the search knows, the same for SQLite and MySQL or MariaDB.

Neither full-text engine is left to split text: their ideas of letters differ, InnoDB ignores words of one or two
letters and a list of English ones, drops characters outside the basic plane, and MariaDB cannot split Chinese at all.
So text is normalised here (NFKC, case folded), cut at everything that is no letter, digit or combining mark,
characters of scripts that are written without spaces become words of their own, and each word is written in a-z and
0-9 with a fixed beginning. To an engine it is a plain word of three letters or more.

The code of a character is never the beginning of another character's code, so the code of a word begins with the
code of each of its beginnings: search by prefix works on the codes. Basic Latin stays readable, Cyrillic takes two
letters each, other scripts four or seven. Words count up to WORD_MAX letters of code (about 80 Latin, 40 Cyrillic);
InnoDB ignores longer ones (innodb_ft_max_token_size 84). A server on which an administrator has raised
innodb_ft_min_token_size above 3 finds the shortest words among the newest messages only.
"""

import unicodedata

WORD_MAX = 80
# Two letters in front of each word: a word of one letter has the three that InnoDB asks for, and none is a stop word.
PREFIX = "zz"
# Words beyond this many letters of code in one text are not found; the largest column holds 65,535.
_TOKENS_MAX = 60_000
# More words than this in a search add nothing that a person would notice.
_QUERY_WORDS_MAX = 16

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LETTERS = frozenset(_DIGITS) - {"q", "x"}
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїє"
# Scripts written without spaces: Thai to Tibetan, Myanmar, Khmer, kana and Bopomofo, Yi, ideographs.
_SPACELESS = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA000, 0xA4CF), (0xF900, 0xFAFF), (0x1B000, 0x1B2FF), (0x20000, 0x3FFFF),
)  # fmt: skip


def words(text: str) -> list[str]:
    """The codes of the different words of `text`, in order of first appearance."""
    codes = _ascii_codes(text) if text.isascii() else _fold(text).translate(_CODES)
    return [PREFIX + word[: WORD_MAX - len(PREFIX)] for word in dict.fromkeys(codes.split())]


def _ascii_codes(text: str) -> str:
    """What `_CODES` would make of it, in a fifth of the time."""
    spaced = text.encode("ascii").lower().translate(_ASCII_SPACED).decode("ascii")
    return spaced.replace("q", "qy").replace("x", "qx")


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def tokens(text: str) -> str:
    """What is indexed for `text`: a space before each word, so that `LIKE '% word%'` finds beginnings of words."""
    return (" " + " ".join(words(text)))[:_TOKENS_MAX]


def query_words(text: str) -> list[str]:
    """The codes of what a person searches for. A word that another one begins with is left out."""
    found = words(text)[:_QUERY_WORDS_MAX]
    return [word for word in found if not any(other != word and other.startswith(word) for other in found)]


class _Codes(dict[int, str]):
    """Character to code, filled as characters turn up.

    Only the basic plane is remembered: 65,536 entries, about 8 MiB, is what texts made for the purpose can reach.
    """

    def __missing__(self, point: int) -> str:
        code = _code(chr(point))
        if point < 0x10000:
            self[point] = code
        return code


def _code(char: str) -> str:
    if char in _LETTERS:
        return char
    if not (char.isalnum() or unicodedata.category(char)[0] == "M"):
        return " "
    code = _code_of_letter(char)
    point = ord(char)
    return f" {code} " if any(low <= point <= high for low, high in _SPACELESS) else code


def _code_of_letter(char: str) -> str:
    point = ord(char)
    if char in "qx":
        return "qy" if char == "q" else "qx"
    if char in _CYRILLIC:
        return "x" + _DIGITS[_CYRILLIC.index(char)]
    if point < 0x8000:
        return "q" + _digits(point, 32, 3)
    return "qz" + _digits(point, 36, 5)


def _digits(number: int, base: int, width: int) -> str:
    out = ""
    for _ in range(width):
        number, digit = divmod(number, base)
        out = _DIGITS[digit] + out
    return out


_CODES = _Codes()
# Letters and digits as they are, a space for everything else.
_ASCII_SPACED = bytes(code if chr(code).isalnum() and code < 128 else ord(" ") for code in range(256))
