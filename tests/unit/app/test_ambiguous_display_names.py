"""An ambiguous display name is shown with the user name, which is unique."""

from typing import Any

import pytest

from lanchat.core.view.fold import DecodedRecord
from lanchat.protocol import wire
from lanchat.protocol.codes import PresenceState
from lanchat.protocol.wire import User
from tests.unit.app.test_unread_counts import ME, OTHER, Book

ROOM = next(iter(Book().log.records))


def user(number: int, name: str, display_name: str = "") -> User:
    return User(number, name, display_name, PresenceState.ONLINE, 0)


def shown(book: Book, number: int) -> str:
    return book.book.person(book.core.directory.users[number], connected=True).display_name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((("anna", "Anna Lind"), ("mallory", "Anna Lind")), ("Anna Lind (@anna)", "Anna Lind (@mallory)")),
        ((("anna", "Anna Lind"), ("mallory", "ＡＮＮＡ  LIND")), ("Anna Lind (@anna)", "ＡＮＮＡ  LIND (@mallory)")),
        ((("anna", ""), ("mallory", "Anna")), ("anna", "Anna (@mallory)")),
        ((("anna", "Anna Lind"), ("mallory", "anna")), ("Anna Lind", "anna (@mallory)")),
        ((("anna", "Anna Lind"), ("boris", "Boris")), ("Anna Lind", "Boris")),
        ((("anna", "Anna"), ("mallory", "Anna (@anna)")), ("Anna", "Anna (@anna) (@mallory)")),
        ((("tom", "Tom"), ("mallory", "\u0422\u043em")), ("Tom", "\u0422\u043em (@mallory)")),
        ((("lena", "\u041b\u0451\u043b\u044f"), ("ivan", "Ivan")), ("\u041b\u0451\u043b\u044f", "Ivan")),
        ((("ivan", "Ivan Lind"), ("m", "lvan Lind")), ("Ivan Lind (@ivan)", "lvan Lind (@m)")),
    ],
)
def test_ambiguous_display_names_show_the_user_name(names: Any, expected: tuple[str, str]) -> None:
    book = Book()
    for number, (name, display_name) in zip((ME, OTHER), names, strict=True):
        book.core.directory.put_users([user(number, name, display_name)])
    assert (shown(book, ME), shown(book, OTHER)) == expected


def test_user_name_is_shown_only_while_ambiguous() -> None:
    book = Book()
    directory = book.core.directory
    directory.put_users([user(ME, "anna", "Anna Lind"), user(OTHER, "mallory", "Mallory")])
    assert shown(book, ME) == "Anna Lind"
    directory.put_users([user(OTHER, "mallory", "Anna Lind")])
    assert shown(book, ME) == "Anna Lind (@anna)"
    directory.put_users([user(OTHER, "mallory", "Mallory")])
    assert shown(book, ME) == "Anna Lind"


def test_titles_and_lines_show_ambiguous_names_with_user_name() -> None:
    book = Book()
    book.core.directory.put_users([user(ME, "me", "other"), user(OTHER, "other")])
    room = wire.Room(5, "", wire.RoomKind.DIRECT, wire.HistoryPolicy.EVERYTHING, 1, True, 2, ME)
    assert book.book.view(room).title == "other (@me)"
    book.book.note(ROOM, [DecodedRecord(book.store_only(ME))])
    last = book.book.state(ROOM).last
    assert last is not None
    line = book.book.line(ROOM, last)
    assert (line.author_name, line.display_name) == ("me", "other (@me)")
    assert book.book.view(book.core.directory.rooms[ROOM]).last_author == "other (@me)"
