"""Which shortcut a key press means: by letter on layouts with Latin letters, else by key position."""

import pytest

from lanchat.ui.kit.keys.keyboard import Press, meant

K = 45  # the code of the key labelled K on an X11 keyboard


def x11(keysym: str, number: int, code: int, latin: bool | None = True) -> str:
    return meant(Press(keysym, number, code), "x11", lambda: latin)


@pytest.mark.parametrize(
    ("keysym", "number", "code", "expected"),
    [
        ("k", 0x6B, 45, "k"),
        ("K", 0x4B, 45, "k"),  # Caps Lock or Shift
        ("t", 0x74, 45, "t"),  # Dvorak
        ("a", 0x61, 24, "a"),  # AZERTY
        ("Y", 0x59, 52, "y"),  # QWERTZ
        ("apostrophe", 0x27, 24, ""),  # Dvorak: no letter where q is on the US layout
        ("slash", 0x2F, 34, ""),
        ("agrave", 0xE0, 19, "0"),  # AZERTY: digits need Shift
        ("bracketleft", 0x5B, 20, ""),  # Dvorak
        ("minus", 0x2D, 15, "minus"),
        ("KP_Add", 0xFFAB, 86, "plus"),
        ("KP_Subtract", 0xFFAD, 82, "minus"),
        ("Tab", 0xFF09, 23, ""),
        ("Return", 0xFF0D, 36, ""),
    ],
)
def test_layouts_with_latin_letters_use_the_letter(keysym: str, number: int, code: int, expected: str) -> None:
    assert x11(keysym, number, code) == expected


@pytest.mark.parametrize(
    ("keysym", "number", "code", "expected"),
    [
        ("Cyrillic_el", 0x6CC, 45, "k"),
        ("Cyrillic_EL", 0x6EC, 45, "k"),
        ("Greek_kappa", 0x7EA, 45, "k"),
        ("Greek_LAMBDA", 0x7CB, 46, "l"),
        ("semicolon", 0x3B, 24, "q"),  # Greek and Hebrew have signs on keys of letters
        ("slash", 0x2F, 24, "q"),
        ("apostrophe", 0x27, 25, "w"),
        ("hebrew_lamed", 0xCEC, 45, "k"),
        ("Arabic_noon", 0x5E6, 45, "k"),
        ("U10D9", 0x10010D9, 45, "k"),  # Georgian
        ("Armenian_ken", 0x1000584, 54, "c"),
        ("UFEFB", 0x100FEFB, 56, "b"),  # a ligature
        ("Arabic_fatha", 0x5EE, 24, "q"),
        ("U6F0", 0x10006F0, 19, "0"),
        ("Thai_sarae", 0xDE0, 42, "g"),
        ("U93E", 0x100093E, 26, "e"),  # Devanagari vowel sign
        ("minus", 0x2D, 20, "minus"),
        ("U2212", 0x1002212, 20, "minus"),
        ("comma", 0x2C, 59, ""),
        ("Escape", 0xFF1B, 9, ""),
    ],
)
def test_layouts_without_latin_letters_use_the_position(keysym: str, number: int, code: int, expected: str) -> None:
    assert x11(keysym, number, code, latin=False) == expected


def test_unknown_layout_with_other_scripts_uses_the_position() -> None:
    assert x11("hebrew_lamed", 0xCEC, K, latin=None) == "k"
    assert x11("U10D9", 0x10010D9, K, latin=None) == "k"
    assert x11("slash", 0x2F, 24, latin=None) == ""
    assert x11("eacute", 0xE9, 11, latin=None) == ""
    assert x11("U1EBD", 0x1001EBD, 26, latin=None) == ""  # Latin, beyond Latin-1


def test_russian_letters_with_unusual_codes_are_recognised() -> None:
    assert x11("Cyrillic_el", 0x6CC, 220, latin=True) == "k"
    assert x11("Cyrillic_SOFTSIGN", 0x6F8, 221, latin=True) == "m"
    assert x11("Greek_kappa", 0x7EA, 220, latin=True) == ""


@pytest.mark.parametrize(
    ("keysym", "code", "expected"),
    [
        ("k", 0x4B, "k"),
        ("??", 0x4B, "k"),
        ("Cyrillic_el", 0x4B, "k"),
        ("K", 0x4B, "k"),
        ("??", 0x43, "c"),
        ("0", 0x30, "0"),
        ("agrave", 0x30, "0"),
        ("equal", 0xBB, "equal"),
        ("minus", 0xBD, "minus"),
        ("KP_Add", 0x6B, "plus"),
        ("Return", 0x0D, ""),
        ("Tab", 0x09, ""),
        ("apostrophe", 0xDE, ""),
    ],
)
def test_windows_uses_virtual_key_codes(keysym: str, code: int, expected: str) -> None:
    assert meant(Press(keysym, 0, code), "win32", lambda: None) == expected


@pytest.mark.parametrize(
    ("keysym", "number", "virtual", "char", "expected"),
    [
        ("k", 0x6B, 0x28, "k", "k"),
        ("K", 0x4B, 0x28, "K", "k"),
        ("t", 0x74, 0x28, "t", "t"),  # Dvorak
        ("Cyrillic_el", 0x6CC, 0x28, "л", "k"),
        ("Greek_alpha", 0x7E1, 0x00, "α", "a"),
        ("hebrew_shin", 0xCF9, 0x00, "ש", "a"),
        ("Cyrillic_ya", 0x6D1, 0x06, "я", "z"),
        ("slash", 0x2F, 0x0C, "/", ""),
        ("minus", 0x2D, 0x1B, "-", "minus"),
    ],
)
def test_macos_uses_the_letter_then_the_virtual_key_code(
    keysym: str, number: int, virtual: int, char: str, expected: str
) -> None:
    for code in (virtual << 24 | ord(char), virtual << 16 | ord(char)):  # since Tk 8.6.11, and before
        assert meant(Press(keysym, number, code), "aqua", lambda: None) == expected


def test_layout_is_queried_only_when_it_matters() -> None:
    def fail() -> bool:
        raise AssertionError("asked")

    for press in (Press("k", 0x6B, 45), Press("F5", 0xFFC2, 71), Press("minus", 0x2D, 20), Press("Left", 0xFF51, 113)):
        meant(press, "x11", fail)
