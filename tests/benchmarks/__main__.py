"""`python -m tests.benchmarks`: measures, keeps the figures, writes the tables and plots of docs/PERFORMANCE.md.

--only a,c    some cases           --rounds 2   how often each is measured
--quick       short and coarse     --render     no measuring: tables and plots from the figures that are there
--scratch     measure and show, keep nothing
--another-day keep the figures beside the usual ones, as those of a slower or quicker machine

The figures of a case are kept as soon as it is done. Ctrl+C ends everything that was started.
"""

import argparse
import importlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from tests.benchmarks.figures import Report
from tests.benchmarks.measure import machine, today

FIGURES = Path(__file__).parents[2] / "docs" / "performance" / "figures.json"
ANOTHER_DAY = FIGURES.with_name("another-day.json")
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


def main() -> int:
    options = _parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        if not options.render:
            _measure(options)
        if options.render or not options.scratch:
            # Needs a library that nothing else does.
            importlib.import_module("tests.benchmarks.render").write(FIGURES, ANOTHER_DAY)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    """The first time; what is cleaned up after it is not to be disturbed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace) -> None:
    began = time.monotonic()
    for index, letter in enumerate(options.only, 1):
        report = Report(machine(), today())
        case, case_began = _case(letter), time.monotonic()
        print(f"== case {letter}, {index} of {len(options.only)}", flush=True)
        case(report, rounds=options.rounds, quick=options.quick)
        now = time.monotonic()
        print(f"== case {letter}: {now - case_began:.0f} s, {now - began:.0f} s in all\n", flush=True)
        if not options.scratch:
            report.save(ANOTHER_DAY if options.another_day else FIGURES)


def _case(letter: str) -> Callable[..., None]:
    module, _, function = CASES[letter].partition(".")
    found: Callable[..., None] = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
    return found


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_cases, default=list(CASES), help="letters of cases, as a,c")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--scratch", action="store_true")
    parser.add_argument("--another-day", action="store_true")
    return parser.parse_args()


def _cases(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [case for case in chosen if case not in CASES]:
        raise argparse.ArgumentTypeError(f"no such case: {', '.join(unknown)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
