"""How far a file is, in one line of a terminal that is written anew: share, rate, time left."""

import sys
from collections.abc import Callable

from lanchat.app import api
from lanchat.i18n import _
from lanchat.i18n.sizes import size_text
from lanchat.terminal.output import OutputWriter, shown

# Seconds between two lines.
_INTERVAL = 0.25
# Seconds after which a rate says something.
_RATE_AFTER = 1.0


class TransferView:
    """Shows `TransferProgress` events on stderr, when that is a terminal. Its last line is cleared by `end`."""

    def __init__(self, output: OutputWriter, now: Callable[[], float]) -> None:
        """`now`: seconds of a clock that goes on."""
        self._output = output
        self._now = now
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._width = 0
        self._next = 0.0
        self._began: tuple[str, bool, float, int] | None = None

    def show(self, event: api.TransferProgress) -> None:
        """The line as it is now, four times a second at most."""
        now = self._now()
        if self._began is None or self._began[:2] != (event.name, event.hashing):
            self._began = (event.name, event.hashing, now, event.done)
            self._next = now
        if self._terminal and now >= self._next:
            self._next = now + _INTERVAL
            self._write(self.text(event))

    def text(self, event: api.TransferProgress) -> str:
        """What the line says."""
        now = self._now()
        _name, _hashing, began, already = self._began or ("", False, now, 0)
        share = 100 * event.done // event.size if event.size else 100
        text = _("{name}: {share} % of {size}").format(name=shown(event.name), share=share, size=size_text(event.size))
        if event.hashing:
            return _("{text}, reading").format(text=text)
        rate = (event.done - already) / (now - began) if now - began >= _RATE_AFTER else 0.0
        if rate <= 0:
            return text
        left = round((event.size - event.done) / rate)
        minutes, seconds = divmod(left, 60)
        time = f"{minutes}:{seconds:02}"
        return _("{text}, {rate} a second, {time} left").format(text=text, rate=size_text(rate), time=time)

    def end(self) -> None:
        """Clear the line."""
        if self._width:
            self._write("")
            self._output.warn("\r", end="")
        self._width = 0

    def _write(self, line: str) -> None:
        self._output.warn("\r" + line.ljust(self._width), end="")
        self._width = len(line)
