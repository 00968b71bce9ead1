"""A server that violates the protocol at each connection: the window shows the reason and the next try in one line,
keeps written messages, and is live again with an honest server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.wire import Subscribe
from tests.attacks.hostile import SCENARIOS, Scenario
from tests.attacks.test_hostile_server_cli import HostileServerThread
from tests.support.ui_window import UiWindow
from tests.support.waiting import wait_until
from tests.ui.test_ui_real_server import open_window

pytestmark = pytest.mark.display

WORDS = {
    "noise instead of frames": {
        "en": "The server sends what this program does not understand",
        "ru": "Сервер передаёт то, чего эта программа не понимает",
    },
    "an answer to another question": {
        "en": "The server sends what this program does not understand",
        "ru": "Сервер передаёт то, чего эта программа не понимает",
    },
    "cut after each log-in": {"en": "The connection was lost", "ru": "Соединение потеряно"},
}
NEXT_TRY = re.compile(r"(?:Next try in|Повтор через) (\d+)")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServerThread]:
    host = HostileServerThread(tmp_path_factory.mktemp("hostile"))
    yield host
    host.close()


def scenario(name: str) -> Scenario:
    (found,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    return found


def status_line(window: UiWindow) -> str:
    """The line at the bottom."""
    return max(window.probe.seen("TLabel"), key=lambda seen: seen.y).text


@pytest.mark.parametrize(
    ("name", "language", "theme"),
    [
        ("noise instead of frames", "en", "light"),
        ("an answer to another question", "ru", "dark"),
        ("cut after each log-in", "ru", "light"),
    ],
)
def test_window_backs_off_and_shows_the_reason(
    display: str, host: HostileServerThread, tmp_path: Path, name: str, language: str, theme: str
) -> None:
    folder = host.copy(tmp_path)
    (folder / "settings.toml").write_text(f'language = "{language}"\ntheme = "{theme}"\n')
    host.set_script(None)
    live = "Everything is up to date" if language == "en" else "Всё получено"
    with open_window(display, folder) as window:
        window.see(live, timeout=15)
        window.click("room1")
        window.see("before", "item", timeout=15)
        host.set_script(scenario(name))

        def waits() -> bool:
            said = status_line(window)
            found = NEXT_TRY.search(said)
            return WORDS[name][language] in said and found is not None and int(found[1]) >= 1

        wait_until(waits, 40, "it says why, and when it tries again")
        assert "\n" not in status_line(window)
        tried = len(host.server.requests(Subscribe))
        assert tried < 40
        window.send(f"kept {language} {theme}")
        window.see(f"kept {language} {theme}", "item")
        host.set_script(None)
        window.see(live, timeout=60)
        wait_until(lambda: f"kept {language} {theme}" in stored_texts(host), 15, "what was kept is handed in")


def stored_texts(host: HostileServerThread) -> str:
    return " ".join(record.body.decode(errors="replace") for record in host.server.log.records[1])
