"""`python -m tests.attacks.clock_skew_server ARGS`: `lanchat-server ARGS` with a wall clock that is ahead by the
seconds in the file that the variable SKEW names."""

import os
import sys
import time
from pathlib import Path

from lanchat_server.__main__ import main

VARIABLE = "SKEW"


def _skew() -> None:
    file = Path(os.environ[VARIABLE])
    right = time.time_ns
    time.time_ns = lambda: right() + int(file.read_text() or 0) * 10**9
    time.time = lambda: time.time_ns() / 1e9


if __name__ == "__main__":
    _skew()
    sys.exit(main())
