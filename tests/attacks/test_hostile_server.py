"""A server that was honest and turns hostile: the client stays within its bounds, reports the reason in one sentence,
keeps its data, and recovers when the server is honest again. The scripts are in hostile.py.
"""

import asyncio
import logging
from pathlib import Path as File
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.limits import CLIENT_LIMITS
from lanchat.wording.problems import details_text
from tests.attacks.hostile import SCENARIOS, End, FloodBeforeLogIn, HostileServer, HostileSession, Scenario, Script
from tests.attacks.hostile_server_process import pinned_servers_and_key
from tests.support.fake_log import FakeLog, key_of
from tests.support.scripted_client import QUICK, ROOM, Person, until
from tests.support.waiting import patient

# The product's bounds are larger by this, which would only take longer to reach.
SCALE = 16
CONFIG = replace(
    QUICK,
    broken_first=0.2,
    silence_max=2.0,
    silence_ping=0.5,
    request_timeout=1.0,
    users_max=QUICK.users_max // SCALE,
    rooms_max=QUICK.rooms_max // SCALE,
    aside_octets=QUICK.aside_octets // SCALE,
)
LIMITS = replace(
    CLIENT_LIMITS,
    backlog_octets_max=CLIENT_LIMITS.backlog_octets_max // SCALE,
    deferred_octets_max=CLIENT_LIMITS.deferred_octets_max // SCALE,
    certificate_patience=0.5,
    greeting_timeout=0.5,
)


def held_amounts(anna: Person) -> dict[str, int]:
    """How much data of a server the client holds."""
    assert anna.client.member is not None
    account, core = anna.client.member, anna.client.member.core
    driver = account.driver
    receivers = core._rooms._receivers.values()
    states = account.book._states.values()
    chains = [receiver.chain for receiver in receivers if receiver.chain is not None]
    aside = [record for chain in chains for record in chain.waiting.values()]
    aside += [item.record for chain in chains for item in chain.linked]
    aside += [record for receiver in receivers for record in receiver._early.values()]
    late = [held.record for events in account._late._rooms.values() for event in events for held in event.held]
    return {
        "people": len(core.directory.users),
        "rooms": len(core.directory.rooms),
        "receipts": max((len(state.cursors or ()) for state in states), default=0),
        "members": max((len(state.members or ()) for state in states), default=0),
        "records aside, octets": sum(len(record.body or b"") for record in aside),
        "late lines, octets": sum(len(record.body or b"") for record in late),
        "events, octets": account._backlog,
        "keys": len(driver._udp._openers) if driver._udp is not None else 0,
        "requests": len(core._core_context.requests._waiting),
        "unknown devices": max(len(core._certificates._asked), len(core.authors._missing)),
    }


# What is read at once comes to it before it is seen.
FRAMES = 2 << 20
BOUNDS = {
    "people": CONFIG.users_max,
    "rooms": CONFIG.rooms_max,
    "receipts": CONFIG.users_max,
    "members": CONFIG.users_max,
    "records aside, octets": CONFIG.aside_octets + FRAMES,
    "late lines, octets": LIMITS.deferred_octets_max + FRAMES,
    "events, octets": LIMITS.backlog_octets_max + FRAMES,
    "keys": 4,
    "requests": 500,
    "unknown devices": 8192,
}


class ErrorRecorder(logging.Handler):
    """Records unexpected errors: logged ones and those of tasks that are not awaited."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("lanchat"):
            self.faults.append(self.format(record))

    def on_loop(self, loop: Any, context: dict[str, Any]) -> None:
        self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")


@pytest.fixture
def error_recorder() -> Any:
    handler = ErrorRecorder()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "_"))
def test_client_stays_within_bounds_and_recovers(
    tmp_path: File, scenario: Scenario, error_recorder: ErrorRecorder
) -> None:
    async def everything() -> None:
        asyncio.get_running_loop().set_exception_handler(error_recorder.on_loop)
        log = FakeLog(rooms=30)
        log.enrol(key_of(9), 99, "other")
        async with HostileServer(log) as server:
            limits = replace(LIMITS)
            anna = Person(tmp_path / "anna", config=CONFIG, limits=limits)
            try:
                await anna.register(server)
                await anna.call(api.ListMembersCommand(ROOM))
                await anna.call(api.LoadLinesCommand(ROOM, 0, 10))
                await run_scenario(server, anna, scenario, tmp_path / "anna")
                # An honest server may be slow.
                msgspec.structs.force_setattr(limits, "greeting_timeout", CLIENT_LIMITS.greeting_timeout)
                await assert_recovers(server, anna)
            finally:
                await anna.client.close()

    asyncio.run(everything())
    assert error_recorder.faults == []


async def run_scenario(server: HostileServer, anna: Person, scenario: Scenario, folder: File) -> None:
    assert await anna.say("before") == 1
    before, heard, most = pinned_servers_and_key(folder), len(anna.events), held_amounts(anna)
    server.set_script(scenario.make())
    server.log.say()
    await until(lambda: server.harmed >= (2 if scenario.end is End.FAILS else 1), 20)
    for turn in range(500):
        await asyncio.sleep(0.01)
        most = {name: max(most[name], number) for name, number in held_amounts(anna).items()}
        if turn > 20 and not any(session.unsent for session in server.sessions if isinstance(session, HostileSession)):
            break
    assert {name: number for name, number in most.items() if number > BOUNDS[name]} == {}
    # The loop turns, and what is here can be read.
    async with asyncio.timeout(patient(2)):
        assert [line.text for line in await anna.call(api.LoadLinesCommand(ROOM, 2, 10))] == ["before"]
    moved = [event for event in anna.events[heard:] if isinstance(event, api.StateChanged)]
    reasons = {details_text(event.reason) for event in moved if event.reason}
    assert all(reason.isprintable() and len(reason) < 200 for reason in reasons)
    if scenario.end is not End.LIVES:
        assert reasons
    assert (moved[-1].state is api.LinkState.REFUSED) is (scenario.end is End.STOPS)
    assert pinned_servers_and_key(folder) == before


async def assert_recovers(server: HostileServer, anna: Person) -> None:
    """The server is honest again."""
    server.set_script(None)
    await anna.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
    await anna.call(api.WaitLiveCommand(patient(8)))
    assert await anna.say("after") == len(server.log.records[ROOM])


def test_client_buffers_little_before_login(tmp_path: File, error_recorder: ErrorRecorder) -> None:
    """Endless small frames while the client is at its log-in page."""

    async def everything() -> None:
        async with HostileServer() as server:
            server.script = FloodBeforeLogIn()
            anna = Person(tmp_path / "anna", config=CONFIG)
            await anna.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
            greeted = anna.client.entry._greeted
            assert greeted is not None
            await until(lambda: not greeted.channel.open)
            assert len(greeted.channel._frames) < 2000
            server.script = Script()
            await anna.call(api.RegisterCommand("anna", "a password"))
            await anna.call(api.WaitLiveCommand(patient(8)))
            await anna.client.close()

    asyncio.run(everything())
    assert error_recorder.faults == []
