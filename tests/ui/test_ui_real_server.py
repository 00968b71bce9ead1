"""The window with a real server and network: registration, chat, lost connections, changed keys."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.text.identity import fingerprint_words, parse_invite_untrusted
from tests.support.ports import free_port
from tests.support.procs import ServerProcess, json_lines, plain_environment, run_client
from tests.support.ui_window import UiWindow
from tests.support.waiting import patient, wait_until

pytestmark = pytest.mark.display

PASSWORD = "long enough"
LEFT, RIGHT = "630x700+0+0", "630x700+640+0"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        yield server


def open_window(
    display: str, folder: Path, *args: str, geometry: str = LEFT, probe: Path | None = None, **settings: str
) -> UiWindow:
    """A window on the profile in `folder`; without discovery unless a port is named. `probe`: its socket, else in the
    folder."""
    folder.mkdir(exist_ok=True)
    if not (folder / "settings.toml").exists():
        folder.chmod(0o700)
        chosen = {"language": "en", "theme": "light"} | settings
        (folder / "settings.toml").write_text("".join(f'{key} = "{value}"\n' for key, value in chosen.items()))
    probe = probe or folder / "probe"
    probe.unlink(missing_ok=True)
    port = () if "--discovery-port" in args else ("--discovery-port", str(free_port()))
    argv = [sys.executable, "-m", "tests.support.real_window", "--profile", str(folder), "--probe", str(probe)]
    return UiWindow(display, [*argv, "--geometry", geometry, *port, *args], probe, plain_environment(folder))


def make_profile(server: ServerProcess, folder: Path, user: str, name: str) -> Path:
    """An account whose profile is logged in, made by the command line."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    args = ["register", "--user", user, "--display-name", name, "--invite", server.invite]
    done = run_client(args, folder, env={"LANCHAT_PASSWORD": PASSWORD})
    assert done.returncode == 0, done.stderr
    return folder


def register(window: UiWindow, user: str, name: str) -> None:
    """Fills in the form, in English. A server without accounts shows it at once, and afterwards what to show others."""
    first = wait_until(
        lambda: window.probe.find("Set up this server") or window.probe.find("Create an account", "TButton"),
        patient(15),
        "the form or the way to it",
    )
    is_first = first.text == "Set up this server"
    if not is_first:
        window.click("Create an account", "TButton")
    submit = "Create the administrator" if is_first else "Create the account"
    window.see(submit, "TButton")
    for word in (user, name, PASSWORD, PASSWORD):
        window.write(word)
        window.keys("Tab")
    window.click(submit, "TButton")
    if is_first:
        window.see("Invite link", timeout=15)
        window.keys("Return")
    window.see("Message to general", timeout=15)


def test_two_users_register_and_chat(display: str, server: ServerProcess, tmp_path: Path) -> None:
    with (
        open_window(display, tmp_path / "anna", "--invite", server.invite) as anna,
        open_window(display, tmp_path / "bob", "--invite", server.invite, geometry=RIGHT) as bob,
    ):
        anna.take_keyboard()
        register(anna, "anna", "Анна Смирнова")
        anna.send("Is anybody here?")
        anna.see("Is anybody here?", "item")
        bob.take_keyboard()
        register(bob, "bob", "Bob Lee")
        bob.see("Is anybody here?", "item")
        bob.see("Анна Смирнова", "item")
        bob.send("Yes, Bob is. — Привет!")
        anna.see("Yes, Bob is. — Привет!", "item")
        assert anna.probe.title.startswith("(1)")  # the keyboard is Bob's: Anna has not seen it
        anna.take_keyboard()
        wait_until(lambda: anna.probe.title.startswith("general"), 8, "Anna has read it")
        anna.keys("ctrl+k")
        anna.write("bob")
        anna.keys("Return")
        wait_until(lambda: anna.probe.title.startswith("Bob Lee"), 8, "the direct conversation is open")
        anna.send("Only you can read this")
        bob.see("Only you can read this", "item", timeout=10)  # the preview in Bob's list
        assert bob.probe.title.startswith("(1)")


@pytest.mark.parametrize(("language", "theme"), [("ru", "dark"), ("en", "light")])
def test_logged_in_profile_sends_before_it_is_live(
    display: str, server: ServerProcess, tmp_path: Path, language: str, theme: str
) -> None:
    folder = make_profile(server, tmp_path / "anna", "anna", "Анна")
    run_client(["create-room", "lunch"], folder)
    with open_window(display, folder, language=language, theme=theme) as window:
        window.see("Подключено к серверу «Office»" if language == "ru" else "Connected to Office", timeout=15)
        window.click("lunch", "item")
        window.send("Кто идёт?")
        window.see("Кто идёт?", "item")
        window.quit()
    with open_window(display, folder) as window:
        wait_until(lambda: window.probe.title.startswith("lunch"), 10, "the last room is open")
        window.send("typed at once")
        window.see("typed at once", "item")
        window.see("Кто идёт?", "item")
    shown = run_client(["history", "lunch", "--json"], folder)
    assert "typed at once" in shown.stdout


