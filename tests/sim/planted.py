"""All deliberate faults. `python -m tests.sim.planted --table` hunts each from seed 0 and writes what caught it."""

import argparse
import json
import sys
import time

from tests.sim import bugs_client, bugs_peers, bugs_relay, bugs_reseeding, bugs_seal, bugs_store
from tests.sim.planting import CATCHES, Catch, hunt
from tests.sim.world import PEERS_FROM
from tests.support.marked import RELIABILITY, write
from tests.support.planting import Plant, told

_PARTS = (bugs_store, bugs_relay, bugs_seal, bugs_client, bugs_peers, bugs_reseeding)
BUGS: tuple[Plant, ...] = tuple(bug for part in _PARTS for bug in part.BUGS)
# Beyond so many seeds a bug counts as not caught.
SEEDS_MAX = 400


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.planted", description="Deliberate faults.")
    parser.add_argument("names", nargs="*", metavar="BUG", help="only these")
    parser.add_argument("--table", action="store_true", help="write the report")
    options = parser.parse_args()
    caught: dict[str, Catch] = {}
    for plant in BUGS:
        if not options.names or plant.__name__ in options.names:
            began = time.process_time()
            catch = hunt(plant, PEERS_FROM if plant in bugs_peers.BUGS else 0, SEEDS_MAX)
            found = f"seed {catch.seed}, {catch.by}" if catch else "not caught"
            print(f"{plant.__name__}: {found} ({time.process_time() - began:.1f} s)", flush=True)
            if catch:
                caught[plant.__name__] = catch
    complete = len(caught) == len(BUGS)
    if options.table and complete:
        CATCHES.write_text(json.dumps({name: vars(catch) for name, catch in caught.items()}, indent=2) + "\n")
        write(RELIABILITY, "planted", _table(caught))
    return 0 if complete or options.names else 1


def _table(caught: dict[str, Catch]) -> str:
    rows = [f"| {told(plant)} | {caught[plant.__name__].by} | {caught[plant.__name__].seed} |" for plant in BUGS]
    intro = f"{len(BUGS)} deliberate faults, each switched on alone. Caught by: the invariant that failed first."
    return "\n".join([intro, "", "| fault | caught by | first seed |", "|---|---|---:|", *rows])


if __name__ == "__main__":
    sys.exit(main())
