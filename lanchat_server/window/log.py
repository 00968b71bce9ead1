"""The last lines of the log for the window: collected in any thread, read by the window's own. Knows no Tk."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from lanchat.i18n import _
from lanchat.protocol.text.names import inert
from lanchat_server.logs import redact

# What a person may scroll through; 500 × 1 KiB at most.
LINES_MAX = 500
_LINE_MAX = 1000


class LogLine(msgspec.Struct, frozen=True):
    """A line as the window shows it. `number` counts from 1 in each `WindowLog`; `level` is one of `logging`."""

    number: int
    level: int
    text: str


class WindowLog(logging.Handler):
    """Keeps the last lines. `after` gives those that came since."""

    def __init__(self, level: int = logging.INFO, came: Callable[[], None] = lambda: None) -> None:
        """`level`: what is below it is not kept. `came` is called after each line, in any thread."""
        super().__init__(level)
        self.came = came
        self._lines: deque[LogLine] = deque(maxlen=LINES_MAX)
        self._count = 0
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """In any thread. A record whose text cannot be made is not kept (`handleError`)."""
        try:
            text = self._text(record)
        except Exception:
            self.handleError(record)
            return
        with self._guard:
            self._count += 1
            self._lines.append(LogLine(self._count, record.levelno, text))
        self.came()

    def after(self, number: int, level: int = logging.NOTSET, words: str = "") -> list[LogLine]:
        """Lines with a higher number, of this level at least, that have `words` in them (case does not matter)."""
        with self._guard:
            lines = list(self._lines)
        wanted = words.casefold()
        return [
            line for line in lines if line.number > number and line.level >= level and wanted in line.text.casefold()
        ]

    @property
    def count(self) -> int:
        """The number of the newest line."""
        return self._count

    @staticmethod
    def _text(record: logging.LogRecord) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        reason = ""
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            reason = f" ({type(error).__name__}: {error})"
        message = redact(f"{_message(record)}{reason}")
        return inert(f"{moment}  {_level(record.levelno):<15}{message}", _LINE_MAX)


def _message(record: logging.LogRecord) -> str:
    """In the language of the window, where the text is one of ours; what is inserted into it stays as it is."""
    text = str(record.msg)
    translated = _(text) if text else text
    return translated % record.args if record.args else translated


def _level(level: int) -> str:
    if level >= logging.ERROR:
        return _("error")
    return _("warning") if level >= logging.WARNING else _("message")
