"""The server with its window (`lanchat-server window`): the service in a thread, the window in this one.

The service posts what happens (`lanchat.ui.kit.wakeup`); no other thread ever calls Tk, so neither can wait for the
other.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from lanchat.i18n import _
from lanchat.platform.programs.console import stopping_with_console
from lanchat.platform.programs.interrupts import STOP_SIGNALS
from lanchat.platform.programs.taskbar import SERVER_ID, name_program
from lanchat.terminal.output import OutputWriter
from lanchat_server.config import ServerConfig
from lanchat_server.service.lifecycle.server import serve
from lanchat_server.window.administration import LocalAdministration
from lanchat_server.window.log import WindowLog
from lanchat_server.window.model import ServiceState, WindowModel
from lanchat_server.window.settings import SettingsSource
from lanchat_server.window.thread import (
    Answer,
    Event,
    Outcome,
    ServerThread,
    ServiceEnded,
    ServiceFigures,
    ServiceRunner,
)

# Between two drawings of a log that grows, and on Windows between two looks for signals.
_LOG_MS = 200
_SIGNALS_MS = 1000
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


class LogGrew(msgspec.Struct, frozen=True):
    """There are new lines in the log."""


Item = Event | LogGrew


class _Window:
    """Joins model, view and service. Nothing is asked again and again: the service posts what happens, and while the
    window is hidden neither figures nor lines of the log."""

    def __init__(self, root: Any, dark: bool, config: ServerConfig, log: WindowLog, serve: ServiceRunner) -> None:
        from lanchat.ui.kit.wakeup import PostedQueue, Wakeup
        from lanchat_server.window.view import ServerView, WindowActions

        self._root = root
        self._config = config
        self._serve = serve
        self._log = log
        self._wakeup: Wakeup[Item] = Wakeup(root, self._take, PostedQueue(_can_be_dropped))
        self._model = WindowModel(config.name)
        self._thread: ServerThread | None = None
        self._closing = self._seen = False
        self._log_told = threading.Event()
        self._redraw = ""
        administration = LocalAdministration(self._ask)
        self._view = ServerView(
            root,
            dark,
            log,
            WindowActions(
                self._start,
                self._stop,
                self._close_by_hand,
                self._make_first,
                administration,
                SettingsSource(config, self._beside),
            ),
        )

    @property
    def failed(self) -> bool:
        return self._model.state is ServiceState.FAILED

    def open(self, hidden: bool) -> None:
        root = self._root
        if hidden:
            root.iconify()
        self._seen = not hidden
        root.bind("<Map>", lambda event: self._show_or_hide(event, True))
        root.bind("<Unmap>", lambda event: self._show_or_hide(event, False))
        self._log.came = self._log_grew
        self._start()
        self._wakeup.ring_on_signals()
        if sys.platform == "win32":
            self._let_signals_in()

    def _let_signals_in(self) -> None:
        """Python handles a signal when the window does anything; on Windows nothing else wakes it."""
        self._root.after(_SIGNALS_MS, self._let_signals_in)

    def close(self) -> None:
        """Say goodbye and close without asking; for signals."""
        self._root.after(0, self._close_now)

    def _show_or_hide(self, event: Any, seen: bool) -> None:
        if event.widget is self._root and seen != self._seen:
            self._seen = seen
            if self._thread is not None:
                self._thread.watch(seen)
            if seen:
                self._view.show(self._model)

    def _start(self) -> None:
        self._model.start()
        self._thread = ServerThread(self._config, self._wakeup.post, self._serve)
        self._thread.watch(self._seen)
        self._thread.start()
        self._view.show(self._model)

    def _ask(self, request: Any, then: Callable[[Outcome], None]) -> None:
        if self._thread is not None:
            self._thread.ask(request, then)

    def _beside(self, work: Callable[[], str], then: Callable[[str], None]) -> None:
        if self._thread is not None:
            self._thread.run_beside(work, then)

    def _stop(self) -> None:
        if self._may_stop():
            self._stop_now()

    def _stop_now(self) -> None:
        if self._thread is not None and self._model.state in (ServiceState.STARTING, ServiceState.RUNNING):
            self._model.ask_stop()
            self._thread.stop()
            self._view.show(self._model)

    def _make_first(self, user: str, password: str, again: str) -> None:
        if self._thread is not None and self._model.ask_first(user, password, again):
            self._thread.make_first(user, password)
        self._view.show(self._model)

    def _may_stop(self) -> bool:
        """Asks when somebody is connected."""
        if not self._model.asks_before_stop():
            return True
        from tkinter import TclError

        text = _("People are connected: {count}. Stop the server?").format(count=len(self._model.online))
        detail = _("What they write meanwhile is kept and sent when the server is back.")
        with contextlib.suppress(TclError):  # a signal closed the window under the question
            return self._view.ask(text, detail, _("Stop"))
        return False

    def _close_by_hand(self) -> None:
        if self._may_stop():
            self._close_now()

    def _close_now(self) -> None:
        self._stop_now()
        if self._over():
            self._end()
        elif not self._closing:
            self._closing = True
            self._root.after(round(_GOODBYE_MAX * 1000), self._end)

    def _end(self) -> None:
        self._log.came = _nothing
        self._wakeup.close()
        self._root.destroy()

    def _over(self) -> bool:
        return self._model.state in (ServiceState.STOPPED, ServiceState.FAILED)

    # --- What the service posts -----------------------------------------------------------------------------------

    def _log_grew(self) -> None:
        """In any thread; one notice for all lines until they are drawn."""
        if not self._log_told.is_set():
            self._log_told.set()
            self._wakeup.post(LogGrew())

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, LogGrew):
                self._redraw_later()
            elif isinstance(item, Answer):
                item.deliver()
            else:
                self._take_event(item)
        if self._closing and self._over():
            self._end()
        elif self._seen and not all(isinstance(item, LogGrew | Answer) for item in items):
            self._view.show(self._model)

    def _take_event(self, event: Event) -> None:
        if isinstance(event, ServiceEnded) and not event.problem and self._model.state is ServiceState.RUNNING:
            self._closing = True  # `lanchat-server stop` ends the whole program
        self._model.take(event)

    def _redraw_later(self) -> None:
        """A log that grows quickly is drawn some times a second; what is hidden is drawn when it comes in sight."""
        if not self._redraw:
            self._redraw = self._root.after(_LOG_MS, self._draw_log)

    def _draw_log(self) -> None:
        self._redraw = ""
        self._log_told.clear()
        if self._seen:
            self._view.show(self._model)


def _can_be_dropped(item: Item) -> bool:
    return isinstance(item, ServiceFigures)


def _nothing() -> None:
    """Nobody wants to know of new lines."""


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
    """SIGTERM, Ctrl-C and the end of a console close the window."""
    before = {number: signal.signal(number, lambda _number, _frame: close()) for number in STOP_SIGNALS}
    try:
        with stopping_with_console(partial(signal.raise_signal, signal.SIGTERM)):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
