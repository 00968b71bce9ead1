"""Whole processes under attack by somebody who holds all keys: a few seeds; `make fuzz` tries new ones."""

import pytest

from tests.fuzz import corpus
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

LIVE = [target for target in TARGETS.values() if target.live]


@pytest.mark.parametrize("target", LIVE, ids=lambda target: target.name)
def test_processes_withstand_an_attacker_with_all_keys(target: Target) -> None:
    for seed in [*target.seeds(), *corpus.load(corpus.REGRESSIONS, target.name).values()]:
        target.run(seed)
