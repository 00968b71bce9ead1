"""Lines of a pipe that are no UTF-8, as programs of Windows write them: refused, never altered."""

import asyncio
import errno
import io
import os
import sys
import threading
from collections import deque
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lanchat.cli.commands.chat import Conversation
from lanchat.protocol.errors import ProtocolError
from lanchat.terminal.exits import FAILED, USAGE
from lanchat.terminal.prompts import TypedLines


class Pipe(io.TextIOWrapper):
    """Standard input from a pipe."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(io.BytesIO(octets), encoding="utf-8")


def typed(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What comes of each line: its text, or in brackets why it is none."""
    monkeypatch.setattr(sys, "stdin", Pipe(octets))

    async def run() -> list[str]:
        lines, found = TypedLines(deque()), []
        while True:
            try:
                line = await lines.next()
            except ProtocolError as error:
                found.append(f"({error})")
                continue
            if line is None:
                return found
            found.append(line)

    return asyncio.run(run())


def test_lines_are_read_from_the_input_of_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that reads goes on for a moment after its conversation, and takes no line of the next one."""
    replaced = threading.Event()

    class SlowPipe(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            assert replaced.wait(60)
            return super().readline(size)

    async def run() -> list[str | None]:
        lines = TypedLines(deque())
        monkeypatch.setattr(sys, "stdin", Pipe(b"of the next\n"))
        replaced.set()
        async with asyncio.timeout(60):
            return [await lines.next() for _ in range(3)]

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(SlowPipe(b"one\ntwo\n"), encoding="utf-8"))
    assert asyncio.run(run()) == ["one", "two", None]


@pytest.mark.parametrize("page", ["cp866", "cp1251"])
def test_a_code_page_is_refused_and_the_next_line_is_read(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    octets = "один\n".encode() + "привет\n".encode(page) + "три\n".encode()
    assert typed(octets, monkeypatch) == ["один", "(text is not UTF-8)", "три"]


def test_utf_16_ends_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed("привет\r\nещё\r\n".encode("utf-16"), monkeypatch) == ["(text is UTF-16)"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed("\ufeffпривет\r\n".encode(), monkeypatch) == ["привет"]


def test_a_refused_line_is_told_and_counts_as_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe("привет\n".encode("cp866") + b"ok\n"))
    warned: list[str] = []
    taken: list[str] = []

    async def take(line: str) -> bool:
        taken.append(line)
        return True

    async def run() -> Any:
        chat = SimpleNamespace(_failed=0, _output=SimpleNamespace(warn=warned.append), _take=take)
        await Conversation._take_lines(cast(Any, chat), TypedLines(deque()))
        return chat

    chat = asyncio.run(run())
    assert (taken, chat._failed, len(warned)) == (["ok"], USAGE, 1)
    assert "UTF-8" in warned[0]


class BrokenPipe(io.BytesIO):
    """One line, then what a file that is open for writing alone, or a broken disk, says."""

    def readline(self, size: int | None = -1, /) -> bytes:
        if line := super().readline(size):
            return line
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_unreadable_input_is_no_end_of_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(BrokenPipe(b"one\n"), encoding="utf-8"))
    warned: list[str] = []
    taken: list[str] = []

    async def take(line: str) -> bool:
        taken.append(line)
        return True

    async def run() -> Any:
        chat = SimpleNamespace(_failed=0, _output=SimpleNamespace(warn=warned.append), _take=take)
        async with asyncio.timeout(30):
            await Conversation._take_lines(cast(Any, chat), TypedLines(deque()))
        return chat

    chat = asyncio.run(run())
    assert (taken, chat._failed, len(warned)) == (["one"], FAILED, 1)
    assert "Standard input cannot be read" in warned[0]


def test_on_windows_lines_are_printed_without_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console shows them as they are unless virtual terminal processing is switched on."""
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("lanchat.terminal.prompts.has_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _prompt: (_ for _ in ()).throw(EOFError))

    async def run() -> str:
        return TypedLines(deque()).around("Anna: hello\n")

    assert asyncio.run(run()) == "Anna: hello\n"
