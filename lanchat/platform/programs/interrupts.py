"""What Ctrl-C does, from the first moment of a program on."""

import os
from collections.abc import Callable
from types import FrameType

# The private C part of `signal`: that module takes milliseconds to import, in which Ctrl-C would leave a traceback.
try:
    import _signal as signal  # type: ignore[import-not-found]
except ImportError:
    import signal

INTERRUPTED = 130
# What asks a program to end in order: Ctrl-C, `kill`, and on Windows Ctrl-Break.
STOP_SIGNALS: tuple[int, ...] = (
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else []),
)

Handler = Callable[[int, FrameType | None], object]
# Raises KeyboardInterrupt.
raise_interrupt: Handler = signal.default_int_handler


def handle_interrupts(handler: Handler) -> None:
    """From now on Ctrl-C, and Ctrl-Break on Windows, calls `handler`. Main thread."""
    for number in STOP_SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, handler)


def leave_at_once(number: int, frame: FrameType | None) -> None:
    """Ends the process without a traceback and without cleaning up."""
    os._exit(INTERRUPTED)
