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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from lanchat.cli.exits import USAGE, CliError
from lanchat.i18n import _
from lanchat.net.words import not_text
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text import decode_text_untrusted

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


async def ask(question: str) -> str:
    """A line that the person typed; empty at the end of input."""

    def read() -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    return await in_daemon_thread(read)


async def agree(question: str) -> bool:
    """A yes; anything else is a no."""
    answer = (await ask(question + " " + _("[yes/no]") + " ")).lower()
    return answer in {"yes", "y", _("yes"), _("y")}


async def _ask_password(question: str) -> str:
    with terminal_kept():
        try:
            return await in_daemon_thread(lambda: getpass.getpass(question + ": "))
        except EOFError:
            raise CliError(USAGE, _("No password was given")) from None


def read_password_file(file: str) -> str:
    """The first line of the file, without a byte order mark. Raises CliError."""
    try:
        with Path(file).open("rb") as stream:
            octets = stream.readline(PASSWORD_FILE_MAX)
        password = decode_text_untrusted(octets).rstrip("\r\n")
    except (OSError, ValueError, ProtocolError) as error:
        reason = not_text(error) if isinstance(error, ProtocolError) else getattr(error, "strerror", None) or error
        raise CliError(
            USAGE, _("The password file {file} cannot be read: {reason}").format(file=file, reason=reason)
        ) from None
    if not password:
        raise CliError(USAGE, _("The password file {file} is empty").format(file=file))
    return password


def _variable(name: str) -> str:
    """A password from the environment, without what a file or a program left around it."""
    return os.environ.get(name, "").removeprefix("\ufeff").rstrip("\r\n")


class PasswordSource:
    """Where a password comes from: a file, a variable, a person. Raises CliError at once when there is none of them, so
    that a command fails before it has talked to a server."""

    def __init__(self, file: str | None, option: str = "--password-file", variable: str = PASSWORD_VARIABLE) -> None:
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
            if first == await _ask_password(_("The same once more")):
                return first
            print(_("These two differ"), file=sys.stderr)


class TypedLines:
    """Lines from standard input as they come, read in a thread of its own: from a person (with editing, where the
    platform has it) or from a pipe."""

    PROMPT = "> "

    def __init__(self) -> None:
        self._person = has_terminal()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._buffer: Callable[[], str] = str
        if self._person and sys.platform != "win32":
            import readline

            self._buffer = readline.get_line_buffer
        threading.Thread(target=self._read, daemon=True).start()

    async def next(self) -> str | None:
        """The next line; None at the end of input, and after that for ever."""
        line = await self._lines.get()
        if line is None:
            self._lines.put_nowait(None)
        return line

    def around(self, line: str) -> str:
        """`line` (with its end) as it is written while the person types: above what is typed, which is shown again."""
        return f"\r\x1b[K{line}{self.PROMPT}{self._buffer()}" if self._person else line

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            while True:
                line = self._read_line()
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
                if line is None:
                    return

    def _read_line(self) -> str | None:
        try:
            if self._person:
                return input(self.PROMPT)
            octets = sys.stdin.buffer.readline()
        except (EOFError, OSError, ValueError, AttributeError):
            return None
        # What is not UTF-8 becomes a mark that people see; a line is never lost because of one octet.
        return octets.decode("utf-8", "replace").rstrip("\r\n") if octets else None
