"""Asking a person: passwords, and yes or no. Never without a terminal: a script gets an error, not a hang.

Questions run in a thread of their own that nobody waits for: a blocked read cannot be cancelled, and Ctrl-C has to
end the program at once. What the read changed at the terminal (echo) is put back here.
"""

import asyncio
import contextlib
import getpass
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from lanchat.i18n import _
from lanchat.i18n.input_rules import not_text
from lanchat.i18n.os_errors import os_error_text
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import SURROGATE, clean_breaks, decode_text_untrusted
from lanchat.protocol.text.names import password_form
from lanchat.terminal.exits import FAILED, USAGE, CliError
from lanchat.terminal.line_editor import Complete
from lanchat.terminal.typed_line import Typing

PASSWORD_VARIABLE = "LANCHAT_PASSWORD"  # noqa: S105 - the name of a variable
NEW_PASSWORD_VARIABLE = "LANCHAT_NEW_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE_MAX = 4096

T = TypeVar("T")


def has_terminal() -> bool:
    """A person can be asked."""
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """The result of blocking `work`; cancelling abandons it, and the program's end does not wait for it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(setter: Callable[..., None], value: object) -> None:
        if not future.done():
            setter(value)

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            try:
                result = work()
            except BaseException as error:
                loop.call_soon_threadsafe(settle, future.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, future.set_result, result)

    threading.Thread(target=run, daemon=True).start()
    return await future


@contextlib.contextmanager
def terminal_kept() -> Iterator[None]:
    """Whatever happens inside, the terminal echoes afterwards as it did before."""
    if sys.platform == "win32":  # its prompt changes nothing that outlives it
        yield
        return
    import termios

    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, AttributeError, ValueError, OSError):
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _text_only() -> Iterator[None]:
    """Raises CliError for what is no UTF-8: a terminal with another character set."""
    try:
        yield
    except UnicodeDecodeError:
        raise CliError(FAILED, _("Standard input is not UTF-8 text")) from None


async def ask(question: str) -> str:
    """A line that the person typed; empty at the end of input."""

    def read() -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    with _text_only():
        return await in_daemon_thread(read)


async def agree(question: str) -> bool:
    """A yes; anything else is a no."""
    answer = (await ask(question + " " + _("[yes/no]") + " ")).lower()
    return answer in {"yes", "y", _("yes"), _("y")}


async def _ask_password(question: str) -> str:
    with terminal_kept(), _text_only():
        try:
            return await in_daemon_thread(lambda: getpass.getpass(question + ": "))
        except EOFError:
            raise CliError(USAGE, _("No password was given")) from None


def read_password_file(file: str) -> str:
    """The first line of the file, without a byte order mark. Raises CliError."""
    try:
        with Path(file).open("rb") as stream:
            octets = stream.readline(PASSWORD_FILE_MAX)
        password = clean_breaks(decode_text_untrusted(octets)).partition("\n")[0]
    except ProtocolError as error:
        raise _unreadable(file, not_text(error)) from None
    except (OSError, ValueError) as error:
        raise _unreadable(file, os_error_text(error) if isinstance(error, OSError) else str(error)) from None
    if not password:
        raise CliError(USAGE, _("The password file {file} is empty").format(file=file))
    return password


def _unreadable(file: str, reason: str) -> CliError:
    text = _("The password file {file} cannot be read: {reason}")
    return CliError(USAGE, text.format(file=file, reason=reason))


def _variable(name: str) -> str:
    """A password from the environment, without what a file or a program left around it. Raises CliError."""
    value = os.environ.get(name, "").removeprefix("\ufeff").rstrip("\r\n")
    if SURROGATE.search(value):
        raise CliError(USAGE, _("{variable} is not UTF-8 text").format(variable=name))
    return value


class PasswordSource:
    """Where a password comes from: a file, a variable, a person. Raises CliError at once when there is none of them, so
    that a command fails before it has talked to a server."""

    def __init__(self, file: str | None, option: str = "--password-file", variable: str = PASSWORD_VARIABLE) -> None:
        """`file` goes before the environment's `variable`. `option`: what gives the file, for the error's text."""
        self._given = read_password_file(file) if file else _variable(variable)
        if not self._given and not has_terminal():
            raise CliError(
                USAGE,
                _("A password is needed and there is no terminal to ask: use {option} or {variable}").format(
                    option=option, variable=variable
                ),
            )

    async def password(self, question: str = "") -> str:
        """The password."""
        return self._given or await _ask_password(question or _("Password"))

    async def new_password(self) -> str:
        """A password that is being chosen: a person types it twice."""
        if self._given:
            return self._given
        while True:
            first = await _ask_password(_("New password"))
            if password_form(first) == password_form(await _ask_password(_("The same once more"))):
                return first
            print(_("These two differ"), file=sys.stderr)


class UnreadableInput(Exception):
    """Standard input is open, and reading it fails; the reason in the person's language."""


class TypedLines:
    """Lines from standard input as they come: from a pipe, or from a person who edits them at a terminal while others'
    lines are printed above. Event loop's thread only."""

    PROMPT = "> "

    def __init__(self, printed: deque[str], complete: Complete | None = None) -> None:
        """`printed`: the newest lines on the screen, kept by whoever prints. `complete`: what Tab does."""
        self._lines: asyncio.Queue[str | ProtocolError | UnreadableInput | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._input = sys.stdin
        edits = sys.platform != "win32" and has_terminal()
        self._typing = Typing(self.PROMPT, self._take, printed, complete) if edits else None
        if self._typing is None:
            threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> str | None:
        """The next line; None at the end of input, and after that for ever. Raises ProtocolError for one that is no
        text, and UnreadableInput, after which there is nothing more."""
        line = await self._lines.get()
        if isinstance(line, ProtocolError | UnreadableInput):
            raise line
        if line is None:
            self._lines.put_nowait(None)
        return line

    def around(self, line: str) -> str:
        """`line` (with its end) as it is written while the person types: above what is typed, which is shown again."""
        return self._typing.above(line) if self._typing else line

    def close(self) -> None:
        """The terminal as it was before."""
        if self._typing:
            self._typing.close()

    def _take(self, line: str | None) -> None:
        self._lines.put_nowait(line)

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            while True:
                line = self._read_line()
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
                if line is None:
                    return
                is_utf_16 = isinstance(line, ProtocolError) and "UTF-16" in str(line)
                if is_utf_16 or isinstance(line, UnreadableInput):  # what follows cannot be told apart, or had
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
                    return

    def _read_line(self) -> str | ProtocolError | UnreadableInput | None:
        terminal = has_terminal()
        try:
            if terminal:
                return input(self.PROMPT)
            octets = self._input.buffer.readline()
        except OSError as error:
            return None if terminal else UnreadableInput(os_error_text(error))
        except (EOFError, ValueError, AttributeError):
            return None
        try:
            return decode_text_untrusted(octets).rstrip("\r\n") if octets else None
        except ProtocolError as error:  # a pipe in a code page of Windows: nobody can say which
            return error
