"""Detection of links in text: where they begin and end."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.text.cleaning import VISIBLE, kind
from lanchat.protocol.text.links import links
from lanchat.ui.kit.canvas.wrap import wrap

WIKI = "https://en.wikipedia.org/wiki/Mercury_(planet)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.example/b now", ["https://a.example/b"]),
        (f"{WIKI}", [WIKI]),
        (f"({WIKI})", [WIKI]),
        (f"(see {WIKI}, please)", [WIKI]),
        (f"[planet]({WIKI})!", [WIKI]),
        ("[x](https://a.example/b)", ["https://a.example/b"]),
        ("{https://a.example/b}", ["https://a.example/b"]),
        ("https://a.example/[b]/(c)", ["https://a.example/[b]/(c)"]),
        ("<https://a.example/b>", ["https://a.example/b"]),
        ("\"https://a.example\"", ["https://a.example"]),
        ("'https://a.example/b'", ["https://a.example/b"]),
        ("'https://a.example/b's", ["https://a.example/b"]),
        ("https://a.example/it's", ["https://a.example/it's"]),
        ("\u201chttps://a.example\u201d", ["https://a.example"]),
        ("\u201ehttps://a.example\u201c", ["https://a.example"]),
        ("\u00abhttps://a.example\u00bb", ["https://a.example"]),
        ("\u2018https://a.example\u2019", ["https://a.example"]),
        ("\u2039https://a.example\u203a", ["https://a.example"]),
        ("\u300chttps://a.example/b\u300d", ["https://a.example/b"]),
        ("\uff08https://a.example/b\uff09", ["https://a.example/b"]),
        ("https://fr.wikipedia.org/wiki/L\u2019Aquila", ["https://fr.wikipedia.org/wiki/L\u2019Aquila"]),
        ("https://a.example/b\u2026", ["https://a.example/b"]),
        ("https://a.example/b...", ["https://a.example/b"]),
        ("https://a.example/b.", ["https://a.example/b"]),
        ("https://a.example/b?!", ["https://a.example/b"]),
        ("https://a.example/?q=1,2;3:4", ["https://a.example/?q=1,2;3:4"]),
        ("https://a.example/b, https://c.example:", ["https://a.example/b", "https://c.example"]),
        ("\u89c1 https://a.example/b\u3002", ["https://a.example/b"]),
        ("https://a.example/b\u3001https://c.example\uff0c", ["https://a.example/b", "https://c.example"]),
        ("\u898bhttps://a.example/b\u3092\u898b", ["https://a.example/b"]),
        ("https://ja.wikipedia.org/wiki/\u4e0a\u6d77", ["https://ja.wikipedia.org/wiki/\u4e0a\u6d77"]),
        ("https://a.example\u3092", ["https://a.example"]),
        ("https://\u4f8b\u3048.jp/b", ["https://\u4f8b\u3048.jp/b"]),
        ("https://\u0441\u0435\u0440\u0432\u0435\u0440.\u0440\u0444/\u043f\u0443\u0442\u044c", [
            "https://\u0441\u0435\u0440\u0432\u0435\u0440.\u0440\u0444/\u043f\u0443\u0442\u044c"]),
        ("https://a.example/b\U0001f389", ["https://a.example/b"]),
        ("https://a.example/b\u2764\ufe0f", ["https://a.example/b"]),
        ("**https://a.example/b**", ["https://a.example/b"]),
        ("_https://a.example/b_", ["https://a.example/b"]),
        ("https://en.wikipedia.org/wiki/Foo_", ["https://en.wikipedia.org/wiki/Foo_"]),
        ("`https://a.example/b`", ["https://a.example/b"]),
        ("https://web.example/https://b.example/c", ["https://web.example/https://b.example/c"]),
        ("http://[::1]:8080/x)", ["http://[::1]:8080/x"]),
        ("HTTPS://A.EXAMPLE/B", ["HTTPS://A.EXAMPLE/B"]),
        ("lanchat://10.0.0.1:47400/#3fa2", ["lanchat://10.0.0.1:47400/#3fa2"]),
        ("https://a.example/b\u060c", ["https://a.example/b"]),
        ("https://a.example/b\u0964", ["https://a.example/b"]),
        ("https://a.example/b\u2014", ["https://a.example/b"]),
        ("https://a.example/b\u2013,", ["https://a.example/b"]),
        ("https://a.example/b_\u2014_c", ["https://a.example/b_\u2014_c"]),
        ("https://a.example/\u00a1Tora!_\u00a1Tora", ["https://a.example/\u00a1Tora!_\u00a1Tora"]),
        ("https://a.example/b\u0589", ["https://a.example/b"]),
        ("https://a.example/b\u1362", ["https://a.example/b"]),
        ("https://a.example/b\u17d4", ["https://a.example/b"]),
        ("https://a.example/b\u104b", ["https://a.example/b"]),
        ("https://a.example/b\u0f0d", ["https://a.example/b"]),
        ("https://a.example/b\ufe12", ["https://a.example/b"]),
        ("https://a.example/b\u2e2e", ["https://a.example/b"]),
        ("https://a.example/b\ua4ff", ["https://a.example/b"]),
        ("https://a.example/b\ua6f3", ["https://a.example/b"]),
        ("https://a.example/b\uff02", ["https://a.example/b"]),
        ("\uff07https://a.example/b\uff07", ["https://a.example/b"]),
        ("\u00b4https://a.example/b\u00b4", ["https://a.example/b"]),
        ("\u2033https://a.example/b\u2033.", ["https://a.example/b"]),
        ("https://a.example/b\u2025", ["https://a.example/b"]),
        ("\u27e8https://a.example/b\u27e9", ["https://a.example/b"]),
        ("https://i\u2764.example/b", ["https://i\u2764.example/b"]),
        ("http://www.i\u2764\ufe0f.example.", ["http://www.i\u2764\ufe0f.example"]),
        ("http://\u27a1.example", ["http://\u27a1.example"]),
        ("https://a.example\U0001f389.", ["https://a.example"]),
        ("https://\U0001f389 https://\U0001f389.", []),
        ("https:// https://. xhttps://a.example ftp://a.example http://?", []),
    ],
)  # fmt: skip
def test_links_exclude_surrounding_punctuation(text: str, found: list[str]) -> None:
    assert [text[link.start : link.end] for link in links(text)] == found
    shown = [piece.link for row in wrap(text, 10_000, len, len) for piece in row.pieces if piece.link]
    assert list(dict.fromkeys(shown)) == found


def test_every_bracket_and_quotation_mark_ends_a_link() -> None:
    """Of Unicode's opening and closing punctuation; those of ASCII are balanced, and an apostrophe is a letter."""
    marks = [chr(code) for code in range(0x80, 0x110000) if unicodedata.category(chr(code)) in ("Ps", "Pe", "Pi", "Pf")]
    marks = [mark for mark in marks if mark not in "\u2018\u2019" and kind(mark) is VISIBLE]
    assert len(marks) > 150
    kept = [mark for mark in marks for link in links(f"https://a.example/b{mark}c") if link.end != 19]
    assert kept == []


@given(
    st.lists(
        st.sampled_from(["https://", "lanchat://", "a", ".", "/", "(", ")", "]", "'", "*", "\u4e0a", "\u3002", " "])
    )
)
def test_links_are_ordered_and_contain_no_blank(parts: list[str]) -> None:
    text, last = "".join(parts), 0
    for link in links(text):
        assert last <= link.start < link.end <= len(text)
        assert "://" in text[link.start : link.end]
        assert not text[link.start : link.end].endswith((".", "'", " "))
        last = link.end


def test_long_bracket_sequences_are_parsed() -> None:
    assert len(list(links("https://a.example/" + "(" * 100_000 + ")" * 100_000))) == 1
    assert not list(links("https://" * 100_000))[1:]
