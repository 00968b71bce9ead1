"""Room receivers: what they keep across sessions, when they discard it, and records of other sources."""

from typing import Any

import pytest
from msgspec.structs import force_setattr, replace

from lanchat.core.config import ClientConfig
from lanchat.core.events import RecordsStored, RoomStopped, RoomWentLive, StopReason
from lanchat.core.ports import LocalStoreError
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.records import Head, check_head
from lanchat.protocol.problems import Problem
from lanchat.protocol.transport import Transport
from tests.support.fake_log import LOG_ID, FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore
from tests.support.room_wire import copy_is_the_log, live_wire, nacks, pages, records_frame, shown


def drop_nacks(direction: str, path: Transport, frame: Any) -> bool:
    """A network that drops the requests that would fill a gap."""
    return not isinstance(frame, wire.Nack)


def receive_and_disconnect(client: Wire, *seqs: int, head: bool = False) -> None:
    """The session receives these live records, with gaps, and ends."""
    client.hook = drop_nacks
    client.to_client(Transport.UDP, records_frame(client.log, *seqs, head=head))
    client.run_for(0.01)
    client.cut()
    client.hook = lambda direction, path, frame: True
    client.events.clear()
    client.sent.clear()


def reconnect(client: Wire) -> None:
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 30)
    client.run_for(1)


def receiver(client: Wire) -> RoomReceiver:
    return client.core._rooms._receivers[1]


# --- From one session to the next -----------------------------------------------------------------------------------


def test_linked_records_wait_for_the_head_of_the_next_session() -> None:
    client = live_wire(3)
    for _ in range(4):
        client.log.say()
    receive_and_disconnect(client, 4, 5, 6, 7)
    assert shown(client) == []
    reconnect(client)
    assert shown(client) == [4, 5, 6, 7]
    assert pages(client) == []
    assert client.of_kind(RoomWentLive) == [RoomWentLive(1, 7)]
    assert not any(event.live for event in client.of_kind(RecordsStored))
    assert copy_is_the_log(client)


def test_records_above_a_gap_are_joined_by_a_page() -> None:
    client = live_wire(3)
    for _ in range(6):
        client.log.say()
    receive_and_disconnect(client, 4, 6, 7)
    assert receiver(client).top == 7
    reconnect(client)
    assert [request.anchor for request in pages(client)] == [5]
    assert shown(client) == [4, 5, 6, 7, 8, 9]
    assert copy_is_the_log(client)


def test_records_sent_while_disconnected_are_history() -> None:
    client = live_wire(3)
    for _ in range(2):
        client.log.say()
    receive_and_disconnect(client, 4, 5)
    for _ in range(300):
        client.log.say()
    reconnect(client)
    assert pages(client)[0].anchor == 6
    assert shown(client) == list(range(4, 306))
    assert copy_is_the_log(client)


def restore_log(log: FakeLog, length: int) -> None:
    """The log is reset to an older state and will continue differently."""
    log.epoch += 1
    del log.records[1][length:], log.hashes[1][length + 1 :]


@pytest.mark.parametrize("new", [0, 1, 2, 5])
def test_restored_log_discards_kept_records(new: int) -> None:
    client = live_wire(3)
    for _ in range(2):
        client.log.say(text="lost")
    receive_and_disconnect(client, 4, 5)
    restore_log(client.log, 3)
    for _ in range(new):
        client.log.say(text="new")
    reconnect(client)
    assert shown(client) == list(range(4, 4 + new))
    assert client.of_kind(RoomStopped) == []
    assert [request.anchor for request in pages(client)] == [4] * bool(new)
    client.relay(client.log.say(text="after"))
    client.run_for(1)
    assert receiver(client).cursor == receiver(client).top == 4 + new
    assert copy_is_the_log(client)


def test_restored_log_resets_the_goal_of_an_older_head() -> None:
    client = live_wire(3)
    for _ in range(5):
        client.log.say(text="lost")
    client.hook = lambda direction, path, frame: direction == "down"
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
    client.run_for(0.01)
    assert receiver(client).goal == 8
    client.cut()
    client.hook = lambda direction, path, frame: True
    client.sent.clear()
    restore_log(client.log, 3)
    reconnect(client)
    client.run_for(5)
    assert receiver(client).goal == receiver(client).cursor == 3
    assert nacks(client) == pages(client) == []


def test_records_lost_by_the_server_within_an_epoch_are_dropped() -> None:
    client = live_wire(3)
    for _ in range(3):
        client.log.say()
    receive_and_disconnect(client, 4, 6)
    del client.log.records[1][4:], client.log.hashes[1][5:]
    reconnect(client)
    client.relay(client.log.say(text="another fifth"))
    client.run_for(1)
    assert shown(client) == [4, 5]
    assert client.of_kind(RoomStopped) == []
    assert copy_is_the_log(client)


