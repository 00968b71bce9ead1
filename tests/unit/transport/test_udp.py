"""The client's UDP relay over real sockets, with the event loop's readers and with a thread, as on Windows."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanchat.platform import segmentation
from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import SessionKeys, decode_client_datagram_untrusted, encode_datagram
from lanchat.transport.udp import UdpRelay
from tests.support.fake_log import LOG_ID
from tests.support.waiting import patient

KEYS = SessionKeys(1, b"s" * 32, b"c" * 32, 3_600_000)
NEXT_KEYS = SessionKeys(2, b"S" * 32, b"C" * 32, 3_600_000)


class Far:
    """The server's end, by hand: a socket, and the other half of the keys."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(5)
        self.frames: list[Any] = []
        self.turns = 0
        self.peer: Any = None

    def seal(self, *frames: Any, keys: SessionKeys = KEYS, epoch: int = 1, skip: int = 0) -> bytes:
        sealer = seal.Sealer(keys.to_client, keys.key_id, LOG_ID, epoch)
        sealer.counter = skip
        return sealer.seal(encode_datagram(list(frames)))

    def receive(self, keys: SessionKeys = KEYS) -> list[Any]:
        datagram, self.peer = self.sock.recvfrom(2048)
        opener = seal.Opener(keys.to_server, keys.key_id, LOG_ID, 1)
        return decode_client_datagram_untrusted(opener.open_untrusted(datagram))  # type: ignore[no-any-return]

    def send(self, datagram: bytes) -> None:
        self.sock.sendto(datagram, self.peer)


Scenario = Callable[[Far, UdpRelay], Awaitable[None]]


@pytest.fixture(params=[False, True], ids=["reader", "thread"])
def run(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    def start(scenario: Scenario) -> None:
        asyncio.run(_run(scenario, threaded=request.param))

    return start


async def _run(scenario: Scenario, *, threaded: bool) -> None:
    far = Far()

    def idle() -> None:
        far.turns += 1

    relay = UdpRelay(far.sock.getsockname(), LOG_ID, 1, far.frames.extend, idle, threaded=threaded)
    relay.use_keys(KEYS)
    try:
        relay.send(encode_datagram([wire.Ping(1)]))
        assert far.receive() == [wire.Ping(1)]
        await scenario(far, relay)
    finally:
        relay.close()
        relay.close()
        far.sock.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(5)):
        while not done():
            await asyncio.sleep(0.005)


