"""A message that is not stored in time is kept, and the reason is reported."""

import asyncio
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.protocol.problems import Problem
from lanchat.wording.problems import error_text
from tests.support.fake_log import FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person, until

ROOM = 1


async def send(person: Person, timeout: float = 0.2) -> api.CommandError:
    line = await person.call(api.SendCommand(ROOM, "kept"))
    return await person.fails(api.WaitDecidedCommand(line.id, timeout))


def test_reports_that_the_server_has_lost_messages(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna")
            await anna.register(server)
            for number in range(5):
                await anna.say(f"line {number}")
            del server.log.records[ROOM][2:]
            del server.log.hashes[ROOM][3:]
            for session in list(server.sessions):
                session.cut()
            await until(lambda: anna.client.member.core.stopped(ROOM) is not None, 20)  # type: ignore[union-attr]
            error = await asyncio.wait_for(send(anna, timeout=600.0), 30)  # at once, as nothing is sent
            assert error.kind is api.ErrorKind.TIMEOUT
            assert error_text(error).startswith("The server has lost messages that this computer still has")
            assert "is kept" in error_text(error)
            await anna.client.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("reason", [True, False])
def test_reports_why_the_server_is_away(tmp_path: Path, reason: bool) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna")
            await anna.register(server)
            if reason:
                await server.stop()
                await anna.state(api.LinkState.AWAY)
            else:
                server.udp, server.deaf = False, True
            error = await send(anna)
            assert error.kind is api.ErrorKind.TIMEOUT
            assert (error.details.problem is Problem.UNDECIDED) is not reason
            await anna.client.close()

    asyncio.run(scenario())
