"""`run_admin`: an administrator's operation on the running server of a data directory, else on its database.

The running server is asked first: it has the accounts in memory. Only when for certain nobody listens there, a command
works on the database, and what writes does so under the lease, which it gets when no server has it: not one with other
data either, nor one on another computer. Whatever else happens ends the command in one line.
"""

import asyncio
import json
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lanchat.i18n import _
from lanchat.platform.files import read_private
from lanchat_server.admin.channel import (
    ADMIN_FILE,
    ANSWER_TIMEOUT,
    BACKUP_TIMEOUT,
    BUSY,
    MISUNDERSTOOD,
    NONCE,
    SILENCE_MAX,
    is_nonce,
    is_proof,
    prove,
)
from lanchat_server.admin.operations import BACKUP_FILE, AdminError, describe_backup, operate
from lanchat_server.config import ServerConfig
from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.directory import Directory
from lanchat_server.core.model import DeletedRoom, RoomRow, UserRow
from lanchat_server.core.ports import Fenced, Store, StoreError, Transaction
from lanchat_server.maintenance.backup import backup_at_rest
from lanchat_server.maintenance.reserve import MIB, DiskReserve
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import open_store

__all__ = ["AdminError", "check_nobody_listens", "run_admin"]

T = TypeVar("T")
# Seconds. Windows knocks for two before it says that nobody listens.
CONNECT_TIMEOUT = 5.0
# Others on this computer may hold all places of the channel: a command that lost its own tries again for so long.
PLACE_TIMEOUT = 3.0
PLACE_PAUSE = 0.02
# Octets of one line: a part of a list, the longest entry.
ANSWER_MAX = 4 << 20
# Of one list: accounts, rooms.
ROWS_MAX = 1_000_000
# Octets of the file that says where a server listens; it has some hundred.
PLACE_MAX = 64 << 10
READING = ("users.list", "users.devices", "rooms.list")
# Records of a deleted room in one transaction.
ERASED_AT_ONCE = 10_000
# What makes sense before the server's first start. Anything else where no database is means a mistyped path.
MAKING = ("users.add", "users.invite")


