"""Receiving: joining, older pages, a failing store."""

from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.events import LocalStoreFailed, OlderStored, RecordsStored, RoomStopped, RoomWentLive, StopReason
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore
from tests.support.room_wire import altered, copy_is_the_log, live_wire, pages, shown

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
