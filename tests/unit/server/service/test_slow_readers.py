"""Sessions that do not read: when their answers are delayed, when they end, and that others are served meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from lanchat.protocol import wire
from lanchat.protocol.wire import pack_frame
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.service.net.connection import (
    CONNECTION_LIMITS,
    READ_PATIENCE,
    REQUESTS_MAX,
    REQUESTS_OCTETS_MAX,
    WRITE_BUFFER_BUSY,
    WRITE_BUFFER_MAX,
    ClientConnection,
    ConnectionLimits,
)
from lanchat_server.service.net.outgoing import Outgoing
from lanchat_server.service.work.threads import FairSemaphore
from lanchat_server.store import open_store
from lanchat_server.store.connection.engine import READER_CACHE_KIB, WRITER_CACHE_KIB

ANSWER = wire.Done()


class Wire(asyncio.Transport):
    """A transport whose reader the test controls."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.sent = 0
        self.aborted = False

    def write(self, data: Any) -> None:
        self.sent += 1
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class Service:
    """The parts of a service that a connection uses."""

    def __init__(self) -> None:
        self.core: Any = type("Core", (), {"config": CoreConfig(), "sessions": {}})()
        self.clock = 0.0
        self.outgoing: Outgoing[Any] = Outgoing(self.now, 1 << 20)
        self.pages = FairSemaphore(1, 1)
        self.counters: Counter[str] = Counter()
        self.answered = 0
        self.background = asyncio.ensure_future

    def now(self) -> float:
        return self.clock

    async def answer(self, _connection: ClientConnection, _operation: Any) -> wire.Done:
        self.answered += 1
        return ANSWER

    def over_rate(self, _connection: ClientConnection, _operation: object) -> float:
        return 0.0

    def count(self, name: str) -> None:
        self.counters[name] += 1

    def nothing(self, *_: Any) -> None: ...

    connected = disconnected = drained = ended = wake = nothing


class FakeReader:
    """Another connection with so many unsent octets; it reads nothing."""

    read_at = 0.0

    def __init__(self, queued: int) -> None:
        self.queued = queued
        self.looks = 0

    def too_slow(self) -> None:
        self.queued = 0


def play(
    scenario: Callable[[Service, ClientConnection, Wire], Awaitable[None]],
    limits: ConnectionLimits = CONNECTION_LIMITS,
) -> None:
    async def run() -> None:
        service, transport = Service(), Wire()
        session = ClientConnection(service, 1, "127.0.0.1", limits)  # type: ignore[arg-type]
        session.connection_made(transport)
        session.logged_in(1, b"")
        try:
            await scenario(service, session, transport)
        finally:
            session.connection_lost(None)

    asyncio.run(asyncio.wait_for(run(), 30))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def ask(session: ClientConnection) -> None:
    session.data_received(pack_frame(wire.Request(1, wire.GetProfile())))


def test_reading_session_is_answered_while_others_use_the_budget() -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        service.outgoing.note(FakeReader(900_000), 900_000)
        assert service.outgoing.busy
        ask(session)
        await turns()
        assert (service.answered, transport.sent) == (1, 1)

    play(scenario)


def test_slow_session_waits_until_its_octets_were_read() -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        service.outgoing.note(FakeReader(900_000), 900_000)
        session.send(b"x" * 100)
        ask(session)
        await turns()
        assert service.answered == 0
        transport.waiting = 0
        while not service.answered:
            await asyncio.sleep(0.001)

    play(scenario, ConnectionLimits(look=0.001))


@pytest.mark.parametrize("reads", [False, True])
def test_session_without_reading_ends(reads: bool) -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        session.send(b"x" * (WRITE_BUFFER_BUSY + 1000))
        for _ in range(10):
            service.clock += READ_PATIENCE / 4
            transport.waiting -= 10 if reads else 0
            if not transport.aborted:
                session._look()
        assert transport.aborted is not reads
        assert service.counters["tls_too_slow"] == (0 if reads else 1)

    play(scenario)


def test_session_without_reading_is_checked_ever_less_often() -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        session.send(b"x" * (WRITE_BUFFER_BUSY + 1000))
        pauses = []
        for _ in range(6):
            session._look()
            pauses.append(session._look_pause)
        assert pauses == [0.04, 0.08, 0.16, 0.32, 0.32, 0.32]
        transport.waiting -= 1
        service.clock += 1
        session._look()
        assert session._look_pause == 0.02

    play(scenario)


def test_waiting_connections_are_polled_at_intervals() -> None:
    clock = [0.0]
    outgoing: Outgoing[Any] = Outgoing(lambda: clock[0], 1000)

    class Counted(FakeReader):
        @property
        def queued(self) -> int:
            self.looks += 1
            return self._queued

        @queued.setter
        def queued(self, value: int) -> None:
            self._queued = value

    other = Counted(900)
    outgoing.note(other, 900)
    for _ in range(100):
        clock[0] += 0.001
        assert outgoing.busy
    assert other.looks <= 3
    other.queued = 0
    clock[0] += 1
    assert not outgoing.busy


