"""Lines with a late author certificate: shown later, in order, and never lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

from lanchat.app import api
from lanchat.app.limits import ClientLimits
from lanchat.protocol import wire
from tests.support.fake_log import FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, until
from tests.unit.app.test_silent_server import play as beside_a_server


def play(scenario: Callable[[FakeServer, Person], Any], folder: File, deferred_max: int = 1000) -> None:
    log = FakeLog(rooms=2)
    log.enrol(key_of(9), 99, "other")
    beside_a_server(scenario, folder, log, ClientLimits(certificate_patience=0.05, deferred_max=deferred_max))


def relay_line(server: FakeServer, text: str, room: int = ROOM) -> None:
    server.relay(room, server.log.say(room, text))


def shown_texts(anna: Person) -> list[tuple[int, str]]:
    return [(event.line.room, event.line.text) for event in anna.of(api.LineAdded)]


def test_line_waits_for_its_certificate_across_sessions(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.GetCertificates] = lambda operation: None
        relay_line(server, "one")
        relay_line(server, "two")
        await anna.say("mine")
        await until(lambda: anna.client.member.core.cursor(ROOM) == 3)
        await asyncio.sleep(0.3)
        assert [text for _, text in shown_texts(anna)] == ["mine"]
        server.sessions[0].cut()
        await until(lambda: len(server.requests(wire.GetCertificates)) == 2)
        await asyncio.sleep(0.3)
        assert [text for _, text in shown_texts(anna)] == ["mine"]
        del server.answers[wire.GetCertificates]
        server.sessions[0].cut()
        await until(lambda: len(shown_texts(anna)) == 4)
        assert [text for _, text in shown_texts(anna)] == ["mine", "one", "two", "mine"]

    play(scenario, tmp_path)


def test_other_rooms_do_not_wait_and_refusal_is_retried_later(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.GetCertificates] = lambda operation: wire.Failure(0, wire.Code.UNAVAILABLE, "no")
        relay_line(server, "one")
        await until(lambda: anna.client.member.core.cursor(ROOM) == 1)
        mine = await anna.call(api.SendCommand(2, "elsewhere"))
        await anna.call(api.WaitDecidedCommand(mine.id, 5))
        await until(lambda: shown_texts(anna).count((2, "elsewhere")) == 2)
        assert (ROOM, "one") not in shown_texts(anna)
        del server.answers[wire.GetCertificates]
        server.sessions[0].cut()
        await until(lambda: (ROOM, "one") in shown_texts(anna))

    play(scenario, tmp_path)


def test_device_unknown_to_the_server_blocks_nothing(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.GetCertificates] = lambda operation: wire.Certificates([])
        relay_line(server, "by nobody")
        await anna.say("mine")
        await until(lambda: [text for _, text in shown_texts(anna)] == ["mine", "mine"])

    play(scenario, tmp_path)


def test_deferred_lines_are_bounded(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.GetCertificates] = lambda operation: None
        for number in range(10):
            relay_line(server, f"number {number}")
            await until(lambda number=number: anna.client.member.core.cursor(ROOM) == number + 1)
        waiting = anna.client.member._late._rooms
        await until(lambda: sum(map(len, waiting.values())) == 3)

    play(scenario, tmp_path, deferred_max=3)
