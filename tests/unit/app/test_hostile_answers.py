"""Hostile answers: history without lines, hits of other rooms, deeply nested status reports."""

import contextlib
from pathlib import Path as File

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.limits import ClientLimits
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind
from tests.support.fake_log import FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person
from tests.unit.app.test_silent_server import play

FEW_PAGES = ClientLimits(older_pages_max=3, unread_pages_max=1)


def test_command_fetches_a_bounded_part_of_history_without_lines(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    log.say(text="the only line")
    for _ in range(1900):
        log.say(kind=Kind.EDIT, ref=1, text="x")

    async def scenario(server: FakeServer, anna: Person) -> None:
        error = await anna.fails(api.LoadLinesCommand(ROOM, 0, 10))
        assert error.kind is api.ErrorKind.TIMEOUT
        # One page came with the subscription, one to count what is unread.
        assert len(server.requests(wire.History)) <= 5
        # Each further one goes on where the last one ended.
        for _ in range(4):
            with contextlib.suppress(api.CommandError):
                lines = await anna.call(api.LoadLinesCommand(ROOM, 0, 10))
        assert [line.text for line in lines] == ["x"]

    play(scenario, tmp_path, log, FEW_PAGES)


def test_jump_fetches_a_bounded_part_of_the_history(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for number in range(1900):
        log.say(text=f"text {number}")

    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.LoadLinesCommand(ROOM, 0, 10))
        before = len(server.requests(wire.History))
        error = await anna.fails(api.LoadLinesFromCommand(ROOM, 1, 10))
        assert error.kind is api.ErrorKind.TIMEOUT
        assert len(server.requests(wire.History)) == before + 3
        # Each further one goes on where the last one ended.
        lines: list[api.Line] = []
        for _ in range(4):
            with contextlib.suppress(api.CommandError):
                lines = await anna.call(api.LoadLinesFromCommand(ROOM, 1, 10))
        assert [line.seq for line in lines] == list(range(1, 11))

    play(scenario, tmp_path, log, FEW_PAGES)


def test_export_fetches_all_of_the_history(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for number in range(1900):
        log.say(text=f"text {number}")

    async def scenario(server: FakeServer, anna: Person) -> None:
        lines = await anna.call(api.LoadLinesFromCommand(ROOM, 1, 10, whole=True))
        assert [line.seq for line in lines] == list(range(1, 11))

    play(scenario, tmp_path, log, FEW_PAGES)


def test_search_omits_hits_of_other_rooms(tmp_path: File) -> None:
    log = FakeLog(rooms=2)
    log.enrol(key_of(9), 99, "other")
    hits = [wire.Hit(room, log.say(room, f"in {room}"), []) for room in (1, 2)]

    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.Search] = lambda _: wire.Found(hits, list(log.devices.values()))
        assert [line.text for line in await anna.call(api.SearchCommand(ROOM, "in", 0, 10))] == ["in 1"]
        assert [line.text for line in await anna.call(api.SearchCommand(0, "in", 0, 10))] == ["in 1", "in 2"]
        server.answers[wire.Search] = lambda _: wire.Found([replace(hits[1], room=1)], [])
        assert await anna.call(api.SearchCommand(0, "in", 0, 10)) == []

    play(scenario, tmp_path, log)
