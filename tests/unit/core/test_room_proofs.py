"""Receiving: what is proven by heads, and forks."""

from collections.abc import Iterator
from typing import Any

import pytest

from lanchat.core.endpoints import SERVER
from lanchat.core.events import RoomStopped, StopReason
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import Head, sign_head
from lanchat.protocol.transport import Transport
from tests.support.fake_log import LOG_ID, FakeLog, Wire, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.room_wire import altered, copy_is_the_log, live_wire, other_history, records_frame, shown


def forged_head(log: FakeLog, seq: int) -> Head:
    return sign_head(key_of(66), LOG_ID, log.epoch, 1, seq, log.hashes[1][seq], log.time_ms)


def test_records_without_a_valid_head_are_not_shown() -> None:
    client = live_wire(3)
    client.hook = lambda direction, path, frame: direction == "down"
    client.log.say(), client.log.say()
    frame = records_frame(client.log, 4, 5)
    for head in (
        forged_head(client.log, 5),
        sign_head(client.log.key, LOG_ID, 2, 1, 5, client.log.hashes[1][5], client.log.time_ms),
        sign_head(client.log.key, bytes(16), 1, 1, 5, client.log.hashes[1][5], client.log.time_ms),
    ):
        client.to_client(Transport.UDP, wire.Records(1, frame.records, head))
        client.run_for(0.5)
    assert shown(client) == [1, 2, 3]
    assert client.core.counters["head not signed"] == 2
    assert client.core.counters["head of another epoch"] == 1
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1, 4)]))
    client.run_for(0.1)
    assert shown(client) == [1, 2, 3, 4]


def test_later_head_proves_records_below_it() -> None:
    client = live_wire(0)
    for _ in range(3):
        client.to_client(Transport.UDP, wire.Records(1, [client.log.say()]))
    client.run_for(0.01)
    assert shown(client) == []
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1, 2)]))
    client.run_for(0.005)
    assert shown(client) == [1, 2]


def test_altered_record_is_dropped_and_fetched_again() -> None:
    client = live_wire(3)
    client.log.say()
    client.to_client(Transport.UDP, wire.Records(1, [altered(client.log.records[1][3])], client.log.head(1)))
    client.run_for(1)
    assert shown(client) == [1, 2, 3, 4]
    assert copy_is_the_log(client)
    assert client.of_kind(RoomStopped) == []


def test_record_of_another_room_breaks_the_protocol() -> None:
    client = live_wire(0, rooms=2)
    other = client.log.say(2)
    with pytest.raises(ProtocolError, match="another room"):
        client.core.receive(SERVER, Transport.UDP, wire.Records(1, [other]), client.now)


def test_page_not_starting_as_requested_breaks_the_protocol() -> None:
    client = live_wire(3)
    good = client.log.answer

    def shifted(operation: Any) -> Any:
        result = good(operation)
        if isinstance(result, wire.Page) and result.records:
            return wire.Page(1, result.records[1:], result.before_hash, result.head, [])
        return result

    client.log.answer = shifted  # type: ignore[method-assign]
    for _ in range(50):
        client.log.say()
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
    with pytest.raises(ProtocolError, match="begin where asked"):
        client.run_for(1)


def test_deleted_body_is_erased_in_the_copy() -> None:
    client = live_wire(2)
    client.log.say(text="", kind=Kind.DELETE, ref=1)
    client.relay(client.log.records[1][-1])
    client.run_for(0.1)
    assert copy_is_the_log(client)
    assert client.log.records[1][0].body is None


def test_record_received_without_its_erased_body_verifies() -> None:
    log = FakeLog()
    log.say(text="secret")
    log.say(text="", kind=Kind.DELETE, ref=1)
    client = Wire(log, MemoryLocalStore())
    client.connect()
    client.run_for(1)
    assert shown(client) == [1, 2]
    assert copy_is_the_log(client)


