"""Deliberate faults that must be caught: a check that cannot fail is no check."""

import pytest

from tests.sim.planted import BUGS
from tests.sim.planting import hunt, known_catches
from tests.support.planting import Plant

# A change of the simulator changes what a seed means, so a bug may need some more seeds than when the table was made.
SEEDS = 60


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_simulator_detects_planted_fault(plant: Plant) -> None:
    known = known_catches()[plant.__name__]
    catch = hunt(plant, known.seed, SEEDS)
    assert catch is not None, f"{plant.__name__} was not caught in {SEEDS} seeds from {known.seed}"
