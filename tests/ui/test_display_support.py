"""Input helpers of tests/support/xvfb.py with a real Tk window: typing in two alphabets, keys, clicks, screenshots."""

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
    xdotool,
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


def printed(form: Child, index: int = 0) -> str:
    return str(json.loads(form.wait_for_line(lambda line: True, 10, "the form says something", start=index)))


@pytest.mark.parametrize(
    "text",
    [
        "Hello, World! 1+1=2 @#{}~|\\\"'`",
        "Съешь же ещё этих мягких французских булок, да выпей чаю. ЁЖИК",
        "кто aбaбAБ who — «да» … № “a” €éüß",
    ],
)
def test_type_text_enters_the_exact_text(display: str, form: Child, text: str) -> None:
    for turn in range(5):
        type_text(display, text)
        key(display, "Return")
        assert printed(form, turn) == text


def test_key_edits_the_entry(display: str, form: Child) -> None:
    type_text(display, "wrong")
    key(display, "shift+Home", "BackSpace")
    type_text(display, "right")
    key(display, "Return")
    assert printed(form) == "right"


def test_key_released_late_is_one_key(display: str, form: Child) -> None:
    xdotool(display, "keydown", "a", "sleep", "1", "keyup", "a")
    key(display, "Return")
    assert printed(form) == "a"


def test_type_text_refuses_characters_without_a_key(display: str) -> None:
    with pytest.raises(ValueError, match="no key for"):
        type_text(display, "a\nb")


def test_click_presses_the_button(display: str, form: Child) -> None:
    click(display, 100 + 200, 50 + 130)
    assert printed(form) == "pressed"


def test_screenshot_covers_the_whole_screen(display: str, form: Child, tmp_path: Path) -> None:
    def button_is_painted() -> bool:
        with Image.open(screenshot(display, tmp_path / "screen.png")) as picture:
            assert picture.size == SIZE
            return picture.convert("RGB").getpixel((100 + 110, 50 + 110)) == (255, 0, 0)

    wait_until(button_is_painted, 10, "the red button in the picture")


def test_find_window_returns_none_for_closed_windows(display: str, form: Child) -> None:
    assert find_window(display, "^A small form$")
    form.kill()
    assert find_window(display, "^No such window$") is None
