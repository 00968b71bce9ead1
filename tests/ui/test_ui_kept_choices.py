"""A form before log-in in another language or theme: what was typed and what was ticked stay."""

from pathlib import Path

import pytest

from tests.support.ui_probe import Seen
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display

STAY = "Stay logged in on this computer"


def in_russian(window: UiWindow) -> None:
    window.click("Русский", "TButton")
    window.see("English", "TButton")


def in_other_theme(window: UiWindow) -> None:
    """Of the corner: language, theme, about; the last two are pictures."""
    before = window.see("Русский", "TButton")

    def corner() -> list[Seen]:
        return sorted((seen for seen in window.probe.seen("TButton") if abs(seen.y - before.y) < 20), key=lambda s: s.x)

    window.click_at(corner()[-2])
    wait_until(lambda: window.see("Русский", "TButton").path != before.path, 8, "the page is made anew")


@pytest.mark.parametrize("switch", [in_russian, in_other_theme])
def test_box_that_was_cleared_stays_cleared(display: str, tmp_path: Path, switch: object) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.click(STAY, "TCheckbutton")
        switch(window)  # type: ignore[operator]
        window.see("", "TCheckbutton")
        window.take_keyboard()
        window.write("ivan")
        window.keys("Tab")
        window.write("secret password")
        window.keys("Return")
        command = window.wait_command("Login")
        assert (command["user"], command["remember"]) == ("ivan", "False")


def test_box_of_a_new_account_that_was_cleared_stays_cleared(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.click("Create an account", "TButton")
        window.click(STAY, "TCheckbutton")
        in_russian(window)
        window.write("ivan")
        for text in ("", "long enough", "long enough"):
            window.keys("Tab")
            if text:
                window.write(text)
            else:
                window.write("Ivan")
        window.keys("Return")
        command = window.wait_command("Register")
        assert (command["user"], command["remember"]) == ("ivan", "False")


def test_box_that_was_left_alone_stays_ticked(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.see(STAY, "TCheckbutton")
        in_russian(window)
        window.write("ivan")
        window.keys("Tab")
        window.write("secret password")
        window.keys("Return")
        assert window.wait_command("Login")["remember"] == "True"
