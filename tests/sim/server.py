"""A simulated server process: the real service, connections and relay in virtual time, on a database in memory.

Only what touches the world is replaced: the event loop (loop.py), the TLS transport, the UDP socket, the writer's
thread, and the store, whose commits take time and fail. Every octet that is handed to a client is shown to the checker.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lanchat.platform.clock import Clock
from lanchat.protocol.datagram import seal
from lanchat.protocol.log.records import Record
from lanchat.protocol.wire import SessionKeys
from lanchat_server.config import ServerConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import DirectorySnapshot, StoredPage
from lanchat_server.core.ports import CommitUnknown, StoreError
from lanchat_server.core.reseeding.reseeding import Reseeding
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Submission, is_genuine
from lanchat_server.service.environment import Environment
from lanchat_server.service.keys import ServerKeys
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.datagrams import DatagramRelay
from lanchat_server.service.service import Service
from lanchat_server.service.work.checking import WORTH_A_THREAD
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.service.work.writer import Writer
from tests.sim.loop import VirtualLoop
from tests.sim.network import Stream, Way
from tests.sim.signing import signing_key
from tests.support.memory_store import MemoryStore, MemoryTransaction
from tests.support.rig import LOG_ID, LOG_KEY

FINGERPRINT = "f1" * 32
Address = tuple[int, int]
T = TypeVar("T")
# Seconds that one signature takes to check.
_CHECK_TIME = 0.0001


class SimStore(MemoryStore):
    """Tells the ledger after each transaction."""

    def __init__(self, server: "SimServer") -> None:
        super().__init__(server.world.database, server.world.commit_fault)
        self.server = server
        self.world = server.world

    def _look(self) -> None:
        """A read, which fails while the database is away."""
        if self.world.database_is_away:
            raise StoreError("planned")

    def snapshot(self) -> DirectorySnapshot:
        self._look()
        return super().snapshot()

    def page(self, room: int, **what: Any) -> StoredPage:
        self._look()
        return super().page(room, **what)

    def records(self, room: int, seqs: Collection[int]) -> list[Record]:
        self.world.counters["NACK answered from the store"] += 1
        self._look()
        return super().records(room, seqs)

    @property
    def fenced(self) -> bool:
        """A newer server has the lease."""
        return self._incarnation != self.database.incarnation

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        told = True
        try:
            with super().transaction() as tx:
                yield tx
        except CommitUnknown:
            told = False
            raise
        finally:
            self.world.ledger.observe(self._incarnation, told=told)


class SimWriter(Writer):
    """The writer without a thread: one job after the other, each takes a while, results reach the loop later."""

    def __init__(self, server: "SimServer", *arguments: Any) -> None:
        self._store, self._directory, self._sequencer, self._on_fenced, self._on_reloaded, self._wall_ms = arguments
        self._loop = server.loop
        self._stale = False
        self.latency = 0.0
        self._server = server
        self._waiting: deque[Any] = deque()
        self._busy = False
        self._checking = 0
        self._checked_at = 0.0
        # When the database was last read anew.
        self.refreshed_at = 0.0

    @property
    def stale(self) -> bool:
        """A commit's outcome is unknown and the database was not read anew yet."""
        return self._stale

    def commit(self, batch: list[Submission], answer: Any) -> None:
        def work() -> Any:
            self._server.check_forced(batch)
            now_ms = self._wall_ms()
            outcome = self._sequencer.commit(self._store, batch, now_ms)
            self._server.check_times(outcome, now_ms)
            return outcome

        self._submit(work, answer, batch)

    def _submit(self, work: Callable[[], Any], answer: Any, batch: Sequence[Submission] = ()) -> None:
        if batch and (len(batch) >= WORTH_A_THREAD or self._checking):
            self._check(batch, (work, answer))
        else:
            self._put((work, answer))

    def _refresh(self) -> None:
        if self._stale:
            self.refreshed_at = self._server.world.clock.now
        super()._refresh()

    def _put(self, job: Any) -> None:
        self._waiting.append(job)
        self._next()

    def _check(self, batch: Sequence[Submission], job: Any) -> None:
        """On the other thread, in the order of the calls."""
        clock = self._server.world.clock
        self._checking += 1
        self._checked_at = max(self._checked_at, clock.now + _CHECK_TIME * len(batch))
        clock.at(self._checked_at, self._checked, batch, job)

    def _checked(self, batch: Sequence[Submission], job: Any) -> None:
        if self._server.alive:
            self._server.world.counters["batch checked ahead"] += 1
            self._checking -= 1
            for submission in batch:
                submission.genuine = is_genuine(self._directory, submission)
            self._put(job)

    def _next(self) -> None:
        if self._waiting and not self._busy:
            self._busy = True
            self._server.world.clock.after(self._server.world.commit_latency(), self._work)

    def _work(self) -> None:
        server = self._server
        if not server.alive:
            return
        if server.world.clock.now < server.loop.asleep_until:
            server.world.clock.at(server.loop.asleep_until, self._work)
            return
        self._busy = False
        job, future = self._waiting.popleft()
        crash = server.world.crash_at_commit()
        if crash == "before":
            server.crash()
            return
        self._do(job, future)
        server.world.seal_broken()
        if crash == "after":
            server.crash()
            return
        self._next()


