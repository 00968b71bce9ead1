"""`python -m tests.sim SEED [COUNT]`: some seeds, with what happened in them; one alone shows where it fails.
`python -m tests.sim --soak`: very many.
"""

import argparse
import sys

from tests.sim import soak
from tests.sim.running import repeat, run_seeds
from tests.sim.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Runs of the simulator.")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="the first seed")
    parser.add_argument("count", type=int, nargs="?", default=1, help="how many seeds")
    parser.add_argument("--soak", action="store_true", help="go on with the long run, and write the report")
    parser.add_argument("--seeds", type=int, default=100_000, help="of the soak, that were not run yet")
    parser.add_argument("--first", type=int, default=soak.FIRST, help="where the soak begins")
    parser.add_argument("--jobs", type=int, default=soak.cores(), help="processes of the soak")
    options = parser.parse_args()
    if options.soak:
        return 1 if soak.soak(options.first, options.seeds, options.jobs) else 0
    if options.count == 1:
        return _one(options.seed)
    tally = run_seeds(range(options.seed, options.seed + options.count))
    for name, number in sorted(tally.counters.items()):
        print(f"{number:9} {name}")
    for seed, failure in tally.failures.items():
        print(f"seed {seed}: {failure}\n  {repeat(seed)}")
    print(f"{tally.seeds} seeds, {len(tally.failures)} failed, {tally.cpu / tally.seeds * 1000:.1f} ms of CPU each")
    return 1 if tally.failures else 0


def _one(seed: int) -> int:
    """With the traceback of what fails."""
    world = World(seed)
    try:
        world.run()
    finally:
        for name, number in sorted(world.counters.items()):
            print(f"{number:9} {name}")
        print(f"{world.clock.now:.3f} virtual seconds, {world.clock.events} events, trace {world.clock.trace}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
