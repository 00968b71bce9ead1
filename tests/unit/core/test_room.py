"""Receiving: joining, gaps and their repair, proof by heads, forks, older pages, a failing store."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import LocalStoreFailed, OlderStored, RecordsStored, RoomStopped, RoomWentLive, StopReason
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import Head, Record, sign_head
from lanchat.protocol.transport import Transport
from tests.support.fake_log import LOG_ID, FakeLog, Wire, key_of
from tests.support.memory_local import MemoryLocalStore


def live_wire(
    count: int = 0, *, store: MemoryLocalStore | None = None, config: ClientConfig | None = None, **options: Any
) -> Wire:
    """A client that is live in one room of `count` records, with UDP open."""
    log = FakeLog(**options)
    for number in range(count):
        log.say(text=f"old {number}")
    wire_ = Wire(log, store or MemoryLocalStore(), config=config)
    wire_.connect()
    assert wire_.run_until(lambda: wire_.core.state is LinkState.LIVE and wire_.core._link.udp_open, 5)
    wire_.run_for(2)
    wire_.sent.clear()
    return wire_


def shown(wire_: Wire, room: int = 1) -> list[int]:
    """The numbers that were reported as stored, in order."""
    return [held.record.seq for e in wire_.of_kind(RecordsStored) if e.room == room for held in e.held]


def nacks(wire_: Wire) -> list[wire.Nack]:
    return [output.frame for output in wire_.sent if isinstance(output.frame, wire.Nack)]


def pages(wire_: Wire) -> list[wire.History]:
    requests = [output.frame.operation for output in wire_.sent if isinstance(output.frame, wire.Request)]
    return [operation for operation in requests if isinstance(operation, wire.History)]


def records_frame(log: FakeLog, *seqs: int, head: bool = False) -> wire.Records:
    return wire.Records(1, [log.records[1][seq - 1] for seq in seqs], log.head(1) if head else None)


def copy_is_the_log(wire_: Wire) -> bool:
    span = wire_.core._store.span(1)
    assert span is not None
    return wire_.core._store.records(1, 0, 10**9) == wire_.log.records[1][span.base :]


# --- Joining --------------------------------------------------------------------------------------------------------


def test_new_client_reads_history_then_live_records() -> None:
    client = live_wire(5)
    client.relay(client.log.say())
    client.run_for(0.1)
    kinds = [e for e in client.events if isinstance(e, RecordsStored | RoomWentLive)]
    assert [getattr(e, "live", None) for e in kinds] == [False, None, True]
    assert shown(client) == [1, 2, 3, 4, 5, 6]
    assert copy_is_the_log(client)


def test_empty_room_is_live_at_once() -> None:
    client = live_wire(0)
    assert client.of_kind(RoomWentLive) == [RoomWentLive(1, 0)]
    assert shown(client) == []


def test_long_room_starts_with_its_newest_page() -> None:
    client = live_wire(250)
    assert shown(client) == list(range(151, 251))
    assert client.core.fetch_older(1, client.now)
    client.run_for(0.1)
    (older,) = client.of_kind(OlderStored)
    assert [record.seq for record in older.records] == list(range(1, 151))
    assert not client.core.fetch_older(1, client.now)
    assert copy_is_the_log(client)


@pytest.mark.parametrize("proofs", [True, False])
def test_reconnected_client_reads_forward_page_by_page(proofs: bool) -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store, proofs=proofs)
    client.cut()
    for _ in range(1000):
        client.log.say()
    client.events.clear()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    assert shown(client) == list(range(4, 1004))
    # With proofs each page is kept as it comes, without them only the last one proves them all.
    assert len(client.of_kind(RecordsStored)) == (3 if proofs else 1)
    assert [page.limit for page in pages(client)[-3:]] == [200, 400, 800]
    assert copy_is_the_log(client)


def test_page_size_grows_to_a_bound_and_shrinks_after_a_slow_page() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    client.cut()
    for _ in range(5000):
        client.log.say()
    client.sent.clear()
    slow: list[int] = []

    def one_is_slow(direction: str, path: Transport, frame: Any) -> bool:
        if direction == "up" and isinstance(frame, wire.Request) and isinstance(frame.operation, wire.History):
            slow.append(frame.operation.limit)
            if len(slow) == 5:
                client.now += 0.5
        return True

    client.hook = one_is_slow
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 20)
    assert slow[:7] == [200, 400, 800, 1000, 1000, 200, 400]
    assert copy_is_the_log(client)


def test_records_sent_while_joining_are_stored_once() -> None:
    log = FakeLog()
    for _ in range(450):
        log.say()
    client = Wire(log, MemoryLocalStore())

    def relay_at_each_page(direction: str, path: Transport, frame: Any) -> bool:
        if direction == "up" and isinstance(frame, wire.Request) and isinstance(frame.operation, wire.History):
            client.relay(log.say(text="meanwhile"))
        return True

    client.hook = relay_at_each_page
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    client.run_for(2)
    first = shown(client)[0]
    assert shown(client) == list(range(first, len(log.records[1]) + 1))
    assert client.of_kind(RoomWentLive) == [RoomWentLive(1, 450)]


def test_false_records_before_the_first_page_do_not_stop_the_room() -> None:
    log = FakeLog()
    for _ in range(3):
        log.say()
    client = Wire(log, MemoryLocalStore())
    false = [replace(log.records[1][seq - 1], body=b"never said") for seq in (2, 1)]

    def forge_before_the_first_page(direction: str, path: Transport, frame: Any) -> bool:
        if (
            false
            and direction == "up"
            and isinstance(frame, wire.Request)
            and isinstance(frame.operation, wire.History)
        ):
            client.to_client(Transport.UDP, wire.Records(1, [false.pop(0)], None))
            client.to_client(Transport.UDP, wire.Records(1, [false.pop(0)], None))
        return True

    client.hook = forge_before_the_first_page
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    assert not false
    assert client.of_kind(RoomStopped) == []
    assert copy_is_the_log(client)


def test_live_records_may_precede_the_subscription_answer() -> None:
    log = FakeLog()
    store = MemoryLocalStore()
    log.say()
    client = Wire(log, store)
    client.connect()
    client.run_for(2)
    client.cut()
    client.delay = lambda path: 0.001 if path is Transport.UDP else 0.1
    client.run_until(lambda: client.up, 5)
    client.run_for(0.15)
    client.to_client(Transport.UDP, wire.Records(1, [log.say()], log.head(1)))
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    assert client.of_kind(RoomStopped) == []
    assert shown(client) == [1, 2]


def test_room_goes_live_once_per_session() -> None:
    client = live_wire(2, rooms=3)
    client.cut()
    client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    assert sorted(e.room for e in client.of_kind(RoomWentLive)) == [1, 1, 2, 2, 3, 3]


def test_history_since_joining_starts_at_the_first_readable_record() -> None:
    log = FakeLog()
    for _ in range(10):
        log.say()
    log.first_seq = 8
    client = Wire(log, MemoryLocalStore())
    client.connect()
    client.run_for(1)
    assert shown(client) == [8, 9, 10]
    assert not client.core.fetch_older(1, client.now)


def test_rejoining_without_the_history_starts_a_new_span() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    client.cut()
    for _ in range(10):
        client.log.say()
    client.log.first_seq = 11
    client.events.clear()
    client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    assert shown(client) == [11, 12, 13]
    assert [record.seq for record in store.records(1, 1, 99)] == [11, 12, 13]


def test_rejoining_with_nothing_readable_yet() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    client.cut()
    for _ in range(4):
        client.log.say()
    client.log.first_seq = 8
    client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    client.relay(client.log.say())
    client.run_for(0.1)
    assert [record.seq for record in store.records(1, 1, 99)] == [8]


# --- Repair ---------------------------------------------------------------------------------------------------------


def test_gap_is_requested_after_a_short_wait() -> None:
    client = live_wire(3)
    client.log.say(), client.log.say()
    start = client.now
    client.to_client(Transport.UDP, records_frame(client.log, 5, head=True))
    client.run_until(lambda: bool(nacks(client)), 1)
    assert nacks(client) == [wire.Nack(1, [4])]
    assert 0.02 <= client.now - start - 0.001 <= 0.041
    client.run_for(0.1)
    assert shown(client) == [1, 2, 3, 4, 5]


def test_gap_filled_in_time_is_not_requested() -> None:
    client = live_wire(3)
    client.log.say(), client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 5, head=True))
    client.run_for(0.01)
    client.to_client(Transport.UDP, records_frame(client.log, 4))
    client.run_for(1)
    assert nacks(client) == []
    assert shown(client) == [1, 2, 3, 4, 5]


def test_unanswered_nack_is_repeated_then_a_page_is_requested() -> None:
    client = live_wire(3)
    client.hook = lambda direction, path, frame: direction == "down" or not isinstance(frame, wire.Nack)
    client.log.say()
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
    times: list[float] = []
    client.run_until(lambda: bool(nacks(client)), 1)
    times.append(client.now)
    while not pages(client):
        seen = len(nacks(client))
        client.run_until(lambda seen=seen: len(nacks(client)) > seen or bool(pages(client)), 5)
        times.append(client.now)
    waits = [round(later - earlier, 6) for earlier, later in itertools.pairwise(times)]
    assert waits[:5] == pytest.approx([0.04, 0.056, 0.0784, 0.10976, 0.153664], abs=1e-5)
    client.run_for(0.1)
    assert shown(client) == [1, 2, 3, 4]


def test_more_than_32_missing_records_are_requested_as_a_page() -> None:
    client = live_wire(3)
    for _ in range(40):
        client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 43, head=True))
    client.run_for(1)
    assert nacks(client) == []
    assert pages(client) == [wire.History(1, 4, True, 200)]
    assert shown(client) == list(range(1, 44))


def test_head_is_requested_for_records_without_one() -> None:
    client = live_wire(3)
    client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 4))
    client.run_for(0.015)
    assert shown(client) == [1, 2, 3]
    client.run_for(0.1)
    assert nacks(client) == [wire.Nack(1, [])]
    assert shown(client) == [1, 2, 3, 4]


def test_stalled_page_does_not_prevent_nacks() -> None:
    client = live_wire(3)
    client.hook = lambda direction, path, frame: path is Transport.UDP
    for _ in range(40):
        client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 43, head=True))
    client.run_until(lambda: bool(pages(client)), 1)
    assert nacks(client) == []
    start = client.now
    assert client.run_until(lambda: shown(client)[-1] == 43, 5)
    assert [len(nack.missing) for nack in nacks(client)] == [32, 7]
    assert client.now - start >= client.core.config.page_patience
    client.run_for(5)
    assert len(nacks(client)) == 2


def test_nacks_beside_a_stalled_page_speed_up_after_success() -> None:
    """On a network where only datagrams arrive, a late request is never made up for."""
    client = live_wire(3)
    blocked = True

    def hook(direction: str, path: Transport, frame: Any) -> bool:
        return path is Transport.UDP and not (blocked and isinstance(frame, wire.Nack))

    client.hook = hook
    for _ in range(80):
        client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 83, head=True))
    client.run_until(lambda: len(nacks(client)) == 6, 5)
    slow = client.now
    client.run_until(lambda: len(nacks(client)) == 7, 5)
    assert client.now - slow > 4 * client.core.config.nack_first
    # One gets through, and all that follow it.
    blocked = False
    client.run_until(lambda: len(nacks(client)) == 8, 5)
    assert client.run_until(lambda: len(nacks(client)) == 9, 5)
    first = client.now
    assert client.run_until(lambda: shown(client)[-1] == 83, 5)
    assert client.now - first < 2 * client.core.config.nack_first
    assert {type(nack) for nack in nacks(client)} == {wire.Nack}


def test_page_in_progress_needs_no_nack() -> None:
    client = live_wire(3)
    client.delay = lambda path: 0.001 if path is Transport.UDP else 0.1
    for _ in range(40):
        client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, 43, head=True))
    assert client.run_until(lambda: shown(client)[-1] == 43, 5)
    assert nacks(client) == []


def test_nack_rate_is_shared_by_all_rooms() -> None:
    log = FakeLog(rooms=30)
    client = Wire(log, MemoryLocalStore())
    client.connect()
    client.run_for(3)
    client.sent.clear()
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Nack)
    for room in log.records:
        log.say(room)
        client.to_client(Transport.UDP, wire.Heads([log.head(room)]))
    client.run_for(1.0)
    assert len(nacks(client)) <= 20 + 20


def test_pages_in_progress_are_bounded_and_every_room_is_served() -> None:
    log = FakeLog(rooms=20)
    for room in log.records:
        log.say(room)
    client = Wire(log, MemoryLocalStore())
    under_way = most = 0

    def count(direction: str, path: Transport, frame: Any) -> bool:
        nonlocal under_way, most
        if direction == "up" and isinstance(frame, wire.Request) and isinstance(frame.operation, wire.History):
            under_way += 1
            most = max(most, under_way)
        if direction == "down" and isinstance(frame, wire.Response) and isinstance(frame.result, wire.Page):
            under_way -= 1
        return True

    client.hook = count
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    assert most == ClientConfig().pulls_at_once


def test_no_room_requests_pages_while_the_server_is_busy() -> None:
    log = FakeLog(rooms=200)
    for room in log.records:
        log.say(room)
    client = Wire(log, MemoryLocalStore())
    begin = client.now
    granted = refused = 0

    def answer(direction: str, path: Transport, frame: Any) -> bool:
        """As a server that allows 20 pages a second."""
        nonlocal granted, refused
        if direction != "up" or not isinstance(frame, wire.Request) or not isinstance(frame.operation, wire.History):
            return True
        if granted < 20 * (client.now - begin):
            granted += 1
            return True
        refused += 1
        client.to_client(Transport.TLS, wire.Failure(frame.id, wire.Code.BUSY, "too many requests", 50))
        return False

    client.hook = answer
    client.connect()
    client.beat_every(1.0)
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 60)
    assert granted == 200
    assert 0 < refused < 100


def test_records_waiting_above_a_gap_are_bounded() -> None:
    config = ClientConfig(reorder_max=16)
    log = FakeLog()
    client = Wire(log, MemoryLocalStore(), config=config)
    client.connect()
    client.run_for(2)
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Nack | wire.Request)
    for _ in range(100):
        log.say()
    for seq in range(100, 1, -1):
        client.to_client(Transport.UDP, records_frame(log, seq))
    client.run_for(0.1)
    chain = client.core._rooms._receivers[1].chain
    assert chain is not None
    # The lowest are kept: they are needed first.
    assert sorted(chain.waiting) == list(range(2, 18))


def test_lagging_fetches_every_room_and_is_a_state() -> None:
    client = live_wire(3, rooms=2)
    client.to_client(Transport.TLS, wire.Lagging())
    client.hook = lambda direction, path, frame: not (direction == "down" and path is Transport.UDP)
    for _ in range(300):
        client.log.say()
    client.run_until(lambda: client.core.state is LinkState.LAGGING, 1)
    assert client.core.state is LinkState.LAGGING
    client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    assert shown(client) == list(range(1, 304))
    assert {page.room for page in pages(client)} == {1, 2}


def test_heads_without_records_lead_to_a_page_request() -> None:
    client = live_wire(3)
    for _ in range(20):
        client.log.say()
        client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
        client.run_for(1)
    assert shown(client) == list(range(1, 24))
    assert len(pages(client)) == 2
    assert len(nacks(client)) == 18


def test_repaired_losses_need_no_page() -> None:
    client = live_wire(3)
    for _ in range(20):
        client.log.say()
        client.relay(client.log.say())
        client.run_for(1)
    assert shown(client) == list(range(1, 44))
    assert pages(client) == []


# --- What is proven -------------------------------------------------------------------------------------------------


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


def altered(record: Record) -> Record:
    return Record(record.seq, record.time_ms, record.header, record.signature, (record.body or b"") + b"!")


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


def other_history(log: FakeLog, keep: int, count: int) -> FakeLog:
    """The same log up to `keep`, then other records."""
    other = FakeLog()
    for record in log.records[1][:keep]:
        other.records[1].append(record)
    other.hashes[1] = log.hashes[1][: keep + 1]
    other.time_ms = log.time_ms + 1000
    other.devices = log.devices
    for _ in range(count):
        other.say(text="another history")
    return other


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


# --- Older pages ----------------------------------------------------------------------------------------------------


def test_older_page_that_does_not_meet_the_base_is_discarded() -> None:
    client = live_wire(250)
    good = client.log.answer

    def alter_page(operation: Any) -> Any:
        result = good(operation)
        if isinstance(result, wire.Page):
            return wire.Page(
                1, [*result.records[:-1], altered(result.records[-1])], result.before_hash, result.head, []
            )
        return result

    client.log.answer = alter_page  # type: ignore[method-assign]
    client.core.fetch_older(1, client.now)
    client.run_for(0.1)
    (older,) = client.of_kind(OlderStored)
    assert older.failed
    assert client.core._store.span(1).base == 150  # type: ignore[union-attr]
    assert client.core.stopped(1) is StopReason.FORKED


def test_older_page_fails_on_disconnect() -> None:
    client = live_wire(250)
    client.core.fetch_older(1, client.now)
    client.cut()
    assert [e.failed for e in client.of_kind(OlderStored)] == [True]


# --- A store that fails ---------------------------------------------------------------------------------------------


def test_full_disk_loses_nothing_and_is_reported_once() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    store.fail = True
    for _ in range(5):
        client.relay(client.log.say())
        client.run_for(0.5)
    assert shown(client) == [1, 2, 3]
    assert store.span(1).cursor == 3  # type: ignore[union-attr]
    assert len(client.of_kind(LocalStoreFailed)) == 1
    store.fail = False
    client.run_for(2)
    assert shown(client) == list(range(1, 9))
    assert copy_is_the_log(client)


def test_full_disk_at_the_start_only_delays() -> None:
    store = MemoryLocalStore()
    log = FakeLog()
    log.say()
    store.fail = True
    client = Wire(log, store)
    client.connect()
    client.run_for(5)
    assert shown(client) == []
    store.fail = False
    client.run_for(2)
    assert shown(client) == [1]
    assert client.core.state is LinkState.LIVE


def test_two_processes_of_one_profile_share_the_copy() -> None:
    store = MemoryLocalStore()
    first = live_wire(3, store=store)
    second = Wire(first.log, store, run=6)
    second.connect()
    second.run_for(2)
    for client in (first, second):
        client.relay(first.log.say())
        client.run_for(0.5)
    second.relay(*first.log.records[1][3:])
    first.relay(*first.log.records[1][3:])
    first.run_for(0.5), second.run_for(0.5)
    assert shown(first) == [1, 2, 3, 4, 5]
    assert shown(second) == [4, 5]
    assert copy_is_the_log(first)


def test_unanswered_subscription_restarts_the_session() -> None:
    log = FakeLog()
    log.say(1)
    client = Wire(log, MemoryLocalStore(), config=ClientConfig(request_timeout=4.0))
    client.hook = lambda direction, path, frame: not (direction == "down" and isinstance(frame, wire.Response))
    client.connect()
    client.beat_every(1.0)
    client.run_for(3.0)
    client.hook = lambda direction, path, frame: True
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    assert client.core.cursor(1) == 1


def test_full_disk_does_not_make_the_core_spin() -> None:
    log, store = FakeLog(rooms=3), MemoryLocalStore()
    for room in log.records:
        log.say(room)
    client = Wire(log, store, config=ClientConfig(pulls_at_once=1))
    client.delay = lambda path: 0.05
    client.connect()
    store.fail = True
    client.beat_every(1.0)
    calls = 0

    def count() -> bool:
        nonlocal calls
        calls += 1
        return False

    client.run_until(count, 20)
    assert calls < 500
    store.fail = False
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)


def test_live_records_before_the_first_page_are_bounded() -> None:
    """A server that never sends the page, and live records without end."""
    client = Wire(FakeLog(), MemoryLocalStore(), config=ClientConfig(reorder_max=20))
    client.hook = lambda direction, path, frame: not isinstance(getattr(frame, "result", None), wire.Page)
    client.log.say(text="before")
    client.connect()
    assert client.run_until(lambda: 1 in client.core._rooms._rooms, 5)
    receiver = client.core._rooms._receivers[1]
    for number in range(100):
        client.to_client(Transport.TLS, wire.Records(1, [client.log.say(text=f"live {number}")]))
    client.run_for(0.1)
    assert receiver.chain is None
    assert len(receiver._early) == 20
