"""What a service manager hears, over a real Unix socket."""

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lanchat_server.service.reporting.supervisor import Supervisor
from tests.support.waiting import patient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such sockets")


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(address)
        self._sock.settimeout(patient(5))

    def next(self) -> str:
        return self._sock.recv(4096).decode()

    def all(self) -> list[str]:
        """What has come and was not taken yet."""
        self._sock.setblocking(False)
        found = []
        try:
            while True:
                found.append(self.next())
        except BlockingIOError:
            return found

    def close(self) -> None:
        self._sock.close()


@pytest.fixture(params=["file", "abstract"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "abstract" and sys.platform != "linux":
        pytest.skip("only Linux has abstract names")
    return str(tmp_path / "notify") if request.param == "file" else f"@lanchat-test-{os.getpid()}"


@pytest.fixture
def manager(place: str) -> Iterator[Manager]:
    opened = Manager(place.replace("@", "\0", 1))
    yield opened
    opened.close()


async def serve(environment: Mapping[str, str], manager: Manager | None = None, signs: int = 0) -> list[str]:
    """What the manager hears of a server that ends after so many signs of life."""
    heard: list[str] = []
    async with Supervisor(environment):
        for _ in range(signs + 1 if manager else 0):
            assert manager is not None
            heard.append(await asyncio.to_thread(manager.next))
    return heard + (manager.all() if manager else [])


def test_reports_readiness_and_the_stop(place: str, manager: Manager) -> None:
    assert asyncio.run(serve({"NOTIFY_SOCKET": place}, manager)) == ["READY=1", "STOPPING=1"]


def test_gives_signs_of_life_until_the_stop(place: str, manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": place, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    heard = asyncio.run(serve(environment, manager, signs=3))
    assert heard[:4] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert heard[-1] == "STOPPING=1"


@pytest.mark.parametrize(
    "watchdog",
    [
        {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid() + 1)},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "mine"},
    ],
)
def test_gives_no_signs_of_life_that_nobody_wants(watchdog: dict[str, str], tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    manager = Manager(address)
    supervisor = Supervisor({"NOTIFY_SOCKET": address, **watchdog})

    async def enter() -> int:
        before = len(asyncio.all_tasks())
        async with supervisor:
            return len(asyncio.all_tasks()) - before

    assert asyncio.run(enter()) == 0
    assert manager.all() == ["READY=1", "STOPPING=1"]
    manager.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"WATCHDOG_USEC": "20000"}])
def test_is_silent_without_a_manager(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanchat_server.service.reporting.supervisor.socket", None)
    asyncio.run(serve(environment))


@pytest.mark.parametrize("address", ["/nowhere/notify", "no-path", "@nobody", "/" + "x" * 200, "vsock:2:1234"])
def test_a_manager_that_is_gone_stops_nothing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(serve({"NOTIFY_SOCKET": address}))
    assert "READY=1" in caplog.text


def test_a_manager_that_does_not_read_blocks_nothing(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}

    async def many() -> None:
        for _ in range(1000):
            await serve(environment)

    thread = threading.Thread(target=asyncio.run, args=[many()], daemon=True)
    thread.start()
    thread.join(patient(30))
    assert not thread.is_alive()
    manager.close()
