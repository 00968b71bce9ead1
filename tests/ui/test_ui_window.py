"""The window with a fake engine, driven by keys and clicks through a real X display."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import xvfb
from tests.support.ui_probe import Seen
from tests.support.ui_window import UiWindow, fake_window
from tests.support.waiting import wait_until

pytestmark = pytest.mark.display


def settings_button(window: UiWindow) -> Seen:
    """The settings button; a theme change rebuilds it."""

    def look() -> list[Seen]:
        return [seen for seen in window.probe.seen("TButton") if seen.y > 600 and seen.x < 300]

    return wait_until(look, 5, "the button of the settings")[0]


@pytest.fixture
def window(display: str, tmp_path: Path) -> Iterator[UiWindow]:
    """A remembered profile, live."""
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        yield window


def shown_texts(window: UiWindow) -> set[str]:
    """Whole rows of the conversation: an order to the fake stands there, too."""
    return {seen.text for seen in window.probe.seen("item")}


def composer_text(window: UiWindow) -> str:
    """The composer's text; empty while the widgets are rebuilt."""
    return next((seen.text for seen in window.probe.seen("Text")), "")


# The main page


def test_remembered_profile_sends_and_receives(window: UiWindow) -> None:
    window.send("Hello, Anna! — Привет")
    window.see("Hello, Anna! — Привет", "item")
    assert composer_text(window) == ""
    assert window.wait_command("Send")["text"] == "Hello, Anna! — Привет"
    window.send("!say bob Good morning")
    window.see("Good morning", "item")


def test_composer_grows_with_lines_and_shrinks_after_sending(window: UiWindow) -> None:
    small = next(seen for seen in window.probe.seen("Text")).height
    window.write("first")
    window.keys("shift+Return")
    window.write("second")
    wait_until(lambda: next(iter(window.probe.seen("Text"))).height > small, 5, "the field grows")
    window.keys("Return")
    assert window.wait_command("Send")["text"] == "first\nsecond"
    wait_until(lambda: next(iter(window.probe.seen("Text"))).height == small, 5, "the field shrinks")


def test_too_long_text_is_refused_and_kept(window: UiWindow, display: str) -> None:

    xvfb.xdotool(display, "type", "--delay", "0", "x" * 60)
    for _ in range(7):  # doubled: 60 · 2^7 = 7,680
        window.keys("ctrl+a", "ctrl+c", "End", "ctrl+v")
        window.keys("ctrl+End")
    window.see("Too long: 7680 of 4000")
    window.keys("Return")
    assert len(composer_text(window)) == 7680
    assert window.commands("Send") == []


def test_up_edits_and_escape_cancels(window: UiWindow) -> None:
    window.send("A mistaek")
    window.see("A mistaek", "item")
    window.keys("Up")
    window.see("Edit your message")
    window.keys("Escape")
    window.probe.wait_gone("Edit your message")
    assert composer_text(window) == ""
    window.keys("Up")
    window.see("Edit your message")
    window.keys("BackSpace", "BackSpace", "BackSpace")
    window.send("ake")
    window.see("A mistake", "item")
    window.see("edited", "item")


def test_message_menu_replies_reacts_and_deletes(window: UiWindow) -> None:
    window.send("!say bob What about lunch?")
    window.click("What about lunch?", "item", button=3)
    window.choose("Reply")
    window.see("Reply to Bob Lee")
    window.send("At noon")
    assert window.wait_command("Send", 2)["reply_to"] != "0"
    window.click("What about lunch?", "item", button=3)
    window.choose("React", "Thumbs up")
    assert window.wait_command("React")["emoji"] == "👍"
    window.click("At noon", "item", button=3)
    window.choose("Delete…")
    window.click("Delete", "TButton")
    window.see("This message was deleted", "item")