class Transport(asyncio.Transport):
    """The server's end of a TLS connection."""

    def __init__(self, link: "Link") -> None:
        super().__init__()
        self._link = link
        self._closing = False
        self._high = 1 << 30
        self._paused = False

    def write(self, octets: Any) -> None:
        link = self._link
        if not self._closing:
            link.server.world.checker.handed_stream(link.server, link.connection, octets)
            link.down.write(bytes(octets))
            if link.down.waiting > self._high and not self._paused:
                self._paused = True
                link.connection.pause_writing()

    def drained(self) -> None:
        if self._paused and self._link.down.waiting <= self._high // 4:
            self._paused = False
            self._link.server.loop.run(self._link.connection.resume_writing)

    def pause_reading(self) -> None:
        self._link.up.paused = True

    def resume_reading(self) -> None:
        self._link.up.read_on()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high or 0

    def get_write_buffer_size(self) -> int:
        return self._link.down.waiting

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._link.down.finish()
            self._link.server.loop.call_soon(self._link.lost)

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self._link.down.reset()
            self._link.server.loop.call_soon(self._link.lost)


class Link:
    """One TLS connection, as the server has it. `client` is the number of the client's computer."""

    def __init__(self, server: "SimServer", client: int, to_client: Callable[[bytes], None], ended: Callable[[], None]):
        network = server.world.network
        self.server = server
        self.client = client
        self.connection: ClientConnection = server.service.connect(f"10.0.0.{client}")
        self.transport = Transport(self)
        self.down = Stream(network, client, Way.DOWN, to_client, ended, self.transport.drained)
        self.up = Stream(network, client, Way.UP, self._received, self._ended)
        self._lost = False
        # Nothing passes any more, and nobody was told.
        self.dead = False
        server.links[self.connection.session] = self
        server.loop.run(self.connection.connection_made, self.transport)

    def _received(self, octets: bytes) -> None:
        if not self._lost:
            self.server.run(self.connection.data_received, octets)

    def _ended(self) -> None:
        """The client closed."""
        if not self._lost:
            self.server.run(self.transport.abort)

    def lost(self) -> None:
        if not self._lost:
            self._lost = True
            self.server.links.pop(self.connection.session, None)
            self.connection.connection_lost(None)


class Socket:
    """The relay's UDP socket."""

    def __init__(self, server: "SimServer") -> None:
        self._server = server

    def sendto(self, datagram: bytes, address: Address) -> None:
        self._server.world.to_client(datagram, address)


class ShownSealer:
    """A sealer that shows the checker what it seals."""

    def __init__(self, sealer: seal.Sealer, show: Callable[[bytes], None]) -> None:
        self._sealer = sealer
        self._show = show

    @property
    def counter(self) -> int:
        return self._sealer.counter

    @property
    def left(self) -> int:
        return self._sealer.left

    def seal(self, payload: bytes) -> bytes:
        self._show(payload)
        return self._sealer.seal(payload)


class Relay(DatagramRelay):
    """Shows the checker what it seals, strangers what arrives."""

    def __init__(self, server: "SimServer", **arguments: Any) -> None:
        self._server = server
        super().__init__(Socket(server), LOG_ID, **arguments)  # type: ignore[arg-type]

    def _make_opener(self, keys: SessionKeys) -> seal.Opener:
        return self._server.world.sealing.opener(keys.to_server, keys.key_id, self._epoch)

    def open_channel(self, session: int, keys: SessionKeys) -> None:
        if keys.key_id in self._by_key:
            raise self._server.world.fail_now("key", f"two keys have the id {keys.key_id:x}")
        before = self._by_session.get(session)
        if before is not None:
            self._server.world.sealing.replaced(before.key_id)
        super().open_channel(session, keys)
        channel = self._by_session[session]
        show = partial(self._server.world.checker.handed_datagram, self._server, session)
        channel.sealer = ShownSealer(channel.sealer, show)  # type: ignore[assignment]

    def send(self, session: int, payload: bytes) -> bool:
        sent = super().send(session, payload)
        if not sent:
            self._server.cut_off.add(session)
        return sent

    def arrive(self, datagram: bytes, address: Address) -> None:
        self._take([(datagram, address)])
        if address[0]:
            self._server.world.overhear(datagram, address, self._server)


