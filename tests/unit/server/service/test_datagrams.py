"""The relay's socket: many datagrams share a turn of the event loop, a single one is handled at once."""

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
class Heard:
    """What the relay handed over: pings with their times, and how many turns it took."""

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


def heard_of(work: Callable[[Sender, Heard], Any], **bounds: int) -> Heard:
    """Runs `work` beside a relay with these bounds, in its event loop."""
    heard = Heard()

    async def run() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        relay = DatagramRelay(sock, LOG_ID, 1, heard.frame, heard.turn, lambda *_: None, **bounds)
        relay.start()
        relay.open_channel(3, KEYS)
        sender = Sender(sock.getsockname()[1])
        try:
            await work(sender, heard)
        finally:
            sender.close()
            relay.close()

    asyncio.run(run())
    return heard


async def until(heard: Heard, count: int) -> None:
    async with asyncio.timeout(patient(5)):
        while len(heard.tokens) < count:
            await asyncio.sleep(0.001)


def test_datagrams_that_come_quickly_share_turns_and_none_is_forgotten() -> None:
    async def work(sender: Sender, heard: Heard) -> None:
        for _ in range(400):
            sender.ping()
            await asyncio.sleep(0)
        await until(heard, 400)

    heard = heard_of(work)
    assert heard.tokens == list(range(1, 401))
    assert heard.turns < 40


def test_a_flood_is_read_in_turns_of_a_bounded_length() -> None:
    async def work(sender: Sender, heard: Heard) -> None:
        for number in range(1, 4):
            for _ in range(100):
                sender.ping()
            await until(heard, 100 * number)

    heard = heard_of(work, drain_max=16)
    assert heard.tokens == list(range(1, 301))
    assert heard.turns >= 300 / 16


def test_after_a_rush_a_single_datagram_is_handled_as_soon_as_it_comes() -> None:
    async def work(sender: Sender, heard: Heard) -> None:
        for _ in range(200):
            sender.ping()
            await asyncio.sleep(0)
        await until(heard, 200)
        for number in range(10):
            await asyncio.sleep(0.02)
            turns = heard.turns
            sender.ping()
            # Two rounds of the loop: the first sees the socket, no timer has to come due for it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert (len(heard.tokens), heard.turns) == (201 + number, turns + 1)

    heard_of(work)
