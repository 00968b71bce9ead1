"""Unread messages that mention this user: in the room's view, in lines, in what the command line prints."""

from msgspec.structs import replace

from lanchat.app import api
from lanchat.cli.lines import message_row, message_text, room_row
from lanchat.core.ports import ChainLink
from lanchat.core.view.fold import DecodedRecord
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Header, Kind, make_message
from tests.support.fake_log import LOG_ID, device_of, key_of
from tests.unit.app.test_unread_counts import ME, OTHER, ROOM, Book


def say(book: Book, text: str, number: int = OTHER) -> int:
    key = key_of(number)
    book._n += 1
    header = Header(ROOM, device_of(key), 1, book._n, Kind.TEXT, 0, 1, 1)
    record = book.log.store(make_message(key, LOG_ID, header, text))
    book.store.append(ROOM, [ChainLink(record, book.log.hashes[ROOM][-1])], book.log.head(ROOM))
    book.book.note(ROOM, [DecodedRecord(record)])
    return record.seq


def become(book: Book, role: wire.Role, user: int = OTHER, name: str = "other") -> None:
    book.core.directory.put_users([wire.User(user, name, "", wire.PresenceState.ONLINE, 0, role)])


def known(book: Book) -> Book:
    become(book, wire.Role.MEMBER, ME, "me")
    become(book, wire.Role.MEMBER)
    return book


def line(book: Book, seq: int) -> api.Line:
    folded = book.book.state(ROOM).fold.folded(seq)
    assert folded is not None
    return book.book.line(ROOM, folded)


def test_view_tells_the_first_unread_mention() -> None:
    book = known(Book())
    say(book, "nothing")
    first, second = say(book, "hey @me"), say(book, "@Me again")
    assert book.view().called == first
    book.core.mark_read(ROOM, first, 1.0)
    assert book.view().called == second
    book.core.mark_read(ROOM, second, 1.0)
    assert book.view().called == 0


def test_mentions_are_known_after_a_restart() -> None:
    book = known(Book())
    seq = say(book, "hey @me")
    book.restart()
    known(book)
    assert (book.view().called, book.view().unread) == (seq, 1)


def test_deleted_and_own_mentions_do_not_call() -> None:
    book = known(Book())
    say(book, "@me myself", ME)
    seq = say(book, "hey @me")
    book.say(OTHER, Kind.DELETE, seq)
    assert book.view().called == 0
    assert not line(book, 1).called


def test_all_is_for_moderators() -> None:
    book = known(Book())
    say(book, "@all lunch")
    assert book.view().called == 0
    become(book, wire.Role.MODERATOR)
    seq = say(book, "@all lunch")
    assert book.view().called == seq
    assert line(book, seq).called


def test_command_line_tells_mentions() -> None:
    book = known(Book())
    called, other = line(book, say(book, "hey @me")), line(book, say(book, "hey"))
    assert message_row(called, "general")["mentions_you"] is True
    assert "mentions_you" not in message_row(other, "general")
    assert "(mentions you)" in message_text(called)
    assert room_row(book.view(), {})["mentioned_in"] == 1
    assert "mentioned_in" not in room_row(replace(book.view(), called=0), {})
