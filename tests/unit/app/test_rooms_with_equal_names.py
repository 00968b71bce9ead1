"""Rooms of equal names are distinguished by their numbers, in titles and on the command line."""

import pytest
from msgspec.structs import replace

from lanchat.app.api import Person, RoomView
from lanchat.cli.lines import person_text, room_row, room_text
from lanchat.core.people.directory import ClientDirectory
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Role, RoomKind
from lanchat.protocol.wire import Room
from tests.support.memory_local import MemoryLocalStore
from tests.unit.app.test_unread_counts import Book


def room(number: int, name: str, kind: RoomKind = RoomKind.PRIVATE, **more: int) -> Room:
    return Room(number, name, kind, HistoryPolicy.EVERYTHING, 1, True, 2, **more)


def title(book: Book, number: int) -> str:
    return book.book.view(book.core.directory.rooms[number]).title


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("lunch", "lunch", True),
        ("lunch", "Lunch", True),
        ("lunch", "ｌｕｎｃｈ", True),
        ("Tea", "\u0422\u0435a", True),
        ("lunch", "lunch 2", False),
    ],
)
def test_titles_of_equal_names_show_numbers(first: str, second: str, alike: bool) -> None:
    book = Book()
    book.core.directory.put_room(room(71, first))
    assert title(book, 71) == first
    book.core.directory.put_room(room(72, second, RoomKind.PUBLIC))
    assert title(book, 71) == (f"{first} (#71)" if alike else first)
    assert title(book, 72) == (f"{second} (#72)" if alike else second)
    assert book.book.view(book.core.directory.rooms[71]).alike is alike
    assert [found.id for found in book.book.rooms_named("#72")] == [72]


def test_name_that_resembles_a_numbered_title_is_numbered() -> None:
    book = Book()
    book.core.directory.put_room(room(71, "lunch (#5)"))
    assert title(book, 71) == "lunch (#5) (#71)"


def test_direct_rooms_never_have_equal_names() -> None:
    directory = ClientDirectory(MemoryLocalStore())
    for number in (1, 2):
        directory.put_room(room(number, "", RoomKind.DIRECT, partner=number))
    assert not any(directory.is_alike_room(known) for known in directory.rooms.values())


def test_rooms_are_retitled_when_one_of_equal_name_changes() -> None:
    directory = ClientDirectory(MemoryLocalStore())
    directory.put_room(room(1, "lunch"))
    assert directory.take_retitled() == []
    directory.put_room(room(2, "lunch"))
    assert [known.id for known in directory.take_retitled()] == [1]
    directory.put_room(room(3, "lunch"))
    assert directory.take_retitled() == []
    directory.put_room(room(2, "tea"))
    directory.put_room(replace(directory.rooms[2], members=9))
    assert directory.take_retitled() == []
    directory.drop_room(3)
    assert [known.id for known in directory.take_retitled()] == [1]
    directory.put_room(room(4, "Lunch"))
    directory.take_retitled()
    directory.drop_unlisted({1})
    assert [known.id for known in directory.take_retitled()] == [1]
    assert not directory.is_alike_room(directory.rooms[1])


def test_names_of_stored_rooms_are_compared() -> None:
    store = MemoryLocalStore()
    store.save_rooms([room(1, "lunch"), room(2, "lunch")])
    directory = ClientDirectory(store)
    assert directory.is_alike_room(directory.rooms[1])
    assert directory.take_retitled() == []


def test_only_the_first_public_room_is_general() -> None:
    book = Book()
    for number, made in ((1, room(1, "general", RoomKind.PUBLIC)), (2, room(2, "general", creator=7))):
        book.core.directory.put_room(made)
        assert book.book.view(made).general is (number == 1)
    foreign = replace(room(3, "tea", RoomKind.PUBLIC), joined=False)
    assert not book.book.view(foreign).general


def test_command_line_shows_numbers_for_equal_names_only() -> None:
    plain = RoomView(71, "lunch", "lunch", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING, True, 2, 0, 0, 0, 0)
    marked = replace(plain, title="lunch (#71)", alike=True)
    assert room_text(plain, {}).startswith("lunch  ")
    assert room_text(marked, {}).startswith("lunch (#71)  ")
    assert "number" not in room_row(plain, {})
    assert room_row(marked, {})["number"] == 71
    assert room_row(marked, {})["room"] == "lunch"


@pytest.mark.parametrize(
    ("display_name", "text"),
    [("tom (@eve1)", "eve1 (tom)"), ("tom", "eve1 (tom)"), ("eve1", "eve1"), ("tom (@eve1) (@eve1)", "eve1 (tom)")],
)
def test_user_name_is_printed_once(display_name: str, text: str) -> None:
    person = Person(5, "eve1", display_name, PresenceState.ONLINE, 0.0, Role.MEMBER)
    assert person_text(person) == f"{text}  online"
