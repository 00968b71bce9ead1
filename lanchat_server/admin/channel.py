"""The local port: how commands on the server's computer reach the running server.

TCP on the loopback address. The file `admin.json` in the data directory (mode 0600) holds port and token: whoever can
read it could read the database as well. The token itself is never sent: a server that was killed leaves the file, and
anybody on the computer may get its port then. So each end first shows that it knows the token, by an HMAC over two
numbers that are drawn for this connection, in lines of JSON, the server first:

    command  {"nonce": …}
    server   {"nonce": …, "proof": …}
    command  {"proof": …}
    server   {"admitted": true} or {"error": …}

With {"proof": …, "stop": true} the command asks the server to end; the answer names the process, {"admitted": true,
"process": …}, and the connection stays open until that has ended in order. Nobody can ask for this over TLS.

From then on the connection carries frames, as TLS connections do: the command a `Request` with an operation of
`operations.OPERATIONS`, the server its `Response` or `Failure`, and meanwhile every two seconds a `Pong` as a sign that
it works on it. Other frames end the connection.

The proof is compared before anything else, lines and frames are bounded, and so are the places and the time of those
who have not shown it (local_port.py). A command that loses its place has not said what it wants yet, and connects
again.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from lanchat.platform.disk.files import replace_file
from lanchat.platform.entropy import SYSTEM_ENTROPY, Entropy
from lanchat.platform.proofs import NONCE, field_in_untrusted, is_proof, nonce_in_untrusted, proof_in_untrusted, prove
from lanchat.protocol.codes import Code
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import FRAME_MAX_TO_SERVER
from lanchat.protocol.wire import (
    Failure,
    FrameReader,
    Pong,
    Request,
    Response,
    Result,
    decode_from_client_untrusted,
    pack_frame,
)
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.core.config import CoreConfig
from lanchat_server.service.answers import answered, packed
from lanchat_server.service.net.local_port import LocalConnection, LocalPort

ADMIN_FILE = "admin.json"
LINE_MAX = 64 * 1024
# Answers to a connection that has not proved itself: they say nothing about the server.
MISUNDERSTOOD = ("not a request", "wrong proof")
# What the channel says instead of working when as many commands as it takes are under way.
BUSY = "too many commands at once"
# Until a connection has shown that it may give commands.
INTRODUCTION_TIMEOUT = 10.0
# Between two requests of a command, and until an answer is read.
ANSWER_TIMEOUT = 30.0
# A server that works on a command shows so; one that is silent for longer has stopped, or hangs.
SIGN_OF_LIFE = 2.0
SILENCE_MAX = 10.0
# A backup reads everything: 10 million messages are some 5 GB, which a slow disk takes half an hour for.
BACKUP_TIMEOUT = 3600.0

_READ = 64 * 1024

T = TypeVar("T")
log = logging.getLogger(__name__)


async def _hung_up(reader: asyncio.StreamReader) -> bool:
    """Whether the end of the connection is there already; it is read a turn of the event loop after the last octets."""
    for _turn in range(3):
        await asyncio.sleep(0)
    return reader.at_eof()


async def _with_signs_of_life(work: Coroutine[Any, Any, T], writer: asyncio.StreamWriter, every: float) -> T:
    """The result of work that may take long; a sign of life goes out every so many seconds."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=every))[0]:
            writer.write(pack_frame(Pong(0)))
            await writer.drain()
        return task.result()
    finally:
        task.cancel()


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"


