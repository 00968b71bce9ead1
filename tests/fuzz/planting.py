"""Deliberate faults in readers of octets: which inputs a target gets to find one, and how they are hunted.

What a fault is: support/planting.py. The inputs are those of `make test` without its luck: seeds, corpus, regressions,
then damage to them that is drawn from the target's name. So input 17 of a target is the same on every computer.
"""

from collections.abc import Iterator
from itertools import chain, islice
from random import Random
from typing import NamedTuple

from tests.fuzz import corpus
from tests.fuzz.cost import check_cost
from tests.fuzz.target import attempt
from tests.fuzz.targets import TARGETS
from tests.support.planting import Plant, patched

# A fault, and all targets whose octets come to where it is: each of them must catch it.
Plants = dict[Plant, tuple[str, ...]]
# Beyond so many inputs a fault counts as not caught.
INPUTS_MAX = 1000


class Catch(NamedTuple):
    """After how many inputs, and the rule that was broken or the error that came out."""

    inputs: int
    by: str


def inputs(name: str) -> Iterator[bytes]:
    """The inputs of a target, without an end. The product's encoders have a part in seeds alone: all are there when the
    first input is."""
    target = TARGETS[name]
    known = (corpus.load(root, name).values() for root in (corpus.CORPUS, corpus.REGRESSIONS))
    kept = list(dict.fromkeys(chain(target.seeds(), *known)))
    yield from kept
    rng = Random(name)
    while True:
        octets = rng.choice(kept)
        for _ in range(rng.randint(1, 3)):
            octets = target.change(octets, rng, target.octets_max)
        yield octets


def hunt(name: str, plant: Plant) -> Catch | None:
    """The first input of a target that breaks something when the fault is there; None: it was not caught."""
    stream = islice(inputs(name), INPUTS_MAX)
    first = next(stream)
    # What targets make once and keep is to be made without the fault.
    assert broken(name, first) == ""
    with patched(*plant()):
        for number, octets in enumerate(chain([first], stream), 1):
            by = broken(name, octets)
            if by:
                return Catch(number, by)
    return None


def broken(name: str, octets: bytes) -> str:
    """What an input of a target breaks, in a few words; "" when all is well."""
    target = TARGETS[name]
    try:
        attempt(target, octets)
        if target.datagram:
            check_cost(target, octets)
    except AssertionError as error:
        return str(error).partition("\n")[0] or "a rule without a name"
    except Exception as error:
        kind = type(error)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return ""
