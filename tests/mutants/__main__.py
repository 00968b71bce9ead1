"""`python -m tests.mutants`: a sample of small changes of the pure cores, each of which some test should notice.

The sample is drawn by the names of the mutants, so it stays the same while the code around them changes. Verdicts are
kept: Ctrl+C ends the run, the next one goes on; a function that was changed has its mutants tried anew, and with
`--again` so have those that survived, as after a new test.
"""

import argparse
import sys
from pathlib import Path

from tests.mutants.campaign import Campaign
from tests.mutants.table import report

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutants of the pure cores.")
    parser.add_argument("--sample", type=int, default=200, help="how many (default 200); 0: all")
    parser.add_argument("--seed", type=int, default=1, help="another sample")
    parser.add_argument(
        "--only", default="", help="mutants whose name has this in it, all of them: core/relay/receipts.py"
    )
    parser.add_argument("--seeds", type=int, default=60, help="runs of the simulator for each (default 60)")
    parser.add_argument("--again", action="store_true", help="try those anew that survived")
    parser.add_argument("--list", action="store_true", help="show the mutants and what is known of them")
    options = parser.parse_args()
    campaign = Campaign(ROOT, options.seeds)
    sample = campaign.choose(options.seed, options.sample, options.only)
    if options.list:
        for mutant in sample:
            print(f"{campaign.verdicts.get(mutant.key, 'not tried')}  {mutant.path}:{mutant.line} {mutant.name}")
        return 0
    try:
        campaign.run(sample, again=options.again)
    except KeyboardInterrupt:
        print("\ninterrupted; the next run goes on")
        return 130
    return report(sample, campaign.verdicts, written=not options.only and options.seed == 1 and options.sample == 200)


if __name__ == "__main__":
    sys.exit(main())
