"""Client commands at a server that turned hostile: they end in time, with a documented exit code and one sentence; no
control sequence reaches the terminal, and the profile stays unchanged."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path as File

import pytest

from lanchat.app import api
from tests.attacks.hostile import SCENARIOS, HostileServer, Scenario
from tests.attacks.hostile_server_process import pinned_servers_and_key
from tests.support.fake_log import FakeLog, key_of
from tests.support.procs import run_client
from tests.support.scripted_client import Person
from tests.support.waiting import patient

CODES = range(7)
# Seconds that a command waits for what a hostile server never sends. On a busy computer the shorter time may end before
# the server has had its turn: then the command is given the longer one.
SHORT, LONG = 2.0, patient(5.0)
Command = Callable[[list[str], float], tuple[int, str, str]]
READING = (["online", "--all"], ["history", "room1"])
# Those that a command meets; the others need a client that stays.
SCENARIO_NAMES = (
    "people: always one more page",
    "people: more than a page has",
    "rooms: more than a page has",
    "a page of another room",
    "a page without records",
    "a frame over the limit",
    "a frame nested a million deep",
    "a name of a megabyte",
    "names that command a terminal",
    "a room that commands a terminal",
    "a server that commands a terminal",
    "an answer to another question",
    "messages are put off for ever",
    "no answer to a subscription",
    "cut after each log-in",
    "log-in is refused with a code of nobody's",
    "log-in as somebody else",
    "limits above every number",
    "a rate of nearly nothing",
    "times at the end of all numbers",
)
CHOSEN = [scenario for scenario in SCENARIOS if scenario.name in SCENARIO_NAMES]


class HostileServerThread:
    """The server in an event loop of its own, beside real processes."""

    def __init__(self, folder: File) -> None:
        self.profile = folder / "profile"
        log = FakeLog(rooms=3)
        log.enrol(key_of(9), 99, "other")
        self.server = HostileServer(log)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._begin())

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)  # type: ignore[arg-type]

    async def _begin(self) -> None:
        await self.server.__aenter__()
        anna = Person(self.profile)
        await anna.register(self.server)
        await anna.call(api.ListPeopleCommand(certain=True))
        await anna.say("before")
        await anna.client.close()

    def set_script(self, scenario: Scenario | None) -> None:
        async def set_script() -> None:
            self.server.set_script(scenario.make() if scenario else None)

        self._run(set_script())

    def copy(self, folder: File) -> File:
        """A copy of the profile, to be spoilt."""
        return File(shutil.copytree(self.profile, folder / "profile"))

    def close(self) -> None:
        self._run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServerThread]:
    host = HostileServerThread(tmp_path_factory.mktemp("hostile"))
    yield host
    host.close()


@pytest.fixture
def command(host: HostileServerThread, tmp_path: File) -> Command:
    profile = host.copy(tmp_path)

    def run(args: list[str], timeout: float) -> tuple[int, str, str]:
        options = ["--timeout", str(timeout), "--discovery-port", "1", "--server", host.server.address]
        done = run_client([*args, *options], profile)
        return done.returncode, done.stdout, done.stderr

    return run


def is_clean(text: str) -> bool:
    """Whether a terminal only shows it."""
    return all(line.isprintable() for line in text.split("\n"))


def test_all_scenario_names_exist() -> None:
    assert len(CHOSEN) == len(SCENARIO_NAMES)


@pytest.mark.parametrize("scenario", CHOSEN, ids=lambda scenario: scenario.name.replace(" ", "_"))
def test_commands_end_in_time_with_one_sentence(
    host: HostileServerThread, command: Command, tmp_path: File, scenario: Scenario
) -> None:
    before = pinned_servers_and_key(tmp_path / "profile")
    host.set_script(scenario)
    args = READING[SCENARIO_NAMES.index(scenario.name) % 2]
    code, out, err = command(args, SHORT)
    if not host.server.harmed:
        code, out, err = command(args, LONG)
    assert code in CODES, (args, code, err)
    assert is_clean(out), (args, out)
    assert is_clean(err), (args, err)
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2, (args, err)
    assert err or code == 0, args
    assert host.server.harmed >= 1
    assert pinned_servers_and_key(tmp_path / "profile") == before
    host.set_script(None)
    code, out, err = command(["send", "room1", "hello"], 60.0)
    assert code == 0, err
