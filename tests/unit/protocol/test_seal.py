"""Sealed datagrams and the replay window."""

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lanchat.protocol.datagram import seal
from lanchat.protocol.datagram.replay import WINDOW, ReplayWindow
from lanchat.protocol.datagram.seal import Opener, Sealer, key_id_untrusted
from lanchat.protocol.errors import ProtocolError

LOG_ID = b"l" * 16
KEY = bytes(range(32))
KEY_ID = 0x01020304


def sealer(**changes: object) -> Sealer:
    return Sealer(**({"key": KEY, "key_id": KEY_ID, "log_id": LOG_ID, "epoch": 5} | changes))  # type: ignore[arg-type]


def opener(**changes: object) -> Opener:
    return Opener(**({"key": KEY, "key_id": KEY_ID, "log_id": LOG_ID, "epoch": 5} | changes))  # type: ignore[arg-type]


@given(payloads=st.lists(st.binary(max_size=1200), min_size=1, max_size=5))
def test_sealed_datagram_opens_once(payloads: list[bytes]) -> None:
    sends, opens = sealer(), opener()
    datagrams = [sends.seal(payload) for payload in payloads]
    assert [len(datagram) for datagram in datagrams] == [len(payload) + seal.OVERHEAD for payload in payloads]
    assert [key_id_untrusted(datagram) for datagram in datagrams] == [KEY_ID] * len(datagrams)
    assert [opens.open_untrusted(datagram) for datagram in datagrams] == payloads
    for datagram in datagrams:
        with pytest.raises(ProtocolError, match="before"):
            opens.open_untrusted(datagram)


def test_equal_payloads_have_different_datagrams() -> None:
    sends = sealer()
    assert len({sends.seal(b"yes") for _ in range(100)}) == 100
    assert sends.counter == 100


@pytest.mark.parametrize("payload", [b"", b"hello"])
def test_each_flipped_bit_is_detected(payload: bytes) -> None:
    datagram = sealer().seal(payload)
    opens = opener()
    for bit in range(len(datagram) * 8):
        changed = bytearray(datagram)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            opens.open_untrusted(bytes(changed))
    assert opens.open_untrusted(datagram) == payload


def test_each_other_length_is_refused() -> None:
    datagram = sealer().seal(b"hello")
    opens = opener()
    for length in range(len(datagram)):
        with pytest.raises(ProtocolError):
            opens.open_untrusted(datagram[:length])
    with pytest.raises(ProtocolError):
        opens.open_untrusted(datagram + b"\0")
    assert opens.open_untrusted(datagram) == b"hello"


@pytest.mark.parametrize(
    "other", [{"key": bytes(32)}, {"key_id": KEY_ID + 1}, {"log_id": b"L" * 16}, {"epoch": 6}, {"epoch": 0}]
)
def test_datagram_of_another_context_does_not_open(other: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        opener(**other).open_untrusted(sealer().seal(b"hello"))
    with pytest.raises(ProtocolError):
        opener().open_untrusted(sealer(**other).seal(b"hello"))
    assert opener(**other).open_untrusted(sealer(**other).seal(b"hello")) == b"hello"


def test_reflected_datagram_does_not_open() -> None:
    """Each direction has its own key: the pair made for a session, as the server and the client use it."""
    to_server, to_client = b"s" * 32, b"c" * 32
    from_client = sealer(key=to_server).seal(b"hello")
    with pytest.raises(ProtocolError):
        opener(key=to_client).open_untrusted(from_client)
    assert opener(key=to_server).open_untrusted(from_client) == b"hello"


def test_forged_datagram_does_not_move_the_window() -> None:
    sends, opens = sealer(), opener()
    first = sends.seal(b"first")
    forged = bytearray(sealer(key=bytes(32)).seal(b"first"))
    forged[5:13] = (2**64 - 1).to_bytes(8, "big")
    with pytest.raises(ProtocolError):
        opens.open_untrusted(bytes(forged))
    assert opens.open_untrusted(first) == b"first"


def test_only_the_newest_datagram_is_marked_newest() -> None:
    sends, opens = sealer(), opener()
    first, second, third = (sends.seal(b"x") for _ in range(3))
    assert not opens.newest
    for datagram, newest in ((second, True), (first, False), (third, True)):
        opens.open_untrusted(datagram)
        assert opens.newest is newest


def test_exhausted_key_seals_nothing() -> None:
    sends = sealer()
    sends.counter = seal.PACKETS_PER_KEY - 1
    assert sends.seal(b"last")
    for _ in range(2):
        with pytest.raises(OverflowError):
            sends.seal(b"one too many")
    assert sends.counter == seal.PACKETS_PER_KEY


@given(octets=st.binary(max_size=60))
def test_random_octets_are_refused(octets: bytes) -> None:
    for datagram in (octets, b"\1" + octets, b"\1" + KEY_ID.to_bytes(4, "big") + octets):
        with pytest.raises(ProtocolError):
            opener().open_untrusted(datagram)
        try:
            found = key_id_untrusted(memoryview(datagram))
        except ProtocolError:
            assert len(datagram) < seal.OVERHEAD or datagram[0] != seal.RELAY_KIND
        else:
            assert found == int.from_bytes(datagram[1:5], "big")


# The replay window


@settings(max_examples=300)
@given(steps=st.lists(st.integers(-2 * WINDOW, 2 * WINDOW), max_size=60), start=st.integers(0, 2**40))
def test_replay_window_agrees_with_a_set(steps: list[int], start: int) -> None:
    """Against a set of everything seen: each number once, those below the window never."""
    window, seen, highest = ReplayWindow(), set[int](), -1
    number = start
    for step in steps:
        number = max(0, number + step)
        expected = number not in seen and number > highest - WINDOW
        assert window.accept(number) is expected
        seen.add(number)
        highest = max(highest, number)
        assert window.highest == highest
    for number in range(max(0, highest - WINDOW - 2), highest + 1):
        assert window.accept(number) is (number not in seen and number > highest - WINDOW)


def test_every_number_of_a_shuffled_window_is_accepted_once() -> None:
    numbers = list(range(WINDOW))
    random.Random(1).shuffle(numbers)
    window = ReplayWindow()
    assert all(window.accept(number) for number in numbers)
    assert not any(window.accept(number) for number in numbers)


def test_edges_of_the_window() -> None:
    window = ReplayWindow()
    assert window.highest == -1
    assert window.accept(5000)
    assert window.accept(5000 - WINDOW + 1)
    assert not window.accept(5000 - WINDOW)
    assert window.accept(5001)
    assert not window.accept(5001 - WINDOW)
    assert window.accept(2**64 - 1)
    assert not window.accept(5001)
