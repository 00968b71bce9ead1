"""Unread counts are computed from the records and the read mark, whichever comes first."""

from collections.abc import Callable
from pathlib import Path as File
from typing import Any

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.rooms import RoomBook
from lanchat.core.config import ClientConfig
from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.ports import ChainLink
from lanchat.core.view.fold import DecodedRecord
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Record
from tests.support.fake_log import LOG_ID, FakeLog, Wire, device_of, key_of
from tests.support.fake_server import FakeServer
from tests.support.memory_local import MemoryLocalStore
from tests.support.scripted_client import ROOM, Person, until
from tests.unit.app.test_silent_server import play

ME, OTHER = 7, 9


class Book:
    """A room book over a core without a connection, and a log that grows in its store."""

    def __init__(self, rooms: int = 1, read: int = 0) -> None:
        self.log = FakeLog(rooms=rooms)
        self.certificates = [self.log.enrol(key_of(ME), ME, "me"), self.log.enrol(key_of(OTHER), OTHER, "other")]
        self.store = MemoryLocalStore()
        self.store.save_rooms([replace(room, read=read) for room in self.log.rooms()])
        for room in self.log.records:
            self.store.start_span(room, 0, self.log.hashes[room][0])
        self.restart()
        self._n = 0

    def restart(self) -> None:
        """Another process starts with what the previous one left."""
        self.core = ClientCore(
            config=ClientConfig(),
            identity=LogIdentity(LOG_ID, 1, self.log.log_key),
            device_key=key_of(ME),
            user=ME,
            store=self.store,
            random=lambda: 0.5,
            run=5,
            now_ms=lambda: 1,
        )
        self.core.authors.learn_untrusted(self.certificates)
        self.book = RoomBook(self.core, self.store, self.store, ME)

    def store_only(self, number: int = OTHER, kind: Kind = Kind.TEXT, ref: int = 0, room: int = ROOM) -> Record:
        """Stores a record without passing it to the book."""
        key = key_of(number)
        self._n += 1
        header = Header(room, device_of(key), 1, self._n, kind, ref, 1, 1)
        record = self.log.store(make_message(key, LOG_ID, header, "" if kind is Kind.DELETE else "x"))
        self.store.append(room, [ChainLink(record, self.log.hashes[room][-1])], self.log.head(room))
        return record

    def say(self, number: int = OTHER, kind: Kind = Kind.TEXT, ref: int = 0, room: int = ROOM) -> int:
        record = self.store_only(number, kind, ref, room)
        self.book.note(room, [DecodedRecord(record)])
        return record.seq

    @property
    def unread(self) -> int:
        return self.view().unread

    def view(self, room: int = ROOM) -> api.RoomView:
        return self.book.view(self.core.directory.rooms[room])


def test_lines_read_for_folding_are_counted() -> None:
    book = Book()
    assert book.unread == 0
    records = [book.store_only() for _ in range(10)]
    book.book.state(ROOM).fold.below(0, 50)
    assert book.unread == 10
    book.book.note(ROOM, map(DecodedRecord, records))
    assert (book.unread, book.view().last_time) == (10, records[-1].time_ms / 1000)


def test_only_undeleted_texts_by_others_are_counted() -> None:
    book = Book()
    seqs = [book.say() for _ in range(4)]
    book.say(ME)
    book.say(OTHER, Kind.EDIT, seqs[0])
    book.say(OTHER, Kind.REACTION, seqs[0])
    assert book.unread == 4
    book.say(OTHER, Kind.DELETE, seqs[1])
    assert book.unread == 3
    book.core.mark_read(ROOM, seqs[2], 0.0)
    assert book.unread == 1
    book.restart()
    book.core.mark_read(ROOM, seqs[2], 0.0)
    assert book.unread == 1


def test_deleting_own_text_keeps_other_texts_counted() -> None:
    book = Book()
    own = book.say(ME)
    book.say()
    book.say(ME, Kind.DELETE, own)
    assert book.unread == 1


def test_texts_of_own_second_device_are_not_counted_once_known() -> None:
    book = Book()
    book.say(30)
    assert book.unread == 1
    book.core.authors.learn_untrusted([book.log.enrol(key_of(30), ME, "me")])
    assert book.unread == 0


def test_read_mark_of_the_server_may_precede_or_follow_lines() -> None:
    book = Book()
    for _ in range(10):
        book.say()
    assert book.unread == 10
    book.core._receipts.told(replace(book.core.directory.rooms[ROOM], read=7))
    assert book.unread == 3
    book.say()
    assert book.unread == 4


def test_start_without_server_uses_the_stored_read_mark() -> None:
    book = Book(read=4)
    for _ in range(10):
        book.say()
    assert book.unread == 6
    book.core.mark_read(ROOM, 8, 0.0)
    book.core.save_marks()
    book.restart()
    assert book.unread == 2


def test_read_marks_are_saved_by_timer_while_disconnected() -> None:
    book = Book()
    book.say()
    book.core.mark_read(ROOM, 1, 10.0)
    due = book.core.timer()
    assert due is not None
    assert book.store.rooms()[0].read == 0
    book.core.handle_timer(due)
    assert book.store.rooms()[0].read == 1
    assert book.core.timer() is None


def test_read_marks_that_failed_to_save_are_retried() -> None:
    book = Book()
    book.say()
    book.core.mark_read(ROOM, 1, 10.0)
    book.store.fail = True
    book.core.handle_timer(20.0)
    book.store.fail = False
    due = book.core.timer()
    assert due is not None
    book.core.handle_timer(due)
    assert book.store.rooms()[0].read == 1


