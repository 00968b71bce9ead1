"""Deleted rooms in the client core: reported during the session, or found at the next one."""

from lanchat.core.events import MessageRefused, RoomAccessEnded
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore

DELETED = 2


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


def subscribed_rooms(client: Wire) -> list[list[int]]:
    """The rooms of each subscription."""
    frames = [output.frame for output in client.sent if isinstance(output.frame, wire.Request)]
    return [frame.operation.rooms for frame in frames if isinstance(frame.operation, wire.Subscribe)]


def test_deleted_room_is_removed_from_the_list_and_the_local_copy() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    known = client.core.directory.rooms[DELETED]
    log.delete(DELETED)
    client.to_client(Transport.TLS, wire.RoomsDeleted([DELETED, 77]))
    client.run_for(1.0)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(DELETED, True, known)]
    assert DELETED not in client.core.directory.rooms
    assert store.span(DELETED) is None
    assert store.span(1) is not None
    assert client.core.state is LinkState.LIVE


def test_long_room_is_erased_in_parts() -> None:
    log, store = log_of(DELETED, texts=1200), MemoryLocalStore()
    client = live(log, store)
    client.run_for(1.0)
    while client.core.fetch_older(DELETED, client.now):
        client.run_for(1.0)
    before = store.writes
    log.delete(DELETED)
    client.to_client(Transport.TLS, wire.RoomsDeleted([DELETED]))
    client.run_for(2.0)
    assert store.span(DELETED) is None
    assert store.writes - before >= 3


def test_room_deleted_while_disconnected_is_erased_later() -> None:
    store = MemoryLocalStore()
    known = live(log_of(), store).core.directory.rooms[DELETED]
    log = log_of()
    log.delete(DELETED)
    client = live(log, store)
    assert [DELETED] in subscribed_rooms(client)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(DELETED), RoomAccessEnded(DELETED, True, known)]
    client.run_for(1.0)
    assert store.span(DELETED) is None
    # The next session has nothing to ask.
    assert [DELETED] not in subscribed_rooms(live(log, store))


def test_unlisted_room_is_kept_until_its_deletion_is_confirmed() -> None:
    store = MemoryLocalStore()
    live(log_of(), store)
    log = log_of()
    del log.records[DELETED], log.hashes[DELETED]
    client = live(log, store)
    client.run_for(1.0)
    assert client.of_kind(RoomAccessEnded) == [RoomAccessEnded(DELETED)]
    assert len(store.records(DELETED, 1, 9)) == 5
    log.deleted.add(DELETED)
    again = live(log, store)
    again.run_for(1.0)
    assert store.span(DELETED) is None


def test_erasing_continues_after_a_full_disk() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    store.fail = True
    client.to_client(Transport.TLS, wire.RoomsDeleted([DELETED]))
    client.run_for(1.0)
    assert store.span(DELETED) is not None
    store.fail = False
    client.run_for(10.0)
    assert store.span(DELETED) is None


def test_pending_message_for_a_deleted_room_is_refused() -> None:
    log, store = log_of(), MemoryLocalStore()
    client = live(log, store)
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Submit)
    item = client.core.send(DELETED, Kind.TEXT, "too late", 0, client.now)
    client.run_for(0.5)
    log.delete(DELETED)
    client.to_client(Transport.TLS, wire.RoomsDeleted([DELETED]))
    client.hook = lambda direction, path, frame: True
    client.run_for(5.0)
    assert client.of_kind(MessageRefused) == [MessageRefused(item.key, wire.Code.ROOM_DELETED)]
    assert not store.outgoing()


def test_public_room_no_longer_listed_is_removed_on_reconnect() -> None:
    store = MemoryLocalStore()
    client = live(log_of(), store)
    other = wire.Room(9, "open", wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, 1, False, 1)
    client.to_client(Transport.TLS, wire.RoomChanged(other))
    client.run_for(0.5)
    assert 9 in client.core.directory.rooms
    assert 9 not in live(log_of(), store).core.directory.rooms
