"""Search words: how texts and queries are divided into words and matched."""

import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest

from lanchat.protocol.text.search_words import PREFIX, WORD_MAX, _Codes, fold, has_words, query_words, tokens, words


def matches(text: str, query: str) -> bool:
    return has_words(tokens(text), query_words(query))


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
        ("été", "ete"),
        ("ete", "ÉTÉ"),
        ("Ångström", "angstrom"),
        ("A\u030angstro\u0308m", "ångström"),
        ("Tiếng Việt, Đà Nẵng", "tieng viet da nang"),
        ("ĐÀ NẴNG", "đà nẵng"),
        ("Ёлка и ёж", "елка еж"),
        ("Елка", "ё"),
        ("за\u0301мок", "замок"),
        ("Iğdır, İstanbul", "igdir istanbul"),
        ("ISPARTA", "ısparta"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("οδός", "ΟΔΟΣ"),
        ("Καλημέρα", "καλημερα"),
        ("ᾳ", "α"),
        ("ﬃ ﬁle", "ffi file"),
        ("smørrebrød", "smorrebrod"),
        ("Łódź", "lodz"),
        ("œuvre", "oeuvre"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("ＬＡＮ", "lan"),
        ("ﻣﺮﺣﺒﺎ", "مرحبا"),
        ("مـــرحبا", "مرحبا"),
        ("مَرْحَبًا", "مرحبا"),
        ("أحمد", "احمد"),
        ("می\u200cخواهم", "میخواهم"),
        ("כָּתַב", "כתב"),
        ("١٢٣", "123"),
        ("१२३", "123"),
        ("我家在上海东边", "上海"),
        ("我家在上海东边", "海"),
        ("我家在上海东边", "边"),
        ("我家在上海东边", "在上海东"),
        ("我家在上海东边", "我家在上海东边"),
        ("我用iPhone手机", "iphone 手机"),
        ("我用iPhone手机", "用iPho"),
        ("カタカナ", "タカ"),
        ("ひらがな", "らが"),
        ("สวัสดีครับ", "ดีค"),
        ("ສະບາຍດີ", "ບາຍ"),
        ("ភាសាខ្មែរ", "ខ្មែរ"),
        ("ខ្មែរ\u200bភាសា", "ខ្មែរភាសា"),
        ("မြန်မာဘာသာ", "ဘာသာ"),
        ("안녕하세요 여러분", "안녕"),
        ("\u1112\u1161\u11ab글", "한글"),
        ("don't", "don’t"),
        ("п\u02bcять", "п'ять"),
        ("l'école", "ecole"),
        ("O'Brien", "o'br"),
        ("anna.b@example.org", "example"),
        ("https://example.org/a_b?c=d", "example.org/a"),
        ("soft\u00adhyphen", "softhyphen"),
        ("a 😀 b", "😀"),
        ("👍🏽👍", "👍"),
        ("❤️", "❤"),
        ("👨\u200d👩\u200d👧", "👩"),
        ("1️⃣", "1"),
        ("𠮷野家", "𠮷"),
    ],
)
def test_query_matches_text(text: str, query: str) -> None:
    assert matches(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Hello, world!", "orld"),
        ("Hello, world!", "world hallo"),
        ("anything", ""),
        ("anything", "!?  -- ' * \" +"),
        ("мой", "мои"),
        ("чаи", "чай"),
        ("ї", "і"),
        ("мир", "міr"),
        ("海上", "上海"),
        ("上 海", "上海"),
        ("京都から東京", "東京都"),
        ("がき", "かき"),
        ("カナ", "かな"),
        ("한국어", "국어"),
        ("किताब", "कताब"),
        ("😀", "😁"),
        ("x", "q"),
        ("q", "x"),
        ("ж", "x"),
        ("東", "京"),
        ("ab", "abc"),
    ],
)
def test_query_does_not_match_text(text: str, query: str) -> None:
    assert not matches(text, query)


