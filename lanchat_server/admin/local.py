"""A command's connection to the running server of a data directory."""

import json
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import read_private
from lanchat.platform.programs.process import has_ended
from lanchat.platform.proofs import NONCE, is_nonce, is_proof, prove
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.wire import Failure, FrameReader, Response, decode_from_server_untrusted, pack_frame
from lanchat_server.admin.channel import (
    ADMIN_FILE,
    ANSWER_TIMEOUT,
    BACKUP_TIMEOUT,
    BUSY,
    SILENCE_MAX,
)
from lanchat_server.admin.errors import AdminError
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused

# Seconds. Windows knocks for two before it says that nobody listens.
CONNECT_TIMEOUT = 5.0
# Others on this computer may hold all places of the channel: a command that lost its own tries again for so long.
PLACE_TIMEOUT = 3.0
PLACE_PAUSE = 0.02
# So long a command asks again when the server says that it is busy.
BUSY_TIMEOUT = 10.0
# Octets of a line of the introduction.
LINE_MAX = 64 << 10
# Octets of the file that says where a server listens; it has some hundred.
PLACE_MAX = 64 << 10
_READ = 1 << 16


def check_no_server_runs(data_dir: Path) -> None:
    """For what must not be done beside a running server. Raises StoreError when one may run with this data."""
    try:
        place = _place(data_dir)
        if place is not None:
            sock = _connect(data_dir, place[0])
            if sock is not None:
                sock.close()
                text = _("A server runs with the data in {path}: stop it first. If there is none, remove {file}")
                raise StoreError(text.format(path=data_dir, file=data_dir / ADMIN_FILE))
    except AdminError as error:
        raise StoreError(str(error)) from error


def running_server(data_dir: Path) -> "RunningServer | None":
    """The server that runs with this data; None when for certain none listens. Raises AdminError when nobody can
    say."""
    place = _place(data_dir)
    introduced = _introduced(data_dir, *place, {}) if place is not None else None
    return RunningServer(data_dir, introduced[0]) if introduced is not None else None


def stop_server(data_dir: Path, timeout: float) -> bool:
    """Ask the server that runs with this data to end, and wait until its process has ended; False when for certain none
    listens. Raises AdminError when it has not ended after `timeout` seconds, or when nobody can say."""
    end = time.monotonic() + timeout
    place = _place(data_dir)
    if place is None or (stopping := _introduced(data_dir, *place, {"stop": True})) is None:
        return False
    sock, answer = stopping
    with sock:
        process = answer.get("process")
        if not isinstance(process, int) or process <= 0 or not _closed_by(sock, end):
            raise _not_stopped(data_dir, timeout)
    if not has_ended(process, max(0.0, end - time.monotonic())):
        raise _not_stopped(data_dir, timeout)
    return True


def _closed_by(sock: socket.socket, end: float) -> bool:
    """Whether the server closes the connection until `end`, a monotonic time; what it sends is passed over."""
    try:
        while True:
            sock.settimeout(max(0.01, end - time.monotonic()))
            if not sock.recv(_READ):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True


def _not_stopped(data_dir: Path, timeout: float) -> AdminError:
    text = _("The server with the data in {path} was asked to stop and has not ended within {number} s")
    return AdminError(text.format(path=data_dir, number=f"{timeout:g}"))


class RunningServer:
    """An admitted connection, until `close`."""

    def __init__(self, data_dir: Path, sock: socket.socket) -> None:
        """`sock` was admitted (`running_server`); `close` closes it."""
        self._data_dir = data_dir
        self._sock = sock
        self._frames = FrameReader()
        self._number = 0

    def ask(self, operation: Any) -> wire.Result:
        """The result. Raises Refused, and AdminError when there is no usable answer: then nobody can say what became
        of it."""
        end = time.monotonic() + BUSY_TIMEOUT
        while True:
            answer = self._answer(operation)
            if isinstance(answer, Response):
                return answer.result
            if answer.code != Code.BUSY or not answer.retry_ms or time.monotonic() > end:
                raise Refused(_code(answer.code), answer.text, answer.retry_ms / 1000)
            time.sleep(min(answer.retry_ms / 1000, BUSY_TIMEOUT))

    def _answer(self, operation: Any) -> Response | Failure:
        self._number += 1
        timeout = BACKUP_TIMEOUT if isinstance(operation, wire.CreateBackup) else ANSWER_TIMEOUT
        try:
            return self._exchange(wire.Request(self._number, operation), timeout)
        except (OSError, ProtocolError) as error:
            raise unusable_answer(self._data_dir) from error

    def _exchange(self, request: wire.Request, timeout: float) -> Response | Failure:
        """Raises OSError, also when there is no answer within `timeout` seconds, or when nothing at all comes for
        SILENCE_MAX (a server that works on it shows so), and ProtocolError."""
        end = time.monotonic() + timeout
        self._sock.settimeout(SILENCE_MAX)
        self._sock.sendall(pack_frame(request))
        while True:
            self._sock.settimeout(max(0.01, min(SILENCE_MAX, end - time.monotonic())))
            octets = self._sock.recv(_READ)
            if not octets:
                raise ConnectionResetError
            if time.monotonic() > end:
                raise TimeoutError
            for frame in self._frames.feed_untrusted(octets):
                if (answer := answer_untrusted(frame, request.id)) is not None:
                    return answer

    def close(self) -> None:
        """Hang up. To be called when no request is under way."""
        self._sock.close()


