"""Virtual time and a faulty network, both driven by one seeded random generator."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Weather:
    """How bad the network is: probabilities per datagram, delays in seconds."""

    loss: float
    duplication: float
    delay: float

    @classmethod
    def drawn(cls, random: Random) -> "Weather":
        """A third of the runs have a good network."""
        if random.random() < 0.33:
            return cls(0.0, 0.0, random.uniform(0.0005, 0.02))
        return cls(random.uniform(0, 0.3), random.uniform(0, 0.5), random.uniform(0.002, 0.1))


class Clock:
    """The order of everything that happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (max(when, self.now), next(self._order), what))

    def after(self, delay: float, what: Callable[[], None]) -> None:
        self.at(self.now + delay, what)

    def step(self) -> None:
        """The next thing happens."""
        self.now, _, what = heapq.heappop(self._due)
        what()

    def run_until(self, end: float) -> None:
        while self._due and self._due[0][0] <= end:
            self.step()
        self.now = end


class Network:
    """Carries datagrams (lost, repeated, late, out of order) and octet streams (in order, or broken)."""

    def __init__(self, clock: Clock, random: Random, weather: Weather) -> None:
        self.clock = clock
        self.random = random
        self.weather = weather
        self.blocked: set[int] = set()  # clients that nothing reaches or leaves
        self.udp_blocked: set[int] = set()

    def delay(self) -> float:
        return self.random.expovariate(1 / self.weather.delay)

    def datagram(self, client: int, deliver: Callable[[], None]) -> None:
        """Between the server and a client, either way."""
        if client in self.blocked or client in self.udp_blocked or self.random.random() < self.weather.loss:
            return
        copies = 2 if self.random.random() < self.weather.duplication else 1
        for _ in range(copies):
            self.clock.after(self.delay(), deliver)


class Stream:
    """One direction of a TLS connection: in order, late, and cut when the connection breaks. A partition holds octets
    back, as TCP does."""

    def __init__(self, network: Network, client: int, deliver: Callable[[bytes], None]) -> None:
        self._network = network
        self._client = client
        self._deliver = deliver
        self._last = 0.0
        self.open = True

    def write(self, octets: bytes) -> None:
        clock = self._network.clock
        # A lost segment costs a retransmission: late, and everything behind it as late.
        retry = 0.2 if self._network.random.random() < self._network.weather.loss else 0.0
        when = max(self._last, clock.now + self._network.delay() + retry)
        self._last = when
        clock.at(when, lambda: self._arrive(octets))

    def _arrive(self, octets: bytes) -> None:
        if not self.open:
            return
        if self._client in self._network.blocked:
            # In order also when the partition ends between two of these.
            self._last = max(self._last, self._network.clock.now + 0.25)
            self._network.clock.at(self._network.clock.now + 0.25, lambda: self._arrive(octets))
            return
        self._deliver(octets)
