"""The text that a one-line field displays in place of its content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.i18n import set_language
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.fields.entry_text import DisplayedText


@pytest.fixture(autouse=True)
def english() -> None:
    """Emoji are named in the language in use, which another test may have left as it was."""
    set_language("en")


TEXTS = st.text(st.sampled_from("ab 𠮷🎉❤\ufe0f👨\u200d👩🏽5\u20e3я\u200c"), max_size=12)


def test_emoji_are_displayed_as_names() -> None:
    shown = DisplayedText("Party 🎉 𠮷")
    assert shown.shown == "Party [party popper] [cjk unified ideograph-20bb7]"
    assert (shown.down(9), shown.up(9)) == (6, 7)
    assert (shown.down(6), shown.up(6)) == (6, 6)
    assert shown.index(7) == 20


def test_secret_field_displays_one_sign_per_emoji() -> None:
    assert DisplayedText("pass🎉word", secret=True).shown == "pass\u25a1word"


def test_letters_in_the_font_are_displayed() -> None:
    glyphs.protect(True, lambda char: True)
    try:
        shown = DisplayedText("𠮷野 🎉")
        assert shown.shown == "𠮷野 [party popper]"
        assert [shown.index(offset) for offset in range(4)] == [0, 2, 3, 4]
        assert (shown.down(1), shown.up(1)) == (0, 1)
        assert DisplayedText("𠮷野", wide=1).index(1) == 1
    finally:
        glyphs.protect(True)


@pytest.mark.parametrize("wide", [1, 2])
@given(text=TEXTS, index=st.integers(0, 300))
def test_indexes_and_offsets_are_consistent(wide: int, text: str, index: int) -> None:
    shown = DisplayedText(text, wide)
    down, up = shown.down(index), shown.up(index)
    assert 0 <= down <= up <= len(text)
    assert shown.index(down) <= max(index, 0) or index > shown.width(shown.shown)
    assert shown.down(shown.index(down)) == down
    assert shown.up(0) == shown.down(0) == 0
    assert shown.down(10_000) == shown.up(10_000) == len(text)
