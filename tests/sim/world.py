"""One run: a server, some clients, an hour of faults in virtual time, then quiet; everything drawn from the seed."""

from collections import Counter
from random import Random
from typing import Any

from lanchat.protocol.messages import Kind
from tests.sim.checker import Checker, require
from tests.sim.client import SimClient
from tests.sim.network import Clock, Network, Weather
from tests.sim.server import SimServer
from tests.support.memory_store import Fault, MemoryDatabase
from tests.support.rig import GENERAL, Rig

# Virtual seconds in which everything must have converged once the faults are over.
CONVERGENCE = 90.0


class World:
    """Everything of one seed. `run` raises Broken when an invariant does not hold."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.counters: Counter[str] = Counter()
        self.clock = Clock()
        self.network = Network(self.clock, self.random, Weather.drawn(self.random))
        rig = Rig()
        self.database: MemoryDatabase = rig.database
        self.checker = Checker(self.database)
        self.faulty = True
        self._latency = self.random.choice([0.002, 0.01, 0.05, 0.3])
        self._commit_faults = self.random.choice([0.0, 0.05, 0.2])
        self._clock_offset = 0
        self.server: SimServer | None = None
        self._start_server()
        self.clients = [
            SimClient(number, author, self.clock, self.network, self.random, self)
            for number, author in sorted(rig.authors.items())
        ]
        self.duration = self.random.uniform(5.0, 40.0)
        self.rate = self.random.uniform(0.5, 15.0)

    # --- What server and clients ask ---------------------------------------------------------------------------------

    def wall_ms(self) -> int:
        """The wall clock, which may jump."""
        return max(0, 1_700_000_000_000 + round(self.clock.now * 1000) + self._clock_offset)

    def commit_latency(self) -> float:
        return self.random.expovariate(1 / self._latency) if self.faulty else 0.002

    def commit_fault(self) -> Fault:
        if not self.faulty or self.random.random() >= self._commit_faults:
            return Fault.NONE
        fault = self.random.choice([Fault.FAILED, Fault.UNKNOWN_STORED, Fault.UNKNOWN_LOST])
        self.counters[f"commit {fault.value}"] += 1
        return fault

    def to_client(self, peer: Any, datagram: bytes) -> None:
        self.clients[peer.client - 1].datagram(datagram)

    def fenced(self, server: SimServer) -> None:
        """The older of two servers found out."""
        server.crash()

    # --- Faults ------------------------------------------------------------------------------------------------------

    def _start_server(self) -> None:
        self.server = SimServer(self.clock, self.network, self.random, self.database, self)

    def _crash_server(self) -> None:
        if self.server is not None and self.server.alive:
            self.counters["server crash"] += 1
            self.server.crash()
            self.clock.after(self.random.uniform(0.1, 8.0), self._restart_server)

    def _restart_server(self) -> None:
        if self.server is None or not self.server.alive:
            self._start_server()

    def _second_server(self) -> None:
        """Somebody starts another one on the same database; new connections go there."""
        self.counters["second server"] += 1
        self._start_server()

    def _crash_client(self) -> None:
        client = self.random.choice(self.clients)
        if client.core is not None:
            self.counters["client crash"] += 1
            client.crash()
            if self.random.random() < 0.9:
                self.clock.after(self.random.uniform(0.1, 6.0), lambda: self._restart_client(client))
            else:
                client.gone = True
                self.counters["client gone for good"] += 1

    def _restart_client(self, client: SimClient) -> None:
        if client.core is None and not client.gone:
            client.start()

    def _partition(self, blocked: set[int], what: str) -> None:
        self.counters[what] += 1
        number = self.random.choice(self.clients).number
        blocked.add(number)
        self.clock.after(self.random.uniform(0.2, 20.0), lambda: blocked.discard(number))

    def _jump(self) -> None:
        self.counters["clock jump"] += 1
        self._clock_offset = self.random.choice([0, -3_600_000, 3_600_000, -315_360_000_000, 315_360_000_000])

    def _full_disk(self) -> None:
        client = self.random.choice(self.clients)
        client.store.fail = True
        self.clock.after(self.random.uniform(0.1, 3.0), lambda: setattr(client.store, "fail", False))

    def _slow_consumer(self) -> None:
        """A session's TLS queue is over its bound for a while."""
        sessions = list(self.server.core.sessions.all()) if self.server is not None and self.server.alive else []
        if sessions:
            self.counters["slow consumer"] += 1
            session = self.random.choice(sessions)
            session.tls_queued = 1 << 30
            self.clock.after(self.random.uniform(0.5, 5.0), lambda: setattr(session, "tls_queued", 0))

    def _fault(self) -> None:
        if not self.faulty:
            return
        fault = self.random.choices(
            [
                self._crash_server,
                self._crash_client,
                lambda: self._partition(self.network.blocked, "partition"),
                lambda: self._partition(self.network.udp_blocked, "udp blocked"),
                self._jump,
                self._full_disk,
                self._slow_consumer,
                self._second_server,
            ],
            weights=[3, 4, 4, 3, 1, 2, 2, 1],
        )[0]
        fault()
        self.clock.after(self.random.expovariate(1 / 4.0), self._fault)

    # --- What people do ----------------------------------------------------------------------------------------------

    def _talk(self) -> None:
        if not self.faulty:
            return
        client = self.random.choice(self.clients)
        rooms = [GENERAL, Rig.PRIVATE] if client.author.user in (1, 2) else [GENERAL]
        room = self.random.choice(rooms)
        head = self.database.rooms[room].head.seq
        ref = self.random.randint(1, head) if head else 0
        roll = self.random.random()
        if roll < 0.75 or not ref:
            reply = ref if roll < 0.1 else 0
            client.say(room, Kind.TEXT, "x" * self.random.choice([1, 40, 300, 1500]), reply)
        elif roll < 0.85:
            client.say(room, Kind.EDIT, "edited", ref)
        elif roll < 0.92:
            client.say(room, Kind.REACTION, "+1", ref)
        else:
            client.say(room, Kind.DELETE, "", ref)
        self.clock.after(self.random.expovariate(self.rate), self._talk)

    # --- A run -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Faults, quiet, and the check."""
        self.clock.after(0.5, self._talk)
        self.clock.after(self.random.uniform(0.5, 4.0), self._fault)
        self.clock.run_until(self.duration)
        self._calm()
        end = self.clock.now + CONVERGENCE
        while self.clock.now < end and self.checker.complete(self.clients):
            self.clock.run_until(self.clock.now + 0.5)
        left = self.checker.complete(self.clients)
        require(not left, "I6", f"not converged after {CONVERGENCE} s: {left}")
        self.clock.run_until(self.clock.now + 1.0)
        self.checker.at_the_end(self.clients)
        self.counters["records"] += sum(len(stored) for stored in self.database.records.values())

    def _calm(self) -> None:
        self.faulty = False
        self.network.weather = Weather(0.0, 0.0, 0.002)
        self.network.blocked.clear()
        self.network.udp_blocked.clear()
        self._clock_offset = 0
        for client in self.clients:
            client.store.fail = False
            self._restart_client(client)
        if self.server is not None:
            for session in self.server.core.sessions.all():
                session.tls_queued = 0
        self._restart_server()

    def trace(self) -> str:
        """What a run came to, to compare two runs of one seed."""
        hashes = {room: row.head.hash.hex() for room, row in sorted(self.database.rooms.items())}
        return f"{self.clock.now:.6f} {hashes} {sorted(self.counters.items())}"
