"""Edits, deletions and reactions while the server is away: shown at once, and once when they are stored."""

from typing import Any

import pytest

from lanchat.app import api
from lanchat.core import events as core_events
from lanchat.core.core import message_id
from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from tests.support.fake_log import LOG_ID, device_of, key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, run, until

__all__ = ["run"]
OTHER = 99


def change(kind: Kind, text: str, n: int = 1, ref: int = 1) -> tuple[Header, Message]:
    key = key_of(9)
    header = Header(ROOM, device_of(key), 500, n, kind, ref, 0, 50 + n)
    return header, make_message(key, LOG_ID, header, text)


def carry(anna: Person, *made: tuple[Header, Message]) -> None:
    """What peers bring."""
    tell(anna, core_events.MessagesCarried(tuple((header, message, OTHER) for header, message in made)))


def tell(anna: Person, event: core_events.Event) -> None:
    member = anna.client.member
    assert member is not None
    member.take_event(event)


async def shown(anna: Person) -> api.Line:
    lines = await anna.call(api.LoadLinesCommand(ROOM))
    return next(line for line in lines if line.seq == 1)


def test_carried_change_is_shown_at_once_and_applied_once(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.relay(ROOM, server.log.say(text="hello"))
        await until(lambda: anna.of(api.LineAdded))
        header, edit = change(Kind.EDIT, "better")
        carry(anna, (header, edit))
        await until(lambda: anna.of(api.LineChanged))
        (event,) = anna.of(api.LineChanged)
        assert (event.cause, event.cause_seq, event.by, event.id) == ("edit", 0, OTHER, message_id(header.key))
        assert (event.line.text, event.line.edited, event.line.pending) == ("better", True, True)
        assert await shown(anna) == event.line
        carry(anna, (header, edit))
        server.relay(ROOM, server.log.store(edit))
        await until(lambda: len(anna.of(api.LineChanged)) == 2)
        stored = anna.of(api.LineChanged)[1]
        assert (stored.cause_seq, stored.id, stored.line.text) == (2, event.id, "better")
        assert not stored.line.pending
        assert await shown(anna) == stored.line

    run(scenario)


@pytest.mark.parametrize("code", [Code.TARGET_NOT_YOURS, 0])
def test_refused_change_is_taken_back(run: Any, code: int) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.relay(ROOM, server.log.say(text="hello"))
        await until(lambda: anna.of(api.LineAdded))
        header, deletion = change(Kind.DELETE, "")
        carry(anna, (header, deletion))
        await until(lambda: anna.of(api.LineChanged))
        assert (await shown(anna)).deleted
        tell(anna, core_events.CarriedRefused(header.key, code))
        await until(lambda: anna.of(api.LineWithdrawn))
        back = anna.of(api.LineChanged)[1]
        assert (back.cause, back.line.text, back.line.deleted, back.line.pending) == ("refused", "hello", False, False)
        (withdrawn,) = anna.of(api.LineWithdrawn)
        assert (withdrawn.id, withdrawn.code) == (message_id(header.key), code or None)
        assert await shown(anna) == back.line

    run(scenario)


def test_own_changes_are_shown_while_the_server_is_away(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("mine")
        await until(lambda: len(anna.of(api.LineAdded)) == 2)
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        await anna.call(api.EditCommand(ROOM, 1, "mine, better"))
        await anna.call(api.ReactCommand(ROOM, 1, "👍"))
        await until(lambda: len(anna.of(api.LineChanged)) == 2)
        line = anna.of(api.LineChanged)[1].line
        assert (line.text, line.reactions, line.pending) == ("mine, better", (api.Reaction("👍", (1,)),), True)
        assert await shown(anna) == line

    run(scenario)


def test_change_by_somebody_without_the_right_is_not_shown(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("mine")
        await until(lambda: len(anna.of(api.LineAdded)) == 2)
        carry(anna, change(Kind.EDIT, "forged"), change(Kind.DELETE, "", 2), change(Kind.REACTION, "👍", 3))
        await until(lambda: anna.of(api.LineChanged))
        (event,) = anna.of(api.LineChanged)
        assert (event.cause, event.line.text, event.line.deleted) == ("reaction", "mine", False)

    run(scenario)
