"""Rooms that a client keeps for the time when the server is away: written when something changed, and only then."""

from lanchat.protocol.client.directory import Directory
from lanchat.protocol.wire import HistoryPolicy, Room, RoomKind
from tests.support.memory_local import MemoryLocalStore


class CountingStore(MemoryLocalStore):
    saves = 0

    def save_rooms(self, rooms: "list[Room]") -> None:  # type: ignore[override]
        self.saves += 1
        super().save_rooms(rooms)


def room(number: int) -> Room:
    return Room(number, f"room{number}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 1, True, 2)


def test_a_room_that_is_gone_is_gone_from_the_store() -> None:
    store = CountingStore()
    directory = Directory(store)
    directory.put_room(room(1))
    directory.put_room(room(2))
    directory.save()
    assert directory.drop_room(1)
    assert not directory.drop_room(9)
    directory.save()
    assert [kept.id for kept in store.rooms()] == [2]


def test_nothing_is_written_while_nothing_changed() -> None:
    store = CountingStore()
    directory = Directory(store)
    directory.save()
    directory.save_marks()
    assert store.saves == 0
    directory.put_room(room(1))
    directory.mark(1, 5)
    directory.save()
    directory.save_marks()
    directory.save()
    assert store.saves == 1
    assert [kept.read for kept in store.rooms()] == [5]