# --- Forks ----------------------------------------------------------------------------------------------------------


def test_late_old_heads_and_records_are_no_fork() -> None:
    client = live_wire(3)
    late = [client.log.head(1, seq) for seq in range(4)]
    for _ in range(5):
        client.relay(client.log.say())
    client.run_for(0.1)
    client.to_client(Transport.UDP, wire.Heads(late))
    client.to_client(Transport.UDP, records_frame(client.log, 2, 5, 8))
    client.run_for(0.5)
    assert client.of_kind(RoomStopped) == []
    assert shown(client) == list(range(1, 9))


@pytest.fixture
def forked() -> Iterator[Wire]:
    client = live_wire(5)
    yield client
    assert [(e.room, e.stop) for e in client.of_kind(RoomStopped)] == [(1, StopReason.FORKED)]
    assert client.core.state is LinkState.FORKED
    # Nothing is thrown away, and nothing of the other history is kept.
    records = client.core._store.records(1, 1, 99)
    assert len(records) == 5
    assert all(record.body is not None and record.body.startswith(b"old") for record in records)


def test_forked_head_at_a_known_number_stops_the_room(forked: Wire) -> None:
    other = other_history(forked.log, 4, 1)
    forked.to_client(Transport.UDP, wire.Heads([other.head(1)]))
    forked.run_for(0.5)


def test_forked_record_at_a_known_number_stops_the_room(forked: Wire) -> None:
    other = other_history(forked.log, 4, 1)
    forked.to_client(Transport.UDP, wire.Records(1, other.records[1][4:]))
    forked.run_for(0.5)


def test_another_history_after_a_server_restart_stops_the_room(forked: Wire) -> None:
    forked.log = other_history(forked.log, 3, 20)
    forked.cut()
    forked.run_for(5)


def test_two_signed_heads_for_one_number_stop_the_room(forked: Wire) -> None:
    one, two = other_history(forked.log, 5, 2), other_history(forked.log, 5, 2)
    two.say(text="later")
    two.hashes[1][7] = bytes(32)
    forked.hook = lambda direction, path, frame: direction == "down"
    forked.to_client(Transport.UDP, wire.Heads([one.head(1, 7)]))
    forked.to_client(Transport.UDP, wire.Heads([two.head(1, 7)]))
    forked.run_for(0.2)


def test_pages_that_contradict_their_head_stop_the_room(forked: Wire) -> None:
    good = forked.log
    bad = other_history(good, 5, 3)
    for _ in range(3):
        good.say(text="old")
    good.answer = (
        lambda operation: (  # type: ignore[method-assign]
            wire.Page(1, bad.records[1][5:], good.hashes[1][5], good.head(1), [])
            if isinstance(operation, wire.History)
            else wire.Done()
        )
    )
    forked.to_client(Transport.UDP, wire.Records(1, bad.records[1][5:], good.head(1)))
    forked.run_for(3)


def test_server_that_lost_records_stops_the_room_without_sending() -> None:
    store = MemoryLocalStore()
    client = live_wire(5, store=store)
    client.cut()
    del client.log.records[1][3:]
    del client.log.hashes[1][4:]
    client.core.send(1, Kind.TEXT, "kept", 0, client.now)
    client.run_for(5)
    assert [(e.room, e.stop) for e in client.of_kind(RoomStopped)] == [(1, StopReason.SERVER_BEHIND)]
    assert client.core.state is LinkState.RESYNCING
    assert len(client.log.records[1]) == 3
    assert len(store.records(1, 1, 99)) == 5
    assert len(store.outgoing()) == 1


def test_other_rooms_continue_after_a_fork() -> None:
    client = live_wire(5, rooms=2)
    client.to_client(Transport.UDP, wire.Heads([other_history(client.log, 4, 1).head(1)]))
    client.run_for(0.1)
    client.relay(client.log.say(2, "still here"))
    client.run_for(0.1)
    assert shown(client, 2) == [1]
