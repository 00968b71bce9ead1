"""The window's list of servers while a host on the LAN announces hundreds of invented ones."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.app.api import Server, Trust
from lanchat.protocol.datagram.beacon import Advert
from lanchat.protocol.text.identity import fingerprint_words
from lanchat.ui.model.entry_model import _SERVERS_MAX
from tests.support.neighbours import Neighbours, invented
from tests.support.procs import ServerProcess
from tests.support.ui_desk import Workbench
from tests.ui.test_ui_real_server import open_window

FORGER_ADDRESS, HONEST_ADDRESS = "127.0.0.66", "127.0.0.10"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        yield server


@pytest.mark.display
@pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.x.x is this computer on Linux alone")
@pytest.mark.parametrize(
    ("language", "missing"), [("en", "More servers answer than fit"), ("ru", "Отвечает больше серверов")]
)
def test_lists_a_real_server_beside_invented_ones(
    server: ServerProcess, display: str, tmp_path: Path, language: str, missing: str
) -> None:
    office = Advert(b"o" * 16, server.fingerprint, server.port, "A real one")
    crowd = Neighbours(
        "127.0.0.1", [(FORGER_ADDRESS, [invented(number) for number in range(300)]), (HONEST_ADDRESS, [office])]
    )
    try:
        with open_window(display, tmp_path / "anna", "--discovery-port", str(crowd.port), language=language) as window:
            window.see(missing)
            window.see("A real one")
    finally:
        crowd.close()


def server_entry(number: int, trust: Trust = Trust.NEW) -> Server:
    fingerprint = f"{number:064x}"
    return Server(f"S{number}", f"10.0.0.{number}", 4242, fingerprint, fingerprint_words(fingerprint), "probe", trust)


def test_known_servers_stay_and_unknown_ones_are_evicted() -> None:
    bench = Workbench()
    known = [server_entry(number, Trust.PINNED) for number in range(3)]
    for server in known[:2]:
        bench.flow.found(server)
    for number in range(1000, 1000 + 2 * _SERVERS_MAX):
        bench.flow.found(server_entry(number))
    bench.flow.found(known[2])
    listed = bench.entry.listed()
    assert listed[:3] == known
    assert len(listed) == _SERVERS_MAX + 3
    assert server_entry(999 + 2 * _SERVERS_MAX) in listed


def test_choosing_a_known_server_requires_its_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Workbench()
    known = server_entry(7, Trust.PINNED)
    bench.flow.found(known)
    asked: list[api.Command] = []
    monkeypatch.setattr(bench.flow._dispatcher, "ask", lambda command, *_: asked.append(command))
    bench.flow.choose(known)
    (command,) = asked
    assert isinstance(command, api.ConnectCommand)
    assert (command.fingerprint, command.address) == (known.fingerprint, "10.0.0.7:4242")
