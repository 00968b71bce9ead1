"""Rooms that were deleted, as the client core learns of it: at once, or when it comes back."""

from lanchat.core.events import MessageRefused, RoomAccessEnded
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore

GONE = 2


def log_of(*rooms: int, texts: int = 5) -> FakeLog:
    log = FakeLog(rooms=3)
    for room in rooms or log.records:
        for number in range(texts):
            log.say(room, f"text {number}")
    return log


def live(log: FakeLog, store: MemoryLocalStore) -> Wire:
    client = Wire(log, store)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    return client


def asked(client: Wire) -> list[list[int]]:
    """Of each subscription the rooms."""
    frames = [output.frame for output in client.sent if isinstance(output.frame, wire.Request)]
    return [frame.operation.rooms for frame in frames if isinstance(frame.operation, wire.Subscribe)]


def test_deleted_room_leaves_the_list_and_the_local_copy() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    known = client.core.directory.rooms[GONE]
    log.delete(GONE)
    client.to_client(Transport.TLS, wire.RoomsDeleted([GONE, 77]))
    client.run_for(1.0)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(GONE, True, known)]
    assert GONE not in client.core.directory.rooms
    assert store.span(GONE) is None
    assert store.span(1) is not None
    assert client.core.state is LinkState.LIVE


def test_long_room_is_erased_in_parts() -> None:
    log, store = log_of(GONE, texts=1200), MemoryLocalStore()
    client = live(log, store)
    client.run_for(1.0)
    while client.core.fetch_older(GONE, client.now):
        client.run_for(1.0)
    before = store.writes
    log.delete(GONE)
    client.to_client(Transport.TLS, wire.RoomsDeleted([GONE]))
    client.run_for(2.0)
    assert store.span(GONE) is None
    assert store.writes - before >= 3


def test_who_was_away_asks_for_what_is_missing_and_erases_what_was_deleted() -> None:
    store = MemoryLocalStore()
    known = live(log_of(), store).core.directory.rooms[GONE]
    log = log_of()
    log.delete(GONE)
    client = live(log, store)
    assert [GONE] in asked(client)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(GONE), RoomAccessEnded(GONE, True, known)]
    client.run_for(1.0)
    assert store.span(GONE) is None
    # The next session has nothing to ask.
    assert [GONE] not in asked(live(log, store))


def test_room_that_a_server_does_not_list_is_kept_without_its_word() -> None:
    store = MemoryLocalStore()
    live(log_of(), store)
    log = log_of()
    del log.records[GONE], log.hashes[GONE]
    client = live(log, store)
    client.run_for(1.0)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(GONE)]
    assert len(store.records(GONE, 1, 9)) == 5
    log.deleted.add(GONE)
    again = live(log, store)
    again.run_for(1.0)
    assert store.span(GONE) is None


def test_erasing_goes_on_after_the_disk_was_full() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    store.fail = True
    client.to_client(Transport.TLS, wire.RoomsDeleted([GONE]))
    client.run_for(1.0)
    assert store.span(GONE) is not None
    store.fail = False
    client.run_for(10.0)
    assert store.span(GONE) is None


def test_message_that_waits_for_a_deleted_room_is_refused() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Submit)
    item = client.core.send(GONE, Kind.TEXT, "too late", 0, client.now)
    client.run_for(0.5)
    log.delete(GONE)
    client.to_client(Transport.TLS, wire.RoomsDeleted([GONE]))
    client.hook = lambda direction, path, frame: True
    client.run_for(5.0)
    assert client.of_kind(MessageRefused) == [MessageRefused(item.key, wire.Code.ROOM_DELETED)]
    assert not store.outgoing()


def test_public_room_that_is_no_longer_to_join_leaves_the_list_of_who_was_away() -> None:
    store = MemoryLocalStore()
    client = live(log_of(), store)
    other = wire.Room(9, "open", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, False, 1)
    client.to_client(Transport.TLS, wire.RoomChanged(other))
    client.run_for(0.5)
    assert 9 in client.core.directory.rooms
    assert 9 not in live(log_of(), store).core.directory.rooms
