"""The model of the server's window without Tk: states, log lines, the service thread."""

import asyncio
import logging
import queue
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat import i18n
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.service.errors import StartError
from lanchat_server.service.lifecycle.server import ServerReady
from lanchat_server.window.log import LINES_MAX, WindowLog
from lanchat_server.window.model import ServiceState, WindowModel, duration, identity
from lanchat_server.window.thread import (
    Answer,
    Event,
    Outcome,
    ServerThread,
    ServiceEnded,
    ServiceFigures,
    ServiceRunning,
)
from tests.support.waiting import patient

FINGERPRINT = "0a" * 32


async def never_called(request: Any) -> Any:
    raise AssertionError(request)


READY = ServerReady(
    name="Office",
    port=47400,
    fingerprint=FINGERPRINT,
    words="one two",
    invite=f"lanchat://192.0.2.7:47400/#{FINGERPRINT}",
    addresses=("10.0.0.1", "192.0.2.7"),
    status=lambda: {"users_online": ["ann"]},
    administer=never_called,
)
Body = Callable[[Callable[[ServerReady], None], asyncio.Event], Awaitable[None]]


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.set_language("en")


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    return load({"name": "Office", "data_dir": tmp_path}, environment={})


class Run:
    """A service whose behaviour the test controls, in its thread."""

    def __init__(self, config: ServerConfig, body: Body) -> None:
        async def serve(config: ServerConfig, *, on_ready: Callable[[ServerReady], None], stop: asyncio.Event) -> None:
            await body(on_ready, stop)

        self.events: queue.Queue[Event] = queue.Queue()
        self.thread = ServerThread(config, self.events.put, serve)

    def next(self) -> Event:
        return self.events.get(timeout=patient(10))


async def run_until_stopped(on_ready: Callable[[ServerReady], None], stop: asyncio.Event) -> None:
    on_ready(READY)
    await stop.wait()


def test_run_reports_ready_figures_and_end(config: ServerConfig) -> None:
    run = Run(config, run_until_stopped)
    run.thread.start()
    assert run.next() == ServiceRunning(READY)
    assert run.next() == ServiceFigures({"users_online": ["ann"]})
    run.thread.stop()
    assert run.thread.join(10)
    assert run.next() == ServiceEnded()
    assert run.events.empty()
    run.thread.stop()  # harmless afterwards


def test_hidden_window_gets_answers_and_no_figures_until_it_is_seen(config: ServerConfig) -> None:
    looks, outcomes = list[int](), list[Outcome]()

    def status() -> dict[str, Any]:
        looks.append(1)
        return {}

    async def administer(request: Any) -> Any:
        if request == "refused":
            raise Refused(Code.NOT_FOUND, "no such user")
        return wire.SessionsEnded(2)

    async def body(on_ready: Callable[[ServerReady], None], stop: asyncio.Event) -> None:
        on_ready(replace(READY, status=status, administer=administer))
        await stop.wait()

    run = Run(config, body)
    run.thread.watch(False)
    run.thread.start()
    assert isinstance(run.next(), ServiceRunning)
    for request in ("done", "refused"):
        run.thread.ask(request, outcomes.append)
        answer = run.next()
        assert isinstance(answer, Answer)
        answer.deliver()
    assert outcomes[0] == wire.SessionsEnded(2)
    assert isinstance(outcomes[1], Refused)
    assert looks == []
    run.thread.watch(True)
    assert run.next() == ServiceFigures({})
    run.thread.stop()
    assert run.thread.join(10)


def test_request_without_a_running_server_is_answered(config: ServerConfig) -> None:
    run, outcomes = Run(config, run_until_stopped), list[Outcome]()
    run.thread.ask("anything", outcomes.append)
    answer = run.next()
    assert isinstance(answer, Answer)
    answer.deliver()
    assert isinstance(outcomes[0], StoreError)


def test_stop_before_start_is_kept(config: ServerConfig) -> None:
    run = Run(config, run_until_stopped)
    run.thread.stop()
    run.thread.start()
    assert run.thread.join(10)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StartError("Port 1 is taken."), "Port 1 is taken."),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("secret detail"), "error in it"),
    ],
)
def test_reason_of_the_end_is_one_line(config: ServerConfig, error: Exception, expected: str) -> None:
    async def fail(on_ready: Callable[[ServerReady], None], stop: asyncio.Event) -> None:
        raise error

    run = Run(config, fail)
    run.thread.start()
    ended = run.next()
    assert isinstance(ended, ServiceEnded)
    assert expected in ended.problem
    assert "\n" not in ended.problem
    assert "secret detail" not in ended.problem


