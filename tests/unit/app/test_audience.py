"""The audience of a message is who was a member when it was stored: its ticks never go backwards."""

from lanchat.app import api
from lanchat.protocol.wire import MemberCursor
from tests.unit.app.test_unread_counts import ME, OTHER, ROOM, Book

THIRD, LATER = 11, 12


def counts(book: Book, seq: int) -> tuple[int, int, int]:
    """Received by, read by, of how many."""
    folded = book.book.state(ROOM).fold.folded(seq)
    assert folded is not None
    line: api.Line = book.book.line(ROOM, folded)
    return line.received, line.read, line.members


def listed(book: Book, *cursors: MemberCursor) -> None:
    book.book.note_cursors(ROOM, cursors, all_of_them=True)


def stored_ms(book: Book, seq: int) -> int:
    return next(iter(book.store.records(ROOM, seq, seq))).time_ms


def test_members_of_a_later_time_are_not_counted() -> None:
    book = Book()
    seq = book.say(ME)
    when = stored_ms(book, seq)
    early = [MemberCursor(ME, seq, seq, when), MemberCursor(OTHER, seq, seq, when), MemberCursor(THIRD, seq, 0, 1)]
    listed(book, *early, MemberCursor(LATER, 0, 0, when + 1))
    assert counts(book, seq) == (2, 1, 2)


def test_read_by_all_stays_so_when_accounts_are_added() -> None:
    book = Book()
    seq = book.say(ME)
    listed(book, MemberCursor(ME, seq, seq, 1), MemberCursor(OTHER, seq, seq, 1))
    assert counts(book, seq) == (1, 1, 1)
    book.book.members_changed(ROOM, [LATER], [])
    assert counts(book, seq) == (1, 1, 1)
    book.book.note_cursors(ROOM, [MemberCursor(LATER, seq, 0)], all_of_them=False)
    book.book.note_cursors(ROOM, [MemberCursor(LATER + 1, seq, 0)], all_of_them=False)
    assert counts(book, seq) == (1, 1, 1)


def test_later_messages_wait_for_new_members() -> None:
    book = Book()
    first = book.say(ME)
    listed(book, MemberCursor(OTHER, first, first, 1))
    book.book.members_changed(ROOM, [LATER], [])
    book.log.time_ms += 5_000
    second = book.say(ME)
    assert counts(book, first) == (1, 1, 1)
    assert counts(book, second) == (0, 0, 2)


def test_live_cursors_keep_the_time_of_joining() -> None:
    book = Book()
    seq = book.say(ME)
    listed(book, MemberCursor(OTHER, 0, 0, 1), MemberCursor(LATER, 0, 0, stored_ms(book, seq) + 1))
    book.book.note_cursors(ROOM, [MemberCursor(LATER, seq, seq), MemberCursor(OTHER, seq, 0)], all_of_them=False)
    assert counts(book, seq) == (1, 0, 1)


def test_who_leaves_is_not_waited_for() -> None:
    book = Book()
    seq = book.say(ME)
    listed(book, MemberCursor(OTHER, seq, seq, 1), MemberCursor(THIRD, 0, 0, 1))
    book.book.members_changed(ROOM, [], [THIRD])
    assert counts(book, seq) == (1, 1, 1)


def test_all_members_count_until_they_are_listed() -> None:
    book = Book()
    seq = book.say(ME)
    members = book.core.directory.rooms[ROOM].members
    assert counts(book, seq) == (0, 0, members - 1)
    book.book.state(ROOM).cursors = {}
    book.book.note_cursors(ROOM, [MemberCursor(OTHER, seq, seq)], all_of_them=False)
    assert counts(book, seq) == (0, 0, members - 1)
