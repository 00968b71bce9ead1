"""What counts as a word in searches."""

import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest

from lanchat_server.store.words import PREFIX, WORD_MAX, query_words, tokens, words


def matches(text: str, query: str) -> bool:
    """As the store does it: every word of the query begins a word of the text."""
    return all(f" {word}" in tokens(text) for word in query_words(query)) and bool(query_words(query))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Hello, world!", "WORLD hello"),
        ("Hello, world!", "wor"),
        ("I'm here", "i m"),
        ("well-known", "known"),
        ("snake_case", "case"),
        ("a to be", "a"),
        ("Straße", "STRASSE"),
        ("ﬁle", "file"),
        ("Ёлка и ёж", "ёл"),
        ("Привет, Мир", "мир ПРИВ"),
        ("e\u0301te\u0301", "été"),
        ("ｆｕｌｌ", "full"),
        ("東京タワー", "京"),
        ("東京タワー", "タワー"),
        ("สวัสดี", "ส"),
        ("한국어 단어", "한국"),
        ("x² = 4", "x2"),
        ("the quick queue", "qu"),
        ("version 3.11.2", "3 11"),
        ("नमस्ते", "नम"),
        ("𝔘𝔫𝔦", "uni"),
        ("𐐨𐐩", "𐐀"),
        ("ІЇЄ", "ії"),
    ],
)
def test_found(text: str, query: str) -> None:
    assert matches(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Hello, world!", "orld"),
        ("Hello, world!", "world hallo"),
        ("anything", ""),
        ("anything", "!?  -- ' * \" +"),
        ("été", "ete"),
        ("мир", "міr"),
        ("x", "q"),
        ("q", "x"),
        ("ж", "x"),
        ("東", "京"),
        ("ab", "abc"),
        ("😀", "😀"),
    ],
)
def test_not_found(text: str, query: str) -> None:
    assert not matches(text, query)


def test_words_are_plain_and_short_enough_for_any_engine() -> None:
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    for start in range(0, len(every), 1000):
        text = every[start : start + 1000]
        for spaced in (text, " ".join(text)):
            for word in words(spaced):
                assert word.isascii()
                assert word.isalnum()
                assert word == word.lower()
                assert word.startswith(PREFIX)
                assert 3 <= len(word) <= WORD_MAX


def test_the_longest_text_fits_the_column() -> None:
    assert len(tokens(" ".join(map(chr, range(0x20000, 0x20000 + 2000))))) <= 65_535
    assert len(tokens("".join(map(chr, range(0x20000, 0x20000 + 16_000))))) <= 65_535


def test_long_words_count_by_their_beginning() -> None:
    assert matches("x" * 500, "x" * 30)
    assert matches("a" * 500, "a" * 400)
    assert not matches("a" * 500, "a" * 60 + "b")
    assert matches("превысокомногорассмотрительствующий", "превысокомногорассмотрительствую")


def test_a_search_has_a_bounded_number_of_words() -> None:
    assert len(query_words(" ".join(f"{i:03}" for i in range(500)))) == 16


def test_a_word_that_another_begins_with_says_nothing() -> None:
    assert query_words("he hello h world") == words("hello world")


letters = st.text(st.characters(categories=["L", "N", "M", "P", "Zs"]), max_size=12)


@hypothesis.given(letters, letters)
def test_codes_keep_beginnings(text: str, query: str) -> None:
    """The codes agree with what the contract says in terms of characters."""

    def plain(text: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

    one = "".join(c for c in plain(text) if c.isalnum())[:9]
    beginning = "".join(c for c in plain(query) if c.isalnum())[:9]
    joined = [word for word in (one, beginning) if len(words(word)) == 1 and not _spaceless(word)]
    if len(joined) == 2:
        assert matches(one, beginning) == plain(one).startswith(plain(beginning))


def _spaceless(word: str) -> bool:
    return tokens(word).count(" ") > 1 or len(words(word * 2)) > 1 or any(ord(c) > 0x0E00 for c in word)


@hypothesis.given(st.text(max_size=50))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    own = [word for word in text.split() if words(word)]
    assert all(matches(text, word) for word in own)


@hypothesis.given(st.text(st.characters(codec="ascii")))
def test_plain_text_has_the_codes_that_it_has_among_other_text(text: str) -> None:
    assert words(text) == [word for word in words(f"{text} ж") if word != words("ж")[0]]
