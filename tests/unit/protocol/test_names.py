"""Names and texts: a clean name is inert, and names that look the same have one key."""

import unicodedata
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lanchat.protocol import limits
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text import names
from lanchat.protocol.text.cleaning import TextError

CLEANERS: list[Callable[[str], str]] = [
    names.clean_user_name,
    names.clean_room_name,
    names.clean_display_name,
    names.clean_email,
]
FORMAT = [
    "\u200b",
    "\u200d",
    "\u200e",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\ufeff",
    "\u00ad",
    "\u061c",
    "\U000e0041",
]
INVISIBLE = ["\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u2800", "\u3164", "\ufe00", "\uffa0", "\U000e0100"]
INVISIBLE += ["\ufffc", "\U0001d159"]
CONTROL = ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9f", "\u2028", "\u2029", "\ud800", "\ue000", "\u0378", "\U0010ffff"]
# Characters that change under some normalization, case or direction, among ordinary ones.
UNUSUAL = st.text(
    st.one_of(
        st.sampled_from("aAbÅå\u030a\u0345ſßẞΣςσİıǅﬁ①Ａ．＿ϓ\u0344µµ\u1e9b\u0323ﷺ\u115f가 \t.-_@#"),
        st.characters(),
        st.sampled_from([*FORMAT, *CONTROL, *INVISIBLE]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("clean", CLEANERS)
@settings(max_examples=300)
@given(text=UNUSUAL)
def test_clean_name_is_short_composed_and_inert(clean: Callable[[str], str], text: str) -> None:
    try:
        name = clean(text)
    except ProtocolError:
        return
    assert clean(name) == name
    assert name == name.strip() == unicodedata.normalize("NFC", name) != ""
    assert name.encode().decode() == name
    assert not set(name) & set(FORMAT + CONTROL)
    assert names.inert(name, 300) == name
    assert len(name.splitlines()) == 1
    assert clean(unicodedata.normalize("NFD", name)) == name


@pytest.mark.parametrize("clean", CLEANERS)
@pytest.mark.parametrize("bad", [*FORMAT, *CONTROL, *INVISIBLE])
def test_invisible_characters_are_refused_anywhere(clean: Callable[[str], str], bad: str) -> None:
    for text in (f"a{bad}b@c", f"ab@c{bad}d", bad):
        with pytest.raises(ProtocolError):
            clean(text)


@pytest.mark.parametrize(
    ("clean", "longest"),
    [
        (names.clean_user_name, limits.USER_NAME_MAX),
        (names.clean_room_name, limits.ROOM_NAME_MAX),
        (names.clean_display_name, limits.DISPLAY_NAME_MAX),
    ],
)
def test_length_is_counted_in_composed_characters(clean: Callable[[str], str], longest: int) -> None:
    assert clean("a\u030a" * longest) == "å" * longest
    assert clean("  " + "x" * longest + "  ") == "x" * longest
    for text in ("x" * (longest + 1), "", "   ", "\u3000"):
        with pytest.raises(ProtocolError):
            clean(text)


@pytest.mark.parametrize("name", ["anna", "Anna.B-c_9", "анна", "李雷", "राम", "عمر", "a", "_", "É"])
def test_valid_user_names_are_accepted(name: str) -> None:
    assert names.clean_user_name(name) == name


@pytest.mark.parametrize("name", ["a b", "a@b", "#a", "a/b", "a:b", "\N{GRINNING FACE}", "a+b", "a'b", "①~"])
def test_invalid_user_names_are_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        names.clean_user_name(name)


def test_emoji_selector_does_not_change_the_key() -> None:
    heart = "\N{HEAVY BLACK HEART}"
    assert names.clean_room_name(f"{heart}\ufe0f") == f"{heart}\ufe0f"
    assert names.name_key(f"{heart}\ufe0f") == names.name_key(heart)
    assert names.name_key("general\ufe0f") == names.name_key("general")
    for clean, text in ((names.clean_user_name, "anna\ufe0f"), (names.clean_room_name, "\ufe0f")):
        with pytest.raises(ProtocolError):
            clean(text)


def test_room_names_are_checked() -> None:
    for name in ("general", "Lager & Versand", "склад № 5", "a@b", "a#b", "\N{GRINNING FACE}"):
        assert names.clean_room_name(name) == name
    for name in ("#general", "@anna", "  #general"):
        with pytest.raises(ProtocolError):
            names.clean_room_name(name)


@pytest.mark.parametrize("address", ["a@b", "Anna.B+x@mail.example", "анна@почта.рф", '"a@b"@c'])
def test_valid_email_addresses_are_accepted(address: str) -> None:
    assert names.clean_email(address) == address


@pytest.mark.parametrize("address", ["", "a", "a@", "@b", "a b@c", "a@b c", "a\u00a0@b", "a@" + "b" * 253, "a@b x"])
def test_invalid_email_addresses_are_refused(address: str) -> None:
    with pytest.raises(ProtocolError):
        names.clean_email(address)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "aNNa"),
        ("ÅNGSTRÖM", "a\u030angstro\u0308m"),
        ("Ａｎｎａ", "anna"),
        ("straße", "STRASSE"),
        ("ﬁn", "FIN"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("K", "\u212a"),
        ("Иван", "иВАН"),
    ],
)
def test_equivalent_names_have_one_key(one: str, other: str) -> None:
    assert names.name_key(one) == names.name_key(other)


def test_different_names_have_different_keys() -> None:
    """Similar letters of another alphabet are other letters."""
    assert names.name_key("anna") != names.name_key("аnna")
    assert names.name_key("anna") != names.name_key("annа")
    assert names.name_key("a.b") != names.name_key("ab")


@settings(max_examples=500)
@given(text=UNUSUAL)
def test_key_of_any_text_is_stable_under_normalisation(text: str) -> None:
    key = names.name_key(text)
    assert names.name_key(key) == key
    for same in (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text), text.casefold()):
        assert names.name_key(same) == key


