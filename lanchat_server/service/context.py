"""`RequestContext`: what requests of sessions may use."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import (
    CERTIFICATE_LIFETIME,
    Certificate,
    CertificateBody,
    open_certificate_untrusted,
)
from lanchat.protocol.wire import pack_frame
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.accounts.first_account import SetupCode
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.directory.statements import StatementIssuer
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.limits.daily import Daily
from lanchat_server.core.limits.throttle import LoginThrottle
from lanchat_server.core.model import DeletedRoom, DeviceRow, RoomKeyRow, UserRow
from lanchat_server.core.peers import peer_secret
from lanchat_server.core.ports import Store, Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.core.sequencing.sequencer import Sequencer
from lanchat_server.mail import Mailer
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.keys import ServerKeys
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.reporting.metrics import Metrics
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.transfers.transfers import Transfers
from lanchat_server.service.wall_clock import TOLERANCE_MS
from lanchat_server.service.work.backups import BackupRunner
from lanchat_server.service.work.tasks import BackgroundTasks
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.service.work.writer import Writer

T = TypeVar("T")
# A session silent for this long gives way when its user's places are all taken.
SILENCE_YIELDS = 40.0
# Certificates are renewed at log-in when a third of their life is gone.
CERTIFICATE_FRESH_MS = int(CERTIFICATE_LIFETIME * 1000 * 2 / 3)

log = logging.getLogger(__name__)


class Credentials(msgspec.Struct, eq=False, kw_only=True):
    """What proves who somebody is, and bounds how often it is tried. `accounts_tried`: by network, those that were made
    are in the database; `mailer` sends codes; `setup`: the code of the first account."""

    hasher: PasswordHasher
    throttle: LoginThrottle
    accounts_tried: Daily[str]
    mailer: Mailer
    setup: SetupCode


class BackgroundWork(msgspec.Struct, eq=False, kw_only=True):
    """What goes on beside the event loop. `readers`: threads that read the database; `to_erase`: set when rooms were
    deleted whose contents are still there."""

    tasks: BackgroundTasks
    readers: ThreadPool
    backups: BackupRunner
    to_erase: asyncio.Event


class RequestContext(msgspec.Struct, eq=False, kw_only=True):
    """Parts of a running server. `now`: steady seconds, the core's clock; `wall_ms`: milliseconds UTC; `status`:
    figures for administrators, `rooms_above` as in wire.Status."""

    config: ServerConfig
    store: Store
    keys: ServerKeys
    log_public_key: bytes
    directory: Directory
    core: ServerCore
    sequencer: Sequencer
    notices: EventNotifier
    statements: StatementIssuer
    writer: Writer
    room_keys: RoomKeys
    connections: ConnectionTable
    credentials: Credentials
    metrics: Metrics
    entropy: Entropy
    now: Callable[[], float]
    wall_ms: Callable[[], int]
    work: BackgroundWork
    transfers: Transfers
    status: Callable[[int | None], wire.StatusReport]

    async def read(self, work: Callable[[], T]) -> T:
        """Run a reading query on a reader thread. Raises StoreError, also when too many wait."""
        return await self.work.readers.run(work)

    def background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run beside; errors are logged."""
        return self.work.tasks.run(work)

    def check_disk(self) -> None:
        """For what makes something new. Raises Refused when the disk's reserve is reached."""
        lack = self.core.closed.for_everybody(self.now())
        if lack is not None and lack.code is Code.DISK_FULL:
            raise Refused(lack.code, "the disk is nearly full", lack.wait)

    def send_event(self, connection: ClientConnection, event: Any) -> None:
        """Send a frame that answers nothing over the connection."""
        connection.send(pack_frame(event))

    # --- Sessions ------------------------------------------------------------------------------------------------

    def open_session(self, connection: ClientConnection, user: UserRow, device: DeviceRow) -> wire.LoggedIn:
        """Log-in succeeded: a place, keys, and what the user needs to begin."""
        self._make_place(user.id, by_password=connection.proven is not None)
        user = self.directory.users[user.id]
        if user.disabled:
            raise Refused(Code.ACCOUNT_DISABLED, "disabled meanwhile")
        if self.directory.devices[device.id].revoked_ms:
            raise Refused(Code.DEVICE_REVOKED, "revoked meanwhile")
        connection.logged_in(user.id, device.id)
        connection.password_number = self.directory.password_number(user.id)
        self.connections.begin_session(connection, user.id, device.id)
        self.metrics.logins += 1
        log.info("%s logged in from %s", user.name, connection.address)
        return wire.LoggedIn(
            self.core.user_view(user.id),
            device.id,
            device.certificate,
            self.connections.new_keys(connection.session),
            *self.notices.rooms_for(user.id),
            peer_secret=peer_secret(self.keys.log_key, self.directory.log.log_id),
            reseeding=self.core.reseeding.is_open,
        )

    def check_place(self, user: int, *, by_password: bool = False) -> int | None:
        """Raise Refused when there is no place for another session. The session that gives way: of the same user one
        that was silent for long, for a log-in by password the oldest: else whoever found a device could hold all
        places, and its owner not come in to revoke it. When the server is full, the oldest of whoever has most: else
        few people with many sessions could keep everybody out."""
        mine = self.core.sessions.of_user(user)
        full = len(mine) >= self.config.sessions_per_user or len(self.core.sessions) >= self.config.sessions_total
        if by_password and mine and full:
            return min(session.id for session in mine)
        if len(mine) >= self.config.sessions_per_user:
            heard = {session.id: self._heard(session.id) for session in mine}
            oldest = min(heard, key=lambda session: heard[session])
            if self.now() - heard[oldest] < SILENCE_YIELDS:
                raise Refused(Code.TOO_MANY_SESSIONS, "too many sessions of this user")
            return oldest
        if full:
            crowd = self.core.sessions.most_of_one_user()
            # With one less that user would have as many as this one: the two would push each other out for ever.
            if len(crowd) < len(mine) + 2:
                raise Refused(Code.TOO_MANY_SESSIONS, "the server is full", 10.0)
            return min(session.id for session in crowd)
        return None

    def _heard(self, session: int) -> float:
        connection = self.connections.get(session)
        assert connection is not None
        return connection.heard

    def _make_place(self, user: int, *, by_password: bool) -> None:
        oldest = self.check_place(user, by_password=by_password)
        connection = self.connections.get(oldest) if oldest is not None else None
        if connection is None:
            return
        if by_password or connection.user != user:
            connection.end(Code.TOO_MANY_SESSIONS, "another log-in took the place")
        else:
            connection.abort()

    def certificate_is_fresh(self, device: DeviceRow) -> bool:
        """Whether most of its life is left, not more than it was given (it was made while the clock was ahead), and it
        carries the present name."""
        body = _certified(self.log_public_key, self.directory.log.log_id, device.certificate)
        if body is None:
            # The log key was replaced, as after the loss of the keys' folder.
            return False
        user = self.directory.users[device.user]
        left_ms = body.not_after_ms - self.wall_ms()
        in_time = CERTIFICATE_FRESH_MS < left_ms <= CERTIFICATE_LIFETIME * 1000 + TOLERANCE_MS
        return in_time and body.display_name == user.display_name

    # --- Devices and rooms ---------------------------------------------------------------------------------------

    def revocation(self, tx: Transaction, user: int, keep: bytes = b"") -> DirectoryChange[list[RoomKeyRow]]:
        """Revoke all devices of a user but for `keep`; with new peer keys of the user's rooms."""
        devices = [row.id for row in self.directory.devices_of(user) if row.id != keep and not row.revoked_ms]
        revoked = accounts.revoke_devices(tx, self.directory, devices, self.wall_ms())
        rotated = self.room_keys.rotation(tx, user)
        return together(rotated.value, revoked, rotated)

    async def revoke(
        self,
        devices: Collection[bytes],
        user: int,
        keep: ClientConnection | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """Revoke devices of a user, end their sessions, give the user's rooms new peer keys. `keep`: the session that
        leaves its own device. `check` raises Refused within the transaction."""
        now_ms = self.wall_ms()

        def job(tx: Transaction) -> DirectoryChange[list[RoomKeyRow]]:
            check()
            left = keep is not None
            revoked = accounts.revoke_devices(tx, self.directory, devices, now_ms, keep_codes=left)
            rotated = self.room_keys.rotation(tx, user)
            return together(rotated.value, revoked, rotated)

        rotated = await self.writer.transact(job)
        self.connections.end_devices(devices, user, keep)
        self.notices.room_keys_changed(key.room for key in rotated)

    def rooms_deleted(self, deleted: Collection[DeletedRoom]) -> None:
        """Tell whom it concerns, erase what they held."""
        self.notices.rooms_deleted(deleted)
        self.work.to_erase.set()

    @property
    def setup_code(self) -> str:
        """What the first account may be made with; empty when there are accounts."""
        return "" if self.directory.users or self.core.reseeding.is_open else self.credentials.setup.text


# What this server issued does not change: it is looked at once. 1,000 people with two devices: 1 MiB.
@lru_cache(maxsize=2048)
def _certified(log_key: bytes, log_id: bytes, certificate: Certificate) -> CertificateBody | None:
    try:
        return open_certificate_untrusted(log_key, log_id, certificate)
    except ProtocolError:
        return None
