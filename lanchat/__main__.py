"""`lanchat` and `python -m lanchat`. Ctrl-C ends with 130 and without a traceback, from the first import to the last
flush: outside the command itself the process just ends."""

# The C part of `signal`: the module itself takes milliseconds to import, in which Ctrl-C would leave a traceback.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys
from types import FrameType

INTERRUPTED = 130


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


signal.signal(signal.SIGINT, _leave_at_once)


def main() -> int:
    """The exit code of this process's command line."""
    try:
        from lanchat.terminal.output import close_streams, hold_descriptors

        hold_descriptors()
        from lanchat.cli.main import run

        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            code = run(sys.argv[1:])
        except SystemExit as end:
            code = int(end.code or 0)
        return close_streams("lanchat", code)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, _leave_at_once)


if __name__ == "__main__":
    sys.exit(main())
