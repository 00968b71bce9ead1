"""A server under a service manager that wants to be told (`Type=notify`), over a real socket."""

import socket
import sys
from pathlib import Path

import pytest

from tests.support.procs import ServerProcess
from tests.support.waiting import patient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such sockets")


def test_manager_hears_of_readiness_life_and_stop(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(patient(10))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        with ServerProcess(tmp_path / "data", env=environment) as server:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            assert server.stop() == 0
            while (state := manager.recv(100)) == b"WATCHDOG=1":
                pass
            assert state == b"STOPPING=1"
