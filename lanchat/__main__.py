"""`lanchat` and `python -m lanchat`. Ctrl-C ends with 130 and without a traceback, from the first import to the last
flush: outside the command itself the process just ends."""

import sys
from collections.abc import Callable, Sequence

from lanchat.platform.programs.interrupts import handle_interrupts, leave_at_once, raise_interrupt

handle_interrupts(leave_at_once)


def _load() -> Callable[[Sequence[str]], int]:
    from lanchat.cli.main import run

    return run


def main() -> int:
    """The exit code of this process's command line."""
    from lanchat.terminal.program import run_program

    return run_program("lanchat", _load, raise_interrupt)


if __name__ == "__main__":
    sys.exit(main())
