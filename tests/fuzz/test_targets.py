"""Every reader of octets, with damaged input: nothing but its one error comes out, nothing moves when it refuses.

`make fuzz` searches on with coverage; what it kept is replayed here.
"""

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz import corpus
from tests.fuzz.cost import check_cost
from tests.fuzz.target import Target, attempt
from tests.fuzz.targets import TARGETS

QUICK = [target for target in TARGETS.values() if not target.live]
DATAGRAMS = [target for target in QUICK if target.datagram]
BY_NAME = lambda target: target.name  # noqa: E731


@pytest.mark.parametrize("target", QUICK, ids=BY_NAME)
def test_damaged_input_raises_only_the_documented_error(target: Target) -> None:
    inputs = target.seeds()

    @settings(max_examples=target.examples, suppress_health_check=list(HealthCheck))
    @given(octets=_damaged(target, inputs))
    def check(octets: bytes) -> None:
        attempt(target, octets)

    assert any([attempt(target, octets) for octets in inputs]), "this reader takes nothing at all"  # noqa: C419 - all
    check()


def _damaged(target: Target, inputs: list[bytes]) -> st.SearchStrategy[bytes]:
    """Inputs as they are, with a chain of changes, and noise."""

    def changed(octets: bytes, seed: int, times: int) -> bytes:
        rng = Random(seed)
        for _ in range(times):
            octets = target.change(octets, rng, target.octets_max)
        return octets

    kept = [*inputs, *corpus.load(corpus.CORPUS, target.name).values()]
    known = st.builds(changed, st.sampled_from(kept), st.integers(0, 2**32), st.integers(0, 3))
    return st.one_of(known, known, known, st.binary(max_size=200))


@pytest.mark.parametrize("target", QUICK, ids=BY_NAME)
def test_corpus_inputs_are_handled(target: Target) -> None:
    kept = corpus.load(corpus.CORPUS, target.name)
    assert sum(map(len, kept.values())) <= corpus.OCTETS_MAX
    for octets in kept.values():
        attempt(target, octets)


@pytest.mark.parametrize("target", QUICK, ids=BY_NAME)
def test_regression_inputs_are_handled(target: Target) -> None:
    for octets in corpus.load(corpus.REGRESSIONS, target.name).values():
        attempt(target, octets)


def test_corpora_belong_to_existing_targets() -> None:
    for root in (corpus.CORPUS, corpus.REGRESSIONS):
        assert {folder.name for folder in root.glob("*")} <= set(TARGETS)


@pytest.mark.parametrize("target", DATAGRAMS, ids=BY_NAME)
def test_datagram_cost_is_bounded(target: Target) -> None:
    """The worst of seeds, kept inputs and 100 damaged ones."""
    rng = Random(1)
    inputs = [*target.seeds(), *corpus.load(corpus.CORPUS, target.name).values()]
    inputs += corpus.load(corpus.REGRESSIONS, target.name).values()
    inputs += [target.change(rng.choice(inputs), rng, target.octets_max) for _ in range(100)]
    for octets in inputs:
        check_cost(target, octets)
