"""A client process at a server that was honest and turns hostile (hostile.py), with the product's own bounds and time
limits: its state, its cost, and how soon it recovers once the server is honest again.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import re
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil

from lanchat.app import api
from lanchat.app.commands.conversation import CERTIFICATE_PATIENCE
from lanchat.core.config import ClientConfig
from lanchat.wording.problems import details_text
from tests.attacks.hostile import SCENARIOS, End, HostileServer, HostileSession, Scenario
from tests.attacks.outcome import Outcome
from tests.support.fake_log import FakeLog, key_of
from tests.support.scripted_client import ROOM, Person
from tests.support.waiting import patient

# What a client may grow by, in octets: its own bounds (64 MiB of records, 16 of events, 16 of lines, 100,000 people),
# and what Python needs for them.
GROWTH_MAX = 256 << 20
# Seconds, more on a busy computer: until what is here is read, and until a message is stored again.
# Who wrote a line is waited for.
LOOK_MAX = CERTIFICATE_PATIENCE + 1.0
BACK_MAX = 20.0
# Until a client has said why there is no session: it waits ten seconds for some answers, and reads long lists.
REASON_MAX = 120.0
ROOMS = 30
_FILES = ("servers.toml", "devices.toml")


States = list[tuple[api.LinkState, str]]
# Its list is longer than what a client takes in the tests of smaller bounds only.
_FITTING = frozenset(("rooms: more than a client takes",))


def pinned_servers_and_key(folder: Path) -> dict[str, str]:
    """What must not change: which servers are trusted, and this device's key. A server's name is its own matter."""
    texts = {name: (folder / name).read_text() for name in _FILES}
    return {name: re.sub(r"(?m)^(# |name = ).*$", "", text) for name, text in texts.items()}


@dataclass(slots=True)
class HostileRun(Outcome):
    """`attempts`: how often the script did its harm; `accepted`: whether device key or pins were changed. Times in
    seconds: `processor` of the client within `lasted`, `back` until a message was stored afterwards."""

    lasted: float = 0.0
    processor: float = 0.0
    back: float = 0.0
    columns: ClassVar[tuple[str, ...]] = (
        "the server",
        "times",
        "the client",
        "client memory, MiB",
        "processor, s of s",
        "slowest look at history, s",
        "of use again after s",
    )
    slowest: float = 0.0

    def row(self) -> tuple[str, ...]:
        first, most = self.memory or (0, 0)
        memory, processor = f"{first >> 20} → {most >> 20}", f"{self.processor:.1f} of {self.lasted:.1f}"
        return (
            self.attack,
            f"{self.attempts:,}",
            self.seen,
            memory,
            processor,
            f"{self.slowest:.2f}",
            f"{self.back:.2f}",
        )


# --- The client's process ---------------------------------------------------------------------------------------------


class _ErrorRecorder(logging.Handler):
    """Records unexpected errors in logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record)[:300])


def _client(pipe: Any, folder: Path) -> None:
    """Runs commands until it receives None; each answer is one object, or the text of an error in a list."""
    faults = _ErrorRecorder()
    logging.getLogger().addHandler(faults)
    asyncio.run(_serve(pipe, folder, faults))


async def _serve(pipe: Any, folder: Path, faults: _ErrorRecorder) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.found.append(str(context)[:300]))
    person = Person(folder, config=ClientConfig())
    try:
        while (told := await loop.run_in_executor(None, pipe.recv)) is not None:
            match told:
                case "enter", address, fingerprint:
                    await person.call(api.ConnectCommand(address=address, fingerprint=fingerprint))
                    await person.call(api.RegisterCommand("anna", "a password"))
                    await person.call(api.WaitLiveCommand(patient(20)))
                    await person.say("before")
                    await person.call(api.ListMembersCommand(ROOM))
                    pipe.send(None)
                case "look":
                    pipe.send([line.text for line in await person.call(api.LoadLinesCommand(ROOM, 2, 10))])
                case "states":
                    pipe.send([(e.state, details_text(e.reason)) for e in person.of(api.StateChanged)])
                case "back", address, fingerprint:
                    await person.call(api.ConnectCommand(address=address, fingerprint=fingerprint))
                    await person.call(api.WaitLiveCommand(patient(BACK_MAX)))
                    pipe.send(await person.say("after"))
                case "faults":
                    pipe.send(faults.found)
    finally:
        await person.client.close()


