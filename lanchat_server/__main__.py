"""`lanchat-server` and `python -m lanchat_server`. Ctrl-C ends with 130 and without a traceback; a server that runs
ends in order, with 0."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


signal.signal(signal.SIGINT, _leave_at_once)


def main() -> int:
    """The exit code of this process's command line."""
    try:
        from lanchat_server.cli import run

        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, _leave_at_once)


if __name__ == "__main__":
    sys.exit(main())
