"""The longest beginning of a text within bounds, which does not split a character as seen by users."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.limits import BODY_CHARACTERS_MAX, BODY_OCTETS_MAX
from lanchat.ui.kit.fields.offer import first_part, text_parts


@pytest.mark.parametrize(
    ("text", "characters", "octets", "expected"),
    [
        ("hello", 10, 100, "hello"),
        ("hello", 3, 100, "hel"),
        ("hello", 10, 2, "he"),
        ("привет", 10, 5, "пр"),
        ("hello", 0, 100, ""),
        ("hello", -5, -5, ""),
        ("ab👨\u200d👩\u200d👧", 4, 100, "ab"),
        ("ab👍🏽c", 3, 100, "ab"),
        ("ab❤\ufe0fc", 3, 100, "ab"),
        ("abe\u0301c", 3, 100, "ab"),
        ("ab🇷🇺🇬🇷", 5, 100, "ab🇷🇺"),
        ("a\r\nb", 2, 100, "a"),
        ("👍👍👍", 3, 9, "👍👍"),
        ("e" + "\u0301" * 50, 10, 1000, "e" + "\u0301" * 9),  # one letter, longer than what there is room for
        ("\ud800" * 3, 2, 100, "\ud800\ud800"),
    ],
)
def test_longest_beginning_within_the_bounds(text: str, characters: int, octets: int, expected: str) -> None:
    if "\ud800" in text:
        assert len(first_part(text, characters, octets)) <= characters
    else:
        assert first_part(text, characters, octets) == expected


@given(st.text(), st.integers(-1, 50), st.integers(-1, 80))
def test_result_is_a_prefix_within_its_bounds(text: str, characters: int, octets: int) -> None:
    part = first_part(text, characters, octets)
    assert text.startswith(part)
    assert len(part) <= max(characters, 0)
    assert len(part.encode("utf-8", "surrogatepass")) <= max(octets, 0)


def test_megabyte_of_emoji_fills_a_message() -> None:
    assert first_part("👍" * 262_144, BODY_CHARACTERS_MAX, BODY_OCTETS_MAX) == "👍" * BODY_CHARACTERS_MAX


def test_long_text_is_cut_between_paragraphs_lines_or_words() -> None:
    assert text_parts("one two three", 8, 100, 9) == ["one two", "three"]
    assert text_parts("a b\n\nc d e", 7, 100, 9) == ["a b", "c d e"]
    assert text_parts("abcdefgh", 3, 100, 9) == ["abc", "def", "gh"]
    assert text_parts(" short ", 100, 100, 9) == ["short"]
    assert text_parts("x" * 10, 1, 10, 9) == []


@given(st.text(st.sampled_from("ab \n\U0001f469\u200d\u0301"), max_size=80), st.integers(4, 20))
def test_parts_keep_everything_but_blanks(text: str, characters: int) -> None:
    parts = text_parts(text, characters, 4 * characters, 100)
    assert all(len(part) <= characters for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
