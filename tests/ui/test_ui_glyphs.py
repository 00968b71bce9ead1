"""Replacement of characters that Tk cannot display: safe text for widgets, the original text kept."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.i18n import set_language
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.pictures import REACTIONS, has_picture


@pytest.fixture(autouse=True)
def english() -> None:
    """Emoji are named in the language in use, which another test may have left as it was."""
    set_language("en")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Привет, мир — «да» ✓ ★ © ™ 42 €", "Привет, мир — «да» ✓ ★ © ™ 42 €"),
        ("hi 👍!", "hi [thumbs up]!"),
        ("❤️", "[red heart]"),
        ("©️", "[copyright]"),
        ("👨‍👩‍👧", "[family: man, woman, girl]"),
        ("👋🏽", "[waving hand]"),
        ("🇷🇺🇫🇷", "[flag: Russia][flag: France]"),
        ("5️⃣", "[keycap: 5]"),
        ("𝒜", "[mathematical script capital a]"),
        ("☔⚡", "[umbrella with rain drops][high voltage]"),
        ("\ud83d", "[u+d83d]"),
        ("क्‍ष", "क्‍ष"),  # a joiner inside a script is no emoji
    ],
)
def test_inline_names_undisplayable_characters(text: str, shown: str) -> None:
    assert glyphs.inline(text) == shown


@given(st.text(st.characters(), max_size=60))
def test_runs_join_to_the_text_and_inline_is_safe(text: str) -> None:
    runs = glyphs.split(text)
    assert "".join(run.text for run in runs) == text
    for char in glyphs.inline(text):
        assert ord(char) < 0x10000
        assert unicodedata.category(char) != "Cs"
        assert char not in "\ufe0f\ufe0e⌚☔⚡✅❌❓⭐❤"


def test_character_names_are_never_empty() -> None:
    for code in (*range(0x1F000, 0x1FB00), *range(0xE0000, 0xE0010), 0x10FFFF):
        assert glyphs.spoken(chr(code))


def test_inline_keeps_text_when_protection_is_off() -> None:
    glyphs.protect(False)
    try:
        assert glyphs.inline("hi 👍") == "hi 👍"
    finally:
        glyphs.protect(True)


def test_surrogate_pairs_from_tk_are_joined() -> None:
    assert glyphs.joined("a\ud83d\udc4db") == "a👍b"
    assert glyphs.joined("a\ud83d") == "a\ufffd"


def test_one_line_replaces_breaks_and_truncates() -> None:
    assert glyphs.one_line("a\nb\tc", 10) == "a b c"
    assert glyphs.one_line("x" * 50, 10) == "xxxxxxxxx…"


def test_every_reaction_has_a_picture() -> None:
    assert all(has_picture(emoji) for emoji in REACTIONS)