def test_large_answers_are_made_in_turns_with_a_bounded_queue() -> None:
    async def scenario() -> None:
        transport, within, order = FairSemaphore(1, 2), [0, 0], list[int]()

        async def one(number: int) -> None:
            async with transport:
                within[0] += 1
                within[1] = max(within)
                order.append(number)
                await turns()
                within[0] -= 1

        tasks = [asyncio.create_task(one(number)) for number in range(4)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert within == [0, 1]
        assert order == [0, 1, 2]
        assert [type(result) for result in results] == [type(None)] * 3 + [StoreError]

    asyncio.run(scenario())


def test_pending_requests_are_bounded_in_octets() -> None:
    """The size of one is not: a list of devices is as long as a frame may be."""

    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        session.send(b"x" * (WRITE_BUFFER_BUSY + 1000))
        large = pack_frame(wire.Request(1, wire.GetCertificates([bytes([n]) * 16 for n in range(256)])))
        room = REQUESTS_OCTETS_MAX // (len(large) - 4)
        for _ in range(30):
            session.data_received(large)
            await turns(3)
        # The first one has left the queue and waits for what is to be read.
        assert transport.sent - 1 == 30 - 1 - room
        assert service.answered == 0

    play(scenario)


def test_small_pending_requests_are_bounded_in_number() -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        session.send(b"x" * (WRITE_BUFFER_BUSY + 1000))
        for _ in range(400):
            ask(session)
            await turns(2)
        assert transport.sent - 1 == 400 - 1 - REQUESTS_MAX
        assert service.answered == 0

    play(scenario)


def test_no_further_answer_is_made_while_much_is_unread() -> None:
    """Also while no other session uses the shared budget."""

    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        service.outgoing = Outgoing(service.now)
        page = wire.RecoveryCode("x" * 100_000, 1)

        async def answer(_connection: ClientConnection, _operation: object) -> wire.RecoveryCode:
            return page

        service.answer = answer  # type: ignore[assignment,method-assign]
        for _ in range(50):
            ask(session)
            await turns()
        assert WRITE_BUFFER_BUSY < transport.waiting < WRITE_BUFFER_BUSY + 101_000
        assert not transport.aborted

    play(scenario)


def test_session_over_its_buffer_limit_ends() -> None:
    async def scenario(service: Service, session: ClientConnection, transport: Wire) -> None:
        service.outgoing = Outgoing(service.now)
        for _ in range(100):
            session.send(b"x" * 100_000)
        assert transport.aborted
        assert transport.waiting < WRITE_BUFFER_MAX + 100_001
        assert service.counters["tls_too_slow"] == 1

    play(scenario)


def test_page_is_not_read_for_a_closed_session() -> None:
    async def scenario(service: Service, session: ClientConnection, _line: Wire) -> None:
        async with service.pages:
            answer = asyncio.create_task(session._answer(wire.Request(1, wire.History(1, 1, True, 1))))
            await turns()
            session.connection_lost(None)
        await answer
        assert service.answered == 0

    play(scenario)


def test_sqlite_readers_have_small_caches_and_the_writer_a_larger(tmp_path: Path) -> None:
    """Otherwise memory grows with the database, for each connection."""
    store = open_store(None, tmp_path)
    try:
        store.take_lease("test", 1)
        assert store._writing._connection is not None
        writer = store._writing._connection.connection.driver_connection
        with store.reading() as connection:
            reader = connection.connection.driver_connection
            assert reader is not None
            assert writer is not None
            sizes = [each.execute("PRAGMA cache_size").fetchone()[0] for each in (reader, writer)]
    finally:
        store.close()
    assert sizes == [-READER_CACHE_KIB, -WRITER_CACHE_KIB]


def test_consecutive_sqlite_readers_share_a_connection(tmp_path: Path) -> None:
    """Otherwise every connection fills its cache in the course of hours."""
    store = open_store(None, tmp_path)
    used = set()
    try:
        with store.reading(), store.reading(), store.reading():
            pass
        for _ in range(10):
            with store.reading() as connection:
                used.add(id(connection.connection.driver_connection))
    finally:
        store.close()
    assert len(used) == 1


def test_number_of_distinct_sqlite_statements_is_bounded(tmp_path: Path) -> None:
    """Not one for each number of records that is requested."""
    asked: set[str] = set()
    store = open_store(None, tmp_path)
    event.listen(store._engine, "before_cursor_execute", lambda *arguments: asked.add(arguments[2]))
    try:
        store.take_lease("test", 1)
        for count in range(1, 120):
            store.records(1, range(1, count + 1))
            store.changes(1, range(1, count + 1))
            with store.transaction() as tx:
                tx.targets(1, range(1, count + 1))
                tx.touch(dict.fromkeys(range(count), 1), {bytes([user]): 1 for user in range(count)})
    finally:
        store.close()
    assert len(asked) < 40