def test_forked_kept_records_are_replaced_by_pages() -> None:
    """The same epoch and length, other records: a server that was reset without a new epoch."""
    client = live_wire(3)
    for _ in range(2):
        client.log.say(text="one")
    receive_and_disconnect(client, 4, 5)
    del client.log.records[1][3:], client.log.hashes[1][4:]
    for _ in range(3):
        client.log.say(text="other")
    reconnect(client)
    assert shown(client) == [4, 5, 6]
    assert client.of_kind(RoomStopped) == []
    assert copy_is_the_log(client)


def test_stop_and_unproven_records_end_with_the_session() -> None:
    client = live_wire(3)
    lost = client.log.records[1][2:], client.log.hashes[1][3:]
    del client.log.records[1][2:], client.log.hashes[1][3:]
    client.cut()
    client.run_for(10)
    assert client.core.stopped(1) is StopReason.SERVER_BEHIND
    client.to_client(Transport.UDP, wire.Records(1, [client.log.say(), client.log.say(), client.log.say()]))
    client.run_for(0.01)
    client.cut()
    assert receiver(client).stop is None
    assert client.core.stopped(1) is None
    del client.log.records[1][2:], client.log.hashes[1][3:]
    client.log.records[1] += lost[0]
    client.log.hashes[1] += lost[1]
    reconnect(client)
    client.relay(client.log.say())
    client.run_for(1)
    assert copy_is_the_log(client)


def test_records_of_a_fork_are_not_kept() -> None:
    client = live_wire(3)
    other = FakeLog()
    for _ in range(3):
        other.say(text="elsewhere")
    client.log.say(), client.log.say()
    client.hook = drop_nacks
    client.to_client(Transport.UDP, records_frame(client.log, 4, 5))
    client.to_client(Transport.UDP, wire.Heads([other.head(1)]))
    client.run_for(0.01)
    assert client.core.stopped(1) is StopReason.FORKED
    assert receiver(client).top == 5
    client.cut()
    assert receiver(client).top == receiver(client).cursor == 3


def test_rejoining_above_a_gap_drops_kept_records() -> None:
    client = live_wire(3)
    for _ in range(7):
        client.log.say()
    receive_and_disconnect(client, 4, 6)
    client.log.first_seq = 9
    reconnect(client)
    assert shown(client) == [9, 10]
    span = client.core._store.span(1)
    assert span is not None
    assert (span.base, span.cursor, receiver(client).top) == (8, 10, 10)


def test_rejoining_with_full_history_keeps_records() -> None:
    client = live_wire(3)
    for _ in range(4):
        client.log.say()
    receive_and_disconnect(client, 4, 5)
    client.log.first_seq = 2
    reconnect(client)
    assert pages(client)[0].anchor == 6
    assert copy_is_the_log(client)


def test_receiver_ends_when_the_user_leaves_the_room() -> None:
    client = live_wire(3)
    client.log.say(), client.log.say()
    receive_and_disconnect(client, 5)
    assert client.core._rooms._aside
    client.log.delete(1)
    client.run_for(5)
    assert client.core._rooms._receivers == {}
    assert client.core._rooms._aside == {}


def test_another_process_of_the_profile_moves_the_cursor() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    for _ in range(6):
        client.log.say()
    receive_and_disconnect(client, 4, 5, 8)
    other = Wire(client.log, store, run=6)
    other.connect()
    assert other.run_until(lambda: other.core.state is LinkState.LIVE, 5)
    reconnect(client)
    assert shown(client) == [4, 5, 6, 7, 8, 9]
    assert receiver(client).cursor == receiver(client).top == 9


def test_another_process_of_the_profile_erased_the_copy() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    client.log.say(), client.log.say()
    receive_and_disconnect(client, 4, 5)
    assert not store.erase_room(1, 500)
    reconnect(client)
    assert copy_is_the_log(client)
    assert receiver(client).cursor == 5


def test_unreadable_copy_at_session_start_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = live_wire(3)
    client.log.say(), client.log.say()
    receive_and_disconnect(client, 4, 5)

    def unreadable(room: int) -> None:
        raise LocalStoreError(Problem.DISK_FULL)

    with monkeypatch.context() as patch:
        patch.setattr(client.core._store, "span", unreadable)
        client.run_for(5)
    reconnect(client)
    assert shown(client) == [4, 5]
    assert copy_is_the_log(client)


def test_records_before_the_base_page_end_with_the_session() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.log.say(), client.log.say()
    client.hook = lambda direction, path, frame: not isinstance(getattr(frame, "result", None), wire.Page)
    client.connect()
    assert client.run_until(lambda: 1 in client.core._rooms._rooms, 5)
    client.to_client(Transport.TLS, wire.Records(1, [client.log.say()]))
    client.run_for(0.01)
    assert receiver(client).aside_octets
    client.cut()
    assert receiver(client).aside_octets == 0
    client.hook = lambda direction, path, frame: True
    reconnect(client)
    assert copy_is_the_log(client)


def test_page_of_an_ended_session_is_not_counted_in_the_next() -> None:
    client = live_wire(3)
    client.cut()
    for _ in range(3):
        client.log.say()
    client.hook = lambda direction, path, frame: not isinstance(getattr(frame, "result", None), wire.Page)
    client.run_until(lambda: bool(pages(client)), 10)
    client.cut()
    client.hook = lambda direction, path, frame: True
    reconnect(client)
    assert client.core._rooms._pulls == 0
    assert copy_is_the_log(client)


