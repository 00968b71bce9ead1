"""Emoji that have a picture: names, search, short names; and the pictures of sequences."""

from collections.abc import Iterator

import pytest

from lanchat.i18n import emoji, set_language
from lanchat.ui.kit.canvas import glyphs
from lanchat.ui.kit.canvas.drawing import EmojiPicture, Font, TextSpan
from lanchat.ui.kit.canvas.emoji_pictures import emoji_picture
from lanchat.ui.kit.canvas.text_line import text_line
from tests.support.ui_kit import kit

SEQUENCES = (
    "👍", "👍🏽", "👨\u200d👩\u200d👧", "🇷🇺", "🇧🇷", "❤️", "❤", "5️⃣", "🧑🏽\u200d🚀", "👩🏽\u200d🤝\u200d👨🏻",
    "🏳️\u200d🌈", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "☺️", "☔", "🫨", "🏴\u200d☠️",
)  # fmt: skip


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")


@pytest.mark.parametrize("text", SEQUENCES, ids=ascii)
def test_sequence_is_one_picture_in_colour(text: str) -> None:
    (run,) = glyphs.split(text)
    place = emoji.place_of(run.text)
    assert place
    picture = emoji_picture(place, 20)
    assert picture.size == (20, 20)
    colours = picture.getcolors(400) or []
    assert len({colour for _count, colour in colours if colour[3] > 200}) > 3


def test_names_follow_the_language() -> None:
    assert (emoji.name_of("🎉"), emoji.name_of("👍🏽")) == ("party popper", "thumbs up")
    set_language("ru")
    assert emoji.name_of("🎉") == "хлопушка"
    assert emoji.name_of("x") == emoji.name_of("") == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [("tad", "🎉"), (":tada:", "🎉"), ("thumbs up", "👍"), ("сердце", "❤️"), ("ПАЛЕЦ ВВЕРХ", "👍"), ("coff", "☕")],
)
def test_search_finds_by_words_of_both_languages(query: str, expected: str) -> None:
    assert expected in [found.text for found in emoji.find(query)]


def test_search_without_words_finds_nothing() -> None:
    assert emoji.find(" : ") == emoji.find("qqqq") == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [(":tada:", "🎉"), ("well :+1:", "well 👍"), ("(:heart:", "(❤️"), ("a\n:tada:", "a\n🎉")],
)
def test_short_name_becomes_its_emoji(typed: str, expected: str) -> None:
    assert emoji.replaced(typed) == expected


@pytest.mark.parametrize(
    "typed", ["10:30:", "a:tada:", "http://a:tada:", ":nothing_like_it:", ": tada:", ":tada", "::"]
)
def test_what_is_no_short_name_stays(typed: str) -> None:
    assert emoji.replaced(typed) is None


def test_names_that_are_being_typed_have_suggestions() -> None:
    assert [found.text for found in emoji.suggestions("well :tad")] == ["🎉"]
    assert "❤️" in [found.text for found in emoji.suggestions(":серд", 20)]
    assert list(emoji.suggestions("at 10:30")) == list(emoji.suggestions(":t")) == list(emoji.suggestions("tada")) == []


def test_line_of_text_has_pictures_and_ends_where_there_is_no_room() -> None:
    ops, width = text_line(kit(), "ab 🎉 \U0001faff cd", Font.BODY, (5, 7), 1000, "#000000")
    assert [op.text for op in ops if isinstance(op, TextSpan | EmojiPicture)] == ["ab ", "🎉", " [u+1faff] cd"]
    assert width == 30 + 19 + 130
    for limit in (20, 45, 60, 100):
        _ops, width = text_line(kit(), "ab 🎉 \U0001faff cd", Font.BODY, (5, 7), limit, "#000000")
        assert width <= limit