def test_words_are_ascii_and_short_enough_for_any_engine() -> None:
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 101)]))
    for start in range(0, len(every), 1000):
        text = every[start : start + 1000]
        for spaced in (text, " ".join(text)):
            for word in words(spaced):
                assert word.isascii()
                assert word.isalnum()
                assert word == word.lower()
                assert word.startswith(PREFIX)
                assert 3 <= len(word) <= WORD_MAX


def test_longest_text_fits_the_column() -> None:
    assert len(tokens(" ".join(map(chr, range(0x20000, 0x20000 + 2000))))) <= 65_535
    assert len(tokens("".join(map(chr, range(0x20000, 0x20000 + 16_000))))) <= 65_535
    long = "".join(chr(0x4E00 + 7 * number % 20_000) for number in range(4000))
    assert matches(long, long[-40:])


def test_long_words_match_by_prefix() -> None:
    assert matches("x" * 500, "x" * 30)
    assert matches("a" * 500, "a" * 400)
    assert not matches("a" * 500, "a" * 60 + "b")
    assert matches("превысокомногорассмотрительствующий", "превысокомногорассмотрительствую")


def test_query_has_a_bounded_number_of_words() -> None:
    assert len(query_words(" ".join(f"{i:03}" for i in range(500)))) == 16


def test_prefix_of_another_query_word_is_dropped() -> None:
    assert query_words("he hello h world") == words("hello world")


letters = st.text(st.characters(categories=["L", "N", "M", "P", "Zs"]), max_size=12)


@hypothesis.given(letters, letters)
def test_codes_preserve_prefixes(text: str, query: str) -> None:
    """The codes agree with what the contract says in terms of characters."""

    one = "".join(c for c in fold(text) if c.isalnum())[:9]
    beginning = "".join(c for c in fold(query) if c.isalnum())[:9]
    joined = [word for word in (one, beginning) if len(words(word)) == 1 and not _spaceless(word)]
    if len(joined) == 2:
        assert matches(one, beginning) == fold(one).startswith(fold(beginning))


def _spaceless(word: str) -> bool:
    return tokens(word).count(" ") > 1 or len(words(word * 2)) > 1 or any(ord(c) > 0x0E00 for c in word)


spaceless = st.text("上海东边我家東京都タワーสวัสดี", min_size=1, max_size=8)


@hypothesis.given(spaceless, spaceless, spaceless)
def test_any_part_of_a_run_without_spaces_is_found(before: str, part: str, behind: str) -> None:
    assert matches(before + part + behind, part)


@hypothesis.given(st.text(max_size=30))
def test_normalisation_forms_have_equal_words(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words(unicodedata.normalize(form, text)) == words(text)


@pytest.mark.parametrize("newer", ["\U0001e030", "\U0001e4d0", "\U00011f50", "\u0cf3", "\u2fff", "\u2427"])
def test_characters_after_unicode_14_are_unchanged_letters(newer: str) -> None:
    """Modifier letter, letter, digit, mark, symbols of Unicode 15 and 16, known to some Pythons and not to others."""
    assert fold(f"É{newer}É") == f"e{newer}e"
    assert len(words(newer)) == 1
    assert matches(f"{newer}É {newer}", newer)


@hypothesis.given(st.text(max_size=50))
def test_text_matches_its_own_words(text: str) -> None:
    own = [word for word in text.split() if words(word)]
    assert all(matches(text, word) for word in own)


@hypothesis.given(st.text(st.characters(codec="ascii")))
def test_codes_do_not_depend_on_surrounding_text(text: str) -> None:
    assert words(text) == [word for word in words(f"{text} ж") if word != words("ж")[0]]


def test_only_codes_of_the_basic_plane_and_of_emoji_are_cached() -> None:
    codes = _Codes()
    assert codes[0x44F]
    assert codes[0x1F600]
    assert codes[0x20000]
    assert codes[0x1D400]
    assert list(codes) == [0x44F, 0x1F600]