def test_page_received_after_leaving_the_room_is_dropped() -> None:
    client = live_wire(3)
    client.cut()
    for _ in range(3):
        client.log.say()
    client.hook = lambda direction, path, frame: not isinstance(getattr(frame, "result", None), wire.Page)
    client.run_until(lambda: bool(pages(client)), 10)
    asked = next(o.frame for o in client.sent if isinstance(getattr(o.frame, "operation", None), wire.History))
    client.to_client(Transport.TLS, wire.RoomGone(1))
    client.hook = lambda direction, path, frame: True
    client.to_client(Transport.TLS, wire.Response(asked.id, client.log.answer(asked.operation)))
    client.run_for(0.1)
    assert client.core._rooms._aside == {}
    assert client.core._rooms._receivers == {}


def test_kept_records_count_towards_the_total_bound() -> None:
    config = ClientConfig()
    client = live_wire(3, config=config)
    for _ in range(4):
        client.log.say()
    receive_and_disconnect(client, 5, 6)
    kept = receiver(client).aside_octets
    assert client.core._rooms._aside == {1: kept}
    force_setattr(config, "aside_octets", kept + 10)
    client.hook = lambda direction, path, frame: not isinstance(getattr(frame, "result", None), wire.Page)
    client.run_until(lambda: client.core.in_session and client.core._rooms._rooms[1].joined, 10)
    client.to_client(Transport.UDP, records_frame(client.log, 7))
    client.run_for(0.01)
    assert client.core._rooms._aside == {}


# --- Other sources --------------------------------------------------------------------------------------------------


class PeerSource:
    """Another client: it may have records, and does not announce the head of the log."""

    is_sequencer = False

    def ask_page(self, request: wire.History, handler: Any) -> None:
        raise AssertionError("nothing is asked of it here")

    def send_nack(self, nack: wire.Nack) -> None:
        raise AssertionError("nothing is asked of it here")


PEER = PeerSource()


def test_proven_records_of_another_source_are_stored_without_a_session() -> None:
    client = live_wire(3)
    for _ in range(4):
        client.log.say()
    receive_and_disconnect(client, 5, 6)
    room = receiver(client)
    room.take_records(PEER, [client.log.records[1][3]], None)
    assert room.settle() == []
    room.take_records(PEER, [], client.log.head(1, 5))
    (event,) = room.settle()
    assert isinstance(event, RecordsStored)
    assert [held.record.seq for held in event.held] == [4, 5]
    assert not event.live
    assert room.cursor == 5
    reconnect(client)
    assert copy_is_the_log(client)


def test_records_of_another_source_need_a_signed_head() -> None:
    client = live_wire(3)
    client.log.say()
    client.cut()
    room = receiver(client)
    forged = replace(client.log.head(1), signature=b"x" * 64)
    room.take_records(PEER, [client.log.records[1][3]], forged)
    room.take_records(PEER, [], replace(client.log.head(1), epoch=7))
    assert room.settle() == []
    assert room.cursor == 3


def test_another_source_cannot_make_a_fork() -> None:
    client = live_wire(3)
    client.log.say()
    client.cut()
    other = FakeLog()
    for _ in range(5):
        other.say(text="made up")
    room = receiver(client)
    room.take_records(PEER, [client.log.records[1][3]], None)
    for seq in (3, 4):
        with pytest.raises(ProtocolError):
            room.take_records(PEER, [other.records[1][seq - 1]], None)
    assert room.stop is None
    assert not room.strict
    room.take_records(PEER, [], client.log.head(1))
    assert [type(event) for event in room.settle()] == [RecordsStored]
    assert room.cursor == 4


def test_two_signed_histories_of_any_source_are_a_fork() -> None:
    client = live_wire(3)
    client.cut()
    other = FakeLog()
    for _ in range(3):
        other.say(text="elsewhere")
    room = receiver(client)
    room.take_records(PEER, [], other.head(1))
    assert room.settle() == [RoomStopped(1, StopReason.FORKED)]


def test_nothing_is_stored_before_the_head_of_a_session() -> None:
    client = live_wire(3)
    for _ in range(2):
        client.log.say()
    client.cut()
    room = receiver(client)
    room.attach(1)
    room.take_records(PEER, client.log.records[1][3:], client.log.head(1))
    assert room.settle() == []
    room.subscribed(client.log.head(1))
    assert [type(event) for event in room.settle()] == [RecordsStored, RoomWentLive]


def test_receiver_without_a_span_ignores_records_until_attached() -> None:
    log = FakeLog()
    log.say()

    def check(head: Head) -> bool:
        check_head(log.log_key, LOG_ID, head)
        return True

    room = RoomReceiver(1, RoomContext(LOG_ID, ClientConfig(), MemoryLocalStore(), lambda: 0.5, check))
    room.take_records(PEER, log.records[1], log.head(1))
    assert room.settle() == []
    assert room.aside_octets == 0
