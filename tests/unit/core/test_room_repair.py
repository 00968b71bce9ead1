"""Receiving: gaps and their repair."""

import itertools
from typing import Any

import pytest

from lanchat.core.config import ClientConfig
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore
from tests.support.room_wire import (
    live_wire,
    nacks,
    pages,
    records_frame,
    shown,
)


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
