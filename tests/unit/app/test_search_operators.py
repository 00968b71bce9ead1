"""Operators of a search: whom, where and when it asks for, on the server and in the local copy."""

from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.protocol import wire
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, run

__all__ = ["run"]

DAY_MS = 86_400_000
FOUND = [
    ("red", ["red again", "red boat", "red herring"]),
    ("red from:anna", ["red boat"]),
    ("red from:Ann", ["red boat"]),
    ("red in:room1", ["red again", "red boat", "red herring"]),
    ("red after:1970-01-11", ["red again"]),
    ("red before:11.01.1970", ["red boat", "red herring"]),
    ("red from:anna after:1970-01-11", []),
    ("from:anna", ["red boat"]),
    ("after:1970-01-11", ["nothing", "red again"]),
    ("in:room1", []),
]


async def texts(anna: Person, words: str, room: int = 0, limit: int = 50) -> list[str]:
    return [line.text for line in await anna.call(api.SearchCommand(room, words, limit=limit))]


async def filled(server: FakeServer, anna: Person) -> None:
    """Three messages about something red, the last one 20 days after the others."""
    server.log.say(text="red herring")
    await anna.register(server)
    await anna.say("red boat")
    server.log.time_ms += 20 * DAY_MS
    for text in ("red again", "nothing"):
        server.relay(ROOM, server.log.say(text=text))
    await anna.state(api.LinkState.LIVE)

    def found(operation: wire.Search) -> wire.Found:
        records = [record for record in server.log.records[ROOM] if b"red" in (record.body or b"")][::-1]
        records = [record for record in records if not operation.before or record.seq < operation.before]
        hits = [wire.Hit(ROOM, record, []) for record in records[: operation.limit]]
        return wire.Found(hits, list(server.log.devices.values()))

    server.answers[wire.Search] = found
    await anna.call(api.LoadLinesCommand(ROOM))


def test_operators_choose_among_hits_with_and_without_the_server(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await filled(server, anna)
        for words, expected in FOUND:
            assert await texts(anna, words) == expected, words
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        for words, expected in FOUND:
            assert await texts(anna, words) == expected, words

    run(scenario)


def test_further_pages_are_asked_for_until_enough_is_chosen(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("red boat")
        for number in range(60):
            server.relay(ROOM, server.log.say(text=f"red {number}"))
        await filled_answers(server)
        assert await texts(anna, "red from:anna") == ["red boat"]
        assert await texts(anna, "red from:anna", ROOM, limit=1) == ["red boat"]

    run(scenario)


async def filled_answers(server: FakeServer) -> None:
    def found(operation: wire.Search) -> wire.Found:
        records = server.log.records[ROOM][::-1]
        records = [record for record in records if not operation.before or record.seq < operation.before]
        hits = [wire.Hit(ROOM, record, []) for record in records[: operation.limit]]
        return wire.Found(hits, list(server.log.devices.values()))

    server.answers[wire.Search] = found


def test_operators_that_name_nobody_or_no_day_are_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        for words in ("red from:nobody", "red in:nowhere", "red after:yesterday", "before:2026-13-01"):
            with pytest.raises(CommandError) as caught:
                await anna.call(api.SearchCommand(0, words))
            assert caught.value.kind is ErrorKind.INVALID

    run(scenario)