def run_admin(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> Any:
    """The operation's result; raises AdminError with one line for a person."""
    answer = _ask_running(config.data_dir, operation, arguments)
    if answer is not None:
        if "error" in answer:
            raise AdminError(str(answer["error"]))
        return answer["result"]
    try:
        if operation == "status":
            raise AdminError(_("No server is running with the data in {path}").format(path=config.data_dir))
        if operation == "backup":
            file = config.data_dir / BACKUP_FILE
            reserve = DiskReserve(config.data_dir, config.disk_reserve_mib * MIB)
            return describe_backup(backup_at_rest(file, config.database, config.data_dir, reserve))
        return asyncio.run(_at_rest(config, operation, arguments))
    except Fenced as error:
        raise AdminError(_("A server started meanwhile: give the command again")) from error
    except StoreError as error:
        raise AdminError(str(error)) from error


# --- The running server -----------------------------------------------------------------------------------------------


def check_nobody_listens(data_dir: Path) -> None:
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


def _ask_running(data_dir: Path, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The running server's answer; None when for certain none listens. Raises AdminError when nobody can say."""
    place = _place(data_dir)
    sock = _admitted(data_dir, *place) if place is not None else None
    if sock is None:
        return None
    timeout = BACKUP_TIMEOUT if operation == "backup" else ANSWER_TIMEOUT
    try:
        with sock:
            answer = _whole(sock, _exchange(sock, {"operation": operation, "arguments": arguments}, timeout))
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        answer = None
    usable = isinstance(answer, dict) and ("result" in answer or answer.get("error") not in (None, *MISUNDERSTOOD))
    if usable:
        return answer  # type: ignore[no-any-return]
    text = _(
        "The server with the data in {path} gave no usable answer: whether the command was carried out is not known."
        " If none is running there, remove {file}"
    )
    raise AdminError(text.format(path=data_dir, file=data_dir / ADMIN_FILE))


def _whole(sock: socket.socket, answer: Any) -> Any:
    """The answer with all pages of its list. Raises as `_exchange`."""
    rows: list[Any] = []
    while isinstance(answer, dict) and answer.get("more") is True:
        rows += answer["result"]
        if len(rows) > ROWS_MAX:
            raise ValueError("a list without end")
        answer = _exchange(sock, {"next": True}, ANSWER_TIMEOUT)
    if rows:
        answer = {"result": rows + answer["result"]}
    return answer


def _admitted(data_dir: Path, port: int, token: str) -> socket.socket | None:
    """A connection on which commands may be given; None when for certain nobody listens. Raises AdminError."""
    end = time.monotonic() + PLACE_TIMEOUT
    while (sock := _connect(data_dir, port)) is not None:
        try:
            _introduce(sock, data_dir, token)
            return sock
        except ConnectionError as error:
            sock.close()
            if time.monotonic() > end:
                raise _stranger(data_dir) from error
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
        reason = error.strerror or error
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


def _introduce(sock: socket.socket, data_dir: Path, token: str) -> None:
    """Prove to the server that this command may read its data directory. Raises AdminError unless the other end has
    shown the same first: anybody may have got the port of a server that was killed; ConnectionError when it hangs up,
    as a server does while others hold all places."""
    nonce = secrets.token_hex(NONCE)
    answer = _heard(sock, {"nonce": nonce})
    if isinstance(answer, dict) and is_nonce(theirs := answer.get("nonce")):
        known = is_proof(answer.get("proof"), prove(token, "server", nonce, theirs))
        if known:
            answer = _heard(sock, {"proof": prove(token, "command", nonce, theirs)})
            if isinstance(answer, dict) and answer.get("admitted") is True:
                return
            if isinstance(answer, dict) and answer.get("error") == BUSY:
                raise AdminError(_("The server is busy with other commands: give the command again"))
    raise _stranger(data_dir)


def _heard(sock: socket.socket, question: dict[str, Any]) -> Any:
    """What the other end says of itself; None for what is of no use. Raises ConnectionError when it hangs up."""
    try:
        return _exchange(sock, question, SILENCE_MAX)
    except ConnectionError:
        raise
    except (OSError, ValueError, RecursionError):
        return None


def _stranger(data_dir: Path) -> AdminError:
    text = _(
        "What listens for the server with the data in {path} did not show that it is this server, so nothing was sent"
        " to it. If none is running there, remove {file}"
    )
    return AdminError(text.format(path=data_dir, file=data_dir / ADMIN_FILE))


def _exchange(sock: socket.socket, question: dict[str, Any], timeout: float) -> Any:
    """What answers, of any type. Raises OSError, also when the line is not complete within `timeout` seconds, or when
    nothing at all comes for SILENCE_MAX (a server that works on it sends blanks); ValueError and RecursionError when it
    is no JSON."""
    end = time.monotonic() + timeout
    sock.settimeout(SILENCE_MAX)
    sock.sendall(json.dumps(question, ensure_ascii=False).encode() + b"\n")
    answer = bytearray()
    while not answer.endswith(b"\n"):
        sock.settimeout(max(0.01, min(SILENCE_MAX, end - time.monotonic())))
        octets = sock.recv(1 << 16)
        if not octets:
            raise ConnectionResetError
        if len(answer) > ANSWER_MAX or time.monotonic() > end:
            raise TimeoutError
        answer += octets
    return json.loads(bytes(answer))


# --- A database that no server has ------------------------------------------------------------------------------------


async def _at_rest(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> Any:
    store = open_store(config.database, config.data_dir, command=True, may_create=operation in MAKING)
    try:
        if operation not in READING:
            store.claim_lease()
        host = _DatabaseAtRest(config, store)
        try:
            return await operate(host, operation, arguments)
        finally:
            host.hasher.close()
    finally:
        store.close()


class _DatabaseAtRest:
    """Runs operations on a database that no server has."""

    def __init__(self, config: ServerConfig, store: Store) -> None:
        self._store = store
        self.directory = Directory(store.snapshot())
        argon2 = config.argon2
        self.hasher = PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, 1)

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        with self._store.transaction() as tx:
            change = job(tx)
        change.apply()
        return change.value

    async def disable(self, user: int, disabled: bool) -> None:
        await self.transact(lambda tx: accounts.update_user(tx, self.directory, user, disabled=disabled))

    async def revoke(self, user: int, device: bytes) -> None:
        await self.transact(lambda tx: accounts.revoke_devices(tx, self.directory, [device], self.wall_ms()))

    def archived(self, room: int) -> None:
        """Nobody is connected."""

    async def deleted(self, rooms: list[DeletedRoom]) -> None:
        while await self.transact(lambda tx: together(tx.erase_more(ERASED_AT_ONCE))):
            pass

    def messages(self, room: RoomRow) -> int:
        return room.head.seq

    def added(self, user: UserRow) -> None:
        """Nobody is connected."""

    def changed(self, user: UserRow) -> None:
        """Nobody is connected."""

    def status(self) -> dict[str, Any]:
        raise AdminError(_("No server is running"))

    async def backup(self) -> dict[str, Any]:
        raise AdminError(_("No server is running"))

    @staticmethod
    def wall_ms() -> int:
        return max(1, time.time_ns() // 1_000_000)
