"""`lanchat-server` whose copies wait after each part of the messages, so that a test can interrupt one there."""

import sys
import time

from lanchat_server.__main__ import main
from lanchat_server.maintenance import copying

_run = copying.copy_database


def _slow(source: str, target: str, data_dir: object, tell: copying.Tell) -> copying.CopySummary:
    def told(progress: copying.CopyProgress) -> None:
        tell(progress)
        if progress.table == "records" and progress.done == 3000:
            print("copied 3000", flush=True)
            while True:
                time.sleep(0.05)

    return _run(source, target, data_dir, told)  # type: ignore[arg-type]


copying.copy_database = _slow
sys.exit(main())