class _Client:
    """The process, from outside."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_client, args=(theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        self.usage = psutil.Process(self._process.pid)

    def ask(self, *told: Any, timeout: float = 60.0) -> Any:
        """Raises TimeoutError, EOFError when the client died."""
        self._pipe.send(told[0] if len(told) == 1 else told)
        if not self._pipe.poll(patient(timeout)):
            raise TimeoutError(f"no answer to {told[0]}")
        return self._pipe.recv()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(10)
        self._process.kill()


# --- The server's side ------------------------------------------------------------------------------------------------


class _HostileServerThread:
    """The server, in an event loop of its own."""

    def __init__(self) -> None:
        log = FakeLog(rooms=ROOMS)
        log.enrol(key_of(9), 99, "other")
        self.server = HostileServer(log)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self.server.__aenter__())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def set_script(self, scenario: Scenario | None) -> None:
        async def set_script() -> None:
            self.server.set_script(scenario.make() if scenario else None)
            if scenario:
                self.server.log.say()

        self._run(set_script())

    @property
    def unsent(self) -> bool:
        return any(each.unsent for each in list(self.server.sessions) if isinstance(each, HostileSession))

    def close(self) -> None:
        self._run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def _entered(folder: Path) -> Iterator[tuple[_HostileServerThread, _Client]]:
    host, client = _HostileServerThread(), _Client(folder)
    try:
        client.ask("enter", host.server.address, host.server.fingerprint)
        yield host, client
    finally:
        client.close()
        host.close()


def hostile_runs(folder: Path, seconds: float, scenarios: tuple[Scenario, ...] = SCENARIOS) -> Iterator[Outcome]:
    """Each with a new client and a new server."""
    for number, scenario in enumerate(each for each in scenarios if each.name not in _FITTING):
        yield _run_scenario(folder / str(number), scenario, seconds)


def _run_scenario(folder: Path, scenario: Scenario, seconds: float) -> HostileRun:
    outcome = HostileRun(scenario.name, 0)
    try:
        with _entered(folder) as (host, client):
            before = pinned_servers_and_key(folder)
            states = _observe(outcome, host, client, scenario, seconds)
            outcome.attempts = host.server.harmed
            outcome.accepted = pinned_servers_and_key(folder) != before
            _judge(outcome, scenario, states)
            host.set_script(None)
            began = time.monotonic()
            client.ask("back", host.server.address, host.server.fingerprint)
            outcome.back = time.monotonic() - began
            outcome.faults += [f"{scenario.name}: the client logged {text}" for text in client.ask("faults")]
    except (TimeoutError, EOFError, OSError) as error:
        outcome.expect(False, f"the client is of no use: {error!r}")
    outcome.expect(outcome.back <= patient(BACK_MAX), f"of use again only after {outcome.back:.1f} s")
    return outcome


def _observe(
    outcome: HostileRun, host: _HostileServerThread, client: _Client, scenario: Scenario, seconds: float
) -> States:
    """Let it be hostile for so many seconds, longer while it still sends or the client has not said why it fails."""
    states, told = States(), len(client.ask("states"))
    first, processor, began = client.usage.memory_info().rss, _resources_used(client), time.monotonic()
    most = first
    host.set_script(scenario)
    while (lasted := time.monotonic() - began) < REASON_MAX:
        looked = time.monotonic()
        texts = client.ask("look")
        outcome.slowest = max(outcome.slowest, time.monotonic() - looked)
        outcome.expect("before" in texts, f"what is here is not shown: {texts}")
        for _ in range(5):
            most = max(most, client.usage.memory_info().rss)
            time.sleep(0.04)
        states = client.ask("states")[told:]
        if lasted > seconds and host.server.harmed and _has_reported(scenario, states) and not host.unsent:
            break
    outcome.lasted, outcome.processor = time.monotonic() - began, _resources_used(client) - processor
    outcome.memory = first, most
    outcome.expect(most - first <= GROWTH_MAX, f"the client grew by {(most - first) >> 20} MiB")
    outcome.expect(outcome.slowest <= patient(LOOK_MAX), f"history came only after {outcome.slowest:.1f} s")
    return states


def _has_reported(scenario: Scenario, states: States) -> bool:
    """Why there is no session, where none comes about. The first reason is that the server cut all connections."""
    if scenario.end is End.STOPS:
        return bool(states) and states[-1][0] is api.LinkState.REFUSED
    return scenario.end is End.LIVES or sum(bool(reason) for _, reason in states) > 1


def _resources_used(client: _Client) -> float:
    times = client.usage.cpu_times()
    return float(times.user + times.system)


def _judge(outcome: HostileRun, scenario: Scenario, states: States) -> None:
    outcome.expect(outcome.attempts > 0, "the server did no harm: this shows nothing")
    reasons = [reason for _, reason in states if reason]
    outcome.expect(all(reason.isprintable() and len(reason) < 200 for reason in reasons), f"it said {reasons[-1:]}")
    stopped = bool(states) and states[-1][0] is api.LinkState.REFUSED
    outcome.expect(stopped is (scenario.end is End.STOPS), f"in the end it was {states[-1:]}")
    tries = sum(state is api.LinkState.CONNECTING for state, _ in states)
    live = any(state is api.LinkState.LIVE for state, _ in states)
    if stopped:
        outcome.seen = "stopped"
    elif scenario.end is End.LIVES:
        outcome.seen = "was live" if live else "waited for what was missing"
    else:
        outcome.seen = f"connected {tries} times"
    if scenario.end is not End.LIVES:
        outcome.expect(_has_reported(scenario, states), "it did not say why")
        outcome.seen += f": “{_cell(reasons[-1] if reasons else '')}”"


def _cell(text: str) -> str:
    """For a table."""
    return text.replace("|", "\\|")
