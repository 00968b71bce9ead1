"""One run: servers, computers, people, faults in virtual time, then quiet; everything drawn from the seed."""

import logging
from collections import Counter, deque
from dataclasses import dataclass
from random import Random
from typing import Any

from lanchat.protocol.log import keys
from tests.sim.checker import Checker
from tests.sim.client import Process
from tests.sim.clock import Clock
from tests.sim.endings import Endings
from tests.sim.faults import Faults
from tests.sim.intruders import Intruders
from tests.sim.ledger import Broken, Ledger
from tests.sim.network import Network, Way, Weather
from tests.sim.peers import PeerPaths
from tests.sim.people import People
from tests.sim.profile import Profile
from tests.sim.restore import Restore
from tests.sim.scene import NOW_MS, Scene, draw_computers, make_database
from tests.sim.sealing import Sealing
from tests.sim.server import Address, SimServer
from tests.sim.signing import check_signature
from tests.support.memory_store import Fault, MemoryDatabase
from tests.support.planting import patched

# Virtual seconds in which everything must have converged once the faults are over.
CONVERGENCE = 90.0
# A run has some 1,500 events. So many more mean that somebody goes round in circles.
EVENTS_MAX = 100_000
# How many datagrams a stranger remembers.
_OVERHEARD = 400


@dataclass(frozen=True)
class Overheard:
    """A datagram that arrived at a server, or one under way to a client."""

    datagram: bytes
    address: Address
    server: SimServer | None


# Seeds from here on have clients that talk with each other.
PEERS_FROM = 1_000_000
_KEY_ID_BITS = 32
_SAME_KEY_ID = 0.2


class SimEntropy:
    """What the service draws, from the run's generator; a key's id is now and then one that another key has."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def token_bytes(self, size: int) -> bytes:
        return self._world.random.randbytes(size)

    def randbits(self, bits: int) -> int:
        random, used = self._world.random, self._world.key_ids_in_use()
        if bits == _KEY_ID_BITS and used and random.random() < _SAME_KEY_ID:
            self._world.counters["key id drawn twice"] += 1
            return random.choice(used)
        return random.getrandbits(bits)


class _Alarm(logging.Handler):
    """An error in the service's log is a failed run."""

    def __init__(self, world: "World") -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._world.fail(error or Broken(f"log: {record.getMessage()}"))


