"""Several processes on one profile: what one stored while another had no session is told there as well, once."""

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


def told(client: Wire) -> list[int]:
    return [held.record.seq for event in client.of_kind(RecordsStored) for held in event.held]


def test_what_another_process_stored_meanwhile_is_told_once_and_in_order() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    log.say(1)
    window = live(log, store, 5)
    assert told(window) == [1]
    window.cut()
    for _ in range(3):
        log.say(1)
    live(log, store, 6)
    assert window.run_until(lambda: window.core.state is LinkState.LIVE, 5)
    window.relay(log.say(1))
    window.run_for(1)
    assert told(window) == [1, 2, 3, 4, 5]


def test_what_was_stored_before_the_process_began_is_read_from_the_store_not_told() -> None:
    log, store = FakeLog(), MemoryLocalStore()
    for _ in range(3):
        log.say(1)
    live(log, store, 5)
    second = live(log, store, 6)
    second.relay(log.say(1))
    second.run_for(1)
    assert told(second) == [4]


def test_a_hole_that_another_process_left_is_not_told_over() -> None:
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
    assert told(window) == [1, 4, 5]
