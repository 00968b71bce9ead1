"""A faulty network: datagrams that get lost in bursts, repeated, late, out of order, damaged; octet streams that wait.

Everything is drawn from the run's random generator. Clients are numbered; between each of them and the servers there
are two directions, which can be blocked one by one.
"""

import enum
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.sim.clock import Clock

# How much of a stream is under way at most; what is beyond waits at the sender, as in a TCP send buffer.
_WINDOW = 16 * 1024
# How soon a sender on a blocked path tries again.
_RETRY = 0.2


class Way(enum.Enum):
    """A direction."""

    UP = "to the server"
    DOWN = "to the client"

    __hash__ = object.__hash__


BOTH = (Way.UP, Way.DOWN)


@dataclass(frozen=True)
class Weather:
    """How bad the network is: probabilities per datagram (`burst`: that a burst of losses begins), mean delay in
    seconds."""

    loss: float = 0.0
    burst: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    delay: float = 0.002

    @classmethod
    def drawn(cls, random: Random) -> "Weather":
        """Each sort of trouble is there in half of the runs."""
        drawn = [random.random() < 0.5 for _ in range(4)]
        return cls(
            loss=random.uniform(0, 0.3) if drawn[0] else 0.0,
            burst=random.uniform(0, 0.03) if drawn[1] else 0.0,
            duplication=random.uniform(0, 0.5) if drawn[2] else 0.0,
            corruption=random.uniform(0, 0.02) if drawn[3] else 0.0,
            delay=0.002 * 50 ** random.random(),
        )


class Network:
    """Paths between clients and servers. A path may be blocked for several reasons at once."""

    def __init__(self, clock: Clock, random: Random, weather: Weather, counters: Counter[str]) -> None:
        self.clock = clock
        self.random = random
        self.weather = weather
        self._counters = counters
        self._blocked: Counter[tuple[int, Way]] = Counter()
        self._udp_blocked: Counter[tuple[int, Way]] = Counter()
        self._tls_blocked: Counter[tuple[int, Way]] = Counter()
        self._blackholes = 0
        self._burst_until: dict[tuple[int, Way], float] = {}

    # --- Trouble ----------------------------------------------------------------------------------------------------

    def block(self, client: int, ways: tuple[Way, ...], seconds: float, *, udp: bool = True, tls: bool = True) -> None:
        """Nothing of that sort passes for a while."""
        blocked = self._blocked if udp and tls else self._udp_blocked if udp else self._tls_blocked
        for way in ways:
            blocked[client, way] += 1
            self.clock.after(seconds, self._unblock, blocked, (client, way))

    @staticmethod
    def _unblock(blocked: Counter[tuple[int, Way]], path: tuple[int, Way]) -> None:
        blocked[path] = max(0, blocked[path] - 1)

    def blackhole(self, seconds: float) -> None:
        """Nothing passes anywhere for a while."""
        self._blackholes += 1
        self.clock.after(seconds, self._end_blackhole)

    def _end_blackhole(self) -> None:
        self._blackholes = max(0, self._blackholes - 1)

    def calm(self) -> None:
        """From now on all is well."""
        self.weather = Weather()
        for blocked in (self._blocked, self._udp_blocked, self._tls_blocked):
            blocked.clear()
        self._blackholes = 0
        self._burst_until.clear()

    def passes(self, client: int, way: Way) -> bool:
        """Whether a stream's octets get through now."""
        return not (self._blackholes or self._blocked[client, way] or self._tls_blocked[client, way])

    def delay(self) -> float:
        return self.random.expovariate(1 / self.weather.delay)

    # --- Datagrams ---------------------------------------------------------------------------------------------------

    def datagram(self, client: int, way: Way, octets: bytes, deliver: Callable[[bytes], None]) -> None:
        """Deliver it, perhaps not, perhaps twice, perhaps damaged."""
        if self._blackholes or self._blocked[client, way] or self._udp_blocked[client, way] or self._lost(client, way):
            return
        copies = 2 if self.weather.duplication and self.random.random() < self.weather.duplication else 1
        for _ in range(copies):
            damaged = self.weather.corruption and self.random.random() < self.weather.corruption
            self.clock.after(self.delay(), deliver, self._flipped(octets) if damaged else octets)

    def between(self, one: int, other: int, octets: bytes, deliver: Callable[[bytes], None]) -> None:
        """A datagram between two clients: as bad as those to the server."""
        weather, random = self.weather, self.random
        if self._blackholes or (weather.loss and random.random() < weather.loss):
            return
        copies = 2 if weather.duplication and random.random() < weather.duplication else 1
        for _ in range(copies):
            damaged = weather.corruption and random.random() < weather.corruption
            self.clock.after(self.delay(), deliver, self._flipped(octets) if damaged else octets)

    def _lost(self, client: int, way: Way) -> bool:
        weather, random, now = self.weather, self.random, self.clock.now
        if weather.burst and random.random() < weather.burst:
            self._burst_until[client, way] = now + random.expovariate(1 / 0.2)
            self._counters["burst of losses"] += 1
        if self._burst_until.get((client, way), 0.0) > now:
            return True
        return bool(weather.loss) and random.random() < weather.loss

    def _flipped(self, octets: bytes) -> bytes:
        """One to three bits are another."""
        damaged = bytearray(octets)
        for _ in range(self.random.randint(1, 3)):
            damaged[self.random.randrange(len(damaged))] ^= 1 << self.random.randrange(8)
        self._counters["corrupted datagram"] += octets != bytes(damaged)
        return bytes(damaged)


