"""Deliberate faults in the simulator: how one is hunted, and where each was caught. See support/planting.py."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.sim.running import run_seed
from tests.support.planting import Plant, patched

# A fault that does not fit the code any more fails by these at once, and shows nothing.
_MISFITS = ("AttributeError", "NameError", "TypeError")

# Where each was caught first; written by `python -m tests.sim.planted --table`.
CATCHES = Path(__file__).with_name("planted.json")


@dataclass(frozen=True)
class Catch:
    """`by`: the invariant or the product's own check that failed."""

    seed: int
    by: str


def hunt(plant: Plant, first: int, seeds: int) -> Catch | None:
    """The first of some seeds that fails with the bug; None: it was not caught. Raises ValueError when the bug does not
    fit the code."""
    with patched(*plant()):
        for seed in range(first, first + seeds):
            report = run_seed(seed)
            if report.failure:
                by = report.failure.split(":")[0]
                if by in _MISFITS:
                    raise ValueError(f"{plant.__name__} has to be written anew: {report.failure}")
                return Catch(seed, by)
    return None


def known_catches() -> dict[str, Catch]:
    """Of the last table, by the name of the bug."""
    found = json.loads(CATCHES.read_text(encoding="utf-8"))
    return {name: Catch(entry["seed"], entry["by"]) for name, entry in found.items()}
