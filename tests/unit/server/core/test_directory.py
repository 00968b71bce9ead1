"""The directory in memory: the writer thread changes it while other threads read it."""

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat_server.core.model import MembershipRow, RoomKeyRow, RoomRow
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.reporting import figures
from lanchat_server.service.requests import people, rooms
from tests.support.rig import GENERAL, Rig

Read = Callable[[Rig], object]


class Stepping(dict[Any, Any]):
    """A map during whose iteration the writer changes something, at each step."""

    def __init__(self, items: dict[Any, Any], step: Callable[[], None]) -> None:
        super().__init__(items)
        self._step = step

    def __iter__(self) -> Iterator[Any]:
        for key in super().__iter__():
            self._step()
            yield key

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]


def write(rig: Rig) -> None:
    """A user registers with a device, and creates a room: what the writer thread does after such commits."""
    directory = rig.directory
    number = len(directory.users) + 100
    directory.put_user(replace(directory.users[1], id=number, name=f"new{number}"))
    device = next(iter(rig.authors.values())).device
    directory.put_device(replace(directory.devices[device], id=number.to_bytes(16, "big"), user=number))
    room: RoomRow = replace(directory.rooms[Rig.PRIVATE], id=number, name=f"room{number}")
    directory.put_room(room)
    directory.put_members([MembershipRow(room.id, number, 0, 1, 0, 0)])
    directory.put_room_key(RoomKeyRow(room.id, 1, bytes(32), 0))


def service_of(rig: Rig) -> Any:
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    return SimpleNamespace(
        directory=rig.directory,
        core=rig.core,
        notices=EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: 0.0),
    )


ME: Any = SimpleNamespace(user=1)
READERS: dict[str, Read] = {
    "list_users": lambda rig: asyncio.run(people.list_users(service_of(rig), ME, wire.ListUsers())),
    "statements": lambda rig: rig.statements.visible(1, 0, b"", {}),
    "revoked": lambda rig: rig.directory.revoked(),
    "list_rooms": lambda rig: asyncio.run(rooms.list_rooms(service_of(rig), ME, wire.ListRooms())),
    "rooms of the status": lambda rig: figures._rooms(service_of(rig), None),
    "further rooms of the status": lambda rig: figures._rooms(service_of(rig), 0),
    "general": lambda rig: rig.directory.general(),
    "active_administrators": lambda rig: rig.directory.active_administrators(),
    "devices_of": lambda rig: rig.directory.devices_of(1),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("table", ["users", "devices", "rooms", "room_keys"])
def test_reading_during_a_write_gives_the_previous_state(name: str, table: str) -> None:
    rig = Rig()
    expected = READERS[name](rig)
    setattr(rig.directory, table, Stepping(getattr(rig.directory, table), lambda: write(rig)))
    assert READERS[name](rig) == expected


@pytest.mark.parametrize("table", ["users", "devices", "rooms", "room_keys"])
def test_table_keeps_its_size_during_iteration(table: str) -> None:
    rig = Rig()
    rig.directory.put_room_key(RoomKeyRow(GENERAL, 1, bytes(32), 0))
    rig.directory.put_room_key(RoomKeyRow(Rig.PRIVATE, 1, bytes(32), 0))
    held = getattr(rig.directory, table)
    iterator = iter(held.items())
    seen = [next(iterator)]
    write(rig)
    seen += list(iterator)
    assert len(seen) == len(held)
    assert len(getattr(rig.directory, table)) == len(held) + 1


def test_members_are_unchanged_during_iteration() -> None:
    rig = Rig()
    iterator = iter(rig.directory.members(GENERAL))
    first = next(iterator)
    rig.directory.put_members([MembershipRow(GENERAL, 99, 0, 1, 0, 0)])
    rig.directory.drop_members(GENERAL, [2])
    assert [first, *iterator] == [1, 2, 3]
    assert sorted(rig.directory.members(GENERAL)) == [1, 3, 99]


def test_names_are_found_in_any_case_and_others_are_none() -> None:
    directory = Rig().directory
    directory.put_user(replace(directory.users[2], name="Ännchen"))
    directory.put_room(replace(directory.rooms[GENERAL], name="Küche"))
    found = directory.user_named("äNNCHEN")
    assert found is not None
    assert found.id == 2
    room = directory.room_named("KÜCHE")
    assert room is not None
    assert room.id == GENERAL
    assert directory.room_named("secret") is None
    assert directory.user_named("nobody") is None
    assert directory.room_named("nowhere") is None


def test_private_room_name_is_visible_to_members_only() -> None:
    directory = Rig().directory
    seen = {user: [directory.sees_room_named(user, name) for name in ("GENERAL", "Secret")] for user in (1, 3)}
    assert seen == {1: [True, True], 3: [True, False]}
    assert not directory.sees_room_named(1, "nowhere")
