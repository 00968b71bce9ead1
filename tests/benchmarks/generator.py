"""One generator for the product and its peers: publishes at a rate, drains all receivers, reads the servers' clocks.

It sleeps for a millisecond between two looks at its sockets, so that it takes the same small share of the machine with
every server; where times are measured it waits in the poll instead and reads at once.
"""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.benchmarks.measure import cpu_seconds, waited_seconds

TICK = 0.001
# Seconds that a server may take to deliver the last messages before they count as lost.
_PATIENCE = 30.0


class Traffic(Protocol):
    """A server with its clients. `pids`: the processes that serve."""

    @property
    def pids(self) -> Sequence[int]: ...

    def readers(self) -> dict[int, Callable[[], None]]:
        """Descriptor to what drains it; those whose times count come first."""

    def publish(self, index: int) -> None:
        """Hand in message number `index`: 0, 1, 2 …"""

    def tick(self, now: float) -> None:
        """Whatever else a client does in time."""

    def deliveries(self) -> float:
        """Messages that clients other than their author have got so far."""

    def problem(self) -> str:
        """What went wrong so far; empty when all is well."""


@dataclass
class Times:
    """When each message was handed in, and how long after that sampled receivers had it (seconds)."""

    sent: dict[int, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)

    def got(self, index: int) -> None:
        began = self.sent.get(index)
        if began is not None:
            self.late.append(time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Load:
    """`rate` messages a second for `window` seconds, after `warm` seconds that do not count. `prompt`: read at once."""

    rate: float
    window: float
    warm: float = 2.0
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """By process, seconds within the window: `cpu` used, `waited` for a processor that somebody else had (what came
    meanwhile is handled together, which is cheaper: a figure with much waiting flatters)."""

    seconds: float
    sent: int
    delivered: float
    cpu: tuple[float, ...]
    waited: tuple[float, ...]
    generator_cpu: float

    @property
    def per_delivery(self) -> float:
        """Microseconds of all servers' processor time."""
        return sum(self.cpu) / self.delivered * 1e6 if self.delivered else float("nan")


class Generator:
    def __init__(self, traffic: Traffic, times: Times | None = None) -> None:
        self._traffic = traffic
        self._times = times
        self._readers = traffic.readers()
        self._turn = {descriptor: turn for turn, descriptor in enumerate(self._readers)}
        self._poll = select.epoll()
        for descriptor in self._readers:
            self._poll.register(descriptor, select.EPOLLIN)
        self._index = 0

    def close(self) -> None:
        self._poll.close()

    def run(self, load: Load) -> Result:
        """Raises RuntimeError when messages were lost or a server broke."""
        self._drive(load, load.warm)
        traffic = self._traffic
        began, sent, delivered = time.perf_counter(), self._index, traffic.deliveries()
        cpu, own = [cpu_seconds(pid) for pid in traffic.pids], time.process_time()
        waited = [waited_seconds(pid) for pid in traffic.pids]
        self._drive(load, load.window)
        spent = tuple(cpu_seconds(pid) - before for pid, before in zip(traffic.pids, cpu, strict=True))
        result = Result(
            time.perf_counter() - began,
            self._index - sent,
            traffic.deliveries() - delivered,
            spent,
            tuple(waited_seconds(pid) - before for pid, before in zip(traffic.pids, waited, strict=True)),
            time.process_time() - own,
        )
        self._complete()
        return result

    @property
    def published(self) -> int:
        """Messages so far."""
        return self._index

    def _complete(self) -> None:
        """Drain until nothing is missing. Raises RuntimeError when messages were lost or a server broke."""
        end = time.perf_counter() + _PATIENCE
        self.settle()
        while self._traffic.problem() and time.perf_counter() < end:
            self.settle()
        if self._traffic.problem():
            raise RuntimeError(self._traffic.problem())

    def settle(self, seconds: float = 0.3) -> None:
        """Drain without publishing, until nothing has come for a while."""
        quiet = time.perf_counter()
        while time.perf_counter() - quiet < seconds:
            if self._drain(0.05):
                quiet = time.perf_counter()

    def go_on(self, seconds: float) -> None:
        """Without publishing: what was lost may still be repaired."""
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            self._traffic.tick(now)
            self._drain(0.005)

    def _drive(self, load: Load, seconds: float) -> None:
        began, done = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while done < passed * load.rate:
                self._publish()
                done += 1
            self._traffic.tick(time.perf_counter())
            wait = max(0.0, (done / load.rate) - (time.perf_counter() - began))
            if load.prompt:
                self._drain(min(wait, 0.02))
            else:
                self._drain(0.0)
                time.sleep(min(max(wait, 0.0), TICK))

    def _publish(self) -> None:
        if self._times is not None:
            self._times.sent[self._index] = time.perf_counter()
        self._traffic.publish(self._index)
        self._index += 1

    def _drain(self, timeout: float) -> bool:
        ready = self._poll.poll(timeout)
        if self._times is not None:
            # The others' octets are read when nobody's time is taken: they are on other computers.
            ready.sort(key=lambda found: self._turn[found[0]])
        for descriptor, _ in ready:
            self._readers[descriptor]()
        return bool(ready)
