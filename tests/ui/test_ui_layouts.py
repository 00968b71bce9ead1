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
def hands(keyboard: str) -> Iterator[xvfb.KeyCodes]:
    with xvfb.KeyCodes(keyboard) as hands:
        yield hands


def typed(window: UiWindow, hands: xvfb.KeyCodes) -> None:
    """Ten keys of letters, in whatever layout."""
    for letter in "dfghjdfghj":
        hands.press(CODES[letter])
    wait_until(lambda: len(composer(window)) >= 10, 8, "something is typed")


def composer(window: UiWindow) -> str:
    return next(seen.text for seen in window.probe.seen("Text"))


def quick_switch_has_keyboard(window: UiWindow) -> bool:
    focus = window.probe.focus
    return any(seen.path == focus and seen.kind == "TEntry" for seen in window.probe.seen())


def exercise(window: UiWindow, hands: xvfb.KeyCodes) -> None:
    """The clipboard, undo and redo in the composer, and two keys of the page. Something was typed already."""
    text = composer(window)
    assert text
    hands.press(CONTROL, CODES["a"])
    hands.press(CONTROL, CODES["x"])
    wait_until(lambda: composer(window) == "", 5, "all is cut")
    hands.press(CONTROL, CODES["v"])
    wait_until(lambda: composer(window) == text, 5, "pasted")
    hands.press(CONTROL, CODES["v"])
    wait_until(lambda: composer(window) == text * 2, 5, "pasted twice")
    hands.press(CONTROL, CODES["z"])
    wait_until(lambda: composer(window) == text, 5, "undone")
    hands.press(CONTROL, SHIFT, CODES["z"])
    wait_until(lambda: composer(window) == text * 2, 5, "done again by Shift")
    hands.press(CONTROL, CODES["z"])
    wait_until(lambda: composer(window) == text, 5, "undone again")
    hands.press(CONTROL, CODES["y"])
    wait_until(lambda: composer(window) == text * 2, 5, "done again")
    window.keys("Home")
    hands.press(CONTROL, CODES["k"])
    wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
    assert composer(window) == text * 2
    window.keys("Escape")
    hands.press(CONTROL, CODES["n"])
    window.see("Make the room")
    hands.press(CONTROL, CODES["v"])
    wait_until(lambda: any(seen.text == text for seen in window.probe.seen("TEntry")), 5, "pasted in a dialog")
    window.keys("Escape")
    window.probe.wait_gone("Make the room")


@pytest.mark.parametrize("layout", WITHOUT_LATIN)
def test_shortcuts_go_by_place_without_latin_letters(
    keyboard: str, hands: xvfb.KeyCodes, tmp_path: Path, layout: str
) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        typed(window, hands)
        exercise(window, hands)


def test_shortcuts_go_by_place_in_the_second_layout(keyboard: str, hands: xvfb.KeyCodes, tmp_path: Path) -> None:
    xvfb.use_layout(keyboard, "pc+us+il:2")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        hands.use_group(1)
        typed(window, hands)
        assert composer(window) == "גכעיחגכעיח"
        exercise(window, hands)


@pytest.mark.parametrize("layout", ["us", "ru", "gr", "il"])
def test_shortcuts_work_with_caps_lock(keyboard: str, hands: xvfb.KeyCodes, tmp_path: Path, layout: str) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        hands.press(CAPS_LOCK)
        typed(window, hands)
        exercise(window, hands)


@pytest.mark.parametrize(("layout", "switch", "quit_"), [("us(dvorak)", "v", "x"), ("fr", "k", "a")])
def test_shortcuts_go_by_letter_where_there_are_latin_letters(
    keyboard: str, hands: xvfb.KeyCodes, tmp_path: Path, layout: str, switch: str, quit_: str
) -> None:
    xvfb.use_layout(keyboard, f"pc+{layout}")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        hands.press(CONTROL, CODES[switch])
        wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
        hands.press(CONTROL, CODES["q"])  # Dvorak: an apostrophe; AZERTY: a
        assert window.child.returncode is None
        hands.press(CONTROL, CODES[quit_])
        assert window.child.wait(10) == 0


def test_text_keys_of_the_toolkit_do_not_run_before_shortcuts(
    keyboard: str, hands: xvfb.KeyCodes, tmp_path: Path
) -> None:
    xvfb.use_layout(keyboard, "pc+us")
    with fake_window(keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        xvfb.xdotool(keyboard, "type", "half a thought")
        window.keys("Home")
        hands.press(CONTROL, CODES["k"])
        wait_until(lambda: quick_switch_has_keyboard(window), 5, "the field to go to a room has the keyboard")
        assert composer(window) == "half a thought"