def test_states_follow_requests_and_events() -> None:
    model = WindowModel("configured")
    assert (model.state, model.title) == (ServiceState.STARTING, "configured")
    model.take(ServiceRunning(READY))
    assert (model.state, model.title) == (ServiceState.RUNNING, "Office")
    assert not model.asks_before_stop()
    model.take(ServiceFigures({"users_online": ["Zoe", "ann"], "uptime_s": 61.0}))
    assert model.online == ["ann", "Zoe"]
    assert model.asks_before_stop()
    assert model.state_line() == "Running for 1 min"
    model.ask_stop()
    model.take(ServiceFigures({"users_online": []}))
    assert model.state is ServiceState.STOPPING
    model.take(ServiceEnded())
    assert (model.state, model.online) == (ServiceState.STOPPED, [])
    assert model.identity is not None, "the invitation stays good"
    model.start()
    model.take(ServiceEnded("no"))
    assert (model.state, model.problem) == (ServiceState.FAILED, "no")
    model.start()
    assert (model.state, model.problem) == (ServiceState.STARTING, "")


def test_stop_during_start_never_shows_running() -> None:
    model = WindowModel("configured")
    model.ask_stop()
    model.take(ServiceRunning(READY))
    assert model.state is ServiceState.STOPPING


def test_invitation_address_is_first() -> None:
    shown = identity(READY)
    assert shown.addresses == ("192.0.2.7", "10.0.0.1")
    assert shown.digits == " ".join(["0a0a"] * 16)


def test_figures_are_one_line() -> None:
    model = WindowModel("x")
    assert model.figures_line() == ""
    rooms = [{"head": 1200}, {"head": 34}]
    model.take(ServiceFigures({"rooms": rooms, "database": {"latency_ms": 1.26}}))
    assert model.figures_line() == "2 rooms · 1\u202f234 messages · database 1.3 ms"
    model.take(ServiceFigures({"rooms": rooms[1:], "database": {"latency_ms": 0.0}}))
    assert model.figures_line() == "1 room · 34 messages"


def test_handed_in_messages_are_told_with_names() -> None:
    model = WindowModel("x")
    assert model.handed_in_line() == ""
    handed_in = [{"by": "boris", "author": f"user{n}", "stored": n, "quarantined": 0} for n in range(1, 6)]
    handed_in[0] |= {"quarantined": 2}
    model.take(ServiceFigures({"handed_in": handed_in, "quarantined": 2}))
    assert model.handed_in_line().splitlines() == [
        "boris handed in 1 message of user1, and 2 for the quarantine",
        "boris handed in 2 messages of user2",
        "boris handed in 3 messages of user3",
        "In the quarantine: 2 messages of shut out authors",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 min"),
        (3_600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (1_000_000, "11 d 13 h"),
    ],
)
def test_durations_as_text(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def logger() -> tuple[logging.Logger, WindowLog]:
    log, handler = logging.Logger("test"), WindowLog()
    log.addHandler(handler)
    return log, handler


def test_log_keeps_the_last_lines_of_all_threads(logger: tuple[logging.Logger, WindowLog]) -> None:
    log, handler = logger
    writers = [threading.Thread(target=lambda: [log.info("x") for _ in range(300)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = handler.after(0)
    assert len(lines) == LINES_MAX
    assert [line.number for line in lines] == list(range(701, 1201))
    assert handler.count == 1200
    assert handler.after(1198) == lines[-2:]


def test_lines_are_filtered_by_level_and_words(logger: tuple[logging.Logger, WindowLog]) -> None:
    log, handler = logger
    log.debug("unseen")
    log.info("Ann logged in")
    log.warning("ann fell behind")
    log.error("disk full")
    assert [line.level for line in handler.after(0)] == [logging.INFO, logging.WARNING, logging.ERROR]
    assert len(handler.after(0, words="ANN")) == 2
    assert len(handler.after(0, logging.WARNING, "ann")) == 1


def test_lines_are_cleaned_and_contain_no_secrets(logger: tuple[logging.Logger, WindowLog]) -> None:
    log, handler = logger
    log.info("a\nb\x1b[31m\u202e mysql://chat:hidden@db/x %s", "y" * 5000)
    try:
        raise RuntimeError("password='hidden'")
    except RuntimeError:
        log.exception("it broke")
    first, second = (line.text for line in handler.after(0))
    assert not {"\n", "\x1b", "\u202e"} & set(first)
    assert len(first) <= 1000
    assert "RuntimeError" in second
    assert "hidden" not in first + second


def test_line_that_cannot_be_formatted_is_skipped(
    logger: tuple[logging.Logger, WindowLog], capsys: pytest.CaptureFixture[Any]
) -> None:
    log, handler = logger
    log.info("%d", "not a number")
    log.info("next")
    assert [line.text[-4:] for line in handler.after(0)] == ["next"]


def test_setup_code_is_shown_while_there_is_no_account() -> None:
    model = WindowModel("Office")
    assert model.setup_line() == ""
    model.take(ServiceFigures({"setup_code": "7K2M-Q9XB-04TD"}))
    assert "7K2M-Q9XB-04TD" in model.setup_line()
    model.take(ServiceFigures({"users_online": ["anna"]}))
    assert model.setup_line() == ""
