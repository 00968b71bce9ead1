"""Marks in messages: what is shown in which style, and what stays as it was typed."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.text.markup import ParagraphKind, Style, is_marked, paragraphs, visible

B, I, C, L = Style.BOLD, Style.ITALIC, Style.CODE, Style.LINK  # noqa: E741 - as on the buttons of a word processor


def styled(text: str) -> list[tuple[str, Style]]:
    """The parts of a text that are not plain."""
    spans = [span for paragraph in paragraphs(text) for span in paragraph.spans]
    return [(text[span.start : span.end], span.style) for span in spans if span.style]


def kinds(text: str) -> list[tuple[ParagraphKind, int, str]]:
    """ParagraphKind, depth and shown text of each paragraph."""
    return [(p.kind, p.depth, "".join(text[s.start : s.end] for s in p.spans)) for p in paragraphs(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**bold**, *italic* and _italic_", [("bold", B), ("italic", I), ("italic", I)]),
        ("***both*** *a **b***", [("both", B | I), ("a ", I), ("b", B | I)]),
        ("**a *b* c**", [("a ", B), ("b", B | I), (" c", B)]),
        ("**Привет**, _мир_!", [("Привет", B), ("мир", I)]),
        ("这是**粗体**文字", [("粗体", B)]),
        ("(*x*) \u201c**y**\u201d *\U0001f389*", [("x", I), ("y", B), ("\U0001f389", I)]),
        ("`a*b*c` ``d`e``", [("a*b*c", C), ("d`e", C)]),
        ("*a `*` b*", [("a ", I), ("*", C), (" b", I)]),
        ("https://a.example/_x_?*y*", [("https://a.example/_x_?*y*", L)]),
        ("**https://a.example/b**", [("https://a.example/b", L)]),
        ("`https://a.example`", [("https://a.example", C)]),
    ],
)
def test_marks_within_a_line_are_styles(text: str, expected: list[tuple[str, Style]]) -> None:
    assert styled(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4 = 24",
        "2**3**4",
        "snake_case_name and __init__",
        "*.py,*.txt",
        "a * b * c",
        "f(*args, **kwargs)",
        "char *a, *b; (*f)(*g)",
        "C:\\*temp*\\x",
        "/usr/_x_/y",
        "*_* >_< ^_^ **",
        "**open *and `never closed",
        "**two\nlines**",
        ">>> print(1)",
        ">100 >_<",
        "```\nnever closed",
        "#1 -1 1.5",
    ],
)
def test_what_was_not_meant_as_a_mark_is_shown_as_typed(text: str) -> None:
    assert not styled(text)
    assert visible(text) == text
    assert all(paragraph.kind is ParagraphKind.TEXT for paragraph in paragraphs(text))


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("(see https://a.example/b_(c))", "https://a.example/b_(c)"),
        ("[https://a.example/x].", "https://a.example/x"),
        ("https://a.example/?q=1, then", "https://a.example/?q=1"),
        ("\u00abhttps://a.example/\u00bb!", "https://a.example/"),
        ("> https://[::1]:8080/x;", "https://[::1]:8080/x"),
        ("- https://a.example/{b}}", "https://a.example/{b}"),
    ],
)
def test_links_keep_balanced_brackets_and_lose_punctuation(text: str, link: str) -> None:
    assert styled(text) == [(link, L)]


def test_fenced_block_keeps_everything_in_it() -> None:
    text = "before\n```python\ndef f(*a):\n\n    return **a\n> x\n```\nafter"
    assert kinds(text) == [
        (ParagraphKind.TEXT, 0, "before"),
        (ParagraphKind.CODE, 0, "def f(*a):\n\n    return **a\n> x"),
        (ParagraphKind.TEXT, 0, "after"),
    ]
    assert kinds("````\n```\n````") == [(ParagraphKind.CODE, 0, "```")]
    assert kinds("```\n```") == [(ParagraphKind.CODE, 0, "")]


def test_quotations_and_lists() -> None:
    assert kinds("> a **b**\n> > c\n>\nd") == [
        (ParagraphKind.QUOTE, 1, "a b"),
        (ParagraphKind.QUOTE, 2, "c"),
        (ParagraphKind.QUOTE, 1, ""),
        (ParagraphKind.TEXT, 0, "d"),
    ]
    assert kinds("- a\n  * b\n1. c\n12) d") == [
        (ParagraphKind.ITEM, 0, "a"),
        (ParagraphKind.ITEM, 1, "b"),
        (ParagraphKind.ITEM, 0, "c"),
        (ParagraphKind.ITEM, 0, "d"),
    ]


def test_bullet_is_one_of_several() -> None:
    assert [p.bullet for p in paragraphs("- direct speech\n\n- a\n- b\n1. c")] == [False, False, True, True, False]


def test_visible_part_is_without_marks() -> None:
    text = "a **b c** d\n> e\n- f"
    assert visible(text) == "a b c d\ne\n- f"
    assert visible(text, 3, 8) == "b c"
    assert visible(text, 4, 14) == "b c d\n"


DEEP = {
    "styles": "*_" * 1000 + "x" + "_*" * 1000,
    "openings": "**a " * 1000,
    "quotations": "> " * 2000 + "x",
    "fences": "```a\n" * 800,
    "backticks": " ".join("`" * n for n in range(1, 170)),
    "mixture": "**_`" * 1000,
    "brackets": "(*" * 1000 + "x" + "*)" * 1000,
    "links": "https://a.example/(" * 800,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_nesting_of_any_depth_costs_little(text: str) -> None:
    """Counted in calls of functions, not in seconds."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        found = paragraphs(text)
    finally:
        sys.setprofile(None)
    assert calls < 100 * len(text)
    assert all(paragraph.depth <= 8 for paragraph in found)


@given(st.text(st.sampled_from("ab *_`>\n-1. ()https://\u05d0\u4f60\U0001f389\u0301"), max_size=120))
def test_spans_are_ascending_parts_of_the_text(text: str) -> None:
    place = 0
    for paragraph in paragraphs(text):
        assert place <= paragraph.start <= paragraph.end <= len(text)
        assert set(text[place : paragraph.start]) <= {"\n"}
        place = paragraph.start
        for span in (*((paragraph.marker,) if paragraph.marker else ()), *paragraph.spans):
            assert place <= span.start < span.end <= paragraph.end
            place = span.end
        place = paragraph.end
    assert place == len(text)
    if not is_marked(text):
        assert visible(text) == text
