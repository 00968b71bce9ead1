"""Shortcuts with real keys: Caps Lock, layouts without Latin letters, layouts with the letters elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import xvfb
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display

# Codes of keys by their Latin letter on the US layout.
CODES = dict(zip("qwertyuiopasdfghjklzxcvbnm", [*range(24, 34), *range(38, 47), *range(52, 59)], strict=True))
CONTROL, SHIFT, CAPS_LOCK = 37, 50, 66
WITHOUT_LATIN = ["gr", "il", "ara", "ge", "ru", "am", "th", "ir", "bg", "ua"]


@pytest.fixture
def keyboard() -> Iterator[str]:
    """A display of its own, whose keyboard a test may change."""
    with xvfb.Screen() as screen:
        yield screen.display


@pytest.fixture
def key_codes(keyboard: str) -> Iterator[xvfb.KeyCodes]:
    with xvfb.KeyCodes(keyboard) as key_codes:
        yield key_codes


def type_letters(window: UiWindow, key_codes: xvfb.KeyCodes) -> None:
    """Press ten letter keys, in the current layout."""
    for letter in "dfghjdfghj":
        key_codes.press(CODES[letter])
    wait_until(lambda: len(composer(window)) >= 10, 8, "something is typed")


def composer(window: UiWindow) -> str:
    return next(seen.text for seen in window.probe.seen("Text"))


def quick_switch_has_keyboard(window: UiWindow) -> bool:
    focus = window.probe.focus
    return any(seen.path == focus and seen.kind == "TEntry" for seen in window.probe.seen())


def exercise_shortcuts(window: UiWindow, key_codes: xvfb.KeyCodes) -> None:
    """The clipboard, undo and redo in the composer, and two keys of the page. Something was typed already."""
    text = composer(window)
    assert text
    key_codes.press(CONTROL, CODES["a"])
    key_codes.press(CONTROL, CODES["x"])
    wait_until(lambda: composer(window) == "", 5, "all is cut")
    key_codes.press(CONTROL, CODES["v"])
    wait_until(lambda: composer(window) == text, 5, "pasted")
    key_codes.press(CONTROL, CODES["v"])
    wait_until(lambda: composer(window) == text * 2, 5, "pasted twice")
    key_codes.press(CONTROL, CODES["z"])
    wait_until(lambda: composer(window) == text, 5, "undone")
    key_codes.press(CONTROL, SHIFT, CODES["z"])
    wait_until(lambda: composer(window) == text * 2, 5, "done again by Shift")
    key_codes.press(CONTROL, CODES["z"])
    wait_until(lambda: composer(window) == text, 5, "undone again")
    key_codes.press(CONTROL, CODES["y"])
    wait_until(lambda: composer(window) == text * 2, 5, "done again")
    window.keys("Home")
    key_codes.press(CONTROL, CODES["k"])
    wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
    assert composer(window) == text * 2
    window.keys("Escape")
    key_codes.press(CONTROL, CODES["n"])
    window.see("Make the room")
    key_codes.press(CONTROL, CODES["v"])
    wait_until(lambda: any(seen.text == text for seen in window.probe.seen("TEntry")), 5, "pasted in a dialog")
    window.keys("Escape")
    window.probe.wait_gone("Make the room")


@pytest.mark.parametrize("layout", WITHOUT_LATIN)
def test_shortcuts_use_key_positions_without_latin_letters(
    keyboard: str, key_codes: xvfb.KeyCodes, tmp_path: Path, layout: str
) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        type_letters(window, key_codes)
        exercise_shortcuts(window, key_codes)


def test_shortcuts_use_key_positions_in_the_second_layout(
    keyboard: str, key_codes: xvfb.KeyCodes, tmp_path: Path
) -> None:
    xvfb.use_layout(keyboard, "pc+us+il:2")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        key_codes.use_group(1)
        type_letters(window, key_codes)
        assert composer(window) == "גכעיחגכעיח"
        exercise_shortcuts(window, key_codes)


@pytest.mark.parametrize("layout", ["us", "ru", "gr", "il"])
def test_shortcuts_work_with_caps_lock(keyboard: str, key_codes: xvfb.KeyCodes, tmp_path: Path, layout: str) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        key_codes.press(CAPS_LOCK)
        type_letters(window, key_codes)
        exercise_shortcuts(window, key_codes)


@pytest.mark.parametrize(("layout", "switch", "quit_"), [("us(dvorak)", "v", "x"), ("fr", "k", "a")])
def test_shortcuts_use_letters_of_latin_layouts(
    keyboard: str, key_codes: xvfb.KeyCodes, tmp_path: Path, layout: str, switch: str, quit_: str
) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        key_codes.press(CONTROL, CODES[switch])
        wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
        key_codes.press(CONTROL, CODES["q"])  # Dvorak: an apostrophe; AZERTY: a
        assert window.child.returncode is None
        key_codes.press(CONTROL, CODES[quit_])
        assert window.child.wait(10) == 0


def test_shortcuts_replace_tk_text_bindings(keyboard: str, key_codes: xvfb.KeyCodes, tmp_path: Path) -> None:
    xvfb.use_layout(keyboard, "pc+us")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        xvfb.xdotool(keyboard, "type", "half a thought")
        window.keys("Home")
        key_codes.press(CONTROL, CODES["k"])
        wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
        assert composer(window) == "half a thought"
