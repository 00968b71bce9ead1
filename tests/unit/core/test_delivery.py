"""Several processes on one profile: records that another process stored are reported once."""

from lanchat.core.events import RecordsStored
from lanchat.core.session.states import LinkState
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def live(log: FakeLog, store: MemoryLocalStore, run: int) -> Wire:
    client = Wire(log, store, run=run)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    client.run_for(1)
    return client


def reported(client: Wire) -> list[int]:
    return [held.record.seq for event in client.of_kind(RecordsStored) for held in event.held]


def test_records_stored_by_another_process_are_reported_once() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    log.say(1)
    window = live(log, store, 5)
    assert reported(window) == [1]
    window.cut()
    for _ in range(3):
        log.say(1)
    live(log, store, 6)
    assert window.run_until(lambda: window.core.state is LinkState.LIVE, 5)
    window.relay(log.say(1))
    window.run_for(1)
    assert reported(window) == [1, 2, 3, 4, 5]


def test_records_stored_before_the_start_are_not_reported() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    for _ in range(3):
        log.say(1)
    live(log, store, 5)
    second = live(log, store, 6)
    second.relay(log.say(1))
    second.run_for(1)
    assert reported(second) == [4]


def test_gap_left_by_another_process_is_not_reported_over() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    log.say(1)
    window = live(log, store, 5)
    window.cut()
    for _ in range(4):
        log.say(1)
    # Somebody who was out of the room meanwhile: the span begins anew above what he may not read.
    store.restart_span(1, 3, log.hashes[1][3])
    live(log, store, 6)
    assert window.run_until(lambda: window.core.state is LinkState.LIVE, 5)
    assert reported(window) == [1, 4, 5]
