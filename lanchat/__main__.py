"""`lanchat` and `python -m lanchat`. Ctrl-C ends with 130 and without a traceback, from the first import to the last
flush: outside the command itself the process just ends."""

import sys

from lanchat.platform.interrupts import INTERRUPTED, handle_interrupts, leave_at_once, raise_interrupt

handle_interrupts(leave_at_once)


def main() -> int:
    """The exit code of this process's command line."""
    try:
        from lanchat.terminal.output import close_streams, hold_descriptors

        hold_descriptors()
        from lanchat.cli.main import run

        handle_interrupts(raise_interrupt)
        try:
            code = run(sys.argv[1:])
        except SystemExit as end:
            code = int(end.code or 0)
        return close_streams("lanchat", code)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        handle_interrupts(leave_at_once)


if __name__ == "__main__":
    sys.exit(main())
