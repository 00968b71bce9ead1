"""Text cleaning: invisible characters are removed, those that scripts need are kept, on every Python version alike."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Kind, check_body
from lanchat.protocol.text import cleaning, emoji, names, reactions
from lanchat.protocol.text.cleaning import TextError, clean_line, clean_text

ROOT = Path(__file__).parents[3]
# Marks, their neighbours and what they come from, mixed at random.
MARKS = (
    "\u034f\u061c\u115f\u1160\u1161\u1100\u17b4\u180b\u180e\u1820\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u202e\u2060"
    "\u2066\u2069\u206a\u2800\u3164\ufdd0\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff9\uffff\x00\x07\x0b\x0c\x1b\x1f\x7f\x85\x9b"
    "\u2028\u2029\xad\r\n\t [31m]0;a\\#5\u20e3a\u0301\u030a\u05d0\u0634\u06cc\u0915\u094d\u0e01\u0e48\u4e00\u2764"
    "\U0001f468\U0001f3fd\U0001f3f4\U000e0067\U000e0062\U000e007f\U000e0100\U000e0001\U0001d173\ue000\u0378"
)
MIXED = st.text(st.one_of(st.sampled_from(MARKS), st.characters(exclude_categories=("Cs",))), max_size=24)


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("\u202d1,234.50\u202c", "1,234.50"),  # a calculator
        ("\u2066+44 20 7946 0000\u2069", "+44 20 7946 0000"),  # an address book
        ("\u200ea1 b2 c3", "a1 b2 c3"),  # a certificate's fingerprint
        ("\ufefffirst", "first"),
        ("Donau\xaddampf\xadschiff", "Donaudampfschiff"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("\ufff9base\ufffaabove\ufffb", "baseabove"),
        ("1\x0b2\x0c3\u20284\u20295\x856\r\n7\r8\n9", "1\n2\n3\n4\n5\n6\n7\n8\n9"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://a.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[31", "[31"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("\ufdd0\ufffe\U0010ffff.", "."),
        ("a\U000e0041\U000e007fb", "ab"),
        ("\u2062x\u2063y", "xy"),
    ],
)  # fmt: skip
def test_invisible_characters_are_removed(typed: str, cleaned: str) -> None:
    assert clean_text(typed) == cleaned


@pytest.mark.parametrize(
    "kept",
    [
        "می\u200cخواهم",
        "علی\u200cرضا",
        "क्\u200dष",
        "രാജന്\u200d",
        "র\u200d্যাব",
        "ශ්\u200dරී",
        "\N{WOMAN}\u200d\N{ROCKET}",
        "👨\u200d👩\u200d👧\u200d👦",
        "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿",
        "🏳\ufe0f\u200d🌈",
        "🏴\u200d☠\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "5\ufe0f\u20e3 #\ufe0f\u20e3",
        "☎\ufe0e",
        "葛\U000e0100城",
        "ᠠ\u180bᠨ\u180eᠠ",
        "สวัสดี\u200bครับ",
        "שלום (C++)\u200e!",
        "ه\u200d",
        "\ue000 private use",
    ],
)
def test_characters_needed_by_scripts_and_emoji_are_kept(kept: str) -> None:
    assert clean_text(kept) == kept


@settings(max_examples=1500)
@given(MIXED)
def test_cleaned_text_is_valid_and_stable(typed: str) -> None:
    cleaned = clean_text(typed)
    assert clean_text(cleaned) == cleaned
    names.check_text(cleaned, len(cleaned))
    line = clean_line(typed)
    assert clean_line(line) == line == line.strip()
    assert len(line.splitlines()) <= 1
    if cleaned.strip() and len(cleaned) <= 4000:
        check_body(Kind.TEXT, cleaned)


def test_cleaning_a_million_characters_is_fast() -> None:
    """Linear: nothing is scanned again for each mark."""
    for piece in ("\u200d\ufe0f", "a\u200c", "\x1b[", "\x1b]", "\U0001f3f4\U000e0067", "\u202d1\u202c"):
        clean_text(piece * 200_000)


def test_lone_surrogates_are_reported_with_their_position() -> None:
    with pytest.raises(TextError) as caught:
        cleaning.check_surrogates(clean_text("gr\udcfc\udcdfe"))
    assert (caught.value.char, caught.value.position) == ("\udcfc", 3)
    cleaning.check_surrogates("𠮷 \U0010ffff")


def test_character_names_are_shown_with_code_points() -> None:
    assert cleaning.character_name("\u202e") == "U+202E RIGHT-TO-LEFT OVERRIDE"
    assert cleaning.character_name("\x07") == "U+0007"
    assert cleaning.character_name("\U000e0041") == "U+E0041 TAG LATIN CAPITAL LETTER A"


# Files


def test_files_are_decoded_with_and_without_a_byte_order_mark() -> None:
    assert cleaning.decode_text_untrusted(b"\xef\xbb\xbfport = 1\r\n") == "port = 1\r\n"
    assert cleaning.decode_text_untrusted("имя".encode()) == "имя"
    for octets, words in (("a".encode("utf-16"), "UTF-16"), (b"\xfe\xff\0a", "UTF-16"), (b"\xe4", "UTF-8")):
        with pytest.raises(ProtocolError, match=words):
            cleaning.decode_text_untrusted(octets)


# Names


@settings(max_examples=1500)
@given(MIXED)
@example("\u1071")  # a mark, which is no name's first character
def test_tidied_name_is_accepted_or_has_an_unremovable_character(typed: str) -> None:
    for clean, joiners in ((names.clean_room_name, True), (names.clean_display_name, True), (names.clean_email, False)):
        tidy = names.tidy_name(typed, joiners=joiners)
        assert names.tidy_name(tidy, joiners=joiners) == tidy
        assert names.name_key(tidy) == names.name_key(names.tidy_name(typed, joiners=False))
        problem = None
        try:
            assert clean(tidy) == tidy
        except ProtocolError as error:
            problem = error
        if isinstance(problem, TextError):
            assert problem.char == tidy[problem.position - 1]
            is_first_mark = problem.position == 1 and cleaning.is_mark(problem.char)
            assert is_first_mark or cleaning.kind(problem.char) in (cleaning.UNASSIGNED, cleaning.OTHER)
        elif problem:
            assert str(problem) in ("empty name", "not an e-mail address", "room names do not begin with @ or #")


@pytest.mark.parametrize(
    "name",
    [
        "علی\u200cرضا",
        "രാജന്\u200d",
        "👨\u200d👩\u200d👧",
        "葛\U000e0100城",
        "Party 🎉 𠮷",
        "🇩🇪 5\ufe0f\u20e3",
        "\U0001fae8",
    ],
)
def test_names_may_contain_needed_joiners(name: str) -> None:
    assert names.clean_room_name(name) == names.clean_display_name(name) == names.tidy_name(name) == name
    assert names.inert(name) == name
    assert names.name_key(name) == names.name_key(cleaning.IGNORED.sub("", name))
    if cleaning.IGNORED.search(name):
        with pytest.raises(ProtocolError):
            names.clean_user_name(name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("\u202dkitchen\u202c", "kitchen"),
        (" kit\u200bchen\r\n", "kitchen"),
        ("a\u200dnna", "anna"),
        ("an\u200cna\ufe0f", "anna"),
        ("two  \u00a0 blanks\x0bhere", "two blanks here"),
        ("e\u200d\u0301", "é"),
        ("\u200f\ufeff\u3164", ""),
    ],
)
def test_names_are_tidied(typed: str, name: str) -> None:
    assert names.tidy_name(typed) == name
    assert names.name_key(typed) == names.name_key(name)


@pytest.mark.parametrize(("typed", "position"), [("ab\ue000", 3), ("\u0378a", 1), ("a \udc80b", 3), ("anna\u202e", 5)])
def test_invalid_character_of_a_name_is_reported_with_its_position(typed: str, position: int) -> None:
    with pytest.raises(TextError) as caught:
        names.clean_display_name(typed)
    assert caught.value.position == position
    assert caught.value.char == typed[position - 1]


class LaterUnicode:
    """Properties that a later Python may report for characters that Unicode 14.0 does not have."""

    unidata_version = "99.0.0"

    @staticmethod
    def _known(char: str) -> bool:
        return cleaning._is_stable(char)

    def normalize(self, form: str, given: str) -> str:
        return "".join(
            char if self._known(char) else "changed"
            for char in unicodedata.normalize(form, given)  # type: ignore[arg-type]
        )

    def category(self, char: str) -> str:
        return unicodedata.category(char) if self._known(char) else "Cf"

    def combining(self, char: str) -> int:
        return unicodedata.combining(char) if self._known(char) else 9

    def name(self, char: str, default: str) -> str:
        return "another name"


SAMPLES = [
    "anna",
    "Ａｎｎａ\u0378",
    "\u1c89\U00010d50x",
    "\U0001fae8 ok",
    "\U00031350",
    "\ua7cbщ",
    "\u0897\u0301",
    "\U00016d67\U00016d67",
]


@given(st.one_of(st.sampled_from(SAMPLES), MIXED))
def test_names_do_not_depend_on_the_unicode_version(typed: str) -> None:
    def judged() -> list[object]:
        found: list[object] = [names.name_key(typed), names.tidy_name(typed), names.inert(typed), clean_text(typed)]
        for clean in (names.clean_user_name, names.clean_room_name, names.clean_display_name, names.clean_email):
            try:
                found.append(clean(typed))
            except ProtocolError as error:
                found.append(str(error))
        return found

    here = judged()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "unicodedata", LaterUnicode())
        assert judged() == here


def test_names_do_not_use_unicodedata_directly() -> None:
    assert not hasattr(names, "unicodedata")
    assert not hasattr(reactions, "unicodedata")


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the table is made with Unicode 14.0")
def test_table_equals_the_output_of_its_program(tmp_path: Path) -> None:
    written = tmp_path / "assigned.py"
    program = ROOT / "packaging" / "dev" / "unicode_table.py"
    subprocess.run([sys.executable, str(program), str(written)], check=True, timeout=60)
    assert written.read_bytes() == (ROOT / "lanchat" / "protocol" / "text" / "assigned.py").read_bytes()


def test_common_characters_are_in_the_table() -> None:
    assert all(cleaning._is_stable(char) for char in map(chr, range(0x110000)) if cleaning._COMMON.fullmatch(char))


# Reactions


@pytest.mark.parametrize(
    ("one", "other", "form"),
    [
        ("❤", "❤\ufe0f", "❤\ufe0f"),
        ("❤\ufe0e", " ❤ ", "❤\ufe0f"),
        ("5\u20e3", "5\ufe0f\u20e3", "5\ufe0f\u20e3"),
        ("👍\ufe0f", "👍", "👍"),
        ("👁\u200d🗨", "👁\ufe0f\u200d🗨\ufe0f", "👁\ufe0f\u200d🗨\ufe0f"),
        ("🏳\u200d🌈", "🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"),
        ("⛹🏿\u200d♂", "⛹\ufe0f🏿\u200d♂\ufe0f", "⛹🏿\u200d♂\ufe0f"),
        ("☝🏽", "☝\ufe0f🏽", "☝🏽"),
        ("©", "©\ufe0f", "©\ufe0f"),
        ("\u202d+1\u202c", "+1", "+1"),
        ("e\u0301", "é", "é"),
        ("-❤", "-❤\ufe0f", "-❤\ufe0f"),
    ],
)
def test_variants_of_a_reaction_have_one_form(one: str, other: str, form: str) -> None:
    assert reactions.normal_reaction(one) == reactions.normal_reaction(other) == form
    assert reactions.normal_reaction(form) == form


def test_skin_tones_are_different_reactions() -> None:
    assert len({reactions.normal_reaction(f"👍{tone}") for tone in ("", "🏻", "🏼", "🏽", "🏾", "🏿")}) == 6


@settings(max_examples=500)
@given(MIXED)
def test_form_of_a_reaction_is_stable(typed: str) -> None:
    form = reactions.normal_reaction(typed)
    assert reactions.normal_reaction(form) == form
    if form.strip("-").strip() and len(form) <= 16:
        check_body(Kind.REACTION, form)


@pytest.mark.parametrize("bad", ["", "-", " ", "a\nb", "\t👍", "-\n", "x" * 17])
def test_invalid_reactions_are_refused(bad: str) -> None:
    with pytest.raises(ProtocolError):
        check_body(Kind.REACTION, bad)


def test_emoji_get_the_variation_selector() -> None:
    assert emoji.qualified("☺☹🕵") == "☺\ufe0f☹\ufe0f🕵\ufe0f"
    assert emoji.qualified("1 # * 5") == "1 # * 5"
