"""Which connection is closed when all slots are in use, and what is a TLS greeting."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.errors import ProtocolError
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.sessions import SessionTable
from lanchat_server.service.net.connection import frame_budget
from lanchat_server.service.net.places import GREETING_HEAD, GREETING_MAX, ConnectionSlots, greeting_size_untrusted
from tests.attacks.unauthenticated_floods import client_hello


@dataclass(eq=False)
class FakeConnection:
    address: str
    busy: bool = False


def test_oldest_of_the_most_frequent_address_is_closed() -> None:
    slots: ConnectionSlots[FakeConnection] = ConnectionSlots(4)
    connections = [FakeConnection(address) for address in "abbc"]
    assert [slots.add(connection) for connection in connections] == [None] * 4
    assert slots.add(FakeConnection("d")) is connections[1]
    # Now everybody holds one: the oldest of all.
    assert slots.oldest is connections[0]
    assert slots.add(FakeConnection("e")) is connections[0]
    assert len(slots) == 4


def test_protected_connections_are_closed_last() -> None:
    slots: ConnectionSlots[FakeConnection] = ConnectionSlots(3, lambda connection: connection.busy)
    first, second, third = FakeConnection("a", busy=True), FakeConnection("b"), FakeConnection("c", busy=True)
    for connection in (first, second, third):
        slots.add(connection)
    assert slots.add(FakeConnection("d", busy=True)) is second
    assert slots.add(FakeConnection("e", busy=True)) is first


def test_released_slot_is_free_and_counted_once() -> None:
    slots: ConnectionSlots[FakeConnection] = ConnectionSlots(2)
    one, two = FakeConnection("a"), FakeConnection("a")
    slots.add(one)
    slots.add(two)
    assert slots.discard(one)
    assert not slots.discard(one)
    assert slots.add(FakeConnection("b")) is None
    # One of each address now: "a" is no crowd any more.
    assert slots.add(FakeConnection("b")) is two


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60), st.integers(1, 6))
def test_slots_are_never_exceeded(steps: list[tuple[str, bool]], size: int) -> None:
    slots: ConnectionSlots[FakeConnection] = ConnectionSlots(size)
    open_connections: list[FakeConnection] = []
    for address, leaves in steps:
        if leaves and open_connections:
            assert slots.discard(open_connections.pop(0))
            continue
        connection = FakeConnection(address)
        loser = slots.add(connection)
        if loser is not None:
            most = max(sum(other.address == each.address for other in open_connections) for each in open_connections)
            assert sum(other.address == loser.address for other in open_connections) == most
            open_connections.remove(loser)
        open_connections.append(connection)
        assert list(slots) == open_connections
        assert len(slots) == len(open_connections) <= size


def test_size_of_a_greeting_is_known_from_its_head() -> None:
    hello = client_hello()
    for length in range(GREETING_HEAD):
        assert greeting_size_untrusted(hello[:length]) == GREETING_HEAD
    for length in range(GREETING_HEAD, len(hello) + 1):
        assert greeting_size_untrusted(hello[:length]) == len(hello)


@pytest.mark.parametrize(
    "head",
    [
        b"G",
        b"GET / HTTP/1.1",
        b"\x16\x02",
        b"\x17\x03\x01\x02\x00\x01\x00\x00\x80",
        # Another handshake message; a message longer than its record; a record longer than any greeting.
        b"\x16\x03\x01\x02\x00\x02\x00\x01\xfc",
        b"\x16\x03\x01\x00\x20\x01\x00\x00\x20",
        b"\x16\x03\x01" + (GREETING_MAX).to_bytes(2, "big") + b"\x01\x00\x00\x20",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ],
)
def test_other_octets_are_no_greeting(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        greeting_size_untrusted(head)


@given(st.binary(max_size=GREETING_HEAD))
def test_any_octets_give_a_bounded_size_or_protocol_error(head: bytes) -> None:
    try:
        size = greeting_size_untrusted(head)
    except ProtocolError:
        return
    assert GREETING_HEAD <= size <= GREETING_MAX


def test_sessions_of_a_user_share_the_request_budget() -> None:
    table = SessionTable(CoreConfig(request_rate=1, request_burst=3))
    first, second = table.add(1, 7, b"a"), table.add(2, 7, b"b")
    other = table.add(3, 8, b"c")
    assert [first.requests.take(0.0), second.requests.take(0.0), first.requests.take(0.0)] == [0, 0, 0]
    assert second.requests.take(0.0) > 0
    assert other.requests.take(0.0) == 0
    table.remove(1)
    # Who comes back while another session is there gets no full bucket for it.
    assert table.add(4, 7, b"a").requests.take(0.0) > 0


def test_sessions_of_a_user_share_the_history_budget() -> None:
    table = SessionTable(CoreConfig(page_rate=100.0, page_burst=1000))
    first, second = table.add(1, 7, b"a"), table.add(2, 7, b"b")
    first.pages.wait(0.0)
    first.pages.spend(1500)
    assert second.pages.wait(0.0) == pytest.approx(5.01)
    assert table.add(3, 8, b"c").pages.wait(0.0) == 0


def test_frame_budget_exceeds_requests_and_messages() -> None:
    config = CoreConfig()
    budget = frame_budget(config)
    assert budget.rate > config.request_rate + config.message_rate
    assert budget.burst > config.request_burst + config.message_burst
