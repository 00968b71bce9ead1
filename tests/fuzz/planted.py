"""All deliberate faults in readers of octets. `python -m tests.fuzz.planted --table` hunts each with all targets that
concern it, from input 1, and writes what caught it."""

import argparse
import sys
import time

from tests.fuzz import bugs_bulk, bugs_datagrams, bugs_files, bugs_values
from tests.fuzz.planting import INPUTS_MAX, Catch, Plants, hunt
from tests.support.marked import RELIABILITY, write
from tests.support.planting import told

BUGS: Plants = bugs_datagrams.BUGS | bugs_values.BUGS | bugs_files.BUGS | bugs_bulk.BUGS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.planted", description="Deliberate faults in readers.")
    parser.add_argument("names", nargs="*", metavar="BUG", help="only these")
    parser.add_argument("--table", action="store_true", help="write the report")
    options = parser.parse_args()
    rows, missed = [], 0
    for plant, targets in BUGS.items():
        if options.names and plant.__name__ not in options.names:
            continue
        for target in targets:
            began = time.process_time()
            catch = hunt(target, plant)
            found = f"input {catch.inputs}, {catch.by}" if catch else "not caught"
            print(f"{plant.__name__}, {target}: {found} ({time.process_time() - began:.1f} s)", flush=True)
            missed += catch is None
            rows += [(told(plant), target, catch)] if catch else []
    if options.table and not options.names and not missed:
        write(RELIABILITY, "planted in readers", _table(rows))
    return 1 if missed else 0


def _table(rows: list[tuple[str, str, Catch]]) -> str:
    lines = [f"| {fault} | `{target}` | {catch.by} | {catch.inputs} |" for fault, target, catch in rows]
    intro = (
        f"{len(BUGS)} deliberate faults, each switched on alone, in front of every target that reaches it: {len(rows)} "
        f"pairs, all caught. Inputs: seeds, corpus, then damage, {INPUTS_MAX:,} at most."
    )
    return "\n".join([intro, "", "| fault | target | caught by | inputs |", "|---|---|---|---:|", *lines])


if __name__ == "__main__":
    sys.exit(main())
