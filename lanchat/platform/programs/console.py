"""The console window of a program on Windows: what its end means for the program."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

# Events of a console handler: the window is closed, the user logs off, the computer shuts down.
CLOSED, LOGGED_OFF, SHUT_DOWN = 2, 5, 6
# Windows ends the process when the handler returns, and five seconds after the event at the latest.
GRACE = 4.5


class ConsoleHandler:
    """Told of what happens to the console, on a thread of its own: asks the program to stop and waits until it has."""

    def __init__(self, stop: Callable[[], object]) -> None:
        """`stop` is called from another thread, and returns at once."""
        self._stop = stop
        self._stopped = threading.Event()

    def __call__(self, event: int) -> bool:
        """Whether the event is dealt with; Ctrl-C and Ctrl-Break are not, they come as signals."""
        if event not in (CLOSED, LOGGED_OFF, SHUT_DOWN):
            return False
        self._stop()
        self._stopped.wait(GRACE)
        return True

    def finish(self) -> None:
        """The program has stopped: the process may end."""
        self._stopped.set()


@contextlib.contextmanager
def stopping_with_console(stop: Callable[[], object]) -> Iterator[None]:
    """On Windows the end of the console calls `stop` from another thread, and the process lives on until this block
    ends, for some seconds at most. Elsewhere nothing."""
    handler = ConsoleHandler(stop)
    try:
        with _registered(handler):
            yield
    finally:
        handler.finish()


@contextlib.contextmanager
def _registered(handler: ConsoleHandler) -> Iterator[None]:
    if sys.platform != "win32":
        yield
        return
    import ctypes
    from ctypes import wintypes

    routine = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(handler)
    register = ctypes.windll.kernel32.SetConsoleCtrlHandler
    register(routine, True)
    try:
        yield
    finally:
        register(routine, False)
