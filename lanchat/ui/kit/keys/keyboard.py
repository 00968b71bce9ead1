"""Which key of a shortcut was pressed, whatever the keyboard's layout and Caps Lock. Pure.

Where the layout has Latin letters a shortcut goes by the letter that the key sends (Dvorak, AZERTY); where it has none
(Russian, Greek, Hebrew, Arabic …) by the place of the key, as on the US layout.
"""

import unicodedata
from collections.abc import Callable

import msgspec


class Press(msgspec.Struct, frozen=True):
    """A key press as Tk tells it: name and number of the keysym, and the key's code."""

    keysym: str
    number: int
    code: int


# The layout in use has Latin letters; None: it cannot be asked.
HasLatin = Callable[[], bool | None]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_X11_FIRST = (24, 38, 52)  # codes of q, a, z
_MAC = "asdfhgzxcv bqweryt123465=97-80]ou[ip lj'k;\\,/nm."  # by virtual key code; the blanks are other keys
_NAMES = {"-": "minus", "=": "equal"}

LETTER_CODES_X11 = {
    first + index: letter for first, row in zip(_X11_FIRST, _ROWS, strict=True) for index, letter in enumerate(row)
}
_CODES_X11 = LETTER_CODES_X11 | {19: "0", 20: "minus", 21: "equal"}
_CODES_WINDOWS = {ord(letter.upper()): letter for row in _ROWS for letter in row} | {
    0x30: "0",
    0x60: "0",
    0x6B: "plus",
    0x6D: "minus",
    0xBB: "equal",
    0xBD: "minus",
}
_CODES_MAC = {
    code: _NAMES.get(char, char) for code, char in enumerate(_MAC) if char in "0-=" or (char.isalpha() and char != " ")
}
_SIGNS = {
    "0": "0",
    "minus": "minus",
    "plus": "plus",
    "equal": "equal",
    "KP_0": "0",
    "KP_Add": "plus",
    "KP_Subtract": "minus",
}
# The keysym that the Russian layout has on each Latin letter's key: for keyboards with codes of their own (VNC).
_NAMES_RUSSIAN = "shorti tse u ka ie en ghe sha shcha ze ef yeru ve a pe er o el de ya che es em i te softsign"
_RUSSIAN = dict(zip(_NAMES_RUSSIAN.split(" "), "".join(_ROWS), strict=True))
# High octets of the old X11 keysyms for kana, Arabic, Cyrillic, Greek, Hebrew, Thai and Hangul.
_FOREIGN = (0x04, 0x05, 0x06, 0x07, 0x0C, 0x0D, 0x0E)
_UNICODE = 0x1000000  # X11 keysyms from here on are characters


def meant(press: Press, system: str, has_latin: HasLatin) -> str:
    """A letter `a` to `z`, `0`, `minus`, `plus` or `equal`; empty for every other key. `system`: Tk's windowing
    system."""
    if system == "win32":
        # Windows gives the keys of a layout the codes of its Latin letters, if it has any, else those of the US layout.
        return _CODES_WINDOWS.get(press.code, "")
    if len(press.keysym) == 1 and press.keysym.isascii() and press.keysym.isalpha():
        return press.keysym.lower()
    if press.keysym in _SIGNS:
        return _SIGNS[press.keysym]
    at = _CODES_MAC.get(_mac_key(press.code), "") if system == "aqua" else _CODES_X11.get(press.code, "")
    if at == "0":  # with accented letters above the digits, as in France
        return at
    if at and _goes_by_place(press, has_latin()):
        return at
    return _RUSSIAN.get(press.keysym.lower().removeprefix("cyrillic_"), "") if "yrillic_" in press.keysym else ""


def _goes_by_place(press: Press, latin: bool | None) -> bool:
    return _is_foreign(press) if latin is None else not latin


def _mac_key(code: int) -> int:
    """The virtual key code: the highest octet, in versions before Tk 8.6.11 the second one."""
    return code >> 24 or (code >> 16) & 0x3F


def _is_foreign(press: Press) -> bool:
    """Whether the key sends a letter of another script."""
    if press.number < _UNICODE:
        return press.number >> 8 in _FOREIGN or press.keysym == "??"
    char = chr(min(press.number - _UNICODE, 0x10FFFF))
    return unicodedata.category(char)[0] in "LM" and not unicodedata.name(char, "").startswith("LATIN")
