"""The end of a console on Windows, and the signals that ask a program to stop."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.platform.programs import console, interrupts
from lanchat.platform.programs.console import ConsoleHandler
from lanchat_server.config import ServerConfig
from lanchat_server.service.lifecycle import server


@pytest.mark.parametrize("event", [console.CLOSED, console.LOGGED_OFF, console.SHUT_DOWN])
def test_the_process_lives_until_the_program_has_stopped(event: int) -> None:
    asked = threading.Event()
    handler = ConsoleHandler(asked.set)
    answers: list[bool] = []
    told = threading.Thread(target=lambda: answers.append(handler(event)))
    told.start()
    assert asked.wait(10)
    assert answers == []
    handler.finish()
    told.join(10)
    assert answers == [True]


def test_a_program_that_does_not_stop_is_ended_by_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "GRACE", 0.01)
    assert ConsoleHandler(lambda: None)(console.CLOSED) is True
    assert console.GRACE < 5.0


@pytest.mark.parametrize("event", [0, 1])
def test_ctrl_c_and_ctrl_break_come_as_signals(event: int) -> None:
    asked: list[bool] = []
    assert ConsoleHandler(lambda: asked.append(True))(event) is False
    assert asked == []


def test_the_server_stops_with_its_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handlers: list[ConsoleHandler] = []

    @contextlib.contextmanager
    def registered(handler: ConsoleHandler) -> Iterator[None]:
        handlers.append(handler)
        yield

    async def serve_once(_config: object, _free: object, term: server.Term, _on_ready: object) -> bool:
        told = threading.Thread(target=handlers[0], args=(console.CLOSED,))
        told.start()
        await asyncio.wait_for(term.stopped.wait(), 10)
        return True

    monkeypatch.setattr(console, "_registered", registered)
    monkeypatch.setattr(server, "_serve_once", serve_once)
    asyncio.run(server.serve(ServerConfig("Office", tmp_path), on_ready=lambda _ready: None))
    assert handlers[0]._stopped.is_set()


def test_a_server_that_is_told_when_to_stop_has_no_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service of Windows is told of each user's log-off, as an event of its console."""

    async def serve_once(_config: object, _free: object, term: server.Term, _on_ready: object) -> bool:
        term.stopped.set()
        return True

    async def run() -> None:
        config = ServerConfig("Office", tmp_path)
        await server.serve(config, on_ready=lambda _ready: None, stop=asyncio.Event())

    monkeypatch.setattr(console, "_registered", lambda _handler: pytest.fail("registered a handler"))
    monkeypatch.setattr(server, "_serve_once", serve_once)
    asyncio.run(run())


def test_ctrl_break_is_among_the_signals_that_stop_a_program() -> None:
    wanted = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK", signal.SIGTERM)}
    assert set(interrupts.STOP_SIGNALS) == wanted


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="a signal that stands for Ctrl-Break")
@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_each_stop_signal_stops_the_server(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    number = signal.SIGUSR1
    before = signal.getsignal(number)
    monkeypatch.setattr(server, "STOP_SIGNALS", (number,))
    monkeypatch.setattr(server.sys, "platform", platform)

    async def run() -> None:
        stopped = asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            server._handle_signals(stopped, stack)
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stopped.wait(), 10)

    try:
        asyncio.run(run())
    finally:
        signal.signal(number, before)
