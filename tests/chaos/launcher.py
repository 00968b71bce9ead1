"""`python -m tests.chaos.launcher ARGS`: `lanchat-server ARGS` that kills itself where the variable KILL_AT says.

KILL_AT is `point:passing`, such as `after-commit:17`, counted from the start; with a `+` at its end from SIGUSR1 on.
Without it this is the server as it is.
"""

import os
import sys

from lanchat_server.__main__ import main
from tests.chaos.points import arm

VARIABLE = "KILL_AT"


def kill_at(point: str, passing: int, *, when_told: bool = False) -> dict[str, str]:
    """What to put into the environment of a server that is to die there."""
    return {VARIABLE: f"{point}:{passing}{'+' if when_told else ''}"}


def arm_by_environment() -> None:
    """Do what KILL_AT says."""
    if place := os.environ.get(VARIABLE):
        name, _, passing = place.partition(":")
        arm(name, int(passing.removesuffix("+")), when_told=passing.endswith("+"))


if __name__ == "__main__":
    arm_by_environment()
    sys.exit(main())
