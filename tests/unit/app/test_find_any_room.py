"""An administrator finds any room of the server by its name, also those after the first 1,000 of a report."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.commands.rooms import ROOM_PAGES_MAX
from lanchat.protocol import wire
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.limits import STATUS_LISTED_MAX
from lanchat.wording.problems import error_text
from lanchat_server.service.reporting import figures
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person
from tests.support.status import status_report
from tests.unit.app.test_hostile_answers import play

NUMBERS = [7 * number for number in range(1, 2501)]


def server_with_rooms() -> Any:
    """The parts of a service that a report of rooms reads: 2,500 private rooms and a direct one."""
    rooms = {n: SimpleNamespace(id=n, name=f"room {n}", kind=RoomKind.PRIVATE) for n in reversed(NUMBERS)}
    rooms[3] = SimpleNamespace(id=3, name="", kind=RoomKind.DIRECT)
    heads = {room: SimpleNamespace(seq=1, time_ms=1) for room in rooms}
    directory = SimpleNamespace(rooms=rooms, members=lambda room: ())
    return SimpleNamespace(core=SimpleNamespace(heads=heads), directory=directory)


def test_report_lists_all_rooms_in_pages() -> None:
    service, listed, above = server_with_rooms(), list[int](), 0
    while page := figures._rooms(service, above):
        assert len(page) <= STATUS_LISTED_MAX
        listed += [room.id for room in page]
        above = listed[-1]
    assert listed == NUMBERS


def administrator(server: FakeServer) -> None:
    ruling = replace(server.user("anna"), role=wire.Role.ADMINISTRATOR)
    server.answers[wire.ListUsers] = lambda _: wire.UserList([ruling])


@pytest.mark.parametrize("number", [7, 7 * 1001, 7 * 2500])
def test_room_is_found_on_every_page(tmp_path: Path, number: int) -> None:
    service = server_with_rooms()

    async def scenario(server: FakeServer, anna: Person) -> None:
        administrator(server)
        await anna.call(api.ListPeopleCommand())
        report = lambda asked: status_report(figures._rooms(service, asked.rooms_above))  # noqa: E731
        server.answers[wire.Status] = report
        assert await anna.call(api.FindAnyRoomCommand(f"Room {number}")) == number
        error = await anna.fails(api.FindAnyRoomCommand("nowhere"))
        assert error_text(error) == "Room nowhere does not exist"

    play(scenario, tmp_path)


def test_endless_pages_are_not_followed(tmp_path: Path) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        administrator(server)
        await anna.call(api.ListPeopleCommand())
        endless = lambda asked: status_report([wire.RoomFigures(asked.rooms_above + 1, "x", 0, 1)])  # noqa: E731
        server.answers[wire.Status] = endless
        error = await anna.fails(api.FindAnyRoomCommand("nowhere"))
        assert error_text(error) == "The server's answer cannot be read"
        assert len(server.requests(wire.Status)) == ROOM_PAGES_MAX

    play(scenario, tmp_path)
