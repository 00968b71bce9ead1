"""The hands on the screen reach a real Tk window: typing in two alphabets, keys, clicks, pictures."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.child import Child
from tests.support.waiting import wait_until
from tests.support.xvfb import (
    SIZE,
    click,
    find_window,
    focus,
    key,
    screen_environment,
    screenshot,
    type_text,
    wait_for_window,
)

pytestmark = pytest.mark.display

FORM = """
import json, tkinter
root = tkinter.Tk()
root.title("A small form")
root.geometry("400x200+100+50")
entry = tkinter.Entry(root)
entry.pack(fill="x")
entry.focus_set()
def press():
    print(json.dumps("pressed"), flush=True)
button = tkinter.Button(root, text="Press", bg="#ff0000", activebackground="#ff0000", command=press)
button.place(x=100, y=100, width=200, height=60)
def say(event):
    print(json.dumps(entry.get()), flush=True)
    entry.delete(0, "end")
entry.bind("<Return>", say)
root.mainloop()
"""


@pytest.fixture
def form(display: str) -> Iterator[Child]:
    """The form, with the keyboard in its entry."""
    child = Child([sys.executable, "-c", FORM], env=screen_environment(display))
    try:
        focus(display, wait_for_window(display, "^A small form$"))
        yield child
    finally:
        child.kill()


def said(form: Child, index: int = 0) -> str:
    return str(json.loads(form.wait_for_line(lambda line: True, 10, "the form says something", start=index)))


@pytest.mark.parametrize(
    "text",
    [
        "Hello, World! 1+1=2 @#{}~|\\\"'`",
        "Съешь же ещё этих мягких французских булок, да выпей чаю. ЁЖИК",
        "кто aбaбAБ who — «да» … № “a” €éüß",
    ],
)
def test_typed_text_arrives_as_it_is(display: str, form: Child, text: str) -> None:
    for turn in range(5):
        type_text(display, text)
        key(display, "Return")
        assert said(form, turn) == text


def test_keys_edit(display: str, form: Child) -> None:
    type_text(display, "wrong")
    key(display, "shift+Home", "BackSpace")
    type_text(display, "right")
    key(display, "Return")
    assert said(form) == "right"


def test_a_character_without_a_key_is_refused_not_lost(display: str) -> None:
    with pytest.raises(ValueError, match="no key for"):
        type_text(display, "a\nb")


def test_a_click_reaches_the_button(display: str, form: Child) -> None:
    click(display, 100 + 200, 50 + 130)
    assert said(form) == "pressed"


def test_a_picture_shows_the_whole_screen(display: str, form: Child, tmp_path: Path) -> None:
    def button_is_painted() -> bool:
        with Image.open(screenshot(display, tmp_path / "screen.png")) as picture:
            assert picture.size == SIZE
            return picture.convert("RGB").getpixel((100 + 110, 50 + 110)) == (255, 0, 0)

    wait_until(button_is_painted, 10, "the red button in the picture")


def test_a_window_that_is_gone_is_not_found(display: str, form: Child) -> None:
    assert find_window(display, "^A small form$")
    form.kill()
    assert find_window(display, "^No such window$") is None
