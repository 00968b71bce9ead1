"""Ended connections are freed by reference counting: the server rarely collects cycles, and each TLS connection has
buffers of its own. Cycles are collected in time."""

import asyncio
import contextlib
import gc
import socket
import ssl
import struct
import threading
import weakref
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.app import api
from lanchat.transport.certificates import server_context
from lanchat.transport.tls import client_context, open_channel
from lanchat_server.service.keys import load_or_create
from lanchat_server.service.net.acceptor import Acceptor
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.upkeep import housekeeping
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import Person
from tests.support.waiting import patient
from tests.unit.server.service.test_slow_readers import Service, Wire, turns

RESET = struct.pack("ii", 1, 0)


@pytest.fixture(autouse=True)
def no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def live_objects(kind: type) -> int:
    return sum(isinstance(each, kind) for each in gc.get_objects())


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(patient(10.0)):
        while not done():
            await asyncio.sleep(0.005)


def test_ended_session_is_freed() -> None:
    async def run() -> None:
        session = ClientConnection(Service(), 1, "127.0.0.1")  # type: ignore[arg-type]
        session.connection_made(Wire())
        session.logged_in(1, b"")
        await turns()
        session.connection_lost(None)
        ended = weakref.ref(session)
        del session
        await turns()
        assert ended() is None

    asyncio.run(run())


def greeting() -> bytes:
    """A ClientHello."""
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client_context().wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
    return hello.read()


@pytest.mark.parametrize("ending", ["reset", "nonsense"])
def test_failed_handshake_is_freed(tmp_path: Path, ending: str) -> None:
    async def run() -> None:
        made: list[Any] = []

        def make(address: str) -> ClientConnection:
            session = ClientConnection(Service(), 1, address)  # type: ignore[arg-type]
            made.append(weakref.ref(session))
            return session

        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        keys = load_or_create(tmp_path)
        context = server_context(keys.certificate_file, keys.identity_file)
        acceptor = Acceptor([listener], context, make, 8, lambda _name: None)
        acceptor.start()
        for _ in range(3):
            with socket.create_connection(listener.getsockname()) as peer:
                peer.sendall(greeting())
                before = len(made)
                await until(lambda: len(made) > before)  # noqa: B023
                if ending == "nonsense":
                    peer.sendall(bytes(100))
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await until(lambda: not acceptor._greeting)
        await turns()
        assert (live_objects(SSLProtocol), [ref() for ref in made]) == (0, [None] * 3)
        await acceptor.close()

    asyncio.run(run())


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_failed_channel_is_freed(answer: bytes | None) -> None:
    async def run() -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if answer is not None:
                writer.write(answer)

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            for _ in range(3):
                with contextlib.suppress(OSError, TimeoutError):
                    await open_channel("127.0.0.1", server.sockets[0].getsockname()[1], 0.2)
            await turns()
            assert live_objects(SSLProtocol) == 0

    asyncio.run(run())


def test_cancelled_connection_attempt_is_freed() -> None:
    async def run() -> None:
        reached = asyncio.Event()
        # Kept: a writer that nobody has closes its connection.
        kept: list[asyncio.StreamWriter] = []

        async with await asyncio.start_server(lambda _reader, writer: kept.append(writer), "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            tried = asyncio.create_task(open_channel(*address, 10, reached.set))
            await reached.wait()
            await turns()
            tried.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await tried
            await turns()
            assert live_objects(SSLProtocol) == 0
            assert tried.cancelled()
            for writer in kept:
                writer.close()

    asyncio.run(run())


def test_housekeeping_collects_cycles_and_returns_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    async def run() -> None:
        service: Any = Service()
        service.publish = None
        service.tasks = type("Tasks", (), {"run": staticmethod(service.background)})
        ended = weakref.ref(Cycle())
        for name in ("compare_with_log", "watch_clock", "_end_silent", "_renew_keys"):
            monkeypatch.setattr(housekeeping, name, service.nothing)
        for name in ("_write", "_look_at_disk"):
            monkeypatch.setattr(housekeeping, name, lambda *_, **__: asyncio.sleep(0))
        service.throttle = type("Throttle", (), {"expire": service.nothing})
        service.interval = 0.0
        given_back = threading.Event()
        monkeypatch.setattr(housekeeping, "free_pages", given_back.set)
        housekeeping_task = asyncio.create_task(housekeeping.run_housekeeping(service))
        await turns()
        assert ended() is not None
        assert not given_back.is_set()
        service.clock += housekeeping.COLLECTION
        await until(lambda: ended() is None and given_back.is_set())
        housekeeping_task.cancel()
        await asyncio.gather(housekeeping_task, return_exceptions=True)

    asyncio.run(run())


def test_previous_account_is_freed_when_the_next_one_starts(tmp_path: Path) -> None:
    async def run() -> None:
        async with FakeServer() as server:
            person = await Person(tmp_path).register(server)
            ended = weakref.ref(person.client.logged_in())
            await person.call(api.DisconnectCommand())
            await person.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
            assert person.client.logged_in() is not ended()
            assert ended() is None
            await person.client.close()

    asyncio.run(run())
