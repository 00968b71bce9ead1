"""A connection that repeats the same failure: the client waits, reports why, and continues after the server changed."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.app import api
from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.limits import FRAME_MAX
from lanchat.wording.problems import details_text
from tests.support.fake_log import FakeLog
from tests.support.fake_server import FakeServer, Session
from tests.support.scripted_client import Person, until

# A client that does not wait tries again after a hundredth of a second.
CONFIG = ClientConfig(
    reconnect_first=0.01, reconnect_early=0.01, reconnect_longest=0.5, broken_first=0.5, away_after=0.01
)
FAILURES = 4


def too_long(session: Session) -> None:
    session.send_raw(struct.pack(">I", FRAME_MAX + 1) + bytes(100))


def undecodable(session: Session) -> None:
    session.send_raw(b"\x00\x00\x00\x02\xff\xff")


def with_unexpected_answer(session: Session) -> None:
    session.send(wire.Request(1, wire.Hello([1], "server")))


BROKEN: dict[str, Callable[[Session], None]] = {
    "frame too long": too_long,
    "undecodable": undecodable,
    "of another way": with_unexpected_answer,
}


async def send_to_new_sessions(server: FakeServer, how: Callable[[Session], None]) -> None:
    """Sends something to each session as soon as it is logged in."""
    # The sessions themselves: the id of one that is gone would be another's soon.
    spoiled: list[Session] = []
    while True:
        for session in list(server.sessions):
            if session.logged_in and not any(session is known for known in spoiled):
                spoiled.append(session)
                how(session)
        await asyncio.sleep(0.002)


def waiting_states(person: Person) -> list[api.StateChanged]:
    """The reported states before each further try."""
    return [event for event in person.of(api.StateChanged) if event.retry_in > 0]


def violations(person: Person) -> list[api.StateChanged]:
    """Those with the reason that the server broke the protocol."""
    return [event for event in waiting_states(person) if "does not understand" in details_text(event.reason)]


@pytest.mark.parametrize("how", BROKEN.values(), ids=BROKEN)
def test_repeated_protocol_violation_delays_retry_with_reason(tmp_path: Path, how: Callable[[Session], None]) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna", config=CONFIG)
            await anna.register(server)
            spoiling = asyncio.create_task(send_to_new_sessions(server, how))
            try:
                await until(lambda: len({round(e.retry_in, 6) for e in violations(anna)}) >= FAILURES, 20)
                reported = violations(anna)
                # A log-in that a busy computer does not answer in time is a failure of another kind.
                others = len(waiting_states(anna)) - len(reported)
                # The first time it is tried at once; then half a second at most, a quarter at least.
                assert sum(event.retry_in < 0.1 for event in reported) <= 2 * (1 + others)
                assert max(event.retry_in for event in reported) > 0.2
                spoiling.cancel()
                await anna.state(api.LinkState.LIVE)
            finally:
                spoiling.cancel()
                await anna.client.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [wire.Code.BUSY, wire.Code.UNAVAILABLE, wire.Code.TOO_MANY_SESSIONS])
def test_refused_login_delays_retries_with_reason(tmp_path: Path, code: wire.Code) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna", config=ClientConfig(reconnect_first=0.02, away_after=0.01))
            await anna.register(server)
            server.refuse = code
            for session in list(server.sessions):
                session.cut()
            await until(lambda: len([e for e in waiting_states(anna) if e.reason]) >= FAILURES, 20)
            reasons = {event.reason for event in waiting_states(anna)[2:]}
            assert None not in reasons
            server.refuse = None
            await anna.state(api.LinkState.LIVE)
            await anna.client.close()

    asyncio.run(scenario())


def test_final_refusal_is_reported_and_not_retried(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna", config=CONFIG)
            await anna.register(server)
            server.refuse = wire.Code.DEVICE_REVOKED
            for session in list(server.sessions):
                session.cut()
            await anna.state(api.LinkState.REFUSED)
            last: Any = anna.of(api.StateChanged)[-1]
            assert last.reason is not None
            assert last.retry_in == 0
            await anna.client.close()

    asyncio.run(scenario())


def test_changed_key_at_the_address_delays_retries_with_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = FakeServer(FakeLog())
        async with server:
            anna = Person(tmp_path / "anna", config=ClientConfig(reconnect_first=0.02, away_after=0.01))
            await anna.register(server)
        async with FakeServer(FakeLog(), port=server.port, identity=77):
            await until(
                lambda: [e for e in waiting_states(anna) if "Another server" in details_text(e.reason)][FAILURES:], 60
            )
            await anna.client.close()

    asyncio.run(scenario())
