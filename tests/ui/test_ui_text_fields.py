"""Text of input fields is sent unchanged: typed, pasted, inserted from the primary selection, or present before."""

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
SetClipboard = Callable[[str], None]


@pytest.fixture
def set_clipboard(display: str) -> Iterator[SetClipboard]:
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


def open_account_menu(window: UiWindow) -> None:
    """Open the account's menu."""
    window.click_at(next(seen for seen in window.probe.seen("TButton") if seen.y > 600 and seen.x < 300))


def open_new_room_dialog(window: UiWindow) -> None:
    window.keys("ctrl+n")
    window.see("Make the room", "TButton")


def test_pasted_room_name_is_sent_unchanged(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard(f"\u2066{PARTY}\u2069\r\n")
    open_new_room_dialog(window)
    window.keys("ctrl+v")
    window.see("Party [party popper] [cjk unified ideograph-20bb7]", "TEntry")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == PARTY


def test_room_name_from_the_primary_selection_is_sent(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard(PARTY)
    open_new_room_dialog(window)
    entry = next(seen for seen in window.probe.seen("TEntry") if seen.path == window.probe.focus)
    window.click_at(entry, button=2)
    window.see("[party popper]", "TEntry")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == PARTY


@pytest.mark.parametrize("placeholder", ["Message to", "Find a room or person"])
def test_click_on_a_placeholder_pastes_the_primary_selection(
    window: UiWindow, set_clipboard: SetClipboard, placeholder: str
) -> None:
    set_clipboard("from elsewhere")
    window.click(placeholder, "Label", button=2)
    window.see("from elsewhere")


def test_backspace_removes_an_emoji_as_one_character(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard(PARTY)
    open_new_room_dialog(window)
    window.keys("ctrl+v")
    window.see("[party popper]", "TEntry")
    window.keys("BackSpace", "BackSpace", "BackSpace")
    window.write("ok")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == "Party ok"


def test_typed_letters_are_sent_unchanged(window: UiWindow) -> None:
    open_new_room_dialog(window)
    window.write("Küche кухня")
    window.keys("Return")
    assert window.wait_command("CreateRoom")["name"] == "Küche кухня"


def test_unchanged_fields_are_not_sent(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", emoji=True) as window:
        window.see("Everything is up to date")
        open_account_menu(window)
        window.choose("Name and e-mail…")
        window.see("ivan@example.org", "TEntry")
        window.keys("Tab", "ctrl+a")
        window.write("new@example.org")
        window.keys("Return")
        command = window.wait_command("SetProfile")
        assert (command["display_name"], command["email"]) == ("None", "new@example.org")


def test_existing_display_name_keeps_its_emoji(display: str, tmp_path: Path, set_clipboard: SetClipboard) -> None:
    set_clipboard(" 🎉")
    with fake_window(display, tmp_path / "profile", emoji=True) as window:
        window.see("Everything is up to date")
        open_account_menu(window)
        window.choose("Name and e-mail…")
        window.see("ivan@example.org", "TEntry")
        window.keys("End")
        window.paste()
        window.keys("Return")
        command = window.wait_command("SetProfile")
        assert command["display_name"].endswith(" 🎉")
        assert "[" not in command["display_name"]
        assert command["email"] == "None"


def test_pasted_invisible_characters_are_removed(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard("\u202d1,234.50\u202c\x0b\ufeffsecond\u200b line\u2028third")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Send")["text"] == "1,234.50\nsecond line\nthird"


def test_supplementary_letters_in_the_font_are_shown(window: UiWindow, set_clipboard: SetClipboard) -> None:
    """DejaVu Sans has double-struck letters."""
    set_clipboard("𝔸 is a letter")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Send")["text"] == "𝔸 is a letter"
    assert "𝔸" in window.see("is a letter", "item").text


def test_search_words_are_normalized(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard("\u2066hello\u2069 🎉")
    window.keys("ctrl+f")
    window.paste()
    window.keys("Return")
    assert window.wait_command("Search")["words"] == "hello 🎉"


def test_login_sends_the_normalized_user_name(display: str, tmp_path: Path, set_clipboard: SetClipboard) -> None:
    set_clipboard("ivan\u200b\u202c\n")
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        window.paste()
        window.keys("Tab")
        window.write("secret password")
        window.keys("Return")
        assert window.wait_command("Login")["user"] == "ivan"


def test_pasted_password_loses_its_line_break(display: str, tmp_path: Path, set_clipboard: SetClipboard) -> None:
    set_clipboard("secret password\r\n")
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        window.write("ivan")
        window.keys("Tab")
        window.paste()
        window.keys("Return")
        window.see("Message to general")


def test_fields_undo_and_redo_changes(window: UiWindow, set_clipboard: SetClipboard) -> None:
    set_clipboard("🎉 a name that somebody copied")
    open_new_room_dialog(window)
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


# Fields that search or filter: the mouse's selection counts as what is typed


def middle_click(window: UiWindow, set_clipboard: SetClipboard, text: str) -> None:
    """Somebody clicks with the middle button into the field that has the keyboard."""
    set_clipboard(text)
    entry = next(seen for seen in window.probe.seen("TEntry") if seen.path == window.probe.focus)
    window.click_at(entry, button=2)
    window.see(text, "TEntry")


def test_search_starts_on_primary_selection(window: UiWindow, set_clipboard: SetClipboard) -> None:
    window.keys("ctrl+f")
    window.see("Search in messages")
    middle_click(window, set_clipboard, "segment")
    assert window.wait_command("Search")["words"] == "segment"


def test_primary_selection_filters_sidebar(window: UiWindow, set_clipboard: SetClipboard) -> None:
    window.keys("ctrl+k")
    middle_click(window, set_clipboard, "ops")
    window.probe.wait_gone("random", "item")
    window.see("ops", "item")


def test_primary_selection_filters_rooms_to_join(window: UiWindow, set_clipboard: SetClipboard) -> None:
    window.click("ops", "item")
    window.see("Message to ops")
    menu = max((seen for seen in window.probe.seen("TButton") if seen.y < 60 and seen.x < 760), key=lambda seen: seen.x)
    window.click_at(menu)
    window.choose("Leave the room…")
    window.click("Leave", "TButton")
    window.wait_command("LeaveRoom")
    window.see("Message to general")
    window.keys("ctrl+j")
    window.see("Join a room", "TLabel")
    middle_click(window, set_clipboard, "nowhere")
    window.see("There is no other public room", "item")


def test_primary_selection_filters_people_to_invite(window: UiWindow, set_clipboard: SetClipboard) -> None:
    open_new_room_dialog(window)
    window.send("lunch")
    window.see("Message to lunch")
    menu = max((seen for seen in window.probe.seen("TButton") if seen.y < 60 and seen.x < 760), key=lambda seen: seen.x)
    window.click_at(menu)
    window.choose("Members and invitations…")
    window.see("Invite somebody")
    middle_click(window, set_clipboard, "bob")
    window.see("Can be invited", "item")
