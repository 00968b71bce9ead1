"""Frames that arrive faster than events can be delivered: they stay on the channel, and none is lost."""

import asyncio
from pathlib import Path as File

import pytest

from lanchat.app import api, deferred_lines
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.core import events as core_events
from lanchat.core.core import ClientCore
from lanchat.core.rooms.chain import link_untrusted, records_stored
from lanchat.protocol import wire
from tests.support.fake_log import LOG_ID, FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person, until
from tests.unit.app.test_silent_server import play

ROOMS = 5000


def room(number: int) -> wire.Room:
    return wire.Room(number, f"r{number}", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, False, 2)


def added_room_ids(anna: Person) -> set[int]:
    return {event.room.room for event in anna.of(api.RoomUpdated)}


def test_stops_reading_server_while_events_are_undelivered(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        account = anna.client.member
        assert account is not None
        tell, go_on = account._handle_event, asyncio.Event()

        async def tell_later(event: core_events.Event) -> None:
            await go_on.wait()
            await tell(event)

        monkeypatch.setattr(account, "_handle_event", tell_later)
        for number in range(100, 100 + ROOMS):
            server.sessions[0].send(wire.RoomChanged(room(number)))
        await until(lambda: account.driver._held)
        # A while later it still holds no more than that and what one turn of the event loop took.
        await asyncio.sleep(0.2)
        assert account._queue.qsize() < 1000
        go_on.set()
        await until(lambda: added_room_ids(anna) >= set(range(100, 100 + ROOMS)))
        assert not account.driver._held
        assert await anna.say("and on") == 1

    play(scenario, tmp_path, limits=ClientLimits(backlog_octets_max=100_000))


def test_frames_received_before_disconnect_are_processed(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        session = server.sessions[0]
        for number in range(100, 100 + ROOMS):
            session.send(wire.RoomChanged(room(number)))
        session._transport.close()
        await until(lambda: added_room_ids(anna) >= set(range(100, 100 + ROOMS)))

    play(scenario, tmp_path)


class CoreWithoutCertificates:
    """A core that never receives the certificate of a device."""

    def awaits_certificates(self, devices: list[bytes]) -> bool:
        return True


def test_records_without_known_author_are_bounded_in_octets() -> None:
    log, waiting = FakeLog(), deferred_lines.DeferredRecords(CoreWithoutCertificates())  # type: ignore[arg-type]
    core: type[ClientCore] = ClientCore
    assert hasattr(core, "awaits_certificates")
    given = []
    while not given:
        record = log.say(text="x" * 4000)
        held = link_untrusted(LOG_ID, 1, log.hashes[1][-2], record)
        waiting.add(records_stored(1, (held,) * 100, live=True))
        given = waiting.take_ready()
        assert waiting._octets <= CLIENT_LIMITS.deferred_octets_max
    assert [len(event.held) for event in given] == [100]
    assert waiting._batches * 100 * 4000 < CLIENT_LIMITS.deferred_octets_max
    waiting.forget(1)
    assert (waiting._batches, waiting._octets) == (0, 0)
