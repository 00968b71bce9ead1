"""The client's UDP relay over real sockets, with the event loop's readers and with a thread, as on Windows."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import SessionKeys, decode_client_datagram_untrusted, encode_datagram
from lanchat.transport.udp import UdpRelay
from tests.support.fake_log import LOG_ID
from tests.support.waiting import patient

KEYS = SessionKeys(1, b"s" * 32, b"c" * 32, 3_600_000)
NEXT_KEYS = SessionKeys(2, b"S" * 32, b"C" * 32, 3_600_000)


class FakeServerEnd:
    """The server's end: a socket, and the other half of the keys."""

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


Scenario = Callable[[FakeServerEnd, UdpRelay], Awaitable[None]]


READER = pytest.param(
    False,
    id="reader",
    marks=pytest.mark.skipif(sys.platform == "win32", reason="the event loop of Windows has no readers"),
)
THREAD = pytest.param(True, id="thread")


@pytest.fixture(params=[READER, THREAD])
def run(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    def start(scenario: Scenario) -> None:
        asyncio.run(_run(scenario, threaded=request.param))

    return start


async def _run(scenario: Scenario, *, threaded: bool) -> None:
    server = FakeServerEnd()

    def idle() -> None:
        server.turns += 1

    relay = UdpRelay(server.sock.getsockname(), LOG_ID, 1, server.frames.extend, idle, threaded=threaded)
    relay.use_keys(KEYS)
    try:
        relay.send(encode_datagram([wire.Ping(1)]))
        assert server.receive() == [wire.Ping(1)]
        await scenario(server, relay)
    finally:
        relay.close()
        relay.close()
        server.sock.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(5)):
        while not done():
            await asyncio.sleep(0.005)


def test_valid_datagrams_are_delivered(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        server.send(server.seal(wire.Pong(1), wire.Lagging()))
        await until(lambda: server.turns > 0)
        assert server.frames == [wire.Pong(1), wire.Lagging()]

    run(scenario)


@pytest.mark.parametrize("threaded", [READER, THREAD])
def test_relay_calls_nothing_after_it_was_closed_by_a_frame(threaded: bool) -> None:
    async def scenario() -> None:
        server, turns = FakeServerEnd(), 0

        def close(frames: list[Any]) -> None:
            server.frames += frames
            relay.close()

        def idle() -> None:
            nonlocal turns
            turns += 1

        relay = UdpRelay(server.sock.getsockname(), LOG_ID, 1, close, idle, threaded=threaded)
        relay.use_keys(KEYS)
        relay.send(encode_datagram([wire.Ping(1)]))
        server.receive()
        server.send(server.seal(wire.Pong(1)))
        await until(lambda: bool(server.frames))
        await asyncio.sleep(0)
        server.sock.close()
        assert (server.frames, turns) == ([wire.Pong(1)], 0)

    asyncio.run(scenario())


def test_invalid_datagrams_are_dropped_with_a_reason(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        good = server.seal(wire.Pong(1))
        for datagram in (
            b"",
            b"hello",
            good[:-1] + bytes([good[-1] ^ 1]),
            server.seal(wire.Pong(1), keys=NEXT_KEYS),
            server.seal(wire.Pong(1), epoch=2, skip=5),
            server.seal(wire.Ping(1), skip=9),
            good + bytes(DATAGRAM_MAX),
            good,
            good,
        ):
            server.send(datagram)
        await until(lambda: sum(relay.dropped.values()) == 8)
        assert server.frames == [wire.Pong(1)]
        assert relay.dropped == {
            "not a relay datagram": 2,
            "seal does not hold": 2,
            "unknown key": 1,
            "not a valid encoding": 1,
            "datagram too long": 1,
            "datagram seen before": 1,
        }

    run(scenario)


def test_datagrams_of_other_senders_are_not_delivered(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        other_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other_socket.sendto(server.seal(wire.Pong(66)), server.peer)
        other_socket.close()
        server.send(server.seal(wire.Pong(1)))
        await until(lambda: bool(server.frames))
        assert server.frames == [wire.Pong(1)]

    run(scenario)


def test_new_keys_seal_at_once_and_old_ones_open_for_a_while(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        relay.use_keys(NEXT_KEYS)
        relay.send(encode_datagram([wire.Ping(2)]))
        assert server.receive(NEXT_KEYS) == [wire.Ping(2)]
        server.send(server.seal(wire.Pong(1)))
        server.send(server.seal(wire.Pong(2), keys=NEXT_KEYS))
        await until(lambda: len(server.frames) == 2)
        relay._forget(KEYS.key_id)
        server.send(server.seal(wire.Pong(3), skip=7))
        await until(lambda: relay.dropped["unknown key"] == 1)

    run(scenario)


def test_closed_port_is_tolerated(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        address = server.sock.getsockname()
        server.sock.close()
        for _ in range(5):
            relay.send(encode_datagram([wire.Ping(1)]))
            await asyncio.sleep(0.01)
        server.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.sock.bind(address)
        server.send(server.seal(wire.Pong(1), skip=3))
        await until(lambda: bool(server.frames))

    run(scenario)


def test_burst_is_drained_in_few_turns(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        sealer = seal.Sealer(KEYS.to_client, 1, LOG_ID, 1)
        for number in range(200):
            server.send(sealer.seal(encode_datagram([wire.Pong(number)])))
        await until(lambda: len(server.frames) == 200)
        assert [frame.token for frame in server.frames] == list(range(200))

    run(scenario)


def test_segmented_datagrams_arrive_separately(run: Any) -> None:
    """Segmented on the way or read in one piece, the last one shorter; then a single one."""

    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        if not segmentation.cuts_up(server.sock):
            pytest.skip("this kernel does not cut up")
        datagrams = [server.seal(wire.Pong(2**40 + number), skip=number) for number in range(40)]
        datagrams.append(server.seal(wire.Pong(1), skip=40))
        assert len(datagrams[-1]) < len(datagrams[0])
        server.sock.sendmsg(datagrams, segmentation.cut_into(len(datagrams[0])), 0, server.peer)
        server.send(server.seal(wire.Pong(2), skip=41))
        await until(lambda: len(server.frames) == 42)
        assert [frame.token for frame in server.frames] == [*range(2**40, 2**40 + 40), 1, 2]
        assert not relay.dropped

    run(scenario)


def test_invalid_segment_lengths_do_not_loop() -> None:
    for length in (0, -1, 2**31 - 1):
        assert (
            b"".join(segmentation.parted(b"abc", [(17, 104, length.to_bytes(4, sys.byteorder, signed=True))])) == b"abc"
        )
    assert segmentation.parted(b"abc", [(17, 104, b"")]) == segmentation.parted(b"abc", [(1, 104, b"1234")]) == [b"abc"]


def test_nearly_exhausted_keys_are_reported_and_then_unusable(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        assert not relay.nearly_used_up
        assert relay._sealer is not None
        relay._sealer.counter = seal.PACKETS_PER_KEY
        assert relay.nearly_used_up
        relay.send(encode_datagram([wire.Ping(1)]))
        assert relay.dropped == {"send_OverflowError": 1}

    run(scenario)


def test_nothing_is_delivered_after_close(run: Any) -> None:
    async def scenario(server: FakeServerEnd, relay: UdpRelay) -> None:
        server.send(server.seal(wire.Pong(1)))
        relay.close()
        await asyncio.sleep(0.05)
        assert server.frames == []

    run(scenario)
