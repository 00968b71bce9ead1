"""Seeds, run one after the other: what became of each, and what it came to in all."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.sim.ledger import Broken
from tests.sim.world import World


@dataclass(frozen=True)
class Report:
    """One seed. `failure` is empty when everything held, else it begins with the invariant; `at`: virtual seconds."""

    seed: int
    failure: str
    at: float
    trace: str
    counters: Counter[str]


@dataclass
class Tally:
    """Many seeds. `cpu` in seconds."""

    seeds: int = 0
    cpu: float = 0.0
    counters: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.counters.update(report.counters)
        if report.failure:
            self.failures[report.seed] = f"{report.failure} (at {report.at:.3f} s)"

    def merge(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.cpu += other.cpu
        self.counters.update(other.counters)
        self.failures.update(other.failures)


def run_seed(seed: int) -> Report:
    """Any error at all is a failure: an invariant, the product's own checks, a mistake of the simulator."""
    world = World(seed)
    failure = ""
    try:
        world.run()
    except Broken as error:
        failure = str(error)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    return Report(seed, failure, world.clock.now, world.clock.trace, world.counters)


def run_seeds(seeds: Iterable[int]) -> Tally:
    tally = Tally()
    began = time.process_time()
    for seed in seeds:
        tally.add(run_seed(seed))
    tally.cpu = time.process_time() - began
    return tally


def repeat(seed: int) -> str:
    """The command that shows a seed again."""
    return f"python -m tests.sim {seed}"
