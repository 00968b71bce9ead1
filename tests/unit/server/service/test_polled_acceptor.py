"""Strangers where the event loop has no readers (Windows): those who say nothing wait in a room of their own."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from lanchat.transport.certificates import server_context
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.net import acceptor as module
from lanchat_server.service.net.acceptor import Acceptor
from lanchat_server.service.net.connection import ClientConnection
from tests.support.waiting import patient
from tests.unit.server.service.test_freed_connections import greeting
from tests.unit.server.service.test_slow_readers import Service


class Door:
    """An acceptor that is polled, and who got as far as TLS."""

    def __init__(self, data: Path, places: int) -> None:
        self.greeted: list[ClientConnection] = []
        self.counted: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=600)
        self.listener.setblocking(False)
        keys = load_or_create(data)
        context = server_context(keys.certificate_file, keys.identity_file)
        self.acceptor = Acceptor([self.listener], context, self._make, places, self.counted.append, polled=True)

    def _make(self, address: str) -> ClientConnection:
        self.greeted.append(ClientConnection(Service(), 1, address))  # type: ignore[arg-type]
        return self.greeted[-1]

    def visit(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname())


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(10)):
        while not done():
            await asyncio.sleep(0.005)


def run(tmp_path: Path, places: int, work: Callable[[Door], Awaitable[None]]) -> None:
    async def start() -> None:
        door = Door(tmp_path, places)
        door.acceptor.start()
        try:
            await work(door)
        finally:
            await door.acceptor.close()

    asyncio.run(start())


def test_silent_strangers_leave_the_places_of_the_greeting_free(tmp_path: Path) -> None:
    async def work(door: Door) -> None:
        silent = [door.visit() for _ in range(40)]
        await until(lambda: len(door.acceptor._waiting) == len(silent))
        with door.visit() as guest:
            guest.sendall(greeting())
            await until(lambda: len(door.greeted) == 1)
        assert len(door.acceptor._waiting) == len(silent)
        assert door.counted == []
        for stranger in silent:
            stranger.close()

    run(tmp_path, 4, work)


def test_a_greeting_in_pieces_is_taken_when_it_is_complete(tmp_path: Path) -> None:
    async def work(door: Door) -> None:
        octets = greeting()
        with door.visit() as guest:
            for octet in (octets[:1], octets[1:20], octets[20:-1]):
                guest.sendall(octet)
                await asyncio.sleep(3 * module._POLL)
                assert len(door.acceptor._waiting) == 1
            assert door.greeted == []
            guest.sendall(octets[-1:])
            await until(lambda: len(door.greeted) == 1)
        assert len(door.acceptor._waiting) == 0

    run(tmp_path, 4, work)


def test_noise_and_closed_connections_are_dropped(tmp_path: Path) -> None:
    async def work(door: Door) -> None:
        with door.visit() as noisy:
            noisy.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: door.counted == ["tls_no_greeting"])
        door.visit().close()
        await until(lambda: door.counted == ["tls_no_greeting"] * 2)
        assert len(door.acceptor._waiting) == 0

    run(tmp_path, 4, work)


def test_a_full_waiting_room_turns_the_oldest_out(tmp_path: Path) -> None:
    async def work(door: Door) -> None:
        door.acceptor._waiting = module.ConnectionSlots(8)
        silent = [door.visit() for _ in range(12)]
        await until(lambda: door.counted == ["tls_crowded_out"] * 4)
        assert len(door.acceptor._waiting) == 8
        for stranger in silent:
            stranger.close()

    run(tmp_path, 4, work)


def test_nobody_is_looked_at_while_nobody_waits(tmp_path: Path) -> None:
    async def work(door: Door) -> None:
        with door.visit() as guest:
            await until(lambda: len(door.acceptor._waiting) == 1)
            guest.sendall(greeting())
            await until(lambda: len(door.greeted) == 1)
            await until(lambda: door.acceptor._poller is None)

    run(tmp_path, 4, work)


def test_all_who_wait_can_be_looked_at_with_one_call_on_windows() -> None:
    """`select` takes 512 sockets there."""
    assert module.WAITING_MAX <= 512
