"""Who gives way when all places are taken, and what is a TLS greeting."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.errors import ProtocolError
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.sessions import SessionTable
from lanchat_server.service.net.connection import frame_budget
from lanchat_server.service.net.places import GREETING_HEAD, GREETING_MAX, ConnectionSlots, greeting_size_untrusted
from tests.attacks.strangers import client_hello


@dataclass(eq=False)
class Guest:
    address: str
    busy: bool = False


def test_the_oldest_of_the_crowd_gives_way() -> None:
    places: ConnectionSlots[Guest] = ConnectionSlots(4)
    guests = [Guest(address) for address in "abbc"]
    assert [places.add(guest) for guest in guests] == [None] * 4
    assert places.add(Guest("d")) is guests[1]
    # Now everybody holds one: the oldest of all.
    assert places.oldest is guests[0]
    assert places.add(Guest("e")) is guests[0]
    assert len(places) == 4


def test_who_is_kept_gives_way_last() -> None:
    places: ConnectionSlots[Guest] = ConnectionSlots(3, lambda guest: guest.busy)
    first, second, third = Guest("a", busy=True), Guest("b"), Guest("c", busy=True)
    for guest in (first, second, third):
        places.add(guest)
    assert places.add(Guest("d", busy=True)) is second
    assert places.add(Guest("e", busy=True)) is first


def test_a_place_that_was_left_is_free_and_counted_once() -> None:
    places: ConnectionSlots[Guest] = ConnectionSlots(2)
    one, two = Guest("a"), Guest("a")
    places.add(one)
    places.add(two)
    assert places.discard(one)
    assert not places.discard(one)
    assert places.add(Guest("b")) is None
    # One of each address now: "a" is no crowd any more.
    assert places.add(Guest("b")) is two


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=60), st.integers(1, 6))
def test_places_are_never_more_than_there_are(steps: list[tuple[str, bool]], size: int) -> None:
    places: ConnectionSlots[Guest] = ConnectionSlots(size)
    here: list[Guest] = []
    for address, leaves in steps:
        if leaves and here:
            assert places.discard(here.pop(0))
            continue
        guest = Guest(address)
        loser = places.add(guest)
        if loser is not None:
            crowd = max(sum(other.address == each.address for other in here) for each in here)
            assert sum(other.address == loser.address for other in here) == crowd
            here.remove(loser)
        here.append(guest)
        assert list(places) == here
        assert len(places) == len(here) <= size


def test_a_real_greeting_is_measured_as_soon_as_its_head_is_here() -> None:
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
def test_anything_else_is_no_greeting(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        greeting_size_untrusted(head)


@given(st.binary(max_size=GREETING_HEAD))
def test_any_octets_give_a_bounded_size_or_the_one_error(head: bytes) -> None:
    try:
        size = greeting_size_untrusted(head)
    except ProtocolError:
        return
    assert GREETING_HEAD <= size <= GREETING_MAX


def test_more_sessions_of_a_user_give_no_more_requests() -> None:
    table = SessionTable(CoreConfig(request_rate=1, request_burst=3))
    first, second = table.add(1, 7, b"a"), table.add(2, 7, b"b")
    other = table.add(3, 8, b"c")
    assert [first.requests.take(0.0), second.requests.take(0.0), first.requests.take(0.0)] == [0, 0, 0]
    assert second.requests.take(0.0) > 0
    assert other.requests.take(0.0) == 0
    table.remove(1)
    # Who comes back while another session is there gets no full bucket for it.
    assert table.add(4, 7, b"a").requests.take(0.0) > 0


def test_more_sessions_of_a_user_give_no_more_history() -> None:
    table = SessionTable(CoreConfig(page_rate=100.0, page_burst=1000))
    first, second = table.add(1, 7, b"a"), table.add(2, 7, b"b")
    first.pages.wait(0.0)
    first.pages.spend(1500)
    assert second.pages.wait(0.0) == pytest.approx(5.01)
    assert table.add(3, 8, b"c").pages.wait(0.0) == 0


def test_a_session_may_send_more_frames_than_requests_and_messages_are_answered() -> None:
    config = CoreConfig()
    budget = frame_budget(config)
    assert budget.rate > config.request_rate + config.message_rate
    assert budget.burst > config.request_burst + config.message_burst
