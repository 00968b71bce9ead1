"""The line that a user edits in `lanchat chat`: keys, and its rows on a terminal."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.terminal.line_editor import TEXT_MAX, LineEditor, picture, rows_of, width_of
from tests.support.screen import Screen

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~"
TEXTS = st.text("ab é日本👩👧\u200d\u0301\u0308\ufe0f\t\n", max_size=60)


def typed(*keys: str) -> tuple[str, str]:
    """The texts before and after the cursor."""
    editor = LineEditor()
    assert editor.feed("".join(keys).encode()) == []
    return editor.text[: editor.point], editor.text[editor.point :]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("abc", LEFT, LEFT, "X"), ("aX", "bc")),
        (("abc", LEFT, RIGHT, RIGHT, "X"), ("abcX", "")),
        (("abc", HOME, DELETE, END, "\x7f"), ("b", "")),
        (("abc", "\x01", "\x04", "\x05", "\x08"), ("b", "")),
        (("one two three", "\x17"), ("one two ", "")),
        (("one two three", "\x1bb", "\x1bb", "\x0b"), ("one ", "")),
        (("one two", LEFT, LEFT, LEFT, "\x15"), ("", "two")),
        (("one two", "\x15", "x", "\x19"), ("xone two", "")),
        (("one two", HOME, "\x1bd", "\x1b[1;5C"), (" two", "")),
        (("e\u0301a", LEFT, LEFT, "X"), ("X", "e\u0301a")),
        (("e\u0301", "\x7f"), ("e", "")),
        (("a\tb",), ("a\tb", "")),
        (("\x1b[200~one\r\ntwo\n\x1b[201~",), ("one\n\ntwo\n", "")),
        (("\x1b[200~a\x7f\x01b\x1b[Ac\x1b[201~",), ("abc", "")),
        (("\x1b[200~\x04one\x04\x1b[201~",), ("one", "")),
        (("ab", LEFT, "\x1b[200~\x04\x03\x1b[201~"), ("a", "b")),
        (("one\x00\x1c\x1d\x1e",), ("one", "")),
        (("a\x1b[99;99zb\x1b[5~c",), ("abc", "")),
    ],
)
def test_keys_edit_the_line(keys: tuple[str, ...], expected: tuple[str, str]) -> None:
    assert typed(*keys) == expected


def test_keys_are_decoded_from_single_octets() -> None:
    editor = LineEditor()
    for octet in ("日本" + LEFT + "é" + "\x1b[1;5D").encode():
        assert editor.feed(bytes([octet])) == []
    assert (editor.text, editor.point) == ("日é本", 0)


def test_pasted_ctrl_d_does_not_end_the_conversation() -> None:
    editor = LineEditor()
    assert editor.feed(b"\x1b[200~\x04one\x1b[201~") == []
    assert not editor.ended
    assert editor.feed(b"\r") == ["one"]
    editor.feed(b"\x04")
    assert editor.ended


def test_finished_lines_are_returned_and_kept_in_the_history() -> None:
    editor = LineEditor()
    assert editor.feed(b"one\rtwo\nhal") == ["one", "two"]
    editor.feed((UP + UP).encode())
    assert editor.text == "one"
    editor.feed((DOWN + DOWN).encode())
    assert editor.text == "hal"
    assert editor.feed(b"\x15last\n\x04more") == ["last"]
    assert editor.ended


def test_invalid_octets_are_tolerated() -> None:
    editor = LineEditor()
    editor.feed(b"\xff\xc3(\x1b[" + b"9" * 100 + b"ok")
    assert editor.text.endswith("k")


def test_pasted_megabyte_is_truncated_quickly() -> None:
    editor = LineEditor()
    start = time.process_time()
    editor.feed(b"\x1b[200~" + "é\n".encode() * 350_000 + b"\x1b[201~")
    assert time.process_time() - start < 20
    assert len(editor.text) == TEXT_MAX


def spaced(row: str) -> str:
    """Without marks (the screen has no cell for one at its margin) and without blanks at the end."""
    return "".join(char for char in row if width_of(char)).rstrip()


@given(text=TEXTS, width=st.integers(3, 30), share=st.floats(0, 1))
def test_picture_matches_a_terminal(text: str, width: int, share: float) -> None:
    point = round(share * len(text))
    shown = picture("> ", text, point, width)
    screen = Screen(width, len(shown.rows) + 1)
    screen.write("\r\n".join(shown.rows))
    assert screen.row == len(shown.rows) - 1
    assert screen.scrolled == []
    assert list(map(spaced, screen.text[: len(shown.rows)])) == list(map(spaced, shown.rows))
    assert all(sum(map(width_of, row)) <= width for row in shown.rows)
    assert 0 <= shown.row < len(shown.rows)
    assert 0 <= shown.column < width or point < len(text)
    before = "".join(shown.rows[: shown.row]) + shown.rows[shown.row]
    assert len(before.replace(" ", "")) >= len(text[:point].replace("\t", "").replace("\n", "").replace(" ", ""))


@given(text=TEXTS, width=st.integers(3, 30), height=st.integers(1, 5), share=st.floats(0, 1))
def test_long_line_is_shown_in_part(text: str, width: int, height: int, share: float) -> None:
    point = round(share * len(text))
    shown, whole = picture("> ", text, point, width, height), picture("> ", text, point, width)
    assert len(shown.rows) == min(height, len(whole.rows))
    assert shown.rows[shown.row] == whole.rows[whole.row]
    assert shown.column == whole.column


@given(text=st.text("ab é日👩\u0301", max_size=60), width=st.integers(3, 30))
def test_rows_of_printed_text_match_a_terminal(text: str, width: int) -> None:
    screen = Screen(width, 80)
    screen.write(text + "\r\n")
    assert screen.row == rows_of(text, width)
