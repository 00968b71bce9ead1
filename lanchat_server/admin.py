"""`run_admin`: an administrator's operation on the running server of a data directory, else on its database.

The running server is asked first: it has the accounts in memory, and with SQLite it holds the database. Commands for a
server on another computer belong there.
"""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lanchat.i18n import _
from lanchat_server import accounts
from lanchat_server.accounts import Change
from lanchat_server.administration import AdminError, make_backup, operate
from lanchat_server.config import ServerConfig
from lanchat_server.core.directory import Directory
from lanchat_server.core.model import UserRow
from lanchat_server.core.ports import Store, StoreError, Transaction
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.admin_channel import ADMIN_FILE, ANSWER_TIMEOUT, BACKUP_TIMEOUT

__all__ = ["AdminError", "run_admin"]

T = TypeVar("T")


def run_admin(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> Any:
    """The operation's result; raises AdminError with one line for a person."""
    answer = _ask_running(config, operation, arguments)
    if answer is not None:
        if "error" in answer:
            raise AdminError(answer["error"])
        return answer.get("result")
    if operation == "status":
        raise AdminError(_("No server is running with the data in {path}").format(path=config.data_dir))
    if operation == "backup":
        return _backup_at_rest(config)
    return asyncio.run(_at_rest(config, operation, arguments))


def _backup_at_rest(config: ServerConfig) -> dict[str, Any]:
    from lanchat_server.store import open_store

    try:
        store = open_store(config.database, config.data_dir, migrate=False)
        try:
            return make_backup(store, config.data_dir)
        finally:
            store.close()
    except StoreError as error:
        raise AdminError(str(error)) from error


def _ask_running(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The running server's answer; None when there is none."""
    try:
        where = json.loads((config.data_dir / ADMIN_FILE).read_text(encoding="utf-8"))
        request = {"token": where["token"], "operation": operation, "arguments": arguments}
        with socket.create_connection(("127.0.0.1", int(where["port"])), timeout=2.0) as sock:
            sock.settimeout(BACKUP_TIMEOUT if operation == "backup" else ANSWER_TIMEOUT)
            sock.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            answer = json.loads(sock.makefile("rb").readline())
    except (OSError, ValueError, KeyError, TypeError):
        # No file, or one that a killed server left behind.
        return None
    return answer if isinstance(answer, dict) else None


async def _at_rest(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> Any:
    from lanchat_server.store import open_store

    try:
        store = open_store(config.database, config.data_dir)
        try:
            host = _DatabaseAtRest(config, store)
            try:
                return await operate(host, operation, arguments)
            finally:
                host.hasher.close()
        finally:
            store.close()
    except StoreError as error:
        raise AdminError(str(error)) from error


class _DatabaseAtRest:
    """Runs operations on a database that no server holds. Takes no lease: a server elsewhere would stop for it."""

    def __init__(self, config: ServerConfig, store: Store) -> None:
        self._store = store
        self.directory = Directory(store.snapshot())
        argon2 = config.argon2
        self.hasher = PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, 1)

    async def transact(self, job: Callable[[Transaction], Change[T]]) -> T:
        with self._store.transaction() as tx:
            change = job(tx)
        change.apply()
        return change.value

    async def disable(self, user: int, disabled: bool) -> None:
        await self.transact(lambda tx: accounts.update_user(tx, self.directory, user, disabled=disabled))

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