class AdminChannel:
    """Listens from `start` to `close`; `perform(operation)` gives the result, or raises Refused or StoreError.
    `make_budget` says how many requests a connection may make, `sign_of_life` after how many seconds without an answer
    the channel shows that it works on one."""

    def __init__(
        self,
        data_dir: Path,
        perform: Callable[[Any], Awaitable[Result]],
        *,
        entropy: Entropy = SYSTEM_ENTROPY,
        make_budget: Callable[[], TokenBucket] | None = None,
        sign_of_life: float = SIGN_OF_LIFE,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        """`data_dir` gets the file with port and token at the start. The token is drawn here, for this process
        alone. `stop` begins the orderly end of the server."""
        self._stop = stop
        self._file = data_dir / ADMIN_FILE
        self._perform = perform
        self._entropy = entropy
        self._make_budget = make_budget or request_budget
        self._sign_of_life = sign_of_life
        self._token = entropy.token_bytes(32).hex()
        self._port = LocalPort("the administrator's channel", self._serve, LINE_MAX)

    async def start(self) -> None:
        """Listen, and say where."""
        await self._port.start()
        replace_file(self._file, json.dumps({"port": self._port.port, "token": self._token}).encode())

    def close(self) -> None:
        """Stop listening and remove the file; connections that were not admitted end."""
        self._port.close()
        with contextlib.suppress(OSError):
            self._file.unlink()

    async def _serve(self, visitor: LocalConnection) -> None:
        reader, writer = visitor.reader, visitor.writer
        async with asyncio.timeout(INTRODUCTION_TIMEOUT):
            error, stops = await self._introduce(reader, writer)
            if error is None and not self._port.admit(visitor) and not stops:
                error = BUSY
            admitted = {"admitted": True, "process": os.getpid()} if stops else {"admitted": True}
            writer.write(_line(admitted if error is None else {"error": error}))
            await writer.drain()
        if error is not None:
            raise ValueError(error)
        if stops:
            log.info("asked to stop by a command on this computer")
            self._stop()
            await reader.read()
            return
        try:
            await self._obey(reader, writer)
        except (OSError, ProtocolError, TimeoutError) as trouble:
            log.warning("the administrator's channel: %s", trouble)

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames, budget = FrameReader(FRAME_MAX_TO_SERVER), self._make_budget()
        while octets := await self._read(reader):
            for frame in frames.feed_untrusted(octets):
                request = read_request_untrusted(frame)
                if await _hung_up(reader):
                    # As after a pause of this process: the command has said already that the outcome is not known.
                    log.warning("the administrator's channel: nobody waits for an answer any more")
                    return
                async with asyncio.timeout(BACKUP_TIMEOUT):
                    answer = await _with_signs_of_life(self._answer(request, budget), writer, self._sign_of_life)
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    writer.write(packed(answer))
                    await writer.drain()

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> bytes:
        """What comes next; nothing: the command has hung up."""
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await reader.read(_READ)

    async def _answer(self, request: Request, budget: TokenBucket) -> Response | Failure:
        if type(request.operation) not in OPERATIONS:
            return Failure(request.id, Code.BAD_REQUEST, "not a request of administrators")
        wait = budget.take(asyncio.get_running_loop().time())
        if wait:
            return Failure(request.id, Code.BUSY, "too many requests", round(wait * 1000))
        return await answered(request, self._perform(request.operation), says_why=True)

    async def _introduce(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str | None, bool]:
        """Prove to the other end that this is the server; returns what is wrong with the proof of that one, or None,
        and whether it asks the server to end."""
        nonce = nonce_in_untrusted(await reader.readline())
        if nonce is None:
            return MISUNDERSTOOD[0], False
        mine = self._entropy.token_bytes(NONCE).hex()
        writer.write(_line({"nonce": mine, "proof": prove(self._token, "server", nonce, mine)}))
        expected = prove(self._token, "command", nonce, mine)
        line = await reader.readline()
        if not is_proof(proof_in_untrusted(line), expected):
            return MISUNDERSTOOD[1], False
        return None, stop_in_untrusted(line)


def stop_in_untrusted(line: bytes) -> bool:
    """Whether a command with a proof asks the server to end."""
    return field_in_untrusted(line, "stop") is True


def request_budget() -> TokenBucket:
    """Requests of one connection, as many as of a session."""
    config = CoreConfig()
    return TokenBucket(config.request_rate, config.request_burst)


def read_request_untrusted(frame: bytes) -> Request:
    """What a command asks for. Raises ProtocolError."""
    request = decode_from_client_untrusted(frame)
    if not isinstance(request, Request):
        raise ProtocolError("not a request")
    return request
