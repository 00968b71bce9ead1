"""The administrator's local channel: how `lanchat-server users …` and `status` reach the running server.

JSON lines over TCP on the loopback address. The file `admin.json` in the data directory (mode 0600) holds port and
token: whoever can read it could read the database as well. The token itself is never sent: a server that was killed
leaves the file, and anybody on the computer may get its port then. So each end shows that it knows the token, by an
HMAC over two numbers that are drawn for this connection, the server first:

    command  {"nonce": …}
    server   {"nonce": …, "proof": …}
    command  {"proof": …}
    server   {"admitted": true} or {"error": …}
    command  {"operation": …, "arguments": …}
    server   {"result": …} or {"error": …}

A list that is longer than PAGE_OCTETS comes in pages, {"result": […], "more": true}; the command asks for the next one
with {"next": true}.

The proof is compared before anything else, a line is bounded, and so are the places and the time of those who have not
shown it (local_port.py). A command that loses its place has not said what it wants yet, and connects again.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from lanchat.i18n import _
from lanchat.platform.files import replace_file
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.service.net.local_port import LocalConnection, LocalPort

ADMIN_FILE = "admin.json"
LINE_MAX = 64 * 1024
# Of a list's part in one line.
PAGE_OCTETS = 256 * 1024
# Answers to a connection that has not proved itself: they say nothing about the server.
MISUNDERSTOOD = ("not a request", "wrong proof")
# What the channel says instead of working when as many commands as it takes are under way.
BUSY = "too many commands at once"
# Until a connection has shown that it may give commands.
INTRODUCTION_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0
# A server that works on a command shows so; one that is silent for longer has stopped, or hangs.
SIGN_OF_LIFE = 2.0
SILENCE_MAX = 10.0
# A backup reads everything: 10 million messages are some 5 GB, which a slow disk takes half an hour for.
BACKUP_TIMEOUT = 3600.0

# Octets of the number that an end draws.
NONCE = 32

T = TypeVar("T")
log = logging.getLogger(__name__)


async def _hung_up(reader: asyncio.StreamReader) -> bool:
    """Whether the end of the connection is there already; it is read a turn of the event loop after the last octets."""
    for _turn in range(3):
        await asyncio.sleep(0)
    return reader.at_eof()


async def _with_signs_of_life(work: Coroutine[Any, Any, T], writer: asyncio.StreamWriter) -> T:
    """The result of work that may take long. Meanwhile blanks go out, which JSON passes over."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=SIGN_OF_LIFE))[0]:
            writer.write(b" ")
            await writer.drain()
        return task.result()
    finally:
        task.cancel()


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode() + b"\n"


async def _send_pages(answer: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for number, page in enumerate(_pages(answer)):
        async with asyncio.timeout(ANSWER_TIMEOUT):
            if number and not await reader.readline():
                return
            writer.write(_line(page))
            await writer.drain()


def _pages(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer as it is sent: a list in parts of at most PAGE_OCTETS, or of one entry."""
    rows = answer.get("result")
    if not isinstance(rows, list):
        yield answer
        return
    page: list[Any] = []
    octets = 0
    for row in rows:
        size = len(json.dumps(row, ensure_ascii=False).encode())
        if page and octets + size > PAGE_OCTETS:
            yield {"result": page, "more": True}
            page, octets = [], 0
        page.append(row)
        octets += size + 2
    yield {"result": page}


def prove(token: str, who: str, command_nonce: str, server_nonce: str) -> str:
    """What shows that `who` ("server" or "command") of a connection knows the token."""
    return hmac.digest(token.encode(), f"{who} {command_nonce} {server_nonce}".encode(), "sha256").hex()


def is_proof(found: object, expected: str) -> bool:
    """Compared in constant time; whatever else is found is none."""
    return isinstance(found, str) and hmac.compare_digest(found.encode(errors="replace"), expected.encode())


def is_nonce(found: object) -> TypeGuard[str]:
    """Whether an end may have drawn this."""
    return isinstance(found, str) and len(found) == 2 * NONCE and found.isascii()


class AdminChannel:
    """Listens from `start` to `close`; `operate(operation, arguments)` gives the result."""

    def __init__(self, data_dir: Path, operate: Callable[[str, dict[str, Any]], Awaitable[Any]]) -> None:
        self._file = data_dir / ADMIN_FILE
        self._operate = operate
        self._token = secrets.token_hex(32)
        self._port = LocalPort("the administrator's channel", self._serve, LINE_MAX)

    async def start(self) -> None:
        """Listen, and say where."""
        await self._port.start()
        replace_file(self._file, json.dumps({"port": self._port.port, "token": self._token}).encode())

    def close(self) -> None:
        self._port.close()
        with contextlib.suppress(OSError):
            self._file.unlink()

    async def _serve(self, visitor: LocalConnection) -> None:
        reader, writer = visitor.reader, visitor.writer
        async with asyncio.timeout(INTRODUCTION_TIMEOUT):
            if (error := await self._introduce(reader, writer)) is None and not self._port.admit(visitor):
                error = BUSY
            writer.write(_line({"admitted": True} if error is None else {"error": error}))
            await writer.drain()
        if error is not None:
            raise ValueError(error)
        try:
            await self._obey(reader, writer)
        except (OSError, ValueError, TimeoutError) as trouble:
            log.warning("the administrator's channel: %s", trouble)

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            line = await reader.readline()
        if await _hung_up(reader):
            # As after a pause of this process: the command has said already that the outcome is not known.
            log.warning("the administrator's channel: nobody waits for an answer any more")
            return
        async with asyncio.timeout(BACKUP_TIMEOUT):
            answer = await _with_signs_of_life(self._answer(line), writer)
        await _send_pages(answer, reader, writer)

    async def _introduce(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        """Prove to the other end that this is the server; returns what is wrong with the proof of that one, or None."""
        nonce = self._nonce_in(await reader.readline())
        if nonce is None:
            return MISUNDERSTOOD[0]
        mine = secrets.token_hex(NONCE)
        writer.write(_line({"nonce": mine, "proof": prove(self._token, "server", nonce, mine)}))
        expected = prove(self._token, "command", nonce, mine)
        return None if is_proof(self._proof_in(await reader.readline()), expected) else MISUNDERSTOOD[1]

    @staticmethod
    def _nonce_in(line: bytes) -> str | None:
        try:
            nonce = json.loads(line)["nonce"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return None
        return nonce if is_nonce(nonce) else None

    @staticmethod
    def _proof_in(line: bytes) -> object:
        try:
            return json.loads(line)["proof"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return None

    async def _answer(self, line: bytes) -> dict[str, Any]:
        """Of an admitted connection."""
        try:
            request = json.loads(line)
            operation, arguments = request["operation"], request["arguments"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"error": MISUNDERSTOOD[0]}
        try:
            return {"result": await self._operate(operation, arguments)}
        except (Refused, StoreError, LookupError) as error:
            return {"error": str(error)}
        except Exception:
            log.exception("an operation failed: %s", operation)
            return {"error": _("Something went wrong inside the server: see its log")}
