"""`lanchat-server` and `python -m lanchat_server`. Ctrl-C ends with 130 and without a traceback; a server that runs
ends in order, with 0."""

import sys
from types import FrameType
from typing import NoReturn

from lanchat.platform.interrupts import INTERRUPTED, handle_interrupts, leave_at_once

handle_interrupts(leave_at_once)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # Not signal.default_int_handler: asyncio would replace that one by a wait for the present step, which may be a
    # database that does not answer.
    raise KeyboardInterrupt


def main() -> int:
    """The exit code of this process's command line."""
    try:
        from lanchat.terminal.output import close_streams, hold_descriptors

        hold_descriptors()
        from lanchat_server.cli.main import run

        handle_interrupts(_interrupt)
        try:
            code = run(sys.argv[1:])
        except SystemExit as end:
            code = int(end.code or 0)
        return close_streams("lanchat-server", code)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        handle_interrupts(leave_at_once)


if __name__ == "__main__":
    sys.exit(main())
