"""The long runs:  python -m tests.chaos [PART …] [--kills N] [--seed N] [--minutes N] [--again]

Parts: kills, starts, commands, outages, troubles, two, typists; without any all of them. They are played in pieces of a
minute or so; after an interruption, or `--minutes`, the next start continues the run, and the tables in
docs/RELIABILITY.md count all pieces since the last `--again`. Needs root (small disks) and MariaDB. The exit code is 1
when anything was lost, came twice, or took too long.
"""

import argparse
import sys

from tests.chaos.parts import PARTS
from tests.chaos.pieces import Kept, play
from tests.chaos.tables import report, report_commands, slow
from tests.support import marked


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--kills", type=int, default=300, help="servers that are killed while people write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="begin nothing more after so long")
    parser.add_argument("--again", action="store_true", help="forget what these parts found before")
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    kept = Kept("chaos")
    names = options.parts or list(PARTS)
    for name in names if options.again else []:
        kept.forget(f"{name}/")
    pieces = (piece for name in names for piece in PARTS[name](options.kills, options.seed, kept))
    play(pieces, kept, options.minutes, lambda: _write(kept))
    print("\n\n".join(_tables(kept).values()))
    faults = [fault for figures in kept.under("") for fault in figures["faults"]] + slow(kept)
    print("\n".join(faults))
    return 1 if faults else 0


def _tables(kept: Kept) -> dict[str, str]:
    """By their marks in the document; without those of which nothing is kept."""
    tables = {"chaos": report(kept), "killed commands": report_commands(kept)}
    return {mark: text for mark, text in tables.items() if text}


def _write(kept: Kept) -> None:
    for mark, text in _tables(kept).items():
        marked.write(marked.RELIABILITY, mark, text)


if __name__ == "__main__":
    sys.exit(main())
