"""Ports that belong to one program: what is asked of each system's sockets before they are bound."""

import socket
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform.network import ports
from lanchat_server.config import ServerConfig
from lanchat_server.service.lifecycle import server

EXCLUSIVE = -5  # ~SO_REUSEADDR, as winsock2.h has it


class RecordingSocket:
    """What a program asks of its sockets, in order."""

    made: list["RecordingSocket"] = []

    def __init__(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> None:
        self.kind = kind
        self.steps: list[Any] = []
        self.made.append(self)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.steps.append((level, option, value))

    def bind(self, place: Any) -> None:
        self.steps.append("bind")

    def listen(self, _backlog: int) -> None:
        self.steps.append("listen")

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 47400)

    def setblocking(self, _blocks: bool) -> None: ...

    def close(self) -> None: ...

    def asks_for_exclusive_use(self) -> bool:
        wanted = (socket.SOL_SOCKET, EXCLUSIVE, 1)
        shared = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return shared not in self.steps and wanted in self.steps[: self.steps.index("bind")]


@pytest.fixture
def windows_sockets(monkeypatch: pytest.MonkeyPatch) -> list[RecordingSocket]:
    made: list[RecordingSocket] = []
    monkeypatch.setattr(RecordingSocket, "made", made)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", EXCLUSIVE, raising=False)
    monkeypatch.setattr(socket, "socket", RecordingSocket)
    return made


def test_server_ports_are_for_exclusive_use_on_windows(windows_sockets: list[RecordingSocket], tmp_path: Path) -> None:
    server._bind(ServerConfig("Office", tmp_path, host="127.0.0.1", port=47400))
    assert [sock.kind for sock in windows_sockets] == [socket.SOCK_STREAM, socket.SOCK_DGRAM]
    assert all(sock.asks_for_exclusive_use() for sock in windows_sockets)


def test_local_ports_are_for_exclusive_use_on_windows(windows_sockets: list[RecordingSocket]) -> None:
    ports.listen(("127.0.0.1", 0), 5)
    assert windows_sockets[0].asks_for_exclusive_use()


@pytest.mark.skipif(hasattr(socket, "SO_EXCLUSIVEADDRUSE"), reason="Windows has another option")
def test_elsewhere_a_port_of_an_ended_server_is_free_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RecordingSocket] = []
    monkeypatch.setattr(RecordingSocket, "made", made)
    monkeypatch.setattr(socket, "socket", RecordingSocket)
    ports.listen(("127.0.0.1", 0), 5)
    assert made[0].steps[0] == (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def test_a_port_is_taken_once() -> None:
    with ports.listen(("127.0.0.1", 0), 5) as first, pytest.raises(OSError):
        ports.listen(first.getsockname(), 5)
