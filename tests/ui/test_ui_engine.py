"""LateEngine queues commands until its engine is made; CommandDispatcher delivers results until it is closed."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.ui.model.engine import CommandDispatcher, CommandResult, Item, LateEngine
from lanchat.wording.problems import error_text
from tests.support.problem_details import details_of
from tests.support.waiting import wait_until

Future = concurrent.futures.Future


class RecordingEngine:
    """An engine that records commands; the test completes their futures."""

    def __init__(self) -> None:
        self.calls: list[tuple[api.Command, Future[Any]]] = []
        self.started = self.stopped = False

    def start(self) -> None:
        self.started = True

    def call(self, command: api.Command) -> "Future[Any]":
        future: Future[Any] = Future()
        self.calls.append((command, future))
        return future

    def stop(self, timeout: float) -> None:
        self.stopped = True


def test_early_commands_run_in_order_when_the_engine_is_made() -> None:
    recorder, gate = RecordingEngine(), threading.Event()

    def make() -> RecordingEngine:
        gate.wait(5)
        return recorder

    late = LateEngine(make)
    late.start()
    commands = [api.ListRoomsCommand(), api.ListPeopleCommand(), api.ListDevicesCommand()]
    futures = [late.call(command) for command in commands]
    assert recorder.calls == []
    gate.set()
    wait_until(lambda: len(recorder.calls) == 3, 5, "the commands are handed on")
    assert [command for command, _future in recorder.calls] == commands
    recorder.calls[0][1].set_result("rooms")
    recorder.calls[1][1].set_exception(CommandError(ErrorKind.OFFLINE, details_of("away")))
    recorder.calls[2][1].cancel()
    assert futures[0].result(1) == "rooms"
    with pytest.raises(CommandError, match="away"):
        futures[1].result(1)
    assert futures[2].cancelled()
    assert late.call(api.ListRoomsCommand()) is recorder.calls[3][1]
    late.stop(1)
    assert recorder.stopped


def test_failure_to_make_the_engine_fails_its_commands(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> RecordingEngine:
        raise OSError("no network stack")

    late = LateEngine(make)
    early = late.call(api.ListRoomsCommand())
    late.start()
    with pytest.raises(CommandError, match="no network stack"):
        early.result(5)
    with pytest.raises(CommandError, match="no network stack"):
        late.call(api.ListRoomsCommand()).result(5)
    late.stop(1)
    assert "no network stack" in caplog.text


def test_concurrent_commands_do_not_overtake_early_ones() -> None:
    """Early commands are forwarded one by one; commands given meanwhile, by any thread, are forwarded after them."""
    late: LateEngine
    entered, others = threading.Event(), []

    class Slow(RecordingEngine):
        def call(self, command: api.Command) -> "Future[Any]":
            if not self.calls:
                others.append(threading.Thread(target=lambda: late.call(api.ListDevicesCommand()), daemon=True))
                others[0].start()
                # It reaches the lock, or, without one, the engine.
                others[0].join(0.3)
                late.call(api.GetProfileCommand())
            future = super().call(command)
            future.set_result(None)
            entered.set()
            return future

    recorder = Slow()
    late = LateEngine(lambda: recorder)
    early = [late.call(api.ListRoomsCommand()), late.call(api.ListPeopleCommand())]
    late.start()
    for future in early:
        future.result(5)
    others[0].join(5)
    wait_until(lambda: len(recorder.calls) == 4, 5, "all are handed on")
    kinds = [type(command) for command, _future in recorder.calls]
    assert kinds.index(api.ListRoomsCommand) == 0
    assert kinds.index(api.ListPeopleCommand) < min(
        kinds.index(api.GetProfileCommand), kinds.index(api.ListDevicesCommand)
    )


def test_early_command_fails_with_the_engines_error() -> None:
    class Refusing(RecordingEngine):
        def call(self, command: api.Command) -> "Future[Any]":
            raise RuntimeError("closed")

    late = LateEngine(Refusing)
    early = late.call(api.ListRoomsCommand())
    late.start()
    with pytest.raises(RuntimeError, match="closed"):
        early.result(5)


def test_queued_commands_fail_when_stopped_before_the_engine_is_made() -> None:
    gate, recorder = threading.Event(), RecordingEngine()

    def make() -> RecordingEngine:
        gate.wait(5)
        return recorder

    late = LateEngine(make)
    late.start()
    early = late.call(api.ListRoomsCommand())
    late.stop(0.0)
    with pytest.raises(CommandError):
        early.result(0)
    with pytest.raises(CommandError):
        late.call(api.ListRoomsCommand()).result(0)
    gate.set()
    wait_until(lambda: recorder.stopped, 5, "the network that came too late is ended")
    assert recorder.calls == []


def test_stopping_before_starting_does_nothing() -> None:
    LateEngine(RecordingEngine).stop(1)


@pytest.fixture
def dispatcher_parts() -> tuple[CommandDispatcher, RecordingEngine, Callable[[], None]]:
    recorder = RecordingEngine()
    items: list[Item] = []

    def deliver() -> None:
        while items:
            item = items.pop(0)
            assert isinstance(item, CommandResult)
            item.deliver()

    return CommandDispatcher(recorder, items.append), recorder, deliver


def test_results_and_errors_are_delivered_by_items(
    dispatcher_parts: tuple[CommandDispatcher, RecordingEngine, Callable[[], None]],
) -> None:
    table, recorder, deliver = dispatcher_parts
    got: list[object] = []
    table.ask(api.ListRoomsCommand(), got.append, lambda error: got.append(error_text(error)))
    table.ask(api.ListPeopleCommand(), got.append, lambda error: got.append(error_text(error)))
    recorder.calls[0][1].set_result(["room"])
    recorder.calls[1][1].set_exception(CommandError(ErrorKind.OFFLINE, details_of("away")))
    assert got == []
    deliver()
    assert got == [["room"], "away"]


def test_exception_of_call_is_delivered_as_an_error(
    dispatcher_parts: tuple[CommandDispatcher, RecordingEngine, Callable[[], None]],
) -> None:
    table, recorder, deliver = dispatcher_parts
    got: list[object] = []

    def closed(command: api.Command) -> "Future[Any]":
        raise ValueError("closed")

    recorder.call = closed  # type: ignore[method-assign]
    table.ask(api.ListRoomsCommand(), got.append, lambda error: got.append((error.kind, error_text(error))))
    deliver()
    assert got == [(ErrorKind.LOCAL, "Something went wrong inside the program.")]


def test_closed_dispatcher_delivers_nothing(
    dispatcher_parts: tuple[CommandDispatcher, RecordingEngine, Callable[[], None]],
) -> None:
    table, recorder, deliver = dispatcher_parts
    got: list[object] = []
    for _ in range(2):
        table.ask(api.ListRoomsCommand(), got.append, got.append)
    table.close()
    recorder.calls[0][1].set_result(["room"])
    recorder.calls[1][1].set_exception(CommandError(ErrorKind.OFFLINE, details_of("away")))
    deliver()
    assert got == []
