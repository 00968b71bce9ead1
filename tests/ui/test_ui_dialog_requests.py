"""Dialogs while the network is slow or fails: what a person chooses is done, and what is read goes on being read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_engine import FAILURE
from tests.support.ui_window import UiWindow, fake_window

pytestmark = pytest.mark.display


@pytest.fixture
def window(display: str, tmp_path: Path) -> Iterator[UiWindow]:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        yield window


def test_room_is_joined_while_the_list_is_still_on_its_way(window: UiWindow) -> None:
    window.click("ops", "item")
    window.see("Message to ops")
    menu = max((seen for seen in window.probe.seen("TButton") if seen.y < 60 and seen.x < 760), key=lambda seen: seen.x)
    window.click_at(menu)
    window.choose("Leave the room…")
    window.click("Leave", "TButton")
    window.wait_command("LeaveRoom")
    window.see("Message to general")
    window.send("!ignore ListRooms")
    window.wait_command("Send")
    asked = len(window.commands("ListRooms"))
    window.keys("ctrl+j")
    window.wait_command("ListRooms", asked + 1)
    window.see("Loading…")
    listed = next(seen for seen in window.probe.seen("item") if seen.text == "ops" and "toplevel" in seen.path)
    window.click_at(listed)
    assert window.wait_command("JoinRoom")["room"] == "4"
    window.see("Message to ops")


def test_receipts_are_read_again_after_a_request_that_failed(window: UiWindow) -> None:
    window.send("Who has this?")
    window.see("Who has this?", "item")
    window.send("!fail Receipts")
    window.wait_command("Send", 2)
    window.click("Who has this?", "item", button=3)
    window.choose("Who has received and read it…")
    window.see(FAILURE)
    window.see("Read — 2", "item")
    window.probe.wait_gone(FAILURE)
