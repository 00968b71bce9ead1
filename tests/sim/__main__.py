"""`python -m tests.sim FIRST [COUNT]`: run seeds, with progress; the first that fails is printed and ends it."""

import sys
import time
from collections import Counter

from tests.sim.world import World


def main() -> int:
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seen: Counter[str] = Counter()
    started = time.monotonic()
    for seed in range(first, first + count):
        world = World(seed)
        try:
            world.run()
        except BaseException:
            print(f"seed {seed} failed at {world.clock.now:.3f} s of virtual time", file=sys.stderr)
            raise
        seen += world.counters
        if (seed - first) % 50 == 49:
            print(f"{seed - first + 1} of {count}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    for name, number in sorted(seen.items()):
        print(f"{number:8} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
