"""What the core has decided and changed in the local copy is told, also when the session ends in that moment."""

import asyncio
from pathlib import Path

from lanchat.app import api
from lanchat.core import events as core_events
from lanchat.protocol import wire
from tests.support.fake_log import FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person, until

ROOM = 1


def test_decisions_and_removed_rooms_are_told_when_the_session_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeServer(FakeLog()) as server:
            anna = Person(tmp_path / "anna")
            await anna.register(server)
            member = anna.client.member
            assert member is not None
            await until(lambda: member.in_session, 20)
            server.deaf = True
            refused, stored = [await anna.call(api.SendCommand(ROOM, text)) for text in ("one", "two")]
            keys = {line.id: item.key for line, item in zip((refused, stored), member.core.waiting(ROOM), strict=True)}
            # No await from here on to the end of the session: the task that tells events has no turn.
            member.take_event(core_events.MessageRefused(keys[refused.id], wire.Code.ROOM_DELETED))
            member.take_event(core_events.MessageStored(keys[stored.id], 1))
            member.take_event(core_events.RoomAccessEnded(ROOM, True, None))
            await member.stop()
            told = [event for event in anna.events if isinstance(event, api.LineRefused | api.LineStored)]
            assert [event.id for event in told] == [refused.id, stored.id]
            assert any(isinstance(event, api.RoomRemoved) and event.room == ROOM for event in anna.events)
            await anna.client.close()

    asyncio.run(scenario())
