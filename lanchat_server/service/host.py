"""The running server, as operations of administration see it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, PresenceState
from lanchat.protocol.log.messages import MessageKey
from lanchat_server.admin.backups import make_backup
from lanchat_server.admin.context import Actor, LocalActor
from lanchat_server.admin.operations import OPERATIONS, perform
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
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
from lanchat_server.core.ports import StoreError, Transaction
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Verdict, judged
from lanchat_server.maintenance.reserve import MIB, DiskReserve
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests.acting import SessionActor
from lanchat_server.store import SqlStore

T = TypeVar("T")
BACKUPS_WAITING_MAX = 2


class ServiceHost:
    """Commits by the server's writer, and tells everybody whom it concerns."""

    def __init__(self, context: RequestContext) -> None:
        """Nothing of `service` is used before the first request."""
        self._context = context

    async def administer(self, request: Any, *, claims: bool = True) -> wire.Result:
        """What a request of the administrator on this computer comes to. Raises Refused and StoreError. A change goes
        to its end when whoever waits for it goes away: what is committed has its consequences. A backup is given
        up. `claims`: whoever asks moves a backup away."""
        work = perform(self, LocalActor(claims), request)
        return await (work if OPERATIONS[type(request)].long else self._context.work.tasks.carry_to_end(work))

    @property
    def config(self) -> ServerConfig:
        """That of the running server."""
        return self._context.config

    @property
    def directory(self) -> Directory:
        """The one in memory, which the writer keeps up to date."""
        return self._context.directory

    @property
    def hasher(self) -> PasswordHasher:
        """The one that log-ins use, with one bound for all who wait."""
        return self._context.credentials.hasher

    @property
    def entropy(self) -> Entropy:
        """Where passwords, codes and ids are drawn from."""
        return self._context.entropy

    def wall_ms(self) -> int:
        """The clock that records get their times from; above 0 in any case."""
        return self._context.wall_ms()

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        """In line with the batches of messages, on the writer's thread (`Writer.transact`)."""
        return await self._context.writer.transact(job)

    def added(self, user: UserRow) -> None:
        """The members of `general` are told at once, everybody with the next presence."""
        self._context.notices.member_joined(self.directory.general().id, user.id)
        self._context.notices.user_changed(user.id)

    def changed(self, user: UserRow) -> None:
        """Everybody is told with the next presence."""
        self._context.notices.user_changed(user.id)

    async def disable(self, user: int, disabled: bool, actor: Actor, check: Callable[[], None]) -> None:
        """An account that is shut out loses its sessions after the commit, with which its rooms get new peer keys."""

        def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow]]:
            check()
            changed = accounts.update_user(tx, self.directory, user, disabled=disabled)
            if not disabled:
                return together([], changed)
            rotated = self._context.room_keys.rotation(tx, user)
            return together(rotated.value, changed, rotated)

        rotated = await self._context.writer.transact(job)
        if disabled:
            self._end_sessions(user, actor, Code.ACCOUNT_DISABLED, "account disabled")
            self._context.notices.room_keys_changed(key.room for key in rotated)

    async def delete(self, user: int, actor: Actor, check: Callable[[], None]) -> None:
        """Its sessions end after the commit, with which its devices are revoked and its rooms get new peer keys."""

        def job(tx: Transaction) -> DirectoryChange[tuple[list[RoomKeyRow], list[int]]]:
            check()
            revoked = self._context.revocation(tx, user)
            gone = delete_account(tx, self.directory, user)
            return together((revoked.value, gone.value), revoked, gone)

        rotated, left = await self._context.writer.transact(job)
        self._end_sessions(user, actor, Code.ACCOUNT_DISABLED, "account deleted")
        for room in left:
            self._context.notices.member_left(room, user)
        self._context.notices.user_changed(user)
        self._context.notices.room_keys_changed(key.room for key in rotated)

    def end_sessions(self, user: int, actor: Actor) -> int:
        """The session that asked counts too, and ends after its answer."""
        return self._end_sessions(user, actor, None, "ended by an administrator")

    def _end_sessions(self, user: int, actor: Actor, code: Code | None, text: str) -> int:
        """The session that asked for it gets its answer, then it ends like the others."""
        number = len(self._context.core.sessions.of_user(user))
        own = _connection(actor) if actor.user == user else None
        self._context.connections.end_sessions(user, code, text, keep=own)
        if own is not None:
            own.end_after_answer(code, text)
        return number

    def sessions(self) -> dict[int, wire.SessionDetails]:
        """Those of connections that are logged in; some 2 µs for each."""
        core, devices = self._context.core, self.directory.devices
        found = {}
        for connection in self._context.connections.all():
            session = core.sessions.get(connection.session)
            if session is None:
                continue
            device = devices.get(session.device)
            found[session.id] = wire.SessionDetails(
                session.user,
                device.name if device is not None else "",
                connection.address,
                connection.began_ms,
                session.udp_seen is not None,
                session.state is PresenceState.AWAY,
            )
        return found

    def online(self, user: int) -> set[bytes]:
        """Their ids, by the account's sessions at this moment."""
        return {session.device for session in self._context.core.sessions.of_user(user)}

    async def revoke(self, device: DeviceRow, actor: Actor, check: Callable[[], None]) -> None:
        """The rooms of the owner get new peer keys; a session that revokes its own device ends after its answer."""
        own = _connection(actor) if device.id == actor.device else None
        await self._context.revoke([device.id], device.user, keep=own, check=check)
        if own is not None:
            own.end_after_answer(Code.DEVICE_REVOKED, "device revoked")

    def room_changed(self, room: int) -> None:
        """Members are told, and of a public room everybody, as they may join it."""
        self._context.notices.room_renamed(room)

    def archived(self, room: int) -> None:
        """Members are told, and of a public room everybody."""
        self._context.notices.room_archived(room)

    async def deleted(self, rooms: list[DeletedRoom]) -> None:
        """Whoever saw the rooms is told; what they held is erased in the background."""
        self._context.rooms_deleted(rooms)

    async def quarantined(self) -> list[QuarantinedMessage]:
        """On a reader thread. Raises StoreError."""
        return await self._context.read(self._context.store.quarantined)

    async def judge(self, messages: list[QuarantinedMessage], verdict: Verdict) -> dict[MessageKey, Decision]:
        """One batch of its own, in line with those of the sessions. Raises StoreError."""
        context = self._context
        future: asyncio.Future[BatchOutcome] = asyncio.get_running_loop().create_future()

        def answered(outcome: BatchOutcome | None, error: BaseException | None) -> None:
            # Told in the turn in which it comes: whatever was committed after it comes later.
            if outcome is None:
                future.set_exception(error or StoreError("no answer"))
                return
            context.notices.moved(outcome.begin_earlier)
            context.core.decided(outcome, context.now())
            future.set_result(outcome)

        context.writer.commit([judged(message, verdict) for message in messages], answered)
        outcome = await future
        return {submission.header.key: decision for submission, decision in outcome.decided}

    def messages(self, room: RoomRow) -> int:
        """By the head in memory; 0 when there is none."""
        head = self._context.core.heads.get(room.id)
        return head.seq if head is not None else 0

    def status(self, rooms_above: int | None) -> wire.StatusReport:
        """`Service.status` as JSON."""
        return self._context.status(rooms_above)

    async def backup(self, *, claimed: bool) -> wire.BackupMade:
        """In a thread beside the writer, one backup at a time. Raises StoreError, also when too many wait and when the
        server stops. Nothing is left of it when whoever waits is cancelled."""
        reserve = DiskReserve(self.config.data_dir, self.config.disk_reserve_mib * MIB)
        store = cast(SqlStore, self._context.store)
        work = partial(
            make_backup, store, self.config.data_dir, reserve, self.wall_ms(), claimed=claimed, entropy=self.entropy
        )
        return await self._context.work.backups.run(work, reserve)


def _connection(actor: Actor) -> ClientConnection | None:
    return actor.connection if isinstance(actor, SessionActor) else None
