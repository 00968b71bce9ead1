"""The real client and server cores through faulty runs in virtual time, each drawn from a seed.

`python -m tests.sim SEED` repeats one.
"""

from collections import Counter

import pytest

from tests.sim.world import World

CHUNKS = 4
SEEDS = range(400)
_RARE = [
    "server crash",
    "client crash",
    "client gone for good",
    "partition",
    "udp blocked",
    "clock jump",
    "full disk",
    "slow consumer",
    "second server",
    "fenced",
    "commit failed",
    "commit unknown, stored",
    "commit unknown, lost",
    "datagram seen before",
]


def run(seed: int) -> World:
    try:
        world = World(seed)
        world.run()
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    return world


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_invariants_hold_through_faults(chunk: int) -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS[chunk::CHUNKS]:
        seen += run(seed).counters
    missing = [name for name in _RARE if not seen[name]]
    assert not missing, f"these faults never happened in chunk {chunk}: {missing}"
    assert seen["records"] > 1000


def test_a_seed_gives_the_same_run_twice() -> None:
    assert run(7).trace() == run(7).trace()
