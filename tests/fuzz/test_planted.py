"""Deliberate faults that every target in front of them must catch: a rule that is never broken is no rule."""

from itertools import islice

import pytest

from tests.fuzz.planted import BUGS
from tests.fuzz.planting import broken, hunt, inputs
from tests.support.planting import Plant

PAIRS = [(plant, target) for plant, targets in BUGS.items() for target in targets]


@pytest.mark.parametrize(("plant", "target"), PAIRS, ids=[f"{plant.__name__}-{target}" for plant, target in PAIRS])
def test_target_detects_planted_fault(plant: Plant, target: str) -> None:
    """And it is the fault: without it the same inputs break nothing."""
    catch = hunt(target, plant)
    assert catch is not None, f"{plant.__name__} was not caught by {target}"
    sound = {broken(target, octets) for octets in islice(inputs(target), catch.inputs)}
    assert sound == {""}