class Stream:
    """One direction of a TLS connection: in order and late. A blocked path holds octets back, as TCP does; `waiting`
    are those that the network has not taken yet. `on_end` is called when the other side's end arrives."""

    def __init__(
        self,
        network: Network,
        client: int,
        way: Way,
        deliver: Callable[[bytes], None],
        on_end: Callable[[], None],
        on_drained: Callable[[], None] = lambda: None,
    ) -> None:
        self.waiting = 0
        # Until then the reader takes nothing; `paused`: until `read_on`.
        self.stalled_until = 0.0
        self.paused = False
        self._network = network
        self._clock = network.clock
        self._client = client
        self._way = way
        self._deliver = deliver
        self._on_end = on_end
        self._on_drained = on_drained
        self._queue: deque[bytes] = deque()
        self._pipe: deque[tuple[float, bytes]] = deque()
        self._in_pipe = 0
        self._last = 0.0
        self._armed = False
        self._ending = False
        self._dead = False

    def write(self, octets: bytes) -> None:
        if self._ending or self._dead:
            return
        self._queue.append(octets)
        self.waiting += len(octets)
        self._fill()

    def finish(self) -> None:
        """What was written still arrives, then the end."""
        if not self._ending:
            self._ending = True
            self._arm()

    def reset(self) -> None:
        """The writer is gone: what is under way still arrives, what waits does not."""
        self._queue.clear()
        self.waiting = 0
        self.finish()

    def vanish(self) -> None:
        """The writer's computer lost its power: nothing arrives any more, no end either."""
        self._dead = True
        self._pipe.clear()

    def _fill(self) -> None:
        """Hand over what fits the window."""
        network, weather = self._network, self._network.weather
        while self._queue and (not self._pipe or self._in_pipe + len(self._queue[0]) <= _WINDOW):
            octets = self._queue.popleft()
            self.waiting -= len(octets)
            self._in_pipe += len(octets)
            # A lost segment costs a retransmission: late, and everything behind it as late.
            retry = _RETRY if weather.loss and network.random.random() < weather.loss else 0.0
            self._last = max(self._last, self._clock.now + network.delay() + retry)
            self._pipe.append((self._last, octets))
        self._arm()

    def _arm(self) -> None:
        if self._armed or self._dead:
            return
        if self._pipe:
            self._wait_until(self._pipe[0][0])
        elif self._ending and not self._queue:
            self._wait_until(self._clock.now + self._network.delay())

    def _wait_until(self, when: float) -> None:
        self._armed = True
        self._clock.at(when, self._arrive)

    def read_on(self) -> None:
        """The reader takes octets again."""
        self.paused = False
        self._arm()

    def _arrive(self) -> None:
        self._armed = False
        if self._dead or self.paused:
            return
        if not self._network.passes(self._client, self._way):
            self._wait_until(self._clock.now + _RETRY * (0.5 + self._network.random.random()))
        elif self.stalled_until > self._clock.now:
            self._wait_until(self.stalled_until)
        elif self._pipe:
            _, octets = self._pipe.popleft()
            self._in_pipe -= len(octets)
            self._fill()
            self._deliver(octets)
            self._on_drained()
        else:
            self._dead = True
            self._on_end()