def test_queued_messages_survive_server_outage_and_client_restart(
    display: str, server: ServerProcess, tmp_path: Path
) -> None:
    folder = make_profile(server, tmp_path / "anna", "anna", "Anna")
    with open_window(display, folder) as window:
        window.see("Everything is up to date", timeout=15)
        window.send("before")
        window.see("before", "item")
        server.stop()
        window.see("cannot be reached", timeout=30)
        window.send("meanwhile")
        window.see("Not stored yet", "item")
        window.quit()
    with open_window(display, folder) as window:
        window.see("before", "item", timeout=15)
        window.see("meanwhile", "item")
        window.send("at the next start")
        window.see("at the next start", "item")
        with server.restart():
            window.see("Everything is up to date", timeout=40)
            window.probe.wait_gone("Not stored yet", "item")
            before, *kept = (window.see(text, "item").y for text in ("before", "meanwhile", "at the next start"))
            assert before < min(kept)


def test_server_with_another_key_is_refused(display: str, tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "first", name="Office") as first:
        folder = make_profile(first, tmp_path / "anna", "anna", "Anna")
        port = first.port
    with ServerProcess(tmp_path / "second", name="Office", port=port), open_window(display, folder) as window:
        window.see("This is not the server that you know", timeout=20)
        assert window.probe.seen("TEntry") == []


def test_only_server_on_this_computer_is_taken_and_set_up(display: str, tmp_path: Path) -> None:
    port = free_port()
    with (
        ServerProcess(tmp_path / "server", name="Мастерская", discovery_port=port) as server,
        open_window(display, tmp_path / "anna", "--discovery-port", str(port)) as window,
    ):
        window.see("Server: Мастерская", timeout=20)
        for word in ("anna", "Anna", PASSWORD, PASSWORD):
            window.write(word)
            window.keys("Tab")
        window.click("Create the administrator", "TButton")
        window.see("Open the chat", "TButton", timeout=15)
        shown = [seen.text for seen in window.probe.seen("Label")]
        for word in fingerprint_words(server.fingerprint).split():
            assert word in shown
        assert server.fingerprint in "".join(shown).replace(" ", "").replace("\n", "")
        (link,) = (seen.text for seen in window.probe.seen("TEntry"))
        assert parse_invite_untrusted(link).fingerprint == server.fingerprint
        assert not parse_invite_untrusted(link).host.startswith("127.")
        window.keys("Return")
        window.see("Message to general", timeout=15)
        window.send("found it")
        window.see("found it", "item")


def test_edits_reactions_receipts_and_deletion_between_two_windows(
    display: str, server: ServerProcess, tmp_path: Path
) -> None:
    anna_folder = make_profile(server, tmp_path / "anna", "anna", "Anna")
    bob_folder = make_profile(server, tmp_path / "bob", "bob", "Bob")
    with (
        open_window(display, anna_folder) as anna,
        open_window(display, bob_folder, geometry=RIGHT) as bob,
    ):
        for window in (anna, bob):
            window.see("Everything is up to date", timeout=15)
        anna.take_keyboard()
        anna.send("A mistaek")
        bob.see("A mistaek", "item")
        anna.see("A mistaek", "item")
        anna.keys("Up")
        anna.see("Edit your message")
        anna.keys("BackSpace", "BackSpace", "BackSpace")
        anna.send("ake")
        bob.see("A mistake", "item")
        bob.see("edited", "item")
        bob.take_keyboard()
        bob.click("A mistake", "item", button=3)
        bob.choose("React", "Thumbs up")
        wait_until(lambda: anna.probe.find("1", "item"), 8, "the reaction has arrived")
        bob.click("A mistake", "item", button=3)
        bob.choose("Reply")
        bob.send("No problem")
        anna.see("No problem", "item")
        anna.take_keyboard()
        # Bob's answer quotes the text, and may be drawn before it.
        anna.click("edited", "item", button=3)
        anna.choose("Who has received and read it…")
        anna.see("Read — 1", "item")
        anna.keys("Escape")
        anna.click("edited", "item", button=3)
        anna.choose("Delete…")
        anna.click("Delete", "TButton")
        bob.see("This message was deleted", "item")


def test_revoked_device_is_logged_out(display: str, server: ServerProcess, tmp_path: Path) -> None:
    folder = make_profile(server, tmp_path / "anna", "anna", "Anna")
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    args = ["login", "--user", "anna", "--invite", server.invite]
    assert run_client(args, other, env={"LANCHAT_PASSWORD": PASSWORD}).returncode == 0
    with open_window(display, folder) as window:
        window.see("Everything is up to date", timeout=15)
        devices = json_lines(run_client(["devices", "--json"], other).stdout)
        first = min(devices, key=lambda device: str(device["created_at"]))
        revoked = run_client(["devices", "revoke", first["id"]], other, env={"LANCHAT_PASSWORD": PASSWORD})
        assert revoked.returncode == 0, revoked.stderr
        window.see("Log in", "TButton", timeout=15)
        window.write(PASSWORD)
        window.keys("Return")
        window.see("Everything is up to date", timeout=15)
        window.see("Message to general")
        window.send("back again")
        window.see("back again", "item")
