"""`python -m tests.office.launcher ARGS`: `lanchat-server ARGS` that tells what it holds when it gets SIGUSR2.

It replaces the file that the variable HOLDINGS names. With TRACE, a number of frames, allocations are traced from the
start, and the file has the places that hold most.
"""

import json
import os
import signal
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from lanchat_server.__main__ import main
from tests.office.holdings import holdings

VARIABLE = "HOLDINGS"
TRACE = "TRACE"
_PLACES = 60


def _tell(*_: object) -> None:
    file = Path(os.environ[VARIABLE])
    told: dict[str, Any] = holdings()
    if tracemalloc.is_tracing():
        held = tracemalloc.take_snapshot().statistics("traceback")[:_PLACES]
        told["places"] = [(each.size, each.count, [str(frame) for frame in each.traceback]) for each in held]
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(told))
    draft.replace(file)


if __name__ == "__main__":
    if frames := os.environ.get(TRACE):
        tracemalloc.start(int(frames))
    signal.signal(signal.SIGUSR2, _tell)
    sys.exit(main())
