"""Numbers of statements in the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stores import Database, added, databases, device, general, member, room

ROOM = 77


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from databases(request, tmp_path, request.param)


def test_numbers_are_stored_with_their_subjects(database: Database) -> None:
    store = database.open()
    anna, boris = added(store, "Anna", "Boris")
    first = general(store).number
    laptop = device(anna.id)
    with store.transaction() as tx:
        tx.add_device(laptop)
        tx.add_room(room(store, ROOM, "kitchen"))
        tx.number_statements(first + 1, users=[anna.id], rooms=[ROOM])
        tx.number_statements(first + 3, devices=[laptop.id])
    with store.transaction() as tx:
        tx.number_statements(first + 2, users=[boris.id])
    store.close()
    snapshot = database.open().snapshot()
    assert {row.id: row.number for row in snapshot.users} == {anna.id: first + 1, boris.id: first + 2}
    assert [row.number for row in snapshot.rooms if row.id == ROOM] == [first + 1]
    assert [row.revoked_number for row in snapshot.devices] == [first + 3]
    assert (snapshot.number, snapshot.deletions_number) == (first + 3, 0)


def test_deletions_are_found_by_who_was_a_member(database: Database) -> None:
    store = database.open()
    anna, boris = added(store, "Anna", "Boris")
    first = general(store).number
    with store.transaction() as tx:
        for number, users in ((1, [anna]), (2, [anna, boris]), (3, [anna])):
            tx.add_room(room(store, ROOM + number, f"room {number}"))
            tx.add_members([member(ROOM + number, user.id) for user in users])
    with store.transaction() as tx:
        for number in (1, 2):
            tx.delete_rooms([ROOM + number])
            tx.number_statements(first + number, rooms=[ROOM + number])
    assert store.deleted_rooms(anna.id, 0) == {ROOM + 1: first + 1, ROOM + 2: first + 2}
    assert store.deleted_rooms(anna.id, first + 1) == {ROOM + 2: first + 2}
    assert store.deleted_rooms(boris.id, 0) == {ROOM + 2: first + 2}
    assert store.deleted_rooms(4711, 0) == {}
    assert store.snapshot().deletions_number == first + 2
