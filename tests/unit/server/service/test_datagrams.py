"""The relay's socket: a burst of datagrams shares a turn of the event loop, a single one is processed at once."""

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram import seal
from lanchat_server.service.net.datagrams import DatagramRelay
from tests.support.waiting import patient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a thread of its own receives there")

LOG_ID = b"l" * 16
KEYS = wire.SessionKeys(7, b"a" * 32, b"b" * 32, 3_600_000)


@dataclass
class ReceivedPings:
    """Pings that the relay passed on, with their times, and the number of turns."""

    tokens: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    turns: int = 0

    def frame(self, _session: int, frame: Any) -> None:
        self.tokens.append(frame.token)
        self.times.append(time.perf_counter())

    def turn(self) -> None:
        self.turns += 1


class Sender:
    def __init__(self, port: int) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.connect(("127.0.0.1", port))
        self._sealer = seal.Sealer(KEYS.to_server, 7, LOG_ID, 1)
        self._token = 0

    def ping(self) -> None:
        self._token += 1
        self._sock.send(self._sealer.seal(encode([wire.Ping(self._token)])))

    def close(self) -> None:
        self._sock.close()


def run_relay(work: Callable[[Sender, ReceivedPings], Any], **bounds: int) -> ReceivedPings:
    """Runs `work` beside a relay with these bounds, in its event loop."""
    received = ReceivedPings()

    async def run() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        relay = DatagramRelay(sock, LOG_ID, 1, received.frame, received.turn, lambda *_: None, **bounds)
        relay.start()
        relay.open_channel(3, KEYS)
        sender = Sender(sock.getsockname()[1])
        try:
            await work(sender, received)
        finally:
            sender.close()
            relay.close()

    asyncio.run(run())
    return received


async def until(received: ReceivedPings, count: int) -> None:
    async with asyncio.timeout(patient(5)):
        while len(received.tokens) < count:
            await asyncio.sleep(0.001)


def test_burst_shares_turns_and_no_datagram_is_lost() -> None:
    async def work(sender: Sender, received: ReceivedPings) -> None:
        for _ in range(400):
            sender.ping()
            await asyncio.sleep(0)
        await until(received, 400)

    received = run_relay(work)
    assert received.tokens == list(range(1, 401))
    assert received.turns < 40


def test_flood_is_read_in_turns_of_bounded_length() -> None:
    async def work(sender: Sender, received: ReceivedPings) -> None:
        for number in range(1, 4):
            for _ in range(100):
                sender.ping()
            await until(received, 100 * number)

    received = run_relay(work, drain_max=16)
    assert received.tokens == list(range(1, 301))
    assert received.turns >= 300 / 16


def test_single_datagram_after_a_burst_is_processed_at_once() -> None:
    async def work(sender: Sender, received: ReceivedPings) -> None:
        for _ in range(200):
            sender.ping()
            await asyncio.sleep(0)
        await until(received, 200)
        for number in range(10):
            await asyncio.sleep(0.02)
            turns = received.turns
            sender.ping()
            # Two rounds of the loop: the first sees the socket, no timer has to come due for it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert (len(received.tokens), received.turns) == (201 + number, turns + 1)

    run_relay(work)
