"""Deleted and archived rooms in the database: not readable, erased in parts, their ids never reused."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from lanchat.protocol.codes import RoomKind
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.log.records import genesis_hash
from lanchat_server.core.model import Rejection, RoomKeyRow, RoomState
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.store import SqlStore
from lanchat_server.store.tables import schema
from tests.support.stores import Database, Log, added, databases, general, member, room

ROOM = 77


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from databases(request, tmp_path, request.param)


def filled(store: SqlStore, texts: int = 5) -> Log:
    """A room with a member, some texts and a refused message."""
    (anna,) = added(store, "Anna")
    with store.transaction() as tx:
        tx.add_room(room(store, ROOM, "kitchen"))
        tx.add_members([member(ROOM, anna.id)])
        tx.set_room_key(RoomKeyRow(ROOM, 1, bytes(32), 99))
    log = Log(store, ROOM)
    log.say(*[f"needle {n}" for n in range(texts)])
    with store.transaction() as tx:
        tx.reject([Rejection(MessageKey(ROOM, bytes(16), 1, 1), 103, 5)])
    return log


def delete(store: SqlStore, *rooms: int) -> None:
    with store.transaction() as tx:
        tx.delete_rooms(rooms)


def erase(store: SqlStore, part: int = 2) -> int:
    """Returns how many parts it took."""
    parts = 0
    while True:
        with store.transaction() as tx:
            if not tx.erase_more(part):
                return parts
        parts += 1


def rows(store: SqlStore, table: str) -> int:
    found = getattr(schema, table)
    with store.reading() as connection:
        return len(connection.execute(select(found).where(found.c.room_id == ROOM)).all())


def test_deleted_room_is_not_readable(database: Database) -> None:
    store = database.open()
    filled(store)
    anna = store.snapshot().users[0].id
    delete(store, ROOM)
    snapshot = store.snapshot()
    assert [row.id for row in snapshot.rooms] == [general(store).id]
    assert not [row for row in snapshot.memberships if row.room == ROOM]
    assert not [row for row in snapshot.room_keys if row.room == ROOM]
    with store.transaction() as tx:
        assert tx.heads([ROOM]) == {}
        assert tx.were_members([(ROOM, anna), (ROOM, anna + 1)]) == {(ROOM, anna)}
    assert store.were_members([(ROOM, anna), (ROOM + 1, anna)]) == {(ROOM, anna)}


def test_members_of_existing_rooms_are_no_former_members(database: Database) -> None:
    store = database.open()
    filled(store)
    anna = store.snapshot().users[0].id
    places = [(ROOM, anna), (general(store).id, anna), (4711, anna)]
    with store.transaction() as tx:
        tx.add_members([member(general(store).id, anna)])
        assert tx.were_members(places) == set()
    assert store.were_members(places) == set()
    with store.transaction() as tx:
        tx.delete_rooms([ROOM])
        assert tx.were_members(places) == {(ROOM, anna)}
    assert store.were_members(places) == {(ROOM, anna)}
    erase(store)
    assert store.were_members(places) == {(ROOM, anna)}


def test_cached_head_is_dropped_with_the_room(database: Database) -> None:
    store = database.open()
    filled(store)
    with store.transaction() as tx:
        assert ROOM in tx.heads([ROOM])
        tx.delete_rooms([ROOM])
        assert tx.heads([ROOM]) == {}
    store.close()
    store = database.open()
    with store.transaction() as tx:
        assert tx.heads([ROOM]) == {}


@pytest.mark.parametrize("kind", [RoomKind.PUBLIC, RoomKind.PRIVATE])
def test_name_of_a_deleted_room_is_free_but_not_its_id(database: Database, kind: RoomKind) -> None:
    store = database.open()
    filled(store)
    delete(store, ROOM)
    with store.transaction() as tx:
        tx.add_room(room(store, ROOM + 1, "kitchen", kind))
    with pytest.raises(StoreError), store.transaction() as tx:
        tx.add_room(room(store, ROOM, "another"))


def test_erasing_frees_the_counted_octets(database: Database) -> None:
    store = database.open()
    with store.transaction() as tx:
        before = tx.log_octets()
    filled(store)
    delete(store, ROOM)
    with store.transaction() as tx:
        assert tx.log_octets() > before
    erase(store)
    store.close()
    with database.open().transaction() as tx:
        assert tx.log_octets() == before


def test_only_the_contents_are_erased_in_parts(database: Database) -> None:
    store = database.open()
    filled(store)
    Log(store).say("needle in general")
    delete(store, ROOM)
    assert rows(store, "records") == 5
    assert erase(store) == 5  # three parts of records, one of refusals, one that finds nothing more
    assert [rows(store, table) for table in ("records", "search", "rejections")] == [0, 0, 0]
    assert rows(store, "memberships") == 1
    assert [hit[0] for hit in store.search({general(store).id: 1, ROOM: 1}, "needle", before=0, limit=10)] == [
        general(store).id
    ]
    with store.reading() as connection:
        state = connection.execute(select(schema.rooms.c.state, schema.rooms.c.name).where(schema.rooms.c.id == ROOM))
        assert state.one() == (RoomState.ERASED, "")


def test_erasing_continues_after_a_restart(database: Database) -> None:
    store = database.open()
    filled(store)
    delete(store, ROOM)
    with store.transaction() as tx:
        assert tx.erase_more(2)
    store.close()
    store = database.open()
    assert erase(store) > 0
    assert rows(store, "records") == 0


def test_backup_omits_contents_still_to_be_erased(database: Database, tmp_path: Path) -> None:
    store = database.open()
    filled(store)
    delete(store, ROOM)
    summary = backup(tmp_path / "a.backup", store, tmp_path / "keys")
    assert summary.messages == 0
    restore(tmp_path / "a.backup", None, tmp_path / "other")
    other = Database(tmp_path / "other", None)
    try:
        copy = other.open()
        assert [row.name for row in copy.snapshot().rooms] == ["general"]
        anna = copy.snapshot().users[0].id
        assert copy.were_members([(ROOM, anna)]) == {(ROOM, anna)}
    finally:
        other.close()


def test_archived_state_is_stored(database: Database) -> None:
    store = database.open()
    filled(store)
    with store.transaction() as tx:
        tx.update_room(ROOM, archived=True)
    store.close()
    store = database.open()
    assert {row.id: row.archived for row in store.snapshot().rooms} == {general(store).id: False, ROOM: True}
    with store.transaction() as tx:
        tx.update_room(ROOM, archived=False)
    assert not any(row.archived for row in store.snapshot().rooms)


def test_many_rooms_are_deleted_at_once(database: Database) -> None:
    store = database.open()
    numbers = random.sample(range(1_000, 10**9), 600)
    with store.transaction() as tx:
        for number in numbers:
            tx.add_room(room(store, number, f"room {number}"))
    delete(store, *numbers)
    assert [row.name for row in store.snapshot().rooms] == ["general"]
    assert erase(store) == len(numbers)


def test_row_of_a_deleted_room_contains_no_record(database: Database) -> None:
    store = database.open()
    filled(store)
    delete(store, ROOM)
    with store.reading() as connection:
        columns = (schema.rooms.c.head_seq, schema.rooms.c.head_hash)
        head = connection.execute(select(*columns).where(schema.rooms.c.id == ROOM)).one()
    assert head == (0, genesis_hash(store.log.log_id, ROOM))
