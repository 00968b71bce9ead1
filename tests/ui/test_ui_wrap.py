"""Line wrapping: where rows break, and every character is in exactly one row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.i18n import set_language
from lanchat.ui.kit.canvas.wrap import RowPiece, WrappedRow, _rows_of_anything, _rows_of_words, elide, offset_at, wrap


@pytest.fixture(autouse=True)
def english() -> None:
    """Emoji are named in the language in use, which another test may have left as it was."""
    set_language("en")


def measure(text: str) -> int:
    """Ten pixels a character."""
    return 10 * len(text)


def rows(text: str, width: int) -> list[WrappedRow]:
    return wrap(text, width, measure, lambda name: 20)


def shown(text: str, width: int) -> list[str]:
    return ["".join(piece.text for piece in row.pieces) for row in rows(text, width)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 100, [""]),
        ("one two three", 1000, ["one two three"]),
        ("one two three", 70, ["one two", "three"]),
        ("one two three", 80, ["one two ", "three"]),
        ("abcdefgh", 30, ["abc", "def", "gh"]),
        ("x abcdefgh", 50, ["x ", "abcde", "fgh"]),
        ("a\n\nb", 50, ["a", "", "b"]),
        ("\tx", 100, ["    x"]),
        ("你好世界", 20, ["你好", "世界"]),
        ("x", 1, ["x"]),
        ("a\u0301\u0302b", 10, ["a\u0301\u0302", "b"]),
    ],
)
def test_rows_break_at_words_and_width(text: str, width: int, expected: list[str]) -> None:
    assert shown(text, width) == expected


def test_links_are_separate_pieces() -> None:
    (row,) = rows("see https://example.org/x?y=1, ok", 10_000)
    assert [(piece.text, piece.link) for piece in row.pieces] == [
        ("see ", ""),
        ("https://example.org/x?y=1", "https://example.org/x?y=1"),
        (", ok", ""),
    ]


@pytest.mark.parametrize("text", ["javascript:alert(1)", "file:///etc/passwd", "http:// x", "ftp://x.y"])
def test_only_web_links_are_links(text: str) -> None:
    assert all(not piece.link for row in rows(text, 10_000) for piece in row.pieces)


def test_emoji_is_one_piece_with_its_name() -> None:
    (row,) = rows("a👍b", 1000)
    assert [(piece.text, piece.name, piece.x, piece.width) for piece in row.pieces] == [
        ("a", "", 0, 10),
        ("👍", "thumbs up", 10, 20),
        ("b", "", 30, 10),
    ]


@given(st.text(st.sampled_from("ab \n\tЖ你👍\u0301"), max_size=80), st.integers(1, 120))
def test_every_character_is_in_one_row(text: str, width: int) -> None:
    position = 0
    for row in rows(text, width):
        assert row.start >= position
        assert set(text[position : row.start]) <= {"\n"}
        for piece in row.pieces:
            assert text[piece.start : piece.end].replace("\t", "    ") == piece.text
        covered = "".join(text[piece.start : piece.end] for piece in row.pieces)
        assert text[row.start : row.end].startswith(covered)
        assert text[row.start : row.end][len(covered) :].isspace() or covered == text[row.start : row.end]
        position = row.end
    assert position == len(text)


@given(st.text(st.sampled_from("ab Ж"), min_size=1, max_size=60), st.integers(10, 120))
def test_rows_are_within_the_width(text: str, width: int) -> None:
    assert all(row.width <= width for row in rows(text, width))


@pytest.mark.parametrize(("x", "offset"), [(-5, 3), (0, 3), (4, 3), (6, 4), (14, 4), (16, 5), (99, 8)])
def test_offset_at_returns_the_nearest_offset(x: int, offset: int) -> None:
    assert offset_at(RowPiece(0, 50, "hello", 3, 8), x, measure) == offset


@pytest.mark.parametrize(("x", "offset"), [(2, 3), (12, 4)])
def test_picture_has_two_offsets(x: int, offset: int) -> None:
    assert offset_at(RowPiece(0, 20, "👍", 3, 4, "thumbs up"), x, measure) == offset


def test_elide_shortens_with_an_ellipsis() -> None:
    assert elide("hello", 50, measure) == "hello"
    assert elide("hello world", 60, measure) == "hello…"
    assert elide("hello", 0, measure) == "…"


@given(
    st.text(alphabet="ab cdefgh  \r\u00a0ы世é\u0301", max_size=60),
    st.integers(0, 200),
    st.integers(0, 99),
)
def test_plain_text_wrapping_equals_general_wrapping(paragraph: str, width: int, start: int) -> None:
    def wide(text: str) -> int:
        return sum(5 + ord(char) % 7 for char in text)

    plain = _rows_of_words(paragraph, start, width, wide)
    assert plain is None or plain == _rows_of_anything(paragraph, start, width, wide, lambda name: 20)


def test_plain_text_wrapping_declines_words_wider_than_a_row() -> None:
    assert _rows_of_words("ab abcdef", 0, 50, measure) is None
    assert _rows_of_words("ab abcde", 0, 50, measure) is not None


def test_wrapping_a_long_word_is_linear() -> None:
    measured = []

    def measure(text: str) -> int:
        measured.append(len(text))
        return len(text)

    counts = []
    for letters in (4000, 16_000):
        measured.clear()
        assert len(wrap("x" * letters, 80, measure, lambda name: 20)) == letters // 80
        counts.append(sum(measured))
    assert counts[1] < 5 * counts[0]
    assert counts[1] < 30 * 16_000


def test_letter_with_a_thousand_marks_is_not_split() -> None:
    text = "e" + "\u0301" * 1000 + "x" * 200
    rows = wrap(text, 80, lambda part: sum(char != "\u0301" for char in part), lambda name: 20)
    assert "".join(piece.text for row in rows for piece in row.pieces) == text
    assert len(rows) == 3
