"""`lanchat-server` and `python -m lanchat_server`. Ctrl-C ends with 130 and without a traceback; a server that runs
ends in order, with 0."""

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from lanchat.platform.programs.interrupts import handle_interrupts, leave_at_once

handle_interrupts(leave_at_once)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # Not signal.default_int_handler: asyncio would replace that one by a wait for the present step, which may be a
    # database that does not answer.
    raise KeyboardInterrupt


def _load() -> Callable[[Sequence[str]], int]:
    from lanchat_server.cli.main import run

    return run


def main() -> int:
    """The exit code of this process's command line."""
    from lanchat.terminal.program import run_program

    return run_program("lanchat-server", _load, _interrupt)


if __name__ == "__main__":
    sys.exit(main())
