"""Text goes through every field as it is: typed, pasted, from the mouse's selection, or there before."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.child import Child
from tests.support.ui_window import UiWindow, fake_window
from tests.support.xvfb import screen_environment

pytestmark = pytest.mark.display

PARTY = "Party 🎉 𠮷"
OWNER = """
import sys, tkinter
root = tkinter.Tk()
root.withdraw()
text, which = sys.argv[1:]
root.selection_handle(lambda offset, length: text[int(offset):int(offset) + int(length)], selection=which)
root.selection_own(selection=which)
print("ready", flush=True)
root.mainloop()
"""
Copied = Callable[[str], None]


@pytest.fixture
def copied(display: str) -> Iterator[Copied]:
    """Another program that has a text on its clipboard and as its selection."""
    with ExitStack() as owners:

        def own(text: str) -> None:
            for which in ("CLIPBOARD", "PRIMARY"):
                argv = [sys.executable, "-c", OWNER, text, which]
                owner = owners.enter_context(Child(argv, env=screen_environment(display)))
                owner.wait_for_line(lambda line: line == "ready", 10, "the selection is there")
                owners.callback(owner.kill)

        yield own


@pytest.fixture
def window(display: str, tmp_path: Path) -> Iterator[UiWindow]:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        yield window
        assert not [seen.text for seen in window.probe.seen() if set("🎉𠮷") & set(seen.text)]


def gear(window: UiWindow) -> None:
    """The account's menu."""
    window.click_at(next(seen for seen in window.probe.seen("TButton") if seen.y > 600 and seen.x < 300))


def new_room(window: UiWindow) -> None:
    window.keys("ctrl+n")
    window.see("Make the room", "TButton")


def test_a_room_has_the_name_that_was_pasted(window: UiWindow, copied: Copied) -> None:
    copied(f"\u2066{PARTY}\u2069\r\n")
    new_room(window)
    window.keys("ctrl+v")
    window.see("Party [party popper] [cjk unified ideograph-20bb7]", "TEntry")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == PARTY


def test_a_room_has_the_name_that_the_mouse_brought(window: UiWindow, copied: Copied) -> None:
    copied(PARTY)
    new_room(window)
    entry = next(seen for seen in window.probe.seen("TEntry") if seen.path == window.probe.focus)
    window.click_at(entry, button=2)
    window.see("[party popper]", "TEntry")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == PARTY


def test_a_picture_in_a_field_goes_as_one_character(window: UiWindow, copied: Copied) -> None:
    copied(PARTY)
    new_room(window)
    window.keys("ctrl+v")
    window.see("[party popper]", "TEntry")
    window.keys("BackSpace", "BackSpace", "BackSpace")
    window.write("ok")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == "Party ok"


def test_letters_are_typed_as_they_are(window: UiWindow) -> None:
    new_room(window)
    window.write("Küche кухня")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == "Küche кухня"


def test_what_was_not_changed_is_not_saved(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", emoji=True) as window:
        window.see("Everything is up to date")
        gear(window)
        window.choose("Name and e-mail…")
        window.see("ivan@example.org", "TEntry")
        window.keys("Tab", "ctrl+a")
        window.write("new@example.org")
        window.keys("Return")
        command = window.wait_command("SetProfile")
        assert (command["display_name"], command["email"]) == ("None", "new@example.org")


def test_a_name_that_was_there_keeps_its_emoji(display: str, tmp_path: Path, copied: Copied) -> None:
    copied(" 🎉")
    with fake_window(display, tmp_path / "profile", emoji=True) as window:
        window.see("Everything is up to date")
        gear(window)
        window.choose("Name and e-mail…")
        window.see("ivan@example.org", "TEntry")
        window.keys("End")
        window.paste()
        window.keys("Return")
        command = window.wait_command("SetProfile")
        assert command["display_name"].endswith(" 🎉")
        assert "[" not in command["display_name"]
        assert command["email"] == "None"


def test_marks_that_were_copied_along_are_not_sent(window: UiWindow, copied: Copied) -> None:
    copied("\u202d1,234.50\u202c\x0b\ufeffsecond\u200b line\u2028third")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Send")["text"] == "1,234.50\nsecond line\nthird"


def test_letters_beyond_the_basic_plane_are_shown_where_a_font_has_them(window: UiWindow, copied: Copied) -> None:
    """DejaVu Sans has double-struck letters."""
    copied("𝔸 is a letter")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Send")["text"] == "𝔸 is a letter"
    assert "𝔸" in window.see("is a letter", "item").text


def test_words_that_are_searched_are_clean(window: UiWindow, copied: Copied) -> None:
    copied("\u2066hello\u2069 🎉")
    window.keys("ctrl+f")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Search")["words"] == "hello 🎉"


def test_registration_sends_what_was_typed(display: str, tmp_path: Path, copied: Copied) -> None:
    copied("ivan\u200b\u202c\n")
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        window.paste()
        window.keys("Tab")
        window.write("secret password")
        window.keys("Return")
        assert window.wait_command("Login")["user"] == "ivan"


def test_a_password_is_pasted_without_its_line_break(display: str, tmp_path: Path, copied: Copied) -> None:
    copied("secret password\r\n")
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        window.write("ivan")
        window.keys("Tab")
        window.paste()
        window.keys("Return")
        window.see("Message to general")


def test_a_field_takes_changes_back_and_makes_them_again(window: UiWindow, copied: Copied) -> None:
    copied("🎉 a name that somebody copied")
    new_room(window)
    window.write("My room ")
    window.keys("ctrl+v")
    window.see("My room [party popper] a name that somebody copied", "TEntry")
    window.keys("ctrl+a", "BackSpace")
    window.probe.wait_gone("My room", "TEntry")
    window.keys("ctrl+z")
    window.see("My room [party popper] a name that somebody copied", "TEntry")
    window.keys("ctrl+z")
    window.probe.wait_gone("somebody copied", "TEntry")
    window.see("My room ", "TEntry")
    window.keys("ctrl+shift+z")
    window.see("My room [party popper] a name that somebody copied", "TEntry")
