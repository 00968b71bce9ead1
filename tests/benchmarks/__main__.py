"""`python -m tests.benchmarks`: measures, keeps the figures, writes the tables and plots of docs/PERFORMANCE.md.

--only a,c    some cases           --rounds 3   how often each is measured
--quick       short and coarse     --render     no measuring: table and plots from the figures that are there
--scratch     measure and show, keep nothing
"""

import argparse
import importlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import render
from tests.benchmarks.figures import Report, load
from tests.benchmarks.measure import machine

FIGURES = Path(__file__).parents[2] / "docs" / "performance" / "figures.json"
# Letter to module and function: imported when they are measured, so that one case needs no other's libraries.
CASES = {
    "a": "fanout.run_a",
    "b": "fanout.run_b",
    "c": "latency.run",
    "d": "commits.run",
    "e": "logins.run",
    "f": "restart.run",
    "g": "history.run",
    "h": "memory.run",
    "i": "starting.run",
    "j": "idle.run",
    "k": "catchup.run",
}


def main() -> None:
    options = _parse()
    if not options.render:
        report = Report({**machine(), "taken": datetime.now(UTC).strftime("%Y-%m-%d")})
        for case in options.only:
            began = time.monotonic()
            _case(case)(report, rounds=options.rounds, quick=options.quick)
            print(f"   case {case}: {time.monotonic() - began:.0f} s\n", flush=True)
        if options.scratch:
            return
        FIGURES.parent.mkdir(exist_ok=True)
        report.save(FIGURES)
    render.write(load(FIGURES), FIGURES.parent)


def _case(letter: str) -> Callable[..., None]:
    module, _, function = CASES[letter].partition(".")
    found: Callable[..., None] = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
    return found


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_cases, default=list(CASES), help="letters of cases, as a,c")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--scratch", action="store_true")
    return parser.parse_args()


def _cases(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [case for case in chosen if case not in CASES]:
        raise argparse.ArgumentTypeError(f"no such case: {', '.join(unknown)}")
    return chosen


if __name__ == "__main__":
    main()
