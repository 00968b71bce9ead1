"""What a command says: data on stdout (lines of text, or one JSON object a line), everything else on stderr."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from lanchat.terminal.exits import FAILED
from lanchat.terminal.harmless import harmless, indented
from lanchat.terminal.styled import can_style, styled


class OutputClosed(Exception):
    """Whoever read our output has gone: end without a word."""


def hold_descriptors() -> None:
    """Open what a caller closed of standard input, output and error, so that no file or connection of ours gets its
    number and is written to by mistake. Python knows that they were closed: the streams stay None."""
    with contextlib.suppress(OSError):
        descriptor = os.open(os.devnull, os.O_RDWR)
        while descriptor <= 2:
            descriptor = os.dup(descriptor)
        os.close(descriptor)


def close_streams(program: str, code: int) -> int:
    """Write what is still buffered, at the end of a program; the exit code, which is 1 instead of 0 with one line on
    stderr when that fails. Nothing is left for the interpreter to complain about."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        abandon_stdout()
        if not code and not (isinstance(error, OSError) and is_closed_pipe(error)):
            from lanchat.i18n.os_errors import os_error_text

            reason = os_error_text(error) if isinstance(error, OSError) else str(error)
            OutputWriter(False).warn(f"{program}: {reason}")
            code = FAILED
    with contextlib.suppress(OSError, ValueError, AttributeError):
        _abandon(sys.stderr)
    return code


def prepare_streams() -> None:
    """UTF-8 on all three streams whatever the environment says; what cannot be encoded is escaped, never raised."""
    for stream, errors in ((sys.stdin, "strict"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(encoding="utf-8", errors=errors)  # type: ignore[union-attr]


def abandon_stdout() -> None:
    """After OutputClosed: what is still buffered goes nowhere, so that the interpreter's last flush is silent."""
    with contextlib.suppress(AttributeError, ValueError, OSError):
        _abandon(sys.stdout)


def _abandon(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def is_closed_pipe(error: OSError) -> bool:
    """Whether it says that nobody reads any more; Windows says EINVAL."""
    return error.errno in (errno.EPIPE, errno.EINVAL)


class OutputWriter:
    """Where a command writes. Each row is flushed: a script that reads a pipe sees it at once."""

    def __init__(self, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        """`as_json`: rows are JSON objects, notes are left out. `out`, `err`: None for stdout and stderr."""
        self.as_json = as_json
        self._out = out if out is not None else sys.stdout
        self._err = err if err is not None else sys.stderr
        self._styles: bool | None = None  # whether stdout takes bold letters; None: not asked yet

    def say(self, text: str) -> str:
        """Somebody's text as stdout may get it: on a terminal with bold and italic letters, else as `shown`."""
        if self._styles is None:
            self._styles = can_style(self._out)
        return styled(text) if self._styles else shown(text)

    def row(self, values: Mapping[str, Any], text: str) -> None:
        """One line of data: `values` as JSON, or `text` for a person. Raises OutputClosed."""
        self.write(json.dumps(values, ensure_ascii=False) if self.as_json else text)

    def write(self, line: str, end: str = "\n") -> None:
        """One line on stdout. Raises OutputClosed, OSError (full disk, closed by the caller)."""
        if self._out is None:
            if sys.platform == "win32":  # a program without a console
                return
            from lanchat.platform.disk.files import FileRefused
            from lanchat.protocol.problems import Problem

            raise FileRefused(errno.EBADF, Problem.STDOUT_CLOSED)
        try:
            self._out.write(line + end)
            self._out.flush()
        except OSError as error:
            if is_closed_pipe(error):
                raise OutputClosed from None
            raise

    def note(self, text: str) -> None:
        """A line for the person beside the data; scripts that asked for JSON are spared it."""
        if not self.as_json:
            self.warn(text)

    def warn(self, text: str, end: str = "\n") -> None:
        """A line on stderr, always; lost without a word when nobody reads it."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._err.write(text + end)
            self._err.flush()


def rfc3339(moment: float) -> str | None:
    """Seconds since the epoch as `2026-01-31T12:34:56.789Z`; None for 0 (never) and for what no calendar holds."""
    try:
        whole, millis = divmod(round(moment * 1000), 1000)
        day = datetime.fromtimestamp(whole, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{day:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z" if moment else None


def clock(moment: float) -> str:
    """A time for a person, in local time: `2026-01-31 12:34`."""
    try:
        return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M}" if moment else "-"  # noqa: DTZ006 - people read it
    except (OverflowError, ValueError, OSError):
        return "-"


def shown(text: str) -> str:
    """Somebody's text as a terminal may get it: without control characters, and further lines indented, so that none
    of them passes for a line of ours."""
    return indented(harmless(text))