def unusable_answer(data_dir: Path) -> AdminError:
    """Nobody can say what became of the request."""
    text = _(
        "The server with the data in {path} gave no usable answer: whether the command was carried out is not known."
        " If none is running there, remove {file}"
    )
    return AdminError(text.format(path=data_dir, file=data_dir / ADMIN_FILE))


def answer_untrusted(frame: bytes, number: int) -> Response | Failure | None:
    """What a frame answers to a request; None: the server works on it. Raises ProtocolError."""
    answer = decode_from_server_untrusted(frame)
    if isinstance(answer, wire.Pong):
        return None
    if not isinstance(answer, Response | Failure) or answer.id != number:
        raise ProtocolError("not an answer")
    return answer


def _code(number: int) -> Code:
    """Those of a later version are like any other failure."""
    return Code(number) if number in Code.__members__.values() else Code.UNAVAILABLE


# --- Introduction -----------------------------------------------------------------------------------------------------


def _introduced(
    data_dir: Path, port: int, token: str, wish: Mapping[str, bool]
) -> tuple[socket.socket, dict[str, Any]] | None:
    """A connection on which commands may be given, and what the server answered to the proof with this `wish`; None
    when for certain nobody listens. Raises AdminError."""
    end = time.monotonic() + PLACE_TIMEOUT
    while (sock := _connect(data_dir, port)) is not None:
        try:
            return sock, _introduce(sock, data_dir, token, wish)
        except ConnectionError as error:
            sock.close()
            if time.monotonic() > end:
                raise _unproven_server(data_dir) from error
            time.sleep(PLACE_PAUSE)
        except BaseException:
            sock.close()
            raise
    return None


def _place(data_dir: Path) -> tuple[int, str] | None:
    """Port and token; None when no file says them. Raises AdminError when it cannot be read."""
    file = data_dir / ADMIN_FILE
    try:
        where = json.loads(read_private(file, PLACE_MAX))
        port, token = int(where["port"]), str(where["token"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = os_error_text(error)
        raise AdminError(_("Cannot read {file}: {reason}").format(file=file, reason=reason)) from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # Not of a server: those write it as a whole.
        return None
    return (port, token) if 0 < port < 65536 else None


def _connect(data_dir: Path, port: int) -> socket.socket | None:
    """None: nobody listens there, as after a server that was killed. Raises AdminError when nobody can say."""
    try:
        return socket.create_connection(("127.0.0.1", port), timeout=CONNECT_TIMEOUT)
    except ConnectionRefusedError:
        return None
    except OSError as error:
        text = _("The server with the data in {path} does not answer. If none is running there, remove {file}")
        raise AdminError(text.format(path=data_dir, file=data_dir / ADMIN_FILE)) from error


def _introduce(sock: socket.socket, data_dir: Path, token: str, wish: Mapping[str, bool]) -> dict[str, Any]:
    """Prove to the server that this command may read its data directory; its answer. Raises AdminError unless the other
    end has shown the same first: anybody may have got the port of a server that was killed; ConnectionError when it
    hangs up, as a server does while others hold all places."""
    nonce = secrets.token_hex(NONCE)
    answer = _peer_claims(sock, {"nonce": nonce})
    if isinstance(answer, dict) and is_nonce(theirs := answer.get("nonce")):
        known = is_proof(answer.get("proof"), prove(token, "server", nonce, theirs))
        if known:
            answer = _peer_claims(sock, {"proof": prove(token, "command", nonce, theirs), **wish})
            if isinstance(answer, dict) and answer.get("admitted") is True:
                return answer
            if isinstance(answer, dict) and answer.get("error") == BUSY:
                raise AdminError(_("The server is busy with other commands: give the command again"))
    raise _unproven_server(data_dir)


def _peer_claims(sock: socket.socket, question: dict[str, Any]) -> Any:
    """What the other end says of itself; None for what is of no use. Raises ConnectionError when it hangs up."""
    try:
        return _line(sock, question)
    except ConnectionError:
        raise
    except (OSError, ValueError, RecursionError):
        return None


def _line(sock: socket.socket, question: dict[str, Any]) -> Any:
    """What answers, of any type. Raises OSError, also when the line is not complete within SILENCE_MAX; ValueError and
    RecursionError when it is no JSON. Never reads beyond the line, as frames may follow."""
    end = time.monotonic() + SILENCE_MAX
    sock.settimeout(SILENCE_MAX)
    sock.sendall(json.dumps(question).encode() + b"\n")
    answer = bytearray()
    while not answer.endswith(b"\n"):
        sock.settimeout(max(0.01, end - time.monotonic()))
        octets = sock.recv(1)
        if not octets:
            raise ConnectionResetError
        if len(answer) > LINE_MAX or time.monotonic() > end:
            raise TimeoutError
        answer += octets
    return json.loads(bytes(answer))


def _unproven_server(data_dir: Path) -> AdminError:
    text = _(
        "What listens for the server with the data in {path} did not show that it is this server, so nothing was sent"
        " to it. If none is running there, remove {file}"
    )
    return AdminError(text.format(path=data_dir, file=data_dir / ADMIN_FILE))
