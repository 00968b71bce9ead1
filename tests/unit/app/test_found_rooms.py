"""Rooms that a command found: history that arrives later is reported line by line, however the room was found."""

from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.protocol import wire
from tests.support.fake_log import FakeLog
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person
from tests.unit.app.test_silent_server import play

BORIS = 2
DIRECT = wire.Room(77, "direct:1:2", wire.RoomKind.DIRECT, wire.HistoryPolicy.EVERYTHING, 1, True, 2, partner=BORIS)
PUBLIC = wire.Room(78, "kitchen", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, True, 1)


def _opens_direct(server: FakeServer) -> None:
    boris = wire.User(BORIS, "boris", "Boris", wire.PresenceState.ONLINE, 1)
    server.answers[wire.ListUsers] = lambda _: wire.UserList([server.user("anna"), boris])
    server.answers[wire.OpenDirect] = lambda _: wire.RoomResult(DIRECT)


def _lists_room(server: FakeServer) -> None:
    server.answers[wire.ListRooms] = lambda _: wire.RoomList([*server.log.rooms(), PUBLIC])


@pytest.mark.parametrize(
    ("name", "room", "prepare"), [("@boris", DIRECT, _opens_direct), ("kitchen", PUBLIC, _lists_room)]
)
def test_found_room_is_watched(
    name: str, room: wire.Room, prepare: Callable[[FakeServer], Any], tmp_path: File
) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        prepare(server)
        account = anna.client.member
        assert account is not None
        assert not account.book.is_watched(room.id)
        assert (await anna.call(api.FindRoomCommand(name))).room == room.id
        assert account.book.is_watched(room.id)

    play(scenario, tmp_path, FakeLog())
