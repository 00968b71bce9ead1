"""The context menu of text fields, what the middle button inserts, and the composer's place while the state changes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display


@pytest.fixture
def window(display: str, tmp_path: Path) -> Iterator[UiWindow]:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        yield window


def composer(window: UiWindow) -> str:
    return next(iter(window.probe.seen("Text"))).text


def primary(display: str) -> str:
    argv = ["xclip", "-selection", "primary", "-o"]
    done = subprocess.run(argv, env=screen_environment(display), capture_output=True, text=True, timeout=20)
    return done.stdout


def test_fields_have_a_context_menu(window: UiWindow) -> None:
    window.write("half and half")
    window.click_at(next(iter(window.probe.seen("Text"))), button=3)
    window.choose("Select all")
    window.keys("Menu")
    window.choose("Cut")
    wait_until(lambda: composer(window) == "", 8, "the text is cut")
    window.click("Find a room or person", button=3)
    window.choose("Paste")
    wait_until(lambda: any(seen.text == "half and half" for seen in window.probe.seen("TEntry")), 8, "it is pasted")


def test_selected_message_is_the_primary_selection(window: UiWindow, display: str) -> None:
    window.send("The kettle is on")
    seen = window.see("The kettle is on", "item")
    window.click_at(seen, count=3)
    wait_until(lambda: "The kettle is on" in primary(display), 8, "the message is offered")


def test_state_line_does_not_move_the_composer(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", geometry="620x560+0+0") as window:
        window.see("Everything is up to date")
        before = next(iter(window.probe.seen("Text"))).y
        window.send("!state away")
        window.see("cannot be reached")
        assert next(iter(window.probe.seen("Text"))).y == before
