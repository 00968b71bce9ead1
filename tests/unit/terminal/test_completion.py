"""Tab in `lanchat chat`: what is completed, and what is offered."""

import pytest

from lanchat.cli.completion import Completer
from lanchat.terminal.line_editor import LineEditor

COMPLETER = Completer(
    ("/reply", "/react", "/room", "/rooms", "/quit"),
    lambda: ("general", "ops", "операции", "@boris"),
    lambda: ("anna", "andrew", "boris", "Ёжик", "mallory\x1b[2J"),
)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/q", "/quit "),
        ("/re", "/re"),
        ("/rep", "/reply "),
        ("/ro", "/room"),
        ("/room ge", "/room general"),
        ("/room оп", "/room операции"),
        ("/room @", "/room @boris"),
        ("hello @bo", "hello @boris "),
        ("hello bo", "hello boris "),
        ("@AN", "@an"),
        ("done :tad", "done 🎉"),
        ("@mal", "@mal\t"),
        ("x", "x\t"),
        ("", "\t"),
        ("no such", "no such\t"),
    ],
)
def test_tab_completes_as_far_as_it_is_certain(typed: str, expected: str) -> None:
    editor = LineEditor(COMPLETER)
    editor.feed(f"{typed}\t".encode())
    assert editor.text.casefold() == expected.casefold()
    assert editor.point == len(editor.text)


def test_words_that_are_left_open_are_offered_once() -> None:
    editor = LineEditor(COMPLETER)
    editor.feed(b"@an\t")
    assert editor.take_choices() == "@andrew  @anna"
    assert editor.take_choices() == ""
    editor.feed(b"d\t")
    assert (editor.text, editor.take_choices()) == ("@andrew ", "")


def test_tab_in_a_pasted_text_is_a_character() -> None:
    editor = LineEditor(COMPLETER)
    editor.feed(b"\x1b[200~/q\t\x1b[201~")
    assert editor.text == "/q\t"


def test_tab_within_a_line_keeps_what_follows() -> None:
    editor = LineEditor(COMPLETER)
    editor.feed(b"bo!\x1b[D\t")
    assert editor.text == "boris !"
