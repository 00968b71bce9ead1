"""What a message costs, in counts that no machine changes: signatures, statements, transactions, system calls, octets.

A real server in this process, on SQLite, with clients that have logged in over real sockets. A change that does more
for each message, or for each client, than was done before fails here, however quick the machine is.
"""

import asyncio
import contextlib
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.wire import decode_server_datagram_untrusted, pack_frame
from lanchat_server.config import ServerConfig
from lanchat_server.core.sequencing import sequencer
from lanchat_server.service.lifecycle import server as server_module
from tests.benchmarks.accounts import World, make_world
from tests.benchmarks.fleet import Client, log_in_all

CLIENTS = 8
# As many as one frame brings, so that they are one batch whatever the timing.
BATCH = 21
ROUNDS = 5
TEXT = "x" * 200
# To begin, the lease, the heads of rooms, the records, what is used; commit is a call of the driver. Nothing else may
# be asked for each message.
STATEMENTS_A_BATCH = 5
# What carries records is longer than heads, presence and answers are.
CARRIER_MIN = 330


class CountingSocket(socket.socket):
    """The relay's socket. `carriers` and `octets` are of datagrams with records, `calls` the system calls for them."""

    carriers = 0
    octets = 0
    calls = 0

    def sendto(self, octets: Any, *rest: Any) -> int:
        self._count([octets])
        return super().sendto(octets, *rest)

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        self._count(buffers)
        return super().sendmsg(buffers, *rest)

    def _count(self, datagrams: Any) -> None:
        sizes = [len(datagram) for datagram in datagrams]
        assert max(sizes) <= DATAGRAM_MAX
        if sizes[0] >= CARRIER_MIN:
            self.carriers += len(sizes)
            self.octets += sum(sizes)
            self.calls += 1


class Counted:
    """A server with clients; `talk` says what a batch of messages took."""

    def __init__(self, sock: CountingSocket, counts: Counter[str], world: World, clients: list[Client]) -> None:
        self.world = world
        self.clients = clients
        self._sock = sock
        self._counts = counts

    def talk(self, messages: int) -> Counter[str]:
        """One member's messages in one frame, until all others have them; what it took."""
        author, before = self.world.accounts[0], self._now()
        made = [author.message(self.world.log_id, self.world.general, TEXT) for _ in range(messages)]
        self.clients[0].tls.setblocking(True)
        self.clients[0].tls.sendall(pack_frame(wire.Submit(made)))
        for client in self.clients:
            _read_records(client, messages)
        return self._now() - before

    def _now(self) -> Counter[str]:
        sock = self._sock
        return self._counts + Counter(carriers=sock.carriers, octets=sock.octets, calls=sock.calls)


def _read_records(client: Client, count: int) -> None:
    deadline = time.monotonic() + 20
    client.udp.setblocking(True)
    client.udp.settimeout(20)
    while count > 0:
        assert time.monotonic() < deadline
        for datagram in client.receive():
            for frame in decode_server_datagram_untrusted(client.opener.open_untrusted(datagram)):
                if isinstance(frame, wire.Records):
                    count -= len(frame.records)


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        counts: Counter[str] = Counter()
        sockets: list[CountingSocket] = []
        _count_calls(patch, stack, counts)

        def udp_socket(host: str, port: int) -> socket.socket:
            sockets.append(CountingSocket(socket.AF_INET, socket.SOCK_DGRAM))
            sockets[0].bind((host, port))
            return sockets[0]

        patch.setattr(server_module, "_udp_socket", udp_socket)
        world = make_world(folder, None, CLIENTS)
        rates: dict[str, Any] = {"message_rate": 1e6, "message_burst": 1_000_000, "total_rate": 1e6}
        config = ServerConfig("counted", folder, host="127.0.0.1", port=0, discovery=False, **rates)
        port = stack.enter_context(_serving(config))
        world.accounts[0].begin()
        clients = log_in_all(port, world, world.accounts, [world.general])
        for client in clients:
            stack.callback(client.close)
        yield Counted(sockets[0], counts, world, clients)


def _count_calls(patch: pytest.MonkeyPatch, stack: contextlib.ExitStack, counts: Counter[str]) -> None:
    def counting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted_call(*args: Any, **options: Any) -> Any:
            counts[name] += 1
            return call(*args, **options)

        return counted_call

    patch.setattr(keys, "check_signature", counting("checked", keys.check_signature))
    patch.setattr(sequencer, "sign_head", counting("signed", sequencer.sign_head))

    # Those of the present transaction. There are others beside those that store messages: the lease is renewed, and
    # receipts and last-seen times are saved every few seconds, whatever is said.
    statements: dict[Any, list[str]] = {}

    def begin(connection: Any) -> None:
        statements[connection] = []

    def statement(connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        statements.setdefault(connection, []).append(sql)

    def commit(connection: Any) -> None:
        made = statements.pop(connection, [])
        if any(sql.startswith("INSERT INTO records") for sql in made):
            counts["transactions"] += 1
            counts["statements"] += len(made)

    for name, listener in (("begin", begin), ("before_cursor_execute", statement), ("commit", commit)):
        event.listen(Engine, name, listener)
        stack.callback(event.remove, Engine, name, listener)


@contextlib.contextmanager
def _serving(config: ServerConfig) -> Iterator[int]:
    """The server in a thread of its own; its port."""
    ready: Future[int] = Future()
    stop: Future[Callable[[], object]] = Future()

    async def run() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        stop.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
        await server_module.serve(config, on_ready=lambda found: ready.set_result(found.port), stop=stopped)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    try:
        yield ready.result(30)
    finally:
        stop.result(30)()
        thread.join(30)
        assert not thread.is_alive()


def test_cost_of_a_batch(counted: Counted) -> None:
    """21 messages of 200 octets to eight clients: three records fill a datagram."""
    counted.talk(BATCH)
    for _ in range(ROUNDS):
        cost = counted.talk(BATCH)
        assert cost["checked"] == BATCH
        assert cost["signed"] == 1
        assert cost["transactions"] == 1
        assert cost["statements"] == STATEMENTS_A_BATCH
        # One more is the author's answer, which is as long as a record.
        assert cost["carriers"] == CLIENTS * BATCH / 3 + 1
        assert cost["octets"] <= CLIENTS * BATCH * 400
        if segmentation.cuts_up(counted.clients[0].udp):
            assert cost["calls"] == CLIENTS + 1


def test_cost_of_a_single_message(counted: Counted) -> None:
    counted.talk(1)
    for _ in range(ROUNDS):
        cost = counted.talk(1)
        assert (cost["checked"], cost["signed"], cost["transactions"]) == (1, 1, 1)
        assert cost["statements"] == STATEMENTS_A_BATCH
        assert cost["carriers"] == cost["calls"] == CLIENTS
        # The record with the head's proof, sealed.
        assert cost["octets"] <= CLIENTS * 540
