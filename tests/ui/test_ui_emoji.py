"""Emoji in the window: never text of a Tk widget, and unchanged when sent or copied."""

import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.ui.kit.canvas import glyphs
from tests.support.child import Child
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import patient, wait_until
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

# The last one has no picture: it is shown by its name.
TEXT = "Well done 👍🏽 team \U0001faff — 👨‍👩‍👧 🇷🇺 ❤️!"

OWNER = """
import sys, tkinter
root = tkinter.Tk()
root.withdraw()
text = sys.argv[1]
root.selection_handle(lambda offset, length: text[int(offset):int(offset) + int(length)], selection="CLIPBOARD")
root.clipboard_clear()
root.clipboard_append(text)
print("ready", flush=True)
root.mainloop()
"""


def unprotected_texts(window: UiWindow) -> list[str]:
    """Texts on the screen that a widget should not have."""
    return [seen.text for seen in window.probe.seen() if glyphs.inline(seen.text) != seen.text]


@pytest.fixture
def clipboard(display: str):  # type: ignore[no-untyped-def]
    """Another program that has TEXT on its clipboard."""
    with Child([sys.executable, "-c", OWNER, TEXT], env=screen_environment(display)) as owner:
        owner.wait_for_line(lambda line: line == "ready", 10, "the clipboard is there")
        yield owner
        owner.kill()


def test_pasted_emoji_are_sent_unchanged(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        window.see("u+1faff", "Label")  # a chip in the composer
        assert unprotected_texts(window) == []
        window.keys("Return")
        assert window.wait_command("Send")["text"] == TEXT
        window.see("u+1faff", "item")
        assert unprotected_texts(window) == []


def test_backspace_removes_a_whole_emoji(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        window.see("u+1faff", "Label")
        for _ in range(7):  # "!", heart, blank, flag, blank, family, blank
            window.keys("BackSpace")
        window.keys("Return")
        assert window.wait_command("Send")["text"] == "Well done 👍🏽 team \U0001faff —"


def test_undo_restores_an_emoji(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.keys("ctrl+v")
        window.see("u+1faff", "Label")
        window.keys("ctrl+a", "BackSpace", "ctrl+z", "Return")
        assert window.wait_command("Send")["text"] == TEXT


def test_editing_a_message_keeps_its_emoji(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.paste()
        window.keys("Return")
        window.see("u+1faff", "item")
        window.keys("Up")
        window.see("Edit your message")
        window.send(" Really")
        assert window.wait_command("Edit")["text"] == TEXT + " Really"


def test_emoji_in_every_name_reach_no_widget(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", emoji=True, people=3) as window:
        window.see("Everything is up to date")
        assert unprotected_texts(window) == []
        window.click("ops", "item")
        wait_until(lambda: "ops [rocket]" in window.probe.title, 5, "the room with an emoji is open")
        window.keys("ctrl+k")
        window.send("bob")
        wait_until(lambda: "Bob Lee" in window.probe.title, 5, "the conversation is open")
        window.send("!say bob hi")
        window.see("!say bob hi", "item")
        (message,) = [seen for seen in window.probe.seen("item") if seen.text == "hi" and seen.x > 300]
        window.click_at(message, button=3)
        window.see("Write to Bob Lee", "entry")
        assert unprotected_texts(window) == []
        window.choose("Reply")
        window.see("Reply to Bob Lee")
        assert unprotected_texts(window) == []


def test_emoji_on_login_pages_reach_no_widget(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile", emoji=True, remembered=False) as window:
        window.see("Office", "item")
        window.keys("ctrl+v")
        window.see("[u+1faff]", "TEntry")
        assert unprotected_texts(window) == []
        window.click("Office", "item")
        window.see("Is this the right server?")
        assert unprotected_texts(window) == []
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        assert unprotected_texts(window) == []


def test_copied_emoji_are_on_the_clipboard_unchanged(display: str, tmp_path: Path, clipboard: Child) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.paste()
        window.keys("Return")
        window.click("u+1faff", "item", button=3)
        window.choose("Copy message")
        read = "import tkinter; r = tkinter.Tk(); r.withdraw(); print(ascii(r.clipboard_get()))"
        done = subprocess.run(
            [sys.executable, "-c", read],
            env=screen_environment(display),
            capture_output=True,
            text=True,
            timeout=patient(20),
        )
        assert glyphs.joined(eval(done.stdout)) == TEXT
