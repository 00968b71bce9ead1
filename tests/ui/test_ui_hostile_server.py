"""The real window with a server that turns hostile: it stays responsive, shows the reason in one line, and is live
again when the server is honest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.hostile import SCENARIOS
from tests.attacks.test_hostile_server_cli import HostileServerThread
from tests.support.waiting import wait_until
from tests.ui.test_ui_real_server import open_window

pytestmark = pytest.mark.display

EXPECTED_TEXTS = {
    "people by the million, unasked": "",
    "people: more than a page has": "The server sends what this program does not understand",
    "rooms by the ten thousand, unasked": "",
    "times at the end of all numbers": "",
    "names that command a terminal": "",
    "log-in as somebody else": "The server sends what this program does not understand",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServerThread]:
    host = HostileServerThread(tmp_path_factory.mktemp("hostile"))
    yield host
    host.close()


@pytest.mark.parametrize("name", EXPECTED_TEXTS, ids=lambda name: name.replace(" ", "_"))
def test_window_stays_responsive_and_recovers(
    display: str, host: HostileServerThread, tmp_path: Path, name: str
) -> None:
    (scenario,) = (scenario for scenario in SCENARIOS if scenario.name == name)
    folder = host.copy(tmp_path)
    host.set_script(None)
    with open_window(display, folder) as window:
        window.see("Everything is up to date", timeout=15)
        window.click("room1")
        window.see("before", "item", timeout=15)
        host.set_script(scenario)
        wait_until(lambda: host.server.harmed >= 1, 15, "the server did its harm")
        if EXPECTED_TEXTS[name]:
            window.see(EXPECTED_TEXTS[name], timeout=15)
        window.see("before", "item")
        host.set_script(None)
        window.see("Everything is up to date", timeout=20)
        number = f"and on {len(host.server.log.records[1])}"
        window.send(number)
        window.see(number, "item", timeout=15)