def test_what_opens_arrives(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        far.send(far.seal(wire.Pong(1), wire.Lagging()))
        await until(lambda: far.turns > 0)
        assert far.frames == [wire.Pong(1), wire.Lagging()]

    run(scenario)


@pytest.mark.parametrize("threaded", [False, True], ids=["reader", "thread"])
def test_relay_calls_nothing_after_a_frame_closed_it(threaded: bool) -> None:
    async def scenario() -> None:
        far, turns = Far(), 0

        def close(frames: list[Any]) -> None:
            far.frames += frames
            relay.close()

        def idle() -> None:
            nonlocal turns
            turns += 1

        relay = UdpRelay(far.sock.getsockname(), LOG_ID, 1, close, idle, threaded=threaded)
        relay.use_keys(KEYS)
        relay.send(encode_datagram([wire.Ping(1)]))
        far.receive()
        far.send(far.seal(wire.Pong(1)))
        await until(lambda: bool(far.frames))
        await asyncio.sleep(0)
        far.sock.close()
        assert (far.frames, turns) == ([wire.Pong(1)], 0)

    asyncio.run(scenario())


def test_what_does_not_open_is_dropped_with_its_reason(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        good = far.seal(wire.Pong(1))
        for datagram in (
            b"",
            b"hello",
            good[:-1] + bytes([good[-1] ^ 1]),
            far.seal(wire.Pong(1), keys=NEXT_KEYS),
            far.seal(wire.Pong(1), epoch=2, skip=5),
            far.seal(wire.Ping(1), skip=9),
            good + bytes(DATAGRAM_MAX),
            good,
            good,
        ):
            far.send(datagram)
        await until(lambda: sum(relay.dropped.values()) == 8)
        assert far.frames == [wire.Pong(1)]
        assert relay.dropped == {
            "not a relay datagram": 2,
            "seal does not hold": 2,
            "unknown key": 1,
            "not a valid encoding": 1,
            "datagram too long": 1,
            "datagram seen before": 1,
        }

    run(scenario)


def test_datagrams_of_strangers_do_not_arrive(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.sendto(far.seal(wire.Pong(66)), far.peer)
        stranger.close()
        far.send(far.seal(wire.Pong(1)))
        await until(lambda: bool(far.frames))
        assert far.frames == [wire.Pong(1)]

    run(scenario)


def test_fresh_keys_seal_at_once_and_the_old_ones_open_a_while(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        relay.use_keys(NEXT_KEYS)
        relay.send(encode_datagram([wire.Ping(2)]))
        assert far.receive(NEXT_KEYS) == [wire.Ping(2)]
        far.send(far.seal(wire.Pong(1)))
        far.send(far.seal(wire.Pong(2), keys=NEXT_KEYS))
        await until(lambda: len(far.frames) == 2)
        relay._forget(KEYS.key_id)
        far.send(far.seal(wire.Pong(3), skip=7))
        await until(lambda: relay.dropped["unknown key"] == 1)

    run(scenario)


def test_a_closed_port_is_no_trouble(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        address = far.sock.getsockname()
        far.sock.close()
        for _ in range(5):
            relay.send(encode_datagram([wire.Ping(1)]))
            await asyncio.sleep(0.01)
        far.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        far.sock.bind(address)
        far.send(far.seal(wire.Pong(1), skip=3))
        await until(lambda: bool(far.frames))

    run(scenario)


def test_a_burst_is_drained_in_few_turns(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        sealer = seal.Sealer(KEYS.to_client, 1, LOG_ID, 1)
        for number in range(200):
            far.send(sealer.seal(encode_datagram([wire.Pong(number)])))
        await until(lambda: len(far.frames) == 200)
        assert [frame.token for frame in far.frames] == list(range(200))

    run(scenario)


def test_what_the_server_sends_at_once_arrives_as_the_datagrams_it_is(run: Any) -> None:
    """Cut up on the way or read in one piece, the last one shorter; then a single one."""

    async def scenario(far: Far, relay: UdpRelay) -> None:
        if not segmentation.cuts_up(far.sock):
            pytest.skip("this kernel does not cut up")
        datagrams = [far.seal(wire.Pong(2**40 + number), skip=number) for number in range(40)]
        datagrams.append(far.seal(wire.Pong(1), skip=40))
        assert len(datagrams[-1]) < len(datagrams[0])
        far.sock.sendmsg(datagrams, segmentation.cut_into(len(datagrams[0])), 0, far.peer)
        far.send(far.seal(wire.Pong(2), skip=41))
        await until(lambda: len(far.frames) == 42)
        assert [frame.token for frame in far.frames] == [*range(2**40, 2**40 + 40), 1, 2]
        assert not relay.dropped

    run(scenario)


def test_lengths_that_the_kernel_never_says_part_nothing_endlessly() -> None:
    for length in (0, -1, 2**31 - 1):
        assert (
            b"".join(segmentation.parted(b"abc", [(17, 104, length.to_bytes(4, sys.byteorder, signed=True))])) == b"abc"
        )
    assert segmentation.parted(b"abc", [(17, 104, b"")]) == segmentation.parted(b"abc", [(1, 104, b"1234")]) == [b"abc"]


def test_nearly_used_up_keys_are_noticed_and_used_up_ones_send_nothing(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        assert not relay.nearly_used_up
        assert relay._sealer is not None
        relay._sealer.counter = seal.PACKETS_PER_KEY
        assert relay.nearly_used_up
        relay.send(encode_datagram([wire.Ping(1)]))
        assert relay.dropped == {"send_OverflowError": 1}

    run(scenario)


def test_nothing_comes_after_close(run: Any) -> None:
    async def scenario(far: Far, relay: UdpRelay) -> None:
        far.send(far.seal(wire.Pong(1)))
        relay.close()
        await asyncio.sleep(0.05)
        assert far.frames == []

    run(scenario)
