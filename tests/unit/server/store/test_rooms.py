"""The store's contract: rooms, memberships, read marks, room keys. Every test runs on SQLite and on MariaDB."""

import gc

import pytest
from msgspec.structs import replace

from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.wire import Cursor
from lanchat_server.core.model import MembershipRow, RoomKeyRow, RoomRow
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store import SqlStore
from tests.support.stores import Database, added, general, member, octets, room


def rooms(store: SqlStore) -> dict[int, RoomRow]:
    return {row.id: row for row in store.snapshot().rooms}


def members(store: SqlStore) -> dict[tuple[int, int], MembershipRow]:
    return {(row.room, row.user): row for row in store.snapshot().memberships}


def test_rooms_are_read_back_unchanged(database: Database) -> None:
    store = database.open()
    made = [
        room(store, 2**63 - 1, "Комната 😀", RoomKind.PRIVATE),
        replace(room(store, 3, "direct:3:9223372036854775807", RoomKind.DIRECT), history=HistoryPolicy.SINCE_JOINING),
    ]
    first = general(store)
    with store.transaction() as tx:
        for row in made:
            tx.add_room(row)
    store.close()
    assert rooms(database.open()) == {row.id: row for row in [*made, first]}


@pytest.mark.parametrize("taken", ["general", "GENERAL", "ｇeneral"])
def test_name_is_taken_in_any_case(store: SqlStore, taken: str) -> None:
    with store.transaction() as tx, pytest.raises(KeyError):
        tx.add_room(room(store, 5, taken))


def test_only_given_fields_change(store: SqlStore) -> None:
    before = general(store)
    with store.transaction() as tx:
        tx.update_room(before.id)
        tx.update_room(before.id, history=HistoryPolicy.SINCE_JOINING)
    assert rooms(store)[before.id] == replace(before, history=HistoryPolicy.SINCE_JOINING)
    with store.transaction() as tx:
        tx.update_room(before.id, archived=True)
    assert rooms(store)[before.id] == replace(before, history=HistoryPolicy.SINCE_JOINING, archived=True)


def test_renamed_room_frees_its_name_and_takes_another(store: SqlStore) -> None:
    before = general(store)
    with store.transaction() as tx:
        tx.add_room(room(store, 5, "lounge"))
        with pytest.raises(KeyError):
            tx.update_room(before.id, name="LOUNGE")
        tx.update_room(before.id, name="General")
        tx.update_room(before.id, name="lobby")
        tx.add_room(room(store, 6, "general"))
    assert {row.id: row.name for row in rooms(store).values()} == {before.id: "lobby", 5: "lounge", 6: "general"}


def test_members_join_leave_and_rejoin(store: SqlStore) -> None:
    lobby = general(store).id
    anna, boris = (row.id for row in added(store, "Anna", "Boris"))
    with store.transaction() as tx:
        tx.add_members([member(lobby, anna), member(lobby, boris)])
        tx.set_cursors({anna: [Cursor(lobby, 5, 4)]})
    with store.transaction() as tx:
        tx.remove_members(lobby, [boris])
        tx.add_members([member(lobby, anna, first_seq=9)])
    assert members(store) == {(lobby, anna): member(lobby, anna, first_seq=9)}
    with store.transaction() as tx:
        tx.remove_members(lobby, [])
        tx.add_members([])
        tx.add_members([member(lobby, boris, first_seq=7)])
    assert members(store)[lobby, boris] == member(lobby, boris, first_seq=7)


def test_members_are_accounts_in_rooms(store: SqlStore) -> None:
    for wrong in (member(general(store).id, 4711), member(4711, 1)):
        with pytest.raises(CommitFailed), store.transaction() as tx:
            tx.add_members([wrong])


def test_read_marks_never_decrease(store: SqlStore) -> None:
    lobby = general(store).id
    people = [row.id for row in added(store, *(f"user{i}" for i in range(300)))]
    with store.transaction() as tx:
        tx.add_room(room(store, 5, "five"))
        tx.add_members([member(lobby, id_) for id_ in people])
        tx.add_members([member(5, people[0])])
    with store.transaction() as tx:
        tx.set_cursors({id_: [Cursor(lobby, 10 + place, place)] for place, id_ in enumerate(people, 1)})
        tx.set_cursors({})
    with store.transaction() as tx:
        tx.set_cursors({people[0]: [Cursor(lobby, 3, 500), Cursor(5, 8, 2)], people[1]: [Cursor(lobby, 900, 0)]})
        tx.set_cursors({people[2]: [Cursor(5, 1, 1), Cursor(4711, 1, 1)], 99_999: [Cursor(lobby, 1, 1)]})
    found = members(store)
    assert len(found) == 301
    assert [(row.received, row.read) for row in (found[lobby, id_] for id_ in people[3:])] == [
        (10 + place, place) for place in range(4, 301)
    ]
    first, second = found[lobby, people[0]], found[lobby, people[1]]
    assert (first.received, first.read) == (11, 500)
    assert (second.received, second.read) == (900, 2)
    assert replace(first, received=0, read=0) == member(lobby, people[0])
    assert (found[5, people[0]].received, found[5, people[0]].read) == (8, 2)


def test_highest_of_several_read_marks_counts(store: SqlStore) -> None:
    lobby = general(store).id
    [anna] = (row.id for row in added(store, "Anna"))
    with store.transaction() as tx:
        tx.add_members([member(lobby, anna)])
        tx.set_cursors({anna: [Cursor(lobby, 9, 1), Cursor(lobby, 4, 3)]})
    assert (members(store)[lobby, anna].received, members(store)[lobby, anna].read) == (9, 3)


def test_new_room_key_replaces_the_previous_one(store: SqlStore) -> None:
    lobby = general(store).id
    for number in (1, 2):
        key = RoomKeyRow(lobby, number, octets(number, 32), 2**63 - 1)
        with store.transaction() as tx:
            tx.set_room_key(key)
        assert store.snapshot().room_keys == [key]


def test_read_marks_leave_no_reference_cycles(store: SqlStore) -> None:
    lobby = general(store).id
    [anna] = (row.id for row in added(store, "Anna"))
    with store.transaction() as tx:
        tx.add_members([member(lobby, anna)])

    def receive(*numbers: int) -> int:
        """How many objects are left that only hold each other."""
        gc.collect()
        gc.disable()
        try:
            for number in numbers:
                with store.transaction() as tx:
                    tx.set_cursors({anna: [Cursor(lobby, number, number)]})
            return gc.collect()
        finally:
            gc.enable()

    receive(1)
    assert receive(2, 3, 4, 5, 6) < 50
    assert members(store)[lobby, anna].read == 6
