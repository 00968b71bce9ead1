"""`python -m tests.office.launcher ARGS`: `lanchat-server ARGS` that tells what it holds when it gets SIGUSR2.

It replaces the file that the variable HOLDINGS names.
"""

import json
import os
import signal
import sys
from pathlib import Path

from lanchat_server.__main__ import main
from tests.office.holdings import holdings, trace

VARIABLE = "HOLDINGS"


def _tell(*_: object) -> None:
    file = Path(os.environ[VARIABLE])
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(holdings()))
    draft.replace(file)


if __name__ == "__main__":
    trace()
    signal.signal(signal.SIGUSR2, _tell)
    sys.exit(main())
