"""The rooms that a client stores for use while disconnected: written when something changed, and only then."""

from lanchat.core.people.directory import ClientDirectory
from lanchat.protocol.codes import HistoryPolicy, PresenceState, RoomKind
from lanchat.protocol.wire import Room, User
from tests.support.memory_local import MemoryLocalStore


class CountingStore(MemoryLocalStore):
    saves = 0

    def save_rooms(self, rooms: "list[Room]") -> None:  # type: ignore[override]
        self.saves += 1
        super().save_rooms(rooms)


def room(number: int) -> Room:
    return Room(number, f"room{number}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 1, True, 2)


def test_removed_room_is_removed_from_the_store() -> None:
    store = CountingStore()
    directory = ClientDirectory(store)
    directory.put_room(room(1))
    directory.put_room(room(2))
    directory.save()
    assert directory.drop_room(1)
    assert not directory.drop_room(9)
    directory.save()
    assert [kept.id for kept in store.rooms()] == [2]


def test_nothing_is_written_without_a_change() -> None:
    store = CountingStore()
    directory = ClientDirectory(store)
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


def person(number: int, name: str, display_name: str = "") -> User:
    return User(number, name, display_name, PresenceState.ONLINE, 0)


def test_display_name_is_ambiguous_while_others_have_it() -> None:
    store = MemoryLocalStore()
    store.save_users([person(1, "anna", "Anna Berg"), person(2, "boris")])
    directory = ClientDirectory(store)
    shown = ("anna", "ANNA BERG", "Boris", "Clara", "Anna@home")
    assert [directory.is_alike(name, 2, "boris") for name in shown] == [True, True, False, False, True]
    assert not directory.is_alike("Anna Berg", 1, "anna")
    directory.put_users([person(1, "anna", "Anna Stein"), person(3, "clara")])
    assert [directory.is_alike(name, 2, "boris") for name in shown] == [True, False, False, True, True]
    assert directory.is_alike("Anna Stein", 2, "boris")
