"""The server with its window (`lanchat-server window`): the service in a thread, the window in this one.

The window asks its queue ten times a second; no other thread ever calls Tk, so neither can wait for the other.
"""

import contextlib
import logging
import os
import queue
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from lanchat.i18n import _
from lanchat.platform.programs.console import stopping_with_console
from lanchat.platform.programs.interrupts import STOP_SIGNALS
from lanchat.platform.programs.taskbar import SERVER_ID, name_program
from lanchat.terminal.output import OutputWriter
from lanchat_server.config import ServerConfig
from lanchat_server.service.lifecycle.server import serve
from lanchat_server.window.log import WindowLog
from lanchat_server.window.model import ServiceState, WindowModel
from lanchat_server.window.thread import Event, ServerThread, ServiceEnded, ServiceRunner

_TURN_MS = 100
# Seconds for the goodbye when the window is being closed; a batch and a datagram take milliseconds.
_GOODBYE_MAX = 15.0


def run(config: ServerConfig, hidden: bool = False, serve: ServiceRunner = serve) -> int:
    """Show the window and serve until it is closed; the exit code. `hidden`: begin as an icon.

    For the main thread. `serve`: what to run.
    """
    name_program(SERVER_ID)
    try:
        from lanchat_server.window.view import make_root

        dark = os.environ.get("LANCHAT_THEME") == "dark"
        root = make_root(dark)
    except Exception as error:  # ImportError without Tk, TclError without a screen
        text = _("The window cannot be opened ({reason}). Without one: lanchat-server run")
        OutputWriter(False).warn(text.format(reason=error))
        return 1
    with _collected_log(config.log_level) as log:
        window = _Window(root, dark, config, log, serve)
        with _signals(window.close):
            window.open(hidden)
            root.mainloop()
    return 1 if window.failed else 0


class _Window:
    """Joins model, view and service."""

    def __init__(self, root: Any, dark: bool, config: ServerConfig, log: WindowLog, serve: ServiceRunner) -> None:
        from lanchat_server.window.view import ServerView, WindowActions

        self._root = root
        self._config = config
        self._serve = serve
        self._events: queue.Queue[Event] = queue.Queue()
        self._model = WindowModel(config.name)
        self._closing_until = 0.0
        self._close_asked = False
        self._view = ServerView(
            root, dark, log, WindowActions(self._start, self._stop, self._close_by_hand, self._make_first)
        )

    @property
    def failed(self) -> bool:
        return self._model.state is ServiceState.FAILED

    def open(self, hidden: bool) -> None:
        if hidden:
            self._root.iconify()
        self._start()
        self._turn()

    def close(self) -> None:
        """Say goodbye and close without asking; for signals."""
        self._close_asked = True

    def _start(self) -> None:
        self._model.start()
        self._thread = ServerThread(self._config, self._events, self._serve)
        self._thread.start()
        self._view.show(self._model)

    def _stop(self) -> None:
        if self._may_stop():
            self._stop_now()

    def _stop_now(self) -> None:
        if self._model.state in (ServiceState.STARTING, ServiceState.RUNNING):
            self._model.ask_stop()
            self._thread.stop()
            self._view.show(self._model)

    def _make_first(self, user: str, password: str, again: str) -> None:
        if self._model.ask_first(user, password, again):
            self._thread.make_first(user, password)
        self._view.show(self._model)

    def _may_stop(self) -> bool:
        """Asks when somebody is connected."""
        if not self._model.asks_before_stop():
            return True
        from tkinter import TclError, messagebox

        text = _("People are connected: {count}. Stop the server?").format(count=len(self._model.online))
        detail = _("What they write meanwhile is kept and handed in when the server is back.")
        with contextlib.suppress(TclError):  # a signal closed the window under the question
            return messagebox.askyesno(_("Stop server"), text, detail=detail, icon="warning", parent=self._root)
        return False

    def _close_by_hand(self) -> None:
        if self._may_stop():
            self._stop_now()
            self._closing_until = time.monotonic() + _GOODBYE_MAX

    def _turn(self) -> None:
        """One look at everything; comes back by itself."""
        if self._close_asked:
            self._close_asked = False
            self._stop_now()
            self._closing_until = time.monotonic() + _GOODBYE_MAX
        self._take_events()
        self._view.show(self._model)
        if self._closing_until and (self._over() or time.monotonic() > self._closing_until):
            self._root.destroy()
            return
        self._root.after(_TURN_MS, self._turn)

    def _over(self) -> bool:
        return self._model.state in (ServiceState.STOPPED, ServiceState.FAILED)

    def _take_events(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if isinstance(event, ServiceEnded) and not event.problem and self._model.state is ServiceState.RUNNING:
                    self._close_asked = True  # `lanchat-server stop` ends the whole program
                self._model.take(event)


@contextlib.contextmanager
def _collected_log(level: str) -> Iterator[WindowLog]:
    """A handler beside those that are there already, for this time."""
    log = WindowLog()
    log.setLevel(level.upper())
    root = logging.getLogger()
    before = root.level
    root.addHandler(log)
    root.setLevel(min(before, log.level))
    try:
        yield log
    finally:
        root.removeHandler(log)
        root.setLevel(before)


@contextlib.contextmanager
def _signals(close: Any) -> Iterator[None]:
    """SIGTERM, Ctrl-C and the end of a console close the window. Python looks for them whenever the window takes its
    turn."""
    before = {number: signal.signal(number, lambda _number, _frame: close()) for number in STOP_SIGNALS}
    try:
        with stopping_with_console(partial(signal.raise_signal, signal.SIGTERM)):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
