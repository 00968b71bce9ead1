"""Operations on a database that no server has: what changes something does so under the lease, which a command gets
when no server has it, be it one with other data or on another computer."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from lanchat.i18n import _
from lanchat.platform.clock import SYSTEM_CLOCK, Clock
from lanchat.platform.entropy import SYSTEM_ENTROPY, Entropy
from lanchat.protocol import wire
from lanchat.protocol.log.messages import MessageKey
from lanchat_server.admin.backups import CLAIMED_FILE, describe
from lanchat_server.admin.context import Actor, LocalActor
from lanchat_server.admin.errors import AdminError
from lanchat_server.admin.operations import perform
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together, transact
from lanchat_server.core.accounts.deleted_accounts import delete_account
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import (
    Decision,
    DeletedRoom,
    DeviceRow,
    QuarantinedMessage,
    RoomKeyRow,
    RoomRow,
    UserRow,
)
from lanchat_server.core.ports import Fenced, Store, StoreError, Transaction
from lanchat_server.core.sequencing.sequencer import Verdict
from lanchat_server.maintenance.backup import backup_at_rest
from lanchat_server.maintenance.reserve import MIB, DiskReserve
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import SqlStore, open_store

T = TypeVar("T")
# What changes nothing and needs no lease.
READING = (wire.ListAccounts, wire.FindAccount, wire.ListDevices, wire.ListAllRooms, wire.ListQuarantine)
# Of sessions and the log, for which a server must run.
RUNNING = (wire.Status, wire.EndSessions, wire.ListSessions, wire.JudgeQuarantined)
# What makes sense before the server's first start. Anything else where no database is means a mistyped path.
MAKING = (wire.AddAccount, wire.CreateInvite)
# Records of a deleted room in one transaction.
ERASED_AT_ONCE = 10_000


class DatabaseAtRest:
    """The database of a configuration, opened when it is asked for something, until `close`."""

    def __init__(self, config: ServerConfig, clock: Clock = SYSTEM_CLOCK, entropy: Entropy = SYSTEM_ENTROPY) -> None:
        """`config` says which database and data directory; nothing is opened yet."""
        self._config = config
        self._clock = clock
        self._entropy = entropy
        self._store: SqlStore | None = None
        self._host: _RestingHost | None = None
        self._has_lease = False
        self._runner = asyncio.Runner()

    def ask(self, operation: Any) -> wire.Result:
        """The result. Raises Refused and AdminError."""
        if isinstance(operation, RUNNING):
            raise AdminError(_("No server is running with the data in {path}").format(path=self._config.data_dir))
        try:
            if isinstance(operation, wire.CreateBackup):
                return self._backup()
            return self._runner.run(perform(self._host_for(operation), LocalActor(), operation))
        except Fenced as error:
            raise AdminError(_("A server started meanwhile: give the command again")) from error
        except StoreError as error:
            raise AdminError(str(error)) from error

    def _host_for(self, operation: Any) -> "_RestingHost":
        """Under the lease for what writes; the database is read anew then, as others may have written meanwhile."""
        config = self._config
        if self._store is None:
            may_create = isinstance(operation, MAKING)
            self._store = open_store(config.database, config.data_dir, command=True, may_create=may_create)
        if not isinstance(operation, READING) and not self._has_lease:
            self._store.claim_lease()
            self._has_lease = True
            if self._host is not None:
                self._host.hasher.close()
                self._host = None
        if self._host is None:
            self._host = _RestingHost(config, self._store, self._clock, self._entropy)
        return self._host

    def _backup(self) -> wire.BackupMade:
        config = self._config
        self._close_store()
        reserve = DiskReserve(config.data_dir, config.disk_reserve_mib * MIB)
        file = config.data_dir / CLAIMED_FILE
        return describe(file, backup_at_rest(file, config.database, config.data_dir, reserve))

    def close(self) -> None:
        """Give the lease back."""
        self._close_store()
        self._runner.close()

    def _close_store(self) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.hasher.close()
        store, self._store, self._has_lease = self._store, None, False
        if store is not None:
            store.close()


class _RestingHost:
    """Nobody is connected, so that nobody is told of anything."""

    def __init__(self, config: ServerConfig, store: Store, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._clock = clock
        self.config = config
        self.entropy = entropy
        self.directory = Directory(store.snapshot())
        argon2 = config.argon2
        self.hasher = PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, 1)

    def wall_ms(self) -> int:
        return self._clock.wall_ms()

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        return transact(self._store, job)

    def added(self, user: UserRow) -> None:
        pass

    def changed(self, user: UserRow) -> None:
        pass

    async def disable(self, user: int, disabled: bool, actor: Actor, check: Callable[[], None]) -> None:
        def job(tx: Transaction) -> DirectoryChange[None]:
            changed = accounts.update_user(tx, self.directory, user, disabled=disabled)
            return together(None, changed, self._new_room_keys(tx, user)) if disabled else together(None, changed)

        await self.transact(job)

    async def delete(self, user: int, actor: Actor, check: Callable[[], None]) -> None:
        def job(tx: Transaction) -> DirectoryChange[None]:
            check()
            devices = [row.id for row in self.directory.devices_of(user) if not row.revoked_ms]
            revoked = accounts.revoke_devices(tx, self.directory, devices, self.wall_ms())
            keys = self._new_room_keys(tx, user)
            return together(None, revoked, delete_account(tx, self.directory, user), keys)

        await self.transact(job)

    def _new_room_keys(self, tx: Transaction, user: int) -> DirectoryChange[list[RoomKeyRow]]:
        """For all rooms of a user who, or whose device, must not read on."""
        fresh = {room: self.entropy.token_bytes(32) for room in self.directory.rooms_of(user)}
        return accounts.rotate_room_keys(tx, self.directory, fresh, self.wall_ms())

    def end_sessions(self, user: int, actor: Actor) -> int:
        return 0

    def sessions(self) -> dict[int, wire.SessionDetails]:
        raise AdminError(_("No server is running"))

    def online(self, user: int) -> set[bytes]:
        return set()

    async def revoke(self, device: DeviceRow, actor: Actor, check: Callable[[], None]) -> None:
        def job(tx: Transaction) -> DirectoryChange[None]:
            revoked = accounts.revoke_devices(tx, self.directory, [device.id], self.wall_ms())
            return together(None, revoked, self._new_room_keys(tx, device.user))

        await self.transact(job)

    def room_changed(self, room: int) -> None:
        pass

    def archived(self, room: int) -> None:
        pass

    async def deleted(self, rooms: list[DeletedRoom]) -> None:
        while await self.transact(lambda tx: together(tx.erase_more(ERASED_AT_ONCE))):
            pass

    async def quarantined(self) -> list[QuarantinedMessage]:
        return self._store.quarantined()

    async def judge(self, messages: list[QuarantinedMessage], verdict: Verdict) -> dict[MessageKey, Decision]:
        raise AdminError(_("No server is running"))

    def messages(self, room: RoomRow) -> int:
        return room.head.seq

    def status(self, rooms_above: int | None) -> wire.StatusReport:
        raise AdminError(_("No server is running"))

    async def backup(self, *, claimed: bool) -> wire.BackupMade:
        raise AdminError(_("No server is running"))