# Texts


@settings(max_examples=300)
@given(text=st.one_of(UNUSUAL, st.text(max_size=40)))
def test_text_is_accepted_unless_it_contains_forbidden_characters(text: str) -> None:
    forbidden = any(
        (unicodedata.category(char) == "Cc" and char not in "\n\t")
        or char in names.BIDI_CONTROLS
        or unicodedata.category(char) == "Cs"
        for char in text
    )
    if forbidden:
        with pytest.raises(ProtocolError):
            names.check_text(text, 100)
    else:
        names.check_text(text, len(text))
        assert text.encode().decode() == text
        if text:
            with pytest.raises(ProtocolError, match="too long"):
                names.check_text(text, len(text) - 1)


def test_texts_may_contain_joiners_and_direction_marks() -> None:
    names.check_text("می\u200cخواهم \N{WOMAN}\u200d\N{ROCKET} a\tb\nc \u200e\u200f", 100)


# Passwords, strangers' texts


def test_passwords_are_checked_by_length() -> None:
    for password in ("x" * 8, "x" * 512, "пароль12", "\N{GRINNING FACE}" * 128, "        "):
        names.check_password(password)
    for password in (
        "",
        "x" * 7,
        "e\u0301" * 7,
        "x" * 7 + "\u202c",
        "\u200b" * 8,
        "x" * 513,
        "\N{GRINNING FACE}" * 129,
    ):
        with pytest.raises(ProtocolError):
            names.check_password(password)


@given(password=st.text(max_size=600))
def test_accepted_passwords_have_at_least_eight_characters(password: str) -> None:
    try:
        names.check_password(password)
    except ProtocolError:
        return
    assert len(password) >= 8


@settings(max_examples=300)
@given(text=st.one_of(UNUSUAL, st.text(max_size=100)), limit=st.integers(0, 70))
def test_inert_text_is_one_line_without_controls(text: str, limit: int) -> None:
    shown = names.inert(text, limit)
    assert len(shown) == min(len(text), limit)
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set(FORMAT + CONTROL)
    assert shown.encode().decode() == shown
    kept = [(a, b) for a, b in zip(text, shown, strict=False) if a != b]
    assert all(b == "\ufffd" and unicodedata.category(a)[0] in "CZ" for a, b in kept)


@pytest.mark.parametrize("unseen", ["\u2d7f", "\U0001107f", "\U00016fe4"])
def test_invisible_marks_do_not_change_the_key(unseen: str) -> None:
    assert names.name_key(f"an{unseen}na") == names.name_key("anna")
    for clean in CLEANERS[:3]:
        with pytest.raises(ProtocolError):
            clean(unseen)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tim", "ti\u0307m"),
        ("tim", "t\u0131\u0307m"),
        ("TIM", "T\u0130M"),
        ("jan", "j\u0307an"),
        ("jan", "\u0237\u0307an"),
        ("\u0456ra", "\u0456\u0307ra"),
        ("t\u1ecbm", "ti\u0307\u0323m"),
        ("t\u1ecbm", "t\u0131\u0323\u0307m"),
    ],
)
def test_redundant_dot_does_not_change_the_key(one: str, other: str) -> None:
    assert names.name_key(one) == names.name_key(other)


@pytest.mark.parametrize("mark", ["\u0301", "\u0307", "\u20e3", "\u0903", "\u0338"])
@pytest.mark.parametrize("clean", CLEANERS)
def test_name_starting_with_a_combining_mark_is_refused(clean: Callable[[str], str], mark: str) -> None:
    with pytest.raises(TextError) as raised:
        clean(f" {mark}nna@c")
    assert raised.value.char == mark


@settings(max_examples=300)
@given(text=UNUSUAL)
def test_key_of_a_key_is_itself(text: str) -> None:
    key = names.name_key(text)
    assert names.name_key(key) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna", "\u0430nna"),  # Cyrillic a
        ("Boris", "\u0412\u043er\u0456s"),
        ("COPE", "\u0421\u041e\u0420\u0415"),
        ("Niko", "\u039di\u03ba\u03bf"),  # Greek
        ("Ivan", "lvan"),
        ("Ivan", "1van"),
        ("Olga", "0lga"),
        ("Zo\u00eb", "Zo\u0451"),
        ("Zo\u00eb", "Zo\u0435\u0308"),
        ("anna", "\uff41nn\u0430"),
        ("maria", "mar\u0131a"),  # dotless i
        ("anna", "\u0251nn\u0251"),  # Latin alpha
        ("tom", "t\u0585m"),  # Armenian
        ("susi", "s\u057ds\u0456"),
        ("Tom", "\ua4d4om"),  # Lisu
        ("Tom", "\u13a2om"),  # Cherokee
        ("olga", "\u2c9flga"),  # Coptic
        ("tom", "t\u09e6m"),  # Bengali zero
        ("\u2c9elga", "\u0555lga"),  # neither of them Latin
    ],
)
def test_shape_key_is_equal_for_names_that_look_the_same(one: str, other: str) -> None:
    assert names.name_key(one) != names.name_key(other)
    assert names.shape_key(one) == names.shape_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("anna", "anne"), ("\u0432\u0430", "ba"), ("Ольга", "Olga"), ("Пётр", "Петр")]
)
def test_shape_key_differs_for_names_that_look_different(one: str, other: str) -> None:
    assert names.shape_key(one) != names.shape_key(other)