class World:
    """Everything of one seed. `run` raises Broken when an invariant does not hold."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.counters: Counter[str] = Counter()
        self.clock = Clock()
        scene = Scene.drawn(random)
        self.scene = scene.with_peers(random) if seed >= PEERS_FROM else scene
        self.peers = PeerPaths(self)
        self.network = Network(self.clock, random, Weather.drawn(random), self.counters)
        computers = draw_computers(random)
        self.database: MemoryDatabase = make_database(computers)
        self.ledger = Ledger(self.clock, self.database)
        self.checker = Checker(self)
        self.sealing = Sealing(self)
        self.entropy = SimEntropy(self)
        self.failure: BaseException | None = None
        self.faulty = True
        self.may_fork = False
        # Since when the log comes back from clients, 0: it is whole.
        self.reopened_ms = 0
        # Of a computer's wall clock, in milliseconds; servers are number 0.
        self.clock_offsets: Counter[int] = Counter()
        self.database_away_until = 0.0
        self.servers: list[SimServer] = []
        self.sockets: dict[Address, Process] = {}
        self.overheard: deque[Overheard] = deque(maxlen=_OVERHEARD)
        # How many texts were typed.
        self.said = 0
        self._ports = 0
        self._started = 0
        self.profiles = [Profile(self, number, author) for number, author in computers.items()]
        self._devices = {profile.device: profile for profile in self.profiles}
        self._people = People(self)
        self._faults = Faults(self)
        self._restore = Restore(self)
        self._endings = Endings(self)
        self._intruders = Intruders(self)

    # --- Failing -----------------------------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """The run has failed, whatever the product's code makes of it."""
        if self.failure is None:
            self.failure = error

    def fail_now(self, invariant: str, detail: Any) -> Broken:
        """The error to raise."""
        broken = Broken(f"{invariant}: {detail}")
        self.fail(broken)
        return broken

    def key_ids_in_use(self) -> list[int]:
        """Of the only server: the keys of two are told apart by their epoch, not by their ids."""
        return self.servers[0].key_ids() if len(self.servers) == 1 else []

    def seal_broken(self) -> None:
        """Raise what has failed."""
        if self.failure is not None:
            raise self.failure

    # --- What servers ask --------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        return self.database.log.epoch

    def wall_ms(self, computer: int = 0) -> int:
        """A wall clock, which may jump."""
        return max(0, NOW_MS + round(self.clock.now * 1000) + self.clock_offsets[computer])

    @property
    def database_is_away(self) -> bool:
        return self.clock.now < self.database_away_until

    def commit_latency(self) -> float:
        return self.random.expovariate(1 / self.scene.latency) if self.faulty else 0.002

    def commit_fault(self) -> Fault:
        if self.database_is_away:
            return Fault.FAILED
        if not self.faulty or not self.scene.commit_faults or self.random.random() >= self.scene.commit_faults:
            return Fault.NONE
        fault = self.random.choice([Fault.FAILED, Fault.UNKNOWN_STORED, Fault.UNKNOWN_LOST])
        self.counters[f"commit {fault.value}"] += 1
        return fault

    def crash_at_commit(self) -> str:
        """Whether the server dies right before or right after a commit."""
        if not self.faulty or not self.scene.commit_faults or self.random.random() >= 0.01:
            return ""
        when = self.random.choice(["before", "after"])
        self.counters[f"server crash {when} a commit"] += 1
        return when

    def server_died(self, server: SimServer) -> None:
        self.servers.remove(server)
        self.clock.after(self.random.uniform(0.1, 8.0), self._restart_server)

    # --- Network -----------------------------------------------------------------------------------------------------

    def server_to_reach(self) -> SimServer | None:
        """Where a new connection goes: mostly to the newest."""
        if not self.servers:
            return None
        return self.servers[-1] if self.random.random() < 0.8 else self.random.choice(self.servers)

    def new_socket(self, client: int, process: Process) -> Address:
        self._ports += 1
        self.sockets[client, self._ports] = process
        return client, self._ports

    def to_client(self, datagram: bytes, address: Address) -> None:
        """A server sends a datagram."""
        if not address[0]:
            raise self.fail_now("I11", "a datagram to an address from which nothing genuine came")
        self.sealing.sealed(b"down", datagram)
        self.overhear(datagram, address, None)
        self.network.datagram(address[0], Way.DOWN, datagram, lambda octets: self._deliver(octets, address))

    def overhear(self, datagram: bytes, address: Address, server: SimServer | None) -> None:
        """A stranger on the same network keeps it."""
        self.overheard.append(Overheard(datagram, address, server))

    def _deliver(self, datagram: bytes, address: Address) -> None:
        process = self.sockets.get(address)
        if process is not None:
            process.datagram(datagram)

    def to_server(self, datagram: bytes, address: Address, server: SimServer) -> None:
        """A client sends a datagram."""
        self.sealing.sealed(b"up", datagram)
        self.network.datagram(address[0], Way.UP, datagram, lambda octets: server.datagram(octets, address))

    # --- Starting and restarting -------------------------------------------------------------------------------------

    def start_server(self) -> None:
        """On the database, as soon as it is there."""
        if self.database_is_away:
            self.clock.at(self.database_away_until, self._restart_server)
            return
        self._started += 1
        self.servers.append(SimServer(self, self._started))

    def _restart_server(self) -> None:
        if not self.servers:
            self.start_server()

    def revive(self, profile: Profile) -> None:
        """Its process died: somebody starts it again, unless it is gone for good."""
        self.clock.after(self.random.uniform(0.1, 4.0), self._start_client, profile)

    def _start_client(self, profile: Profile) -> None:
        if not profile.gone and not profile.processes:
            profile.start()

    def profile_of(self, device: bytes) -> Profile | None:
        return self._devices.get(device)

    # --- A run -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Faults, quiet, and the check."""
        log = logging.getLogger("lanchat_server")
        alarm = _Alarm(self)
        before = log.level, log.propagate
        log.addHandler(alarm)
        log.setLevel(logging.ERROR)
        log.propagate = False
        try:
            with patched((keys, "check_signature", check_signature)):
                self._run()
        finally:
            for server in self.servers:
                server.loop.kill()
            log.removeHandler(alarm)
            log.setLevel(before[0])
            log.propagate = before[1]

    def _run(self) -> None:
        self.start_server()
        for profile in self.profiles:
            self.clock.after(self.random.uniform(0.0, 0.5), self._start_client, profile)
        self.clock.after(0.5, self._act)
        self.clock.after(self.random.uniform(0.5, 2.0), self._strike)
        self._restore.plan()
        self._endings.plan()
        self._intruders.plan()
        self._run_until(self.scene.duration)
        self._calm()
        self._converge()
        self.checker.at_the_end()
        self._count_up()
        self._restore.run()

    def _run_until(self, end: float) -> None:
        clock = self.clock
        while clock.next_at <= end:
            clock.step()
            if self.failure is not None:
                raise self.failure
            if clock.events > EVENTS_MAX:
                raise Broken(f"livelock: more than {EVENTS_MAX} events")
        clock.now = end
        self.checker.old_servers()

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._run_until(self.clock.now + seconds)

    def _act(self) -> None:
        if self.faulty:
            self._people.act()
            self.clock.after(self.random.expovariate(self.scene.talk_rate), self._act)

    def _strike(self) -> None:
        if self.faulty:
            self._faults.strike()
            self.checker.old_servers()
            self.clock.after(self.random.expovariate(self.scene.fault_rate), self._strike)

    def _calm(self) -> None:
        """All faults are over; whoever can come back is there."""
        self.faulty = False
        self.network.calm()
        self.peers.calm()
        self.clock_offsets.clear()
        self.database_away_until = 0.0
        self._restart_server()
        for profile in self.profiles:
            profile.store.fail = False
            profile.store.tear = None
            profile.revoked = profile.device in self.ledger.revoked
            for process in profile.processes:
                if process.link is not None:
                    process.link.down.stalled_until = 0.0
            self._start_client(profile)

    def _converge(self) -> None:
        end = self.clock.now + CONVERGENCE
        while (left := self.checker.incomplete()) and self.clock.now < end:
            self.run_for(0.5)
            for profile in self.profiles:
                profile.revoked = profile.device in self.ledger.revoked
        if left:
            raise Broken(f"I6: not converged after {CONVERGENCE} s: {left}")

    def _count_up(self) -> None:
        """What the run came to."""
        counters = self.counters
        for server in self.servers:
            server.count_what_it_did()
        for profile in self.profiles:
            for process in profile.processes:
                process.count_what_it_did()
        counters["records"] += sum(room.head for room in self.ledger.rooms.values())
        counters["refused messages"] += sum(bool(answer.code) for answer in self.ledger.decisions.values())
        counters["erased bodies"] += sum(len(room.erased) for room in self.ledger.rooms.values())
        counters["memberships ended"] += sum(
            entry.ended is not None for entries in self.ledger.memberships.values() for entry in entries
        )
        counters["events"] += self.clock.events
        counters["virtual seconds"] += round(self.clock.now)
