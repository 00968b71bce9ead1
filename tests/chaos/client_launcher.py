"""`python -m tests.chaos.client_launcher ARGS`: `lanchat ARGS` that kills itself where the variable KILL_AT says (see
launcher.py)."""

import sys

from lanchat.__main__ import main
from tests.chaos.launcher import arm_by_environment

if __name__ == "__main__":
    arm_by_environment()
    sys.exit(main())