class LoopPool(ThreadPool):
    """In place of threads: work is done by the loop, its result reaches the loop later."""

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, work)


class SimServer:
    """From start to crash; a new one is made for each start on the same database."""

    def __init__(self, world: Any, number: int) -> None:
        self.world = world
        self.number = number
        self.alive = True
        self.loop = VirtualLoop(world.clock, world.random, self._error)
        self.links: dict[int, Link] = {}
        # Sessions for which a datagram could not even be sealed, or had no address.
        self.cut_off: set[int] = set()
        # How many messages wait for their predecessors.
        self.held = 0
        # Of the newest record of this process.
        self.latest_ms = 0
        self.store = SimStore(self)
        self.store.take_lease(f"sim {number}", world.wall_ms())
        self.directory = Directory(self.store.snapshot())
        self.loop.run(self._start)
        world.checker.server_started(self)

    def key_ids(self) -> list[int]:
        """Those that open datagrams now."""
        relay = self.service.connections.relay
        assert isinstance(relay, Relay)
        return list(relay._by_key)

    def _start(self) -> None:
        world = self.world
        scene = world.scene
        keys = ServerKeys(Path("crt"), Path("key"), FINGERPRINT, signing_key(LOG_KEY))
        config = ServerConfig("sim", Path("/nowhere"), message_rate=scene.rate, message_burst=scene.burst)
        environment = Environment(
            clock=Clock(world.wall_ms, lambda: int(world.clock.now * 1000)),
            entropy=world.entropy,
            core=scene.core,
            connection=scene.connection,
            seal=scene.seal,
            make_writer=partial(SimWriter, self),
            make_pool=LoopPool,
        )
        self.service = Service(config, self.store, keys, self.directory, "memory", self._fenced, environment)
        epoch = self.directory.log.epoch
        if epoch > 1:
            self.directory.reopened_ms = world.reopened_ms
            self.service.core.reseeding = Reseeding(True, True, self.service.now())
        self.service.connections.relay = Relay(
            self,
            epoch=epoch,
            on_frame=self.service.driver.received,
            on_idle=self.service.wake,
            count=self.service.count,
            limits=scene.seal,
        )
        self.service.wake()

    @property
    def core(self) -> Any:
        return self.service.core

    def run(self, callback: Callable[..., Any], *arguments: Any) -> None:
        """Something happens to this process."""
        if self.alive:
            self.loop.run(callback, *arguments)
            self.world.seal_broken()
            self.world.checker.bounds_of_server(self)

    def check_forced(self, batch: list[Submission]) -> None:
        forced = {submission.header.key for submission in batch if submission.force}
        self.world.checker.forced(self, forced)
        if forced:
            self.world.ledger.may_skip(forced)

    def check_times(self, outcome: BatchOutcome, now_ms: int) -> None:
        """Records carry what the clock shows, whatever it showed before."""
        for committed in outcome.committed.values():
            for record in committed.records:
                if record.time_ms != now_ms:
                    raise self.world.fail_now(
                        "time", f"a record has the time {record.time_ms}, the clock shows {now_ms}"
                    )
                if record.time_ms < self.latest_ms:
                    self.world.counters["record earlier than one before it"] += 1
                self.latest_ms = record.time_ms

    def _error(self, context: dict[str, Any]) -> None:
        self.world.fail(context.get("exception") or AssertionError(context["message"]))

    def _fenced(self, _reason: str) -> None:
        self.world.counters["fenced server"] += 1
        self.crash()

    # --- Network -----------------------------------------------------------------------------------------------------

    def accept(self, client: int, to_client: Callable[[bytes], None], ended: Callable[[], None]) -> Link:
        """TLS is up between a client and this server."""
        return Link(self, client, to_client, ended)

    def datagram(self, datagram: bytes, address: Address) -> None:
        """What arrives at the UDP port."""
        relay = self.service.connections.relay
        assert isinstance(relay, Relay)
        self.run(relay.arrive, datagram, address)

    # --- Life --------------------------------------------------------------------------------------------------------

    def pause(self, seconds: float) -> None:
        """Stopped, as by a debugger or a computer that is out of memory."""
        self.loop.pause(seconds)

    def crash(self, *, power: bool = False) -> None:
        """Everything in memory is gone. `power`: the network says nothing of it."""
        if not self.alive:
            return
        self.alive = False
        self.count_what_it_did()
        self.loop.kill()
        for link in self.links.values():
            if power:
                link.down.vanish()
            else:
                link.down.reset()
        self.world.server_died(self)

    def count_what_it_did(self) -> None:
        """Into the run's counters."""
        counters: Counter[str] = self.world.counters
        for source in (self.core.counters, self.service.counters):
            for name, number in source.items():
                counters[f"server: {name}"] += number
