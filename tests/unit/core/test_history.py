"""Pages of history and NACKs: repeated requests, page sizes, empty pages."""

import itertools
from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import LocalStoreFailed, OlderStored, RoomStopped, StopReason
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore
from tests.support.room_wire import altered, live_wire, nacks, other_history, pages, records_frame, shown


def is_history(direction: str, frame: Any) -> bool:
    return direction == "up" and isinstance(frame, wire.Request) and isinstance(frame.operation, wire.History)


def lose_records(client: Wire, count: int) -> None:
    """The client receives only the last of so many new records."""
    for _ in range(count):
        client.log.say()
    client.to_client(Transport.UDP, records_frame(client.log, len(client.log.records[1]), head=True))


def test_refused_page_is_requested_again_after_the_delay() -> None:
    client = live_wire(3)
    times: list[float] = []

    def refuse(direction: str, path: Transport, frame: Any) -> bool:
        if not is_history(direction, frame):
            return True
        times.append(client.now)
        client.to_client(Transport.TLS, wire.Failure(frame.id, wire.Code.BUSY, "later", 1_500))
        return False

    client.hook = refuse
    client.to_client(Transport.TLS, wire.Lagging())
    client.run_for(3.5)
    assert [round(later - times[0], 2) for later in times] == [0.0, 1.5, 3.0]


def test_empty_page_below_the_head_is_requested_again_later() -> None:
    client = live_wire(3)
    times: list[float] = []

    def note_time(direction: str, path: Transport, frame: Any) -> bool:
        if is_history(direction, frame):
            times.append(client.now)
        return not isinstance(frame, wire.Nack)

    def answer(operation: Any) -> Any:
        return wire.Page(1, [], client.log.hashes[1][3], client.log.head(1), [])

    client.hook = note_time
    client.log.answer = answer  # type: ignore[method-assign]
    lose_records(client, 40)
    client.run_for(3)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) >= 2
    assert min(waits) >= ClientConfig().pull_retry
    del client.log.answer  # type: ignore[method-assign]
    assert client.run_until(lambda: shown(client)[-1] == 43, 5)


def test_empty_page_with_a_forked_head_stops_the_room() -> None:
    client = live_wire(5)
    other = other_history(client.log, 4, 1)

    def answer(operation: Any) -> Any:
        return wire.Page(1, [], client.log.hashes[1][5], other.head(1), [])

    client.log.answer = answer  # type: ignore[method-assign]
    client.to_client(Transport.TLS, wire.Lagging())
    client.run_for(1)
    assert client.of_kind(RoomStopped) == [RoomStopped(1, StopReason.FORKED)]


def test_partial_pages_do_not_enlarge_the_next_one() -> None:
    client = live_wire(3)
    for _ in range(3):
        lose_records(client, 40)
        client.run_for(1)
    assert [page.limit for page in pages(client)] == [200, 200, 200]


def test_full_first_page_does_not_enlarge_the_next_one() -> None:
    client = live_wire(250)
    lose_records(client, 40)
    client.run_for(1)
    assert [page.limit for page in pages(client)] == [200]


def test_page_that_cannot_be_stored_is_not_requested_again() -> None:
    store = MemoryLocalStore()
    client = live_wire(3, store=store)
    client.cut()
    for _ in range(5):
        client.log.say()
    client.sent.clear()
    store.fail = True
    client.run_until(lambda: bool(client.of_kind(LocalStoreFailed)), 5)
    client.run_for(5)
    assert pages(client) == [wire.History(1, 4, True, 200)]
    store.fail = False
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    assert shown(client) == list(range(1, 9))


def test_nacks_before_a_page_are_as_many_in_a_new_room() -> None:
    client = live_wire(0)
    client.hook = lambda direction, path, frame: direction == "down" or not isinstance(frame, wire.Nack)
    client.log.say()
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
    assert client.run_until(lambda: bool(pages(client)), 5)
    assert len(nacks(client)) == ClientConfig().nacks_in_a_row


# --- Older pages ----------------------------------------------------------------------------------------------------


def test_concurrent_requests_for_older_pages_are_one_request() -> None:
    client = live_wire(250)
    assert client.core.fetch_older(1, client.now) is True
    assert client.core.fetch_older(1, client.now) is True
    client.run_for(0.1)
    assert len(pages(client)) == 1
    assert len(client.of_kind(OlderStored)) == 1


def test_older_page_of_another_history_is_reported_as_a_fork() -> None:
    client = live_wire(250)
    good = client.log.answer

    def alter_page(operation: Any) -> Any:
        page = good(operation)
        return wire.Page(1, [*page.records[:-1], altered(page.records[-1])], page.before_hash, page.head, [])

    client.log.answer = alter_page  # type: ignore[method-assign]
    client.core.fetch_older(1, client.now)
    client.run_for(0.1)
    assert client.of_kind(RoomStopped) == [RoomStopped(1, StopReason.FORKED)]
    assert client.core.state is LinkState.FORKED


# --- Leaving --------------------------------------------------------------------------------------------------------


def test_room_left_before_subscription_is_not_subscribed() -> None:
    client = live_wire(0, rooms=2)
    new = FakeLog(rooms=3).rooms()[2]
    client.core.receive(SERVER, Transport.TLS, wire.RoomChanged(new), client.now)
    client.core.receive(SERVER, Transport.TLS, wire.RoomGone(new.id), client.now)
    client.pump()
    requests = [output.frame.operation for output in client.sent if isinstance(output.frame, wire.Request)]
    assert [operation for operation in requests if isinstance(operation, wire.Subscribe)] == []
    assert client.core.state is LinkState.LIVE