def test_file_is_shown_and_its_menu_saves_it(window: UiWindow, display: str) -> None:
    window.send("!file bob plan.pdf")
    window.see("plan.pdf, 3.0 MiB", "item")
    window.click("plan.pdf, 3.0 MiB", "item", button=3)
    window.choose("Save plan.pdf as…")
    xvfb.xdotool(display, "search", "--sync", "--onlyvisible", "--name", "Save the file as", "windowfocus", "--sync")
    xvfb.xdotool(display, "key", "Return")
    saved = window.wait_command("FetchFile")
    assert (saved["index"], saved["out"].endswith("plan.pdf")) == ("0", True)
    window.see("Saved as")


def test_receipts_dialog_lists_members(window: UiWindow) -> None:
    window.send("Who has this?")
    window.click("Who has this?", "item", button=3)
    window.choose("Who has received and read it…")
    window.see("Read — 2", "item")
    window.see("Not received yet — 2", "item")
    window.keys("Escape")
    window.probe.wait_gone("Not received yet", "item")
    window.send("and I type on at once")
    window.see("and I type on at once", "item")


def test_message_menu_by_keyboard(window: UiWindow) -> None:
    window.send("Walk to me")
    window.see("Walk to me", "item")
    window.keys("ctrl+Up", "Return")
    window.see("Reply", "entry")
    window.keys("Down", "Return")
    window.see("Reply to Иван Петров")


def test_rooms_open_by_click_and_quick_switch(window: UiWindow) -> None:
    window.write("half a thought")
    window.click("ops", "item")
    wait_until(lambda: window.probe.title.startswith("(1) ops"), 5, "ops is open")
    assert composer_text(window) == ""
    window.keys("ctrl+k")
    window.write("gen")
    window.keys("Return")
    wait_until(lambda: "general" in window.probe.title, 5, "general is open")
    assert composer_text(window) == "half a thought"
    window.write(", whole")
    window.keys("Return")
    window.see("half a thought, whole", "item")


@pytest.fixture
def russian_keyboard() -> Iterator[str]:
    """A display of its own whose keyboard has Russian letters only."""
    with xvfb.Screen() as screen:
        xvfb.use_layout(screen.display, "pc+ru")
        yield screen.display


