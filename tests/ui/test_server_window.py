"""The server's window on a real screen, with the real service: contents, buttons, exit codes."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lanchat.protocol import wire
from lanchat.protocol.text.identity import fingerprint_words, parse_invite_untrusted
from lanchat.ui.kit.theme import DARK, LIGHT
from tests.support.child import Child
from tests.support.ports import free_port
from tests.support.raw import RawClient
from tests.support.waiting import patient, wait_until
from tests.support.xvfb import (
    KeyCodes,
    Screen,
    focus,
    key,
    screen_environment,
    screenshot,
    type_text,
    use_layout,
    wait_for_window,
)
from tests.support.xvfb import clipboard as owned_clipboard

pytestmark = pytest.mark.display

PROGRAM = [sys.executable, "-m", "tests.ui.server_window_program"]
# Place in the Tab order of a window without an invitation: theme, stop, about, filter.
FILTER_FIELD = 4
ROOT = Path(__file__).parents[2]
Report = dict[str, Any]


class Window:
    """One running window and the reports that it prints."""

    def __init__(
        self, display: str, port: int, data: Path, *more: str, settings: Report | None = None, **env: str
    ) -> None:
        self.display = display
        options = {
            "name": "Office",
            "host": "127.0.0.1",
            "port": port,
            "data_dir": str(data),
            "discovery": False,
            **(settings or {}),
        }
        environment = screen_environment(display, {"LANCHAT_LANGUAGE": "en", **env})
        self.child = Child([*PROGRAM, json.dumps(options), *more], env=environment, cwd=ROOT)

    def wait(self, accept: Callable[[Report], object], what: str, timeout: float = 20) -> Report:
        """Until the newest report is accepted."""

        def newest() -> Report | None:
            assert self.child.returncode is None, "\n".join(self.child.stderr)
            report = json.loads(self.child.stdout[-1]) if self.child.stdout else {}
            return report if report and accept(report) else None

        return wait_until(newest, timeout, what)  # type: ignore[return-value]

    def wait_for_button(self, text: str, timeout: float = 20) -> Report:
        return self.wait(lambda facts: facts["buttons"].get(text) == "normal", f"the button {text!r}", timeout)

    def press(self, place: int) -> None:
        """Press the button at this place of the Tab order, 1 being the first."""
        focus(self.display, wait_for_window(self.display, "Office"))
        key(self.display, *["Tab"] * place, "space")

    def exit_code(self) -> int:
        wait_until(lambda: self.child.returncode is not None, 20, "the program ends")
        assert self.child.returncode is not None
        return self.child.returncode


Open = Callable[..., Window]


@pytest.fixture
def open_window(display: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[Window] = []

    def start(*more: str, port: int | None = None, settings: Report | None = None, **env: str) -> Window:
        opened.append(Window(display, port or free_port(), tmp_path / "data", *more, settings=settings, **env))
        return opened[-1]

    yield start
    for window in opened:
        window.child.kill()


def register_guest(invite: str, user: str) -> RawClient:
    """A client that registers by an invite link and stays connected."""
    client = RawClient(parse_invite_untrusted(invite).port)
    assert isinstance(client.register(user), wire.LoggedIn)
    return client


def clipboard(display: str) -> str:
    """What another program would paste."""
    script = "import tkinter; root = tkinter.Tk(); root.withdraw(); print(root.clipboard_get())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=screen_environment(display),
        capture_output=True,
        text=True,
        timeout=patient(20),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def has_colour(display: str, folder: Path, colour: str, least: int) -> bool:
    """Whether the screen has that many pixels of this colour."""
    with Image.open(screenshot(display, folder / "screen.png")) as picture:
        counted = picture.convert("RGB").getcolors(1 << 24) or []
        return {pixel: count for count, pixel in counted}.get(tuple(bytes.fromhex(colour[1:])), 0) >= least


def is_running(facts: Report) -> object:
    """The server runs and its invite link is shown."""
    return any(facts["entries"]) and any(label.startswith("Running") for label in facts["labels"])


def test_shows_invite_link_fingerprint_and_online_users(open_window: Open, display: str, tmp_path: Path) -> None:
    window = open_window()
    facts = window.wait(is_running, "the server runs")
    assert facts["title"] == "Office – LAN Chat server"
    invite = facts["entries"][0]
    window.wait(lambda facts: any("set-up code" in label for label in facts["labels"]), "the set-up code is shown")
    window.press(5)
    window.wait_for_button("Copied")
    assert clipboard(display) == invite

    with register_guest(invite, "Аня") as anna:
        # The window shows the server's true fingerprint.
        fingerprint = anna.fingerprint.hex()
        assert parse_invite_untrusted(invite).fingerprint == fingerprint
        assert fingerprint_words(fingerprint) in facts["labels"]
        assert any(label.replace(" ", "") == fingerprint for label in facts["labels"])
        assert f"127.0.0.1:{anna.port}" in facts["labels"]
        there = window.wait(lambda now: now["people"] == ["Аня"], "Аня is in the list")
        assert "Online now: 1" in there["labels"]
        assert any(label.startswith("1 room · ") for label in there["labels"])
    window.wait(lambda now: now["people"] == [], "the list is empty again")
    wait_until(lambda: has_colour(display, tmp_path, LIGHT.online, 30), 10, "a green sign", interval=0.2)


def test_pages_of_the_administrator_show_sessions_and_people(open_window: Open, display: str) -> None:
    window = open_window()
    invite = window.wait(is_running, "the server runs")["entries"][0]
    with register_guest(invite, "anna"):
        focus(display, wait_for_window(display, "Office"))
        key(display, "shift+Tab", "space")  # the last page's name is the last control
        facts = window.wait(lambda now: now["rows"], "the page with the sessions")
        name, _device, address = facts["rows"][0][:3]
        assert name == "anna"
        assert address.startswith("127.")
        key(display, "Left", "Left", "Left", "Left")
        facts = window.wait(lambda now: "1 account" in now["labels"], "the page with the people")
        assert facts["rows"][0][0] == "anna"
        key(display, "Left")
        window.wait(lambda now: now["people"] == ["anna"], "the overview again")


def test_stop_start_and_sigterm(open_window: Open) -> None:
    port = free_port()
    window = open_window(port=port)
    invite = window.wait(is_running, "the server runs")["entries"][0]
    window.press(2)
    stopped = window.wait_for_button("Start server")
    assert "Stopped" in stopped["labels"]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    key(window.display, "space")
    again = window.wait(is_running, "the server runs again")
    assert again["entries"][0] == invite, "the same server as before"
    window.child.signal(signal.SIGTERM)
    assert window.exit_code() == 0


def test_stop_asks_for_confirmation_while_users_are_online(open_window: Open, display: str) -> None:
    window = open_window()
    invite = window.wait(is_running, "the server runs")["entries"][0]
    with register_guest(invite, "ann"):
        window.wait(lambda facts: facts["people"] == ["ann"], "ann is there")
        window.press(2)
        question = wait_for_window(display, "^Stop$")
        focus(display, question)
        key(display, "Escape")
        assert window.wait(is_running, "the server still runs")["people"] == ["ann"]
        window.press(0)
        question = wait_for_window(display, "^Stop$")
        focus(display, question)
        key(display, "Tab", "space")
        window.wait_for_button("Start server")


def test_port_in_use_is_reported_and_start_can_be_retried(open_window: Open) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = other.getsockname()[1]
        window = open_window(port=port)
        window.wait_for_button("Try again")
        window.wait(lambda now: any(str(port) in label for label in now["labels"]), "the reason")
        facts = window.wait(lambda now: now["entries"] == [""], "no invitation, only the filter of the log")
        assert "Not running" in facts["labels"]
        assert not any("\n" in label for label in facts["labels"])
        assert not facts["people"]
    window.press(2)
    window.wait(is_running, "the server runs")


def test_closing_after_a_failed_start_exits_with_1(open_window: Open) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        window = open_window(port=other.getsockname()[1])
        window.wait_for_button("Try again")
        window.child.signal(signal.SIGINT)
        assert window.exit_code() == 1


def test_russian_texts_and_theme_switch(open_window: Open, display: str, tmp_path: Path) -> None:
    window = open_window(LANCHAT_LANGUAGE="ru", LANCHAT_THEME="dark")
    window.wait_for_button("Остановить")
    ours = {"Адрес", "Отпечаток словами", "Сейчас в сети: 0", "Журнал", "Светлая тема", "Копировать"}
    facts = window.wait(lambda now: ours <= {*now["labels"], *now["buttons"]}, "the Russian texts")
    assert facts["title"] == "Office — сервер LAN Chat"
    wait_until(lambda: has_colour(display, tmp_path, DARK.surface, 100_000), 10, "a dark window", interval=0.2)
    window.press(1)
    window.wait_for_button("Тёмная тема")
    wait_until(lambda: has_colour(display, tmp_path, LIGHT.surface, 100_000), 10, "a light window", interval=0.2)


def test_log_is_bounded_filtered_and_sanitized(open_window: Open) -> None:
    window = open_window("chatty")
    facts = window.wait(
        lambda now: now["log"] and "face" in now["log"][2] and now["log"][3] == 1.0, "the last line in sight"
    )
    count, first, last, _end = facts["log"]
    assert count == 500
    assert first.endswith("line 1501")
    assert "hidden" not in last
    assert not {"\x07", "\U0001f600"} & set(last)
    focus(window.display, wait_for_window(window.display, "Office"))
    key(window.display, *["Tab"] * FILTER_FIELD)
    type_text(window.display, "LINE 19")
    found = window.wait(lambda now: now["log"][0] == 100, "only lines with the words")
    assert found["log"][1].endswith("line 1900")


def test_text_pasted_into_the_filter_is_truncated(open_window: Open, display: str) -> None:
    window = open_window("chatty")
    window.wait(lambda now: now["log"] and "face" in now["log"][2], "the log is there")
    focus(display, wait_for_window(display, "Office"))
    key(display, *["Tab"] * FILTER_FIELD)
    with owned_clipboard(display, "line 19\U0001f984" + "x" * 1_000_000):
        key(display, "ctrl+v")
        facts = window.wait(lambda now: any("line 19" in entry for entry in now["entries"]), "it is pasted")
    (pasted,) = (entry for entry in facts["entries"] if "line 19" in entry)
    assert len(pasted) < 4200
    assert "[unicorn]xx" in pasted


def test_missing_display_error_names_the_run_command(tmp_path: Path) -> None:
    options = {"name": "Office", "data_dir": str(tmp_path)}
    environment = screen_environment(":9999", {"LANCHAT_LANGUAGE": "en"})
    done = subprocess.run(
        [*PROGRAM, json.dumps(options)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=patient(30)
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lanchat-server run" in done.stderr


def test_clipboard_keys_work_with_caps_lock_and_greek_layout(tmp_path: Path) -> None:
    control, caps_lock, tab = 37, 66, 23
    a, s, x, v = 38, 39, 53, 55
    with Screen() as screen, KeyCodes(screen.display) as hands:
        use_layout(screen.display, "pc+gr")
        window = Window(screen.display, free_port(), tmp_path / "data", "chatty")
        try:
            window.wait(lambda facts: facts["log"], "the window is there")
            focus(screen.display, wait_for_window(screen.display, "Office"))
            for code in (*[tab] * FILTER_FIELD, caps_lock, a, s):
                hands.press(code)
            for code in (a, x, v, v):
                hands.press(control, code)
            window.wait(lambda facts: "ΑΣΑΣ" in facts["entries"], "cut, and pasted twice")
        finally:
            window.child.stop()


def test_low_disk_space_warning_is_shown(open_window: Open, display: str, tmp_path: Path) -> None:
    # No disk has so much.
    window = open_window(settings={"disk_reserve_mib": 1 << 30})
    facts = window.wait(is_running, "the server runs")
    window.wait(
        lambda facts: any("No room: nothing new is stored" in label for label in facts["labels"]), "the warning"
    )
    assert facts["title"] == "Office – LAN Chat server"
    wait_until(lambda: has_colour(display, tmp_path, LIGHT.online, 30), 10, "a green sign", interval=0.2)


def test_stop_command_ends_server_and_window(open_window: Open, tmp_path: Path) -> None:
    window = open_window()
    window.wait(is_running, "the server runs")
    argv = [sys.executable, "-m", "lanchat_server", "stop", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=patient(60))
    assert done.returncode == 0, done.stderr
    assert window.exit_code() == 0
