"""Invalid invite links and codes in the real window: one error line beside the field, the input stays, and a valid
link connects afterwards."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.i18n import set_language
from lanchat.i18n.input_rules import address_rule
from lanchat.protocol.errors import ProtocolError
from tests.support.ports import free_port
from tests.support.procs import ServerProcess, plain_environment
from tests.support.ui_window import UiWindow
from tests.support.waiting import wait_until
from tests.support.xvfb import clipboard
from tests.ui.test_ui_real_server import PASSWORD, make_profile, open_window

pytestmark = pytest.mark.display


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "server.toml"
    config.write_text('registration = "invite"\n')
    with ServerProcess(folder / "data", name="Office", extra=["--config", str(config)]) as server:
        server.add_account("first")
        yield server


def paste(window: UiWindow, text: str) -> None:
    """Into the field for addresses, in place of what is there, and Return."""
    entry = window.probe.seen("TEntry")[0]
    window.click_at(entry)
    window.keys("ctrl+a")
    with clipboard(window.display, text):
        window.keys("ctrl+v")
        wait_until(lambda: window.probe.seen("TEntry")[0].text != entry.text, 8, "the text is in the field")
    window.keys("Return")


def expect_error_at_field(window: UiWindow, text: str, timeout: float = 8.0) -> None:
    """`text` is shown directly below the field, once, and the field has the keyboard."""

    def is_shown() -> bool:
        """All of it at once: an error of before may have the same text, and goes while it is looked at."""
        errors = [seen for seen in window.probe.seen("TLabel") if text in seen.text]
        (entry,) = window.probe.seen("TEntry")
        if len(errors) != 1 or "\n" in errors[0].text or window.probe.focus != entry.path:
            return False
        return 0 <= errors[0].y - (entry.y + entry.height) < 12

    wait_until(is_shown, timeout, f"{text!r} is shown below the field")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ru", "dark")])
def test_each_invalid_link_has_its_error_and_a_valid_one_connects(
    display: str, server: ServerProcess, tmp_path: Path, language: str, theme: str
) -> None:
    link = server.invite
    digits = link.partition("#")[2]
    odd = {
        link[:-5]: "invite link cut short",
        f"Join us: {link[:30]} bye": "invite link cut short",
        f"{link}c0ffee": "not an invite link",
        f"{link} {link[:-1]}{'0' if digits[-1] != '0' else '1'}": "several invite links",
        f"lanchat9://127.0.0.1:{server.port}/#{digits}": "invite link of another version",
        f"lanchat://127.0.0.1:{server.port}/?x={'y' * 3000}#{digits}": "invite link too long",
        "lanchat://[fe80::1%25no/where]:1/#" + digits: "not an invite link",
        "my server": "not an address",
    }
    try:
        set_language(language)
        expected = {text: address_rule(ProtocolError(reason)) for text, reason in odd.items()}
    finally:
        set_language("en")
    with open_window(display, tmp_path / "anna", language=language, theme=theme) as window:
        for text, words in expected.items():
            paste(window, text)
            expect_error_at_field(window, words)
        paste(window, f"\u2066\u00ab{link.replace('lanchat', 'LANCHAT')}\u00bb\u2069 \u2014 Bob")
        window.see("Войти" if language == "ru" else "Log in", "TButton", timeout=20)


def test_unreachable_link_is_reported_in_time_and_kept(display: str, server: ServerProcess, tmp_path: Path) -> None:
    digits = server.invite.partition("#")[2]
    nobody = free_port()
    with open_window(display, tmp_path / "anna") as window:
        begun = time.monotonic()
        paste(window, f"lanchat://127.0.0.1:{nobody}/#{digits}")
        expect_error_at_field(window, "which is always this computer itself", timeout=20)
        paste(window, f"lanchat://[fe80::1%25nowhere0]:{nobody}/#{digits}")
        expect_error_at_field(window, "No server answers at [fe80::1%nowhere0]", timeout=20)
        assert window.probe.seen("TEntry")[0].text.startswith("lanchat://[fe80::1%25nowhere0]")
        paste(window, f"lanchat://127.0.0.1:{server.port}/#{'00' * 32}")
        expect_error_at_field(window, "is not the one that was asked for", timeout=20)
        assert time.monotonic() - begun < 60
        paste(window, server.invite)
        window.see("Create an account", timeout=20)


def server_command(server: ServerProcess, *args: str) -> str:
    """What a command on the server's computer prints."""
    argv = [sys.executable, "-m", "lanchat_server", *args, "--data-dir", str(server.data_dir)]
    environment = plain_environment(server.data_dir, {"LANCHAT_PASSWORD": PASSWORD})
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def test_invalid_registration_code_error_is_beside_its_field(
    display: str, server: ServerProcess, tmp_path: Path
) -> None:
    server.add_account("anna", PASSWORD)
    good = server_command(server, "users", "invite-code")
    with open_window(display, tmp_path / "bob", "--invite", server.invite) as window:
        window.click("Create an account", "TButton", timeout=20)
        window.see("Create the account", "TButton")
        for word in ("bob", "Bob", PASSWORD, PASSWORD, ""):
            window.write(word)
            window.keys("Tab")
        window.write("no such code")
        window.keys("Return")
        window.see("The invite code is wrong, used up or expired", timeout=15)
        label = window.see("The invite code is wrong, used up or expired")
        focused = next(seen for seen in window.probe.seen("TEntry") if seen.path == window.probe.focus)
        assert focused.text == "no such code"
        assert 0 <= label.y - (focused.y + focused.height) < 12
        assert [seen.text for seen in window.probe.seen("TEntry")][:2] == ["bob", "Bob"]
        window.keys("ctrl+a")
        window.write(good)
        window.keys("Return")
        window.see("Message to general", timeout=20)


def test_link_of_another_server_at_start_keeps_the_account(display: str, tmp_path: Path, server: ServerProcess) -> None:
    with ServerProcess(tmp_path / "home", name="Home") as home:
        folder = make_profile(home, tmp_path / "carl", "carl", "Carl")
        cut = home.invite.replace(str(home.port), str(free_port()))
        with open_window(display, folder, "--invite", cut) as window:
            expect_error_at_field(window, "No server answers at", timeout=30)
            assert window.probe.seen("TEntry")[0].text == cut
            paste(window, server.invite)
            window.see("Log in", "TButton", timeout=20)
            window.quit()
        with open_window(display, folder, "--invite", home.invite) as window:
            window.see("Everything is up to date", timeout=20)
