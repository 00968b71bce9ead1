"""Very many seeds on all cores: progress, a clean end at any time, and a summary that pieces add up to.

What was run is kept in a file, so that a soak can be interrupted and gone on with; a seed that failed is run again, and
is struck off when it holds.
"""

import contextlib
import fcntl
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.sim.rare import RARE, missing
from tests.sim.running import Tally, repeat, run_seeds
from tests.support.marked import RELIABILITY, write

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".cache" / "simulation.json"
# `make test` runs those below.
FIRST = 2000
# Seeds that a worker runs at once.
_PART = 25
_PROGRESS = 10.0


@dataclass
class Soak:
    """Everything that was run so far. `spans`: first and last seeds of what is done, apart from one another."""

    tally: Tally = field(default_factory=Tally)
    spans: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def load(cls) -> "Soak":
        if not STATE.exists():
            return cls()
        state = json.loads(STATE.read_text())
        failures = {int(seed): failure for seed, failure in state["failures"].items()}
        tally = Tally(state["seeds"], state["cpu"], Counter(state["counters"]), failures)
        return cls(tally, [(first, last) for first, last in state["spans"]])

    def save(self) -> None:
        tally = self.tally
        STATE.parent.mkdir(exist_ok=True)
        state = {"seeds": tally.seeds, "cpu": tally.cpu, "counters": tally.counters, "failures": tally.failures}
        fresh = STATE.with_suffix(".new")
        fresh.write_text(json.dumps(state | {"spans": self.spans}))
        fresh.replace(STATE)

    def is_done(self, seed: int) -> bool:
        return seed not in self.tally.failures and any(first <= seed <= last for first, last in self.spans)

    def add(self, seeds: list[int], part: Tally) -> None:
        """What some seeds came to; those that failed before are counted already."""
        for seed in seeds:
            self.tally.failures.pop(seed, None)
        again = sum(any(first <= seed <= last for first, last in self.spans) for seed in seeds)
        part.seeds -= again
        self.tally.merge(part)
        self._cover(seeds)

    def _cover(self, seeds: list[int]) -> None:
        spans: list[tuple[int, int]] = []
        for first, last in sorted([*self.spans, *((seed, seed) for seed in seeds)]):
            if spans and first <= spans[-1][1] + 1:
                spans[-1] = (spans[-1][0], max(spans[-1][1], last))
            else:
                spans.append((first, last))
        self.spans = spans


def soak(first: int, count: int, jobs: int) -> int:
    """Run `count` seeds that were not run yet, from `first` on; how many failed. One soak at a time: two would each
    save what they began with, and the work of one would be gone."""
    with _alone():
        return _soak(first, count, jobs)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    STATE.parent.mkdir(exist_ok=True)
    with STATE.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another soak is running here") from None
        yield


def _soak(first: int, count: int, jobs: int) -> int:
    whole = Soak.load()
    began = reported = time.monotonic()
    done = 0
    with multiprocessing.get_context("fork").Pool(jobs, _ignore_interrupts) as pool:
        parts = _parts(whole, first, count)
        try:
            for seeds, part in pool.imap_unordered(_run_part, parts):
                whole.add(seeds, part)
                done += len(seeds)
                for seed, failure in part.failures.items():
                    print(f"\nseed {seed}: {failure}\n  {repeat(seed)}", flush=True)
                if time.monotonic() - reported > _PROGRESS:
                    reported = time.monotonic()
                    whole.save()
                    speed = done / (reported - began)
                    left = (count - done) / speed / 60
                    print(f"{done} of {count} seeds, {speed:.0f}/s, {left:.0f} min left", flush=True)
        except KeyboardInterrupt:
            print("\ninterrupted")
            pool.terminate()
    whole.save()
    report(whole)
    return len(whole.tally.failures)


def _parts(whole: Soak, first: int, count: int) -> list[list[int]]:
    seeds = islice((seed for seed in _from(first) if not whole.is_done(seed)), count)
    parts: list[list[int]] = []
    while part := list(islice(seeds, _PART)):
        parts.append(part)
    return parts


def _from(first: int) -> Iterator[int]:
    while True:
        yield first
        first += 1


def _ignore_interrupts() -> None:
    """Ctrl+C is for the process that collects."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_part(seeds: list[int]) -> tuple[list[int], Tally]:
    return seeds, run_seeds(seeds)


def cores() -> int:
    return os.cpu_count() or 1


# --- The report ---------------------------------------------------------------------------------------------------


def report(whole: Soak) -> None:
    """Print the summary, and write it into the report."""
    tally = whole.tally
    print(f"{tally.seeds} seeds, {len(tally.failures)} failed, {tally.cpu:.0f} s of CPU")
    for seed, failure in sorted(tally.failures.items()):
        print(f"seed {seed}: {failure}\n  {repeat(seed)}")
    if missing(tally.counters):
        print(f"never happened: {missing(tally.counters)}")
    write(RELIABILITY, "simulation", _table(whole))


def _table(whole: Soak) -> str:
    tally, counters = whole.tally, whole.tally.counters
    spans = ", ".join(f"{first} to {last}" for first, last in whole.spans)
    wrong = "see what failed" if tally.failures else "0"
    rows = [
        ("seeds", f"{tally.seeds:,} ({spans})"),
        ("failed", f"{len(tally.failures)}{_listed(tally)}"),
        ("at most so many fail (95 %), if none did", f"{3 / max(1, tally.seeds):.1e} of all seeds"),
        ("virtual time", f"{counters['virtual seconds'] / 3600:,.1f} h"),
        ("events, after each of which the invariants were checked", f"{counters['events']:,}"),
        ("messages stored; lost, twice, changed, out of order", f"{counters['records']:,}; {wrong}"),
        ("messages refused", f"{counters['refused messages']:,}"),
        ("records shown by clients", f"{counters['records shown']:,}"),
        ("CPU time", f"{tally.cpu / 60:,.0f} min, {tally.cpu / max(1, tally.seeds) * 1000:.0f} ms a seed"),
    ]
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    rare = [f"| {name} | {counters[name]:,} |" for name in RARE]
    return "\n".join([*lines, "", "| rare events | |", "|---|---:|", *rare])


def _listed(tally: Tally) -> str:
    return f": {', '.join(str(seed) for seed in sorted(tally.failures))}" if tally.failures else ""