def test_read_mark_of_another_process_is_not_lowered() -> None:
    book = Book()
    for _ in range(3):
        book.say()
    first = book.core
    book.restart()
    book.core.mark_read(ROOM, 3, 0.0)
    book.core.save_marks()
    first.mark_read(ROOM, 2, 0.0)
    first.save_marks()
    assert book.store.rooms()[0].read == 3


def test_counts_of_sixty_rooms_are_correct() -> None:
    book = Book(rooms=60, read=2)
    for room in range(1, 61):
        for _ in range(room):
            book.say(room=room)
    expected = sum(max(0, room - 2) for room in range(1, 61))
    for _ in range(2):
        assert sum(book.view(room).unread for room in range(1, 61)) == expected
        book.restart()


# --- Beside a server --------------------------------------------------------------------------------------------------


def unread(person: Person) -> int:
    rooms = [event.room for event in person.of(api.RoomUpdated) if event.room.room == ROOM]
    return rooms[-1].unread if rooms else -1


async def listed(person: Person) -> int:
    (room,) = [room for room in await person.call(api.ListRoomsCommand()) if room.room == ROOM]
    return int(room.unread)


def marked(log: FakeLog, read: int) -> None:
    """The server sends from now on that this user has read so far."""
    rooms: Callable[[], Any] = log.rooms
    log.rooms = lambda: [replace(room, read=read) for room in rooms()]  # type: ignore[method-assign]


def test_restart_counts_from_the_read_mark_of_the_server(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for _ in range(10):
            server.relay(ROOM, server.log.say())
        await until(lambda: unread(anna) == 10)
        await anna.client.close()
        marked(server.log, 7)
        again = Person(tmp_path / "anna")
        await again.call(api.ConnectCommand())
        await again.call(api.WaitLiveCommand(8))
        await until(lambda: unread(again) == 3)
        assert await listed(again) == 3
        await again.client.close()

    play(scenario, tmp_path)


def test_local_read_mark_is_used_at_a_start_without_server(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for _ in range(10):
            server.relay(ROOM, server.log.say())
        await until(lambda: unread(anna) == 10)
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        await anna.call(api.MarkReadCommand(ROOM, 6))
        assert await listed(anna) == 4
        await anna.client.close()
        again = Person(tmp_path / "anna")
        await again.fails(api.ConnectCommand(timeout=1))
        assert await listed(again) == 4
        await again.client.close()

    play(scenario, tmp_path)


def test_read_mark_beyond_the_head_does_not_cover_later_lines(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.relay(ROOM, server.log.say())
        await until(lambda: unread(anna) == 1)
        await anna.call(api.MarkReadCommand(ROOM, 5))
        await until(lambda: unread(anna) == 0)
        server.relay(ROOM, server.log.say())
        await until(lambda: unread(anna) == 1)

    play(scenario, tmp_path)


def test_new_device_counts_lines_that_it_has_not_fetched(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for _ in range(450):
        log.say()
    marked(log, 50)

    async def scenario(server: FakeServer, anna: Person) -> None:
        await until(lambda: unread(anna) == 400)
        assert await listed(anna) == 400
        assert min(request.anchor for request in server.requests(wire.History)) >= 50

    play(scenario, tmp_path, log)


def test_counted_room_list_waits_for_all_counts(tmp_path: File) -> None:
    log = FakeLog(rooms=3)
    log.enrol(key_of(9), 99, "other")
    for room in log.records:
        for _ in range(300):
            log.say(room)
    marked(log, 50)

    async def scenario(server: FakeServer, anna: Person) -> None:
        rooms = await anna.call(api.ListRoomsCommand(counted=True))
        assert [room.unread for room in rooms] == [250, 250, 250]
        server.answers[wire.History] = lambda request: wire.Failure(0, wire.Code.BUSY, "", 1000)
        assert await anna.call(api.ListRoomsCommand(counted=True)) == rooms

    play(scenario, tmp_path, log)


def test_counted_room_list_is_returned_when_counting_fails(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for _ in range(300):
        log.say()
    answer = log.page

    async def scenario(server: FakeServer, anna: Person) -> None:
        (room,) = await anna.call(api.ListRoomsCommand(counted=True))
        assert room.unread == 100

    def page(request: wire.History) -> wire.Page:
        return answer(request) if request.anchor == 300 else wire.Page(1, [], bytes(32), log.head(1), [])

    log.page = page  # type: ignore[method-assign]
    play(scenario, tmp_path, log)


def test_counting_stops_at_the_first_readable_record(tmp_path: File) -> None:
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for _ in range(450):
        log.say()
    log.first_seq = 301

    async def scenario(server: FakeServer, anna: Person) -> None:
        await until(lambda: unread(anna) == 150)

    play(scenario, tmp_path, log)


def test_read_mark_set_while_disconnected_is_sent_later() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    wire_ = Wire(log, store)
    wire_.connect()
    log.say()
    wire_.run_for(1)
    wire_.cut()
    wire_.core.mark_read(1, 1, wire_.now)
    wire_.core.save_marks()
    again = Wire(log, store, run=6)
    again.connect()
    again.run_for(5)
    sent = [output.frame for output in again.sent if isinstance(output.frame, wire.Cursors)]
    assert sent[-1].cursors == [wire.Cursor(1, 1, 1)]
