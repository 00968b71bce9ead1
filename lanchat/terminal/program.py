"""The frame around each command line: from the first import to the exit code."""

import sys
from collections.abc import Callable, Sequence

from lanchat.platform.programs.interrupts import INTERRUPTED, Handler, handle_interrupts, leave_at_once


def run_program(name: str, load: Callable[[], Callable[[Sequence[str]], int]], on_interrupt: Handler) -> int:
    """The exit code of this process's command line, which `load` imports; `on_interrupt` handles Ctrl-C while it runs.
    Main thread. The caller has set `leave_at_once` before its first import, and it is set again at the end."""
    try:
        from lanchat.terminal.output import close_streams, hold_descriptors

        hold_descriptors()
        command_line = load()
        handle_interrupts(on_interrupt)
        try:
            code = command_line(sys.argv[1:])
        except SystemExit as end:
            code = int(end.code or 0)
        return close_streams(name, code)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        handle_interrupts(leave_at_once)
