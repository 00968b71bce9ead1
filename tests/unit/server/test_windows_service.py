"""The server as a service of Windows: what it tells the service manager, and the command that is installed."""

import argparse
import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.terminal.exits import USAGE, CliError
from lanchat.terminal.output import OutputWriter
from lanchat_server import config
from lanchat_server.cli.service import service, service_command
from lanchat_server.cli.windows_service import FAILED, RunState, ServiceRun, run_dispatcher
from lanchat_server.service.errors import StartError
from tests.support.waiting import patient

STARTING, RUNNING, STOPPING, STOPPED = RunState.STARTING, RunState.RUNNING, RunState.STOPPING, RunState.STOPPED


@pytest.mark.parametrize("code", [1, 5, 15], ids=["stop", "shutdown", "preshutdown"])
def test_service_ends_in_order_when_the_manager_asks(code: int) -> None:
    told: list[tuple[RunState, int]] = []
    running = threading.Event()

    async def serve(ready: Callable[[Any], None], stop: asyncio.Event) -> None:
        ready(None)
        await stop.wait()

    def report(state: RunState, exit_code: int) -> None:
        told.append((state, exit_code))
        if state is RUNNING:
            running.set()

    run = ServiceRun(serve, report)
    thread = threading.Thread(target=run.main)
    thread.start()
    assert running.wait(patient(10))
    assert run.control(4) == 0
    assert run.control(128) == 120
    assert run.control(code) == 0
    thread.join(patient(10))
    assert told == [(STARTING, 0), (RUNNING, 0), (STOPPING, 0), (STOPPED, 0)]


@pytest.mark.parametrize("error", [StartError("a port is taken"), RuntimeError("a fault")], ids=["start", "fault"])
def test_failure_is_told_so_that_the_manager_starts_it_again(error: Exception) -> None:
    told: list[tuple[RunState, int]] = []

    async def serve(ready: Callable[[Any], None], stop: asyncio.Event) -> None:
        raise error

    ServiceRun(serve, lambda state, code: told.append((state, code))).main()
    assert told == [(STARTING, 0), (STOPPED, FAILED)]


def options(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**given)


def test_installed_command_has_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = service_command(
        options(config=Path("server.toml"), name="The office", port=0, discovery=False, json_output=True), tmp_path
    )
    begin = [sys.executable, "-m", "lanchat_server", "service", "run", "--data-dir", str(tmp_path)]
    assert command == [
        *begin, "--config", str(tmp_path / "server.toml"), "--name", "The office", "--port", "0", "--no-discovery"
    ]  # fmt: skip


def test_database_with_its_password_does_not_go_into_the_command(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        service_command(options(database="mysql://chat:secret@db/chat"), tmp_path)
    assert caught.value.code == USAGE
    assert "secret" not in caught.value.text


@pytest.mark.skipif(sys.platform == "win32", reason="for those who try it elsewhere")
def test_other_systems_are_told_so_in_one_line(tmp_path: Path) -> None:
    settings = config.load({"data_dir": tmp_path})
    with pytest.raises(CliError) as caught:
        service(options(action="install"), settings, OutputWriter(False))
    assert len(caught.value.text.splitlines()) == 1
    assert not run_dispatcher(lambda ready, stop: asyncio.sleep(0))
