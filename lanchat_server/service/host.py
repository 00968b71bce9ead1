"""The running server, as operations of administration see it."""

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.admin.backups import make_backup
from lanchat_server.admin.context import Actor
from lanchat_server.config import ServerConfig
from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.directory import Directory
from lanchat_server.core.model import DeletedRoom, DeviceRow, RoomKeyRow, RoomRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.maintenance.reserve import MIB, DiskReserve
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.requests.acting import SessionActor
from lanchat_server.service.threads import ThreadPool
from lanchat_server.store import SqlStore

if TYPE_CHECKING:
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.service import Service

T = TypeVar("T")
BACKUPS_WAITING_MAX = 2


class ServiceHost:
    """Commits by the server's writer, and tells everybody whom it concerns."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        # One at a time; a stop does not wait for it.
        self._backups = ThreadPool(1, "backup", BACKUPS_WAITING_MAX)

    @property
    def config(self) -> ServerConfig:
        return self._service.config

    @property
    def directory(self) -> Directory:
        return self._service.directory

    @property
    def hasher(self) -> PasswordHasher:
        return self._service.hasher

    def wall_ms(self) -> int:
        return self._service.wall_ms()

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        return await self._service.writer.transact(job)

    def added(self, user: UserRow) -> None:
        self._service.notices.member_joined(self.directory.general().id, user.id)
        self._service.notices.user_changed(user.id)

    def changed(self, user: UserRow) -> None:
        self._service.notices.user_changed(user.id)

    async def disable(self, user: int, disabled: bool, actor: Actor, check: Callable[[], None]) -> None:
        def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow]]:
            check()
            changed = accounts.update_user(tx, self.directory, user, disabled=disabled)
            if not disabled:
                return together([], changed)
            rotated = self._service.room_keys.rotation(tx, user)
            return together(rotated.value, changed, rotated)

        rotated = await self._service.writer.transact(job)
        if disabled:
            self._end_sessions(user, actor, Code.ACCOUNT_DISABLED, "account disabled")
            self._service.notices.room_keys_changed(key.room for key in rotated)

    def end_sessions(self, user: int, actor: Actor) -> int:
        return self._end_sessions(user, actor, None, "ended by an administrator")

    def _end_sessions(self, user: int, actor: Actor, code: Code | None, text: str) -> int:
        """The session that asked for it gets its answer, then it ends like the others."""
        number = len(self._service.core.sessions.of_user(user))
        own = _connection(actor) if actor.user == user else None
        self._service.end_sessions(user, code, text, keep=own)
        if own is not None:
            own.end_after_answer(code, text)
        return number

    def online(self, user: int) -> set[bytes]:
        return {session.device for session in self._service.core.sessions.of_user(user)}

    async def revoke(self, device: DeviceRow, actor: Actor, check: Callable[[], None]) -> None:
        own = _connection(actor) if device.id == actor.device else None
        await self._service.revoke([device.id], device.user, keep=own, check=check)
        if own is not None:
            own.end_after_answer(Code.DEVICE_REVOKED, "device revoked")

    def archived(self, room: int) -> None:
        self._service.notices.room_archived(room)

    async def deleted(self, rooms: list[DeletedRoom]) -> None:
        self._service.rooms_deleted(rooms)

    def messages(self, room: RoomRow) -> int:
        head = self._service.core.heads.get(room.id)
        return head.seq if head is not None else 0

    def status(self, rooms_above: int | None) -> str:
        return json.dumps(self._service.status(rooms_above), ensure_ascii=False)

    async def backup(self, *, claimed: bool) -> wire.BackupMade:
        reserve = DiskReserve(self.config.data_dir, self.config.disk_reserve_mib * MIB)
        store = cast(SqlStore, self._service.store)
        work = partial(make_backup, store, self.config.data_dir, reserve, self.wall_ms(), claimed=claimed)
        return await self._backups.run(work)


def _connection(actor: Actor) -> "ClientConnection | None":
    return actor.connection if isinstance(actor, SessionActor) else None
