"""The thread that receives where the event loop has no readers: what is there is handed on in one call."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.wire import encode_datagram
from lanchat.transport import receiving_thread
from lanchat.transport.receiving_thread import ReceivingThread
from lanchat.transport.udp import UdpRelay
from lanchat_server.service.net.datagrams import DatagramRelay
from tests.support.fake_log import LOG_ID
from tests.support.waiting import patient

KEYS = wire.SessionKeys(7, b"a" * 32, b"b" * 32, 3_600_000)


def bound_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(5)):
        while not done():
            await asyncio.sleep(0.005)


class Calls:
    """What the thread handed on, call by call."""

    def __init__(self) -> None:
        self.taken: list[list[bytes]] = []
        self.failures = 0

    def take(self, received: list[receiving_thread.Received]) -> None:
        self.taken.append([datagram for datagram, _address in received])

    def failed(self) -> None:
        self.failures += 1


def run(work: Callable[[socket.socket, socket.socket], Awaitable[Any]]) -> None:
    """`work` with a socket that receives and one that sends to it."""

    async def start() -> None:
        with bound_socket() as receiver, bound_socket() as sender:
            sender.connect(receiver.getsockname())
            await work(receiver, sender)

    asyncio.run(start())


def test_datagrams_that_wait_are_handed_on_in_one_call() -> None:
    async def work(receiver: socket.socket, sender: socket.socket) -> None:
        datagrams = [bytes([number]) for number in range(20)]
        for datagram in datagrams:
            sender.send(datagram)
        calls = Calls()
        thread = ReceivingThread(receiver, calls.take, calls.failed, "test")
        await until(lambda: bool(calls.taken))
        thread.close()
        assert calls.taken == [datagrams]

    run(work)


def test_one_call_takes_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving_thread, "TOGETHER_MAX", 8)

    async def work(receiver: socket.socket, sender: socket.socket) -> None:
        for number in range(20):
            sender.send(bytes([number]))
        calls = Calls()
        thread = ReceivingThread(receiver, calls.take, calls.failed, "test")
        await until(lambda: sum(map(len, calls.taken)) == 20)
        thread.close()
        assert [len(call) for call in calls.taken] == [8, 8, 4]

    run(work)


class FailingSocket:
    """Readable at all times, and each receive fails, as on a route that is gone."""

    def __init__(self, readable: socket.socket) -> None:
        self.receives = 0
        self._readable = readable

    def fileno(self) -> int:
        return self._readable.fileno()

    def setblocking(self, _blocks: bool) -> None: ...

    def recvfrom_into(self, _buffer: bytearray) -> tuple[int, Any]:
        self.receives += 1
        raise OSError(10051, "network unreachable")


def test_a_lasting_error_is_counted_and_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(receiving_thread.time, "sleep", pauses.append)

    async def work(receiver: socket.socket, sender: socket.socket) -> None:
        sender.send(b"x")
        calls, sock = Calls(), FailingSocket(receiver)
        thread = ReceivingThread(sock, calls.take, calls.failed, "test")  # type: ignore[arg-type]
        await until(lambda: calls.failures >= 3)
        thread.close()
        assert sock.receives <= len(pauses) + 1
        assert set(pauses) == {receiving_thread._ERROR_PAUSE}

    run(work)


def test_nothing_is_handed_on_after_close() -> None:
    async def work(receiver: socket.socket, sender: socket.socket) -> None:
        calls = Calls()
        thread = ReceivingThread(receiver, calls.take, calls.failed, "test")
        sender.send(b"x")
        thread.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert calls.taken == []

    run(work)


def test_the_client_takes_several_datagrams_in_one_turn() -> None:
    async def work(server: socket.socket, _sender: socket.socket) -> None:
        frames: list[Any] = []
        turns: list[int] = []
        relay = UdpRelay(
            server.getsockname(), LOG_ID, 1, frames.extend, lambda: turns.append(len(frames)), threaded=True
        )
        relay.use_keys(KEYS)
        relay.send(encode_datagram([wire.Ping(1)]))
        _datagram, client = server.recvfrom(2048)
        sealer = seal.Sealer(KEYS.to_client, KEYS.key_id, LOG_ID, 1)
        sealed = [(sealer.seal(encode_datagram([wire.Pong(number)])), client) for number in range(3)]
        relay._take(sealed)
        assert frames == [wire.Pong(0), wire.Pong(1), wire.Pong(2)]
        assert turns == [3]
        relay.close()

    run(work)


def test_the_server_takes_several_datagrams_and_counts_over_long_ones() -> None:
    async def work(receiver: socket.socket, sender: socket.socket) -> None:
        tokens: list[int] = []
        counted: list[str] = []
        turns: list[int] = []

        def count(reason: str, _number: int = 1) -> None:
            counted.append(reason)

        sealer = seal.Sealer(KEYS.to_server, KEYS.key_id, LOG_ID, 1)
        for number in range(3):
            sender.send(sealer.seal(encode_datagram([wire.Ping(number)])))
        sender.send(bytes(DATAGRAM_MAX + 1))
        sender.send(bytes(9000))
        relay = DatagramRelay(
            receiver,
            LOG_ID,
            1,
            lambda _session, frame: tokens.append(frame.token),
            lambda: turns.append(len(tokens)),
            count,
            threaded=True,
        )
        relay.open_channel(3, KEYS)
        relay.start()
        await until(lambda: len(counted) >= 5)
        relay.close()
        assert tokens == [0, 1, 2]
        assert turns == [3]
        assert sorted(counted) == ["udp_datagram_too_long"] * 2 + ["udp_in"] * 3

    run(work)