def test_shortcuts_work_on_a_russian_keyboard(russian_keyboard: str, tmp_path: Path) -> None:
    with fake_window(russian_keyboard, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.keys("ctrl+Cyrillic_el")
        window.write("разр")
        window.keys("Return")
        wait_until(lambda: "разработка" in window.probe.title, 5, "the room is open")
        window.write("копия")
        window.keys("ctrl+Cyrillic_ef", "ctrl+Cyrillic_es", "End", "ctrl+Cyrillic_em")
        wait_until(lambda: composer_text(window) == "копиякопия", 5, "copied and pasted")


def test_new_room_dialog_validates_the_name(window: UiWindow) -> None:
    window.keys("ctrl+n")
    window.see("Make the room")
    window.write("#bad")
    window.keys("Return")
    window.see("does not begin with #")
    window.keys("ctrl+a", "BackSpace")
    window.write("lunch")
    window.keys("Return")
    wait_until(lambda: "lunch" in window.probe.title, 5, "the room is open")
    window.see("No messages here yet")
    window.send("!say bob hi")
    window.keys("ctrl+j")
    window.see("There is no other public room", "item")
    window.keys("Escape")


def test_double_click_on_a_user_opens_a_direct_conversation(window: UiWindow) -> None:
    window.double_click("Chen Wei", "item")
    wait_until(lambda: "Chen Wei" in window.probe.title, 5, "the conversation is open")
    window.send("just you and me")
    window.see("just you and me", "item")


def test_search_hit_opens_its_message(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", lines=2000) as window:
        window.see("Everything is up to date")
        window.send("A needle in the hay")
        window.send("!say bob more hay")
        for _ in range(3):
            window.keys("Prior")
        window.keys("ctrl+f")
        window.see("Search in messages")
        window.write("needle")
        window.wait_command("Search")
        window.see("needle", "item")
        window.click("A needle in", "item")
        window.see("A needle in the hay", "item")
        window.see("1 of 1", "TLabel")
        window.keys("Escape")


def test_keys_go_from_hit_to_hit_and_other_rooms_are_offered(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", lines=30) as window:
        window.see("Everything is up to date")
        window.send("first pin")
        window.click("random", "item")
        window.see("Message to random", "Label")
        window.send("second pin")
        window.see("second pin", "item")
        window.keys("ctrl+f")
        window.see("Search in messages")
        window.write("pin from:ivan")
        window.see("In other rooms", "item")
        window.see("2 hits", "TLabel")
        window.keys("F3")
        window.see("1 of 2", "TLabel")
        window.keys("F3")
        window.see("2 of 2", "TLabel")
        window.see("general — LAN Chat")
        window.keys("shift+F3")
        window.see("random — LAN Chat")


def test_show_more_requests_the_next_hits(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", lines=1000) as window:
        window.see("Everything is up to date")
        window.keys("ctrl+f")
        window.see("Search in messages")
        window.write("Repair")
        window.click("Show more")
        more = window.wait_command("Search", 2)
        assert (int(more["before"]) > 0, more["words"]) == (True, "Repair")


def test_scrolling_up_loads_history_and_sending_returns_to_the_end(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", lines=600) as window:
        window.see("Everything is up to date")
        loads = len(window.commands("LoadLines"))
        pane = max((seen for seen in window.probe.seen("Canvas")), key=lambda seen: seen.width * seen.height)
        for _ in range(40):
            window.wheel(pane, -20)
            if window.probe.find("This is where the conversation begins", "item"):
                break
        window.see("This is where the conversation begins", "item")
        assert len(window.commands("LoadLines")) >= loads + 4
        window.send("back to the present")
        window.see("back to the present", "item")


def test_visible_messages_are_marked_as_read(window: UiWindow) -> None:
    marked = len(window.commands("MarkRead"))
    window.send("!say bob look here")
    window.see("look here", "item")
    window.wait_command("MarkRead", marked + 1)
    window.click("ops", "item")
    seen = len(window.commands("MarkRead"))
    window.send("!say bob in ops")
    window.see("in ops", "item")
    window.wait_command("MarkRead", seen + 1)


def test_focus_before_the_room_is_drawn_marks_nothing_as_read(window: UiWindow) -> None:
    """The number of the last message of the room before would be marked as read in the chosen one."""
    for name in ("ops", "general", "ops", "general"):
        window.keys("ctrl+k")
        window.write(name)
        window.keys("Return")
        window.see(f"Message to {name}")
    assert window.commands("MarkRead") == []


def test_messages_without_the_server_are_marked_until_stored_or_refused(window: UiWindow) -> None:
    window.send("!state away")
    window.see("2 colleagues can be reached directly")
    for text in ("one of them", "two of them"):
        window.send(f"!carry bob {text}")
        wait_until(lambda text=text: text in shown_texts(window), 10, f"{text} is shown")
    window.see("Not stored yet", "item")
    window.send("!withdraw")
    wait_until(lambda: "two of them" not in shown_texts(window), 10, "it is taken back")
    window.send("!state live")
    window.send("!handin")
    window.probe.wait_gone("Not stored yet", "item")
    assert "one of them" in shown_texts(window)


def test_waiting_message_shows_the_reason_until_stored(window: UiWindow) -> None:
    window.send("!full")
    window.send("Keep this for me")
    window.see("The disk is full", "item")
    window.see("Not stored yet: kept on this computer", "item")
    window.send("!release")
    window.probe.wait_gone("The disk is full", "item")
    window.see("Keep this for me", "item")


def test_unstored_and_refused_messages_are_marked(window: UiWindow) -> None:
    window.send("!hold")
    window.send("Nobody has this yet")
    window.see("Not stored yet: kept on this computer", "item")
    window.send("!state away")
    window.see("cannot be reached")
    window.send("!release")
    window.probe.wait_gone("Not stored yet", "item")
    window.send("!state live")
    window.send("!refuse")
    window.send("Not for you")
    window.see("Not sent: you are no longer a member of this room", "item")
    window.click("Not for you", "item", button=3)
    window.choose("Put into the message field again")
    wait_until(lambda: composer_text(window) == "Not for you", 5, "the text is back")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("connecting", "Connecting to Office"),
        ("authenticating", "logging in"),
        ("syncing", "Fetching what you missed"),
        ("live", "Everything is up to date"),
        ("lagging", "The network is slow"),
        ("away", "cannot be reached"),
        ("resyncing", "older state"),
        ("forked", "not the one that is stored"),
    ],
)
def test_every_connection_state_has_its_text(window: UiWindow, state: str, words: str) -> None:
    window.send(f"!state {state}")
    window.see(words)


def test_revoked_device_shows_the_login_page(window: UiWindow) -> None:
    window.send("!revoke")
    window.see("This computer's access was revoked")
    window.see("Log in", "TButton")


def test_account_dialogs_open_and_close(window: UiWindow) -> None:

    for entry, words in (
        ("Name and e-mail…", "nobody else sees it"),
        ("Change password…", "Present password"),
        ("Devices…", "PC in the office"),
        ("About the server…", "crown"),
        ("Keyboard shortcuts", "send the message"),
        ("Log out…", "will need the password"),
    ):
        window.click_at(settings_button(window))
        window.choose(entry)
        window.see(words)
        window.keys("Escape")
        window.probe.wait_gone(words)
    window.send("still here")
    window.see("still here", "item")


def test_wrong_present_password_is_reported(window: UiWindow) -> None:

    window.click_at(settings_button(window))
    window.choose("Change password…")
    window.see("Present password")
    for word in ("wrong one", "new password", "new password"):
        window.write(word)
        window.keys("Tab")
    window.keys("Return")
    window.see("The present password is wrong")


def test_language_and_theme_switch_at_run_time(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.write("a draft")
        window.click_at(settings_button(window))
        window.choose("Dark theme")
        wait_until(lambda: composer_text(window) == "a draft", 5, "the draft is still there")
        window.click_at(settings_button(window))
        window.choose("Русский")
        wait_until(lambda: 'language = "ru"' in (tmp_path / "profile" / "settings.toml").read_text(), 5, "saved")
        assert 'theme = "dark"' in (tmp_path / "profile" / "settings.toml").read_text()
        wait_until(lambda: composer_text(window) == "a draft" and window.probe.find("Комната"), 8, "in Russian")
        window.keys("ctrl+a")
        window.send("!say bob после всего")
        window.see("после всего", "item")


def test_text_size_shortcuts(window: UiWindow) -> None:
    def height() -> int:
        return next(iter(window.probe.seen("Text"))).height

    small = height()
    window.keys("ctrl+plus", "ctrl+plus", "ctrl+plus")
    wait_until(lambda: height() > small, 5, "the text is larger")
    for _ in range(10):
        # Again when it came while the widgets were made anew.
        window.keys("ctrl+0")
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: height() == small, 1, "the text is as usual")
            break
    else:
        pytest.fail("the text stays large")
    window.send("and I type on")
    window.see("and I type on", "item")


def test_members_dialog_invites_and_removes(window: UiWindow) -> None:
    window.keys("ctrl+n")
    window.see("Make the room")
    window.send("lunch")
    wait_until(lambda: "lunch" in window.probe.title, 5, "the room is open")
    wait_until(lambda: window.probe.find("Message to lunch"), 5, "its composer is there")
    menu = max((seen for seen in window.probe.seen("TButton") if seen.y < 60 and seen.x < 760), key=lambda seen: seen.x)
    window.click_at(menu)
    window.choose("Members and invitations…")
    window.see("Invite somebody")
    window.send("bob")
    assert window.wait_command("InviteUser")["user"] == "bob"
    window.see("Members — 1", "item")
    listed = [seen for seen in window.probe.seen("item") if seen.text == "Bob Lee" and "toplevel" in seen.path]
    window.click_at(listed[0], button=3)
    window.choose("Remove from this room…")
    window.click("Remove", "TButton")
    assert window.wait_command("RemoveUser")["user"] == "bob"
    window.send("and I type on")
    window.see("and I type on", "item")


def test_double_click_on_a_member_opens_a_direct_conversation(window: UiWindow) -> None:
    menu = max((seen for seen in window.probe.seen("TButton") if seen.y < 60 and seen.x < 760), key=lambda seen: seen.x)
    window.click_at(menu)
    window.choose("Members and invitations…")
    window.see("Members — 6", "item")
    listed = [seen for seen in window.probe.seen("item") if seen.text == "Bob Lee" and "toplevel" in seen.path]
    window.click_at(listed[0], count=2)
    wait_until(lambda: "Bob Lee" in window.probe.title, 5, "the conversation is open")
    assert window.wait_command("FindRoom")["name"] == "@bob"
    assert not window.commands("RemoveUser")
    window.send("and I type on")
    window.see("and I type on", "item")


def test_restart_restores_room_and_draft(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile") as window:
        window.see("Everything is up to date")
        window.click("разработка", "item")
        window.write("to be continued")
        window.quit()
        window.check()
    with fake_window(display, tmp_path / "profile") as window:
        wait_until(lambda: "разработка" in window.probe.title, 8, "the last room is open")
        assert composer_text(window) == "to be continued"
        window.send(" now")
        window.see("to be continued now", "item")


def test_opens_while_the_server_is_unreachable(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", away_at_start=True) as window:
        window.see("cannot be reached")
        window.see("general", "item")
        window.send("written without a server")
        window.see("written without a server", "item")


# Finding a server, logging in


def test_first_start_leads_to_the_first_message(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.see("Is this the right server?")
        window.see("crown")
        assert not window.commands("AcceptIdentity")
        window.click("The words are the same: accept", "TButton")
        window.see("Stay logged in")
        window.write("ivan")
        window.keys("Tab")
        window.write("wrong")
        window.keys("Return")
        window.see("User name or password is wrong")
        window.keys("ctrl+a")
        window.write("secret password")
        window.keys("Return")
        window.see("Message to general")
        window.send("here I am")
        window.see("here I am", "item")


def test_changed_key_page_leads_back_by_default(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False, trust="CHANGED") as window:
        window.click("Office", "item")
        window.see("This is not the server that you know")
        window.keys("Return")
        window.see("Choose a server")
        assert not window.commands("AcceptIdentity")
        assert not window.commands("StartAnew")


def test_changed_server_is_started_anew_after_comparison(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False, trust="CHANGED") as window:
        window.click("Office", "item")
        window.see("crown")
        window.click("The words are the same: start anew", "TButton")
        window.see("Stay logged in")
        assert len(window.commands("StartAnew")) == 1


def test_registration_with_an_invite_code(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False, registration="INVITE") as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.click("Create an account", "TButton")
        window.see("Invite code")
        for word in ("new.one", "Новый", "long enough", "long enough", "new@example.org", "code-1"):
            window.write(word)
            window.keys("Tab")
        window.click("Create the account", "TButton")
        window.see("Everything is up to date")
        assert window.wait_command("Register")["invite_code"] == "code-1"


def test_password_recovery_pages(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.click("Office", "item")
        window.click("The words are the same: accept", "TButton")
        window.click("Forgot password?", "TButton")
        window.see("Send me a code")
        window.send("ivan")
        window.see("a code is on its way")
        for word in ("123456", "new password", "new password"):
            window.write(word)
            window.keys("Tab")
        window.click("Set the new password", "TButton")
        window.see("The new password is set")


def test_unreachable_address_is_reported(display: str, tmp_path: Path) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False, servers=0) as window:
        window.see("No server found so far")
        window.write("10.0.0.99")
        window.keys("Return")
        window.see("Nobody answers at 10.0.0.99")


@pytest.mark.parametrize("moment", ["Choose a server", "Is this the right server?", "Stay logged in"])
def test_sigterm_on_login_pages_exits_with_0(display: str, tmp_path: Path, moment: str) -> None:
    with fake_window(display, tmp_path / "profile", remembered=False) as window:
        window.see("Office", "item")
        if moment != "Choose a server":
            window.click("Office", "item")
            window.see("Is this the right server?")
        if moment == "Stay logged in":
            window.click("The words are the same: accept", "TButton")
            window.see("Stay logged in")
        window.child.stop(grace=3)
        assert window.child.returncode == 0
