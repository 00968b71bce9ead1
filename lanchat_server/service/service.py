"""The running server: feeds the core, does what it asks, and holds what requests need.

Everything here runs on the event loop. `wake` asks for one `step` at the end of the present turn, so that whatever
arrived together is handled, batched and sent together.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, TypeVar

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import (
    CERTIFICATE_LIFETIME,
    Certificate,
    CertificateBody,
    open_certificate_untrusted,
)
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import pack_frame
from lanchat_server.config import ServerConfig
from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.differences import Differences
from lanchat_server.core.directory import Directory
from lanchat_server.core.first_account import SETUP_RANDOM_OCTETS, SetupCode
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.limits.daily import Daily
from lanchat_server.core.limits.throttle import LoginThrottle
from lanchat_server.core.model import DeletedRoom, DeviceRow, IndexProgress, RoomKeyRow, UserRow
from lanchat_server.core.ports import Store, StoreError, Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.core.relay.outbound import Output, RecordFetch, SendFrames
from lanchat_server.core.sequencer import BatchOutcome, Sequencer, Submission
from lanchat_server.mail import Mailer
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service import figures
from lanchat_server.service.environment import ENVIRONMENT, Environment
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.keys import ServerKeys
from lanchat_server.service.metrics import Metrics, count_label
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.datagrams import DatagramRelay
from lanchat_server.service.net.outgoing import Outgoing
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.requests.acting import check_session
from lanchat_server.service.requests.table import HANDLERS
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.threads import FairSemaphore
from lanchat_server.service.upkeep.housekeeping import keep_house, save
from lanchat_server.service.upkeep.storage import StorageState
from lanchat_server.service.wall_clock import TOLERANCE_MS, ClockWatch

T = TypeVar("T")
READERS = 3
# Pages, searches and repairs that wait for a reader: a page for everybody of a full server, some seconds of work. Each
# holds a request of up to 1 MiB that somebody sent (a search of 200 characters, in truth).
READS_MAX = 1024
# Pages and searches that are read, made into records and packed at a time: some MiB each until they are handed to their
# connection. More than READERS, as packing takes the event loop as long as reading takes a reader.
PAGES_MAX = 8
# Changes that are told to all members of a room: a member could else make the server send 50 a second to each of a
# thousand people, which takes all of a processor. So many people as one request.
TOLD = (
    wire.InviteUser,
    wire.JoinRoom,
    wire.LeaveRoom,
    wire.RemoveUser,
    wire.SetHistoryPolicy,
)
TOLD_AT_ONCE = 100
# A stop waits so long for the database. A container is killed after 10 s, so that the rest comes to its end before.
CLOSE_PATIENCE = 8.0
# A session silent for this long gives way when its user's places are all taken.
SILENCE_YIELDS = 40.0
# Certificates are renewed at log-in when a third of their life is gone.
CERTIFICATE_FRESH_MS = int(CERTIFICATE_LIFETIME * 1000 * 2 / 3)

log = logging.getLogger(__name__)


class Service:
    """One server process, from start to stop."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        keys: ServerKeys,
        directory: Directory,
        shown_database: str,
        on_fenced: Callable[[str], None],
        environment: Environment = ENVIRONMENT,
    ) -> None:
        """Needs a running event loop; starts the threads of the writer, and housekeeping. `shown_database`: its address
        without a password. `on_fenced` is called on the event loop with one line for a person: the server has to
        stop."""
        self.config = config
        self.entropy = environment.entropy
        self.wall_ms = environment.clock.wall_ms
        self.limits = environment
        self.shown_database = shown_database
        self.store = store
        self.keys = keys
        self.directory = directory
        self.log_public_key = public_octets(keys.log_key)
        self._loop = asyncio.get_running_loop()
        core_config = replace(
            environment.core,
            message_rate=config.message_rate,
            message_burst=config.message_burst,
            total_rate=config.total_rate,
            edits_per_message=config.edits_per_message,
            reactions_per_message=config.reactions_per_message,
            user_octets_per_day=config.user_octets_per_day,
            log_octets=config.log_octets,
        )
        self.sequencer = Sequencer(directory, keys.log_key, core_config)
        heads = [self.sequencer.sign(room.id, room.head) for room in directory.rooms.values()]
        self.core = ServerCore(core_config, directory, heads, self.now())
        self.notices = EventNotifier(self.core, directory, self.sequencer, self.now)
        self.writer = environment.make_writer(store, directory, self.sequencer, on_fenced, self._reloaded, self.wall_ms)
        argon2 = config.argon2
        self.room_keys = RoomKeys(directory, self.writer, self.notices, self.wall_ms, self.entropy)
        self.hasher = PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, argon2.workers)
        self.host = ServiceHost(self)
        self.outgoing: Outgoing[ClientConnection] = Outgoing(self.now)
        self.throttle = LoginThrottle()
        # By network; those that were made are in the database.
        self.accounts_tried = Daily[str](config.accounts_per_day)
        self.mailer = Mailer(config.smtp)
        self.metrics = Metrics()
        self.storage = StorageState(config)
        self.core.closed.disk_full = self.storage.disk_full
        self.counters: Counter[str] = Counter()
        self.relay: DatagramRelay | None = None
        self.started = self.now()
        self.setup = SetupCode(self.entropy.token_bytes(SETUP_RANDOM_OCTETS))
        # While the search is indexed anew.
        self.indexing: IndexProgress | None = None
        # Rooms were deleted whose contents are still there.
        self.to_erase = asyncio.Event()
        self.clock = ClockWatch(environment.clock)
        # Set by the acceptor: a connection logged in or ended, its place among the strangers is free.
        self.on_settled: Callable[[ClientConnection], None] = lambda connection: None
        self._connections: dict[int, ClientConnection] = {}
        self._next_session = 0
        self._readers = environment.make_pool(READERS, "reader", READS_MAX)
        self._disk_looks = environment.make_pool(1, "disk", 1)
        self.pages = FairSemaphore(PAGES_MAX, READS_MAX)
        self._background: set[asyncio.Future[Any]] = set()
        # Last-seen times (milliseconds) that the database does not have yet.
        self.seen_users: dict[int, int] = {}
        self.seen_devices: dict[bytes, int] = {}
        # When each session got its keys.
        self.keys_given: dict[int, float] = {}
        self._woken = False
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._housekeeper = self.background(keep_house(self))

    # --- Time and counting ---------------------------------------------------------------------------------------

    def now(self) -> float:
        """Steady seconds."""
        return self._loop.time()

    def count(self, reason: str, number: int = 1) -> None:
        """So many more of these."""
        count_label(self.counters, reason, number)

    def background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run beside; errors are logged."""
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_done)
        return task

    def _background_done(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())

    async def read(self, work: Callable[[], T]) -> T:
        """Run a reading query on a reader thread. Raises StoreError, also when too many wait."""
        return await self._readers.run(work)

    async def ask_disk(self, work: Callable[[], T]) -> T:
        """`work` that a disk may keep waiting, on a thread of its own: then nothing else waits, nor the process when it
        ends."""
        return await self._disk_looks.run(work)

    # --- Driving the core ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something may be due: look at the end of this turn of the event loop."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._step_if_woken)

    def received(self, session: int, frame: Any) -> None:
        """A live frame came by UDP."""
        connection = self._connections.get(session)
        if connection is not None:
            connection.heard = self.now()
            self.core.receive(session, frame, Transport.UDP, connection.heard)

    def _step_if_woken(self) -> None:
        if self._woken:
            self.step()

    def step(self) -> None:
        """Do what is due and send what there is to send; for callers at the end of a turn, others call `wake`."""
        self._woken = False
        now = self.now()
        due = self.core.timer()
        if due is not None and due <= now:
            self.core.handle_timer(now)
        if not self._closing:
            batch = self.core.next_batch(now)
            if batch is not None:
                self._commit(batch)
        for output, sends in groupby(self.core.take_outputs(), key=_same_way):
            if isinstance(output, RecordFetch):
                self.background(self._fetch(output))
            else:
                self._send(*output, [send.payload for send in sends if isinstance(send, SendFrames)])
        self._arm()

    def _arm(self) -> None:
        due = self.core.timer()
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._timer_due) if due is not None else None

    def _timer_due(self) -> None:
        # The loop's clock has a resolution: when it is a little early, the step arms anew.
        self._timer = None
        self.wake()

    def _send(self, path: Transport, sessions: Collection[int], payloads: list[bytes]) -> None:
        """What follows one another for the same sessions goes out together."""
        if path is Transport.UDP and self.relay is not None:
            for session_id in self.relay.send_all(sessions, payloads):
                self._without_udp(session_id)
            return
        octets = b"".join(payloads)
        for session_id in sessions:
            connection = self._connections.get(session_id)
            if connection is not None:
                queued = connection.send(octets)
                session = self.core.sessions.get(session_id)
                if session is not None:
                    session.tls_queued = queued

    def _without_udp(self, session_id: int) -> None:
        """The key is used up or there is no address: TLS from now on, repair brings what was just missed."""
        session = self.core.sessions.get(session_id)
        if session is not None:
            session.udp_seen = None

    def _commit(self, batch: list[Submission]) -> None:
        future = asyncio.ensure_future(self.writer.commit(batch), loop=self._loop)
        self._background.add(future)
        future.add_done_callback(partial(self._commit_ended, batch, self.now()))

    def _commit_ended(self, batch: list[Submission], started: float, future: "asyncio.Future[BatchOutcome]") -> None:
        self._background.discard(future)
        try:
            outcome = future.result()
        except (Exception, asyncio.CancelledError) as error:
            if not isinstance(error, StoreError):
                log.exception("a batch failed")
            else:
                log.warning("a batch of %d messages could not be stored: %s", len(batch), error)
            self.core.commit_failed(batch, self.now())
        else:
            stored = sum(len(committed.records) for committed in outcome.committed.values())
            self.metrics.commit(self.now() - started, stored)
            self.storage.octets = outcome.log_octets
            for user, percent in outcome.near:
                log.warning("%s has used %d %% of a day's quota", self.directory.users[user].name, percent)
            self.core.committed(outcome, self.now())
        self.step()

    async def _fetch(self, fetch: RecordFetch) -> None:
        records: list[Record] = []
        try:
            records = await self.read(lambda: self.store.records(fetch.room, fetch.seqs))
        except StoreError as error:
            log.warning("a repair could not be read: %s", error)
        finally:
            self.core.fetched(fetch, records, self.now())
            self.wake()

    def _reloaded(self, heads: dict[int, Head], changes: Differences) -> None:
        """The database was read anew: what it has and nobody was told."""
        self.notices.reloaded(changes)
        if changes.deleted:
            self.to_erase.set()
        for session in list(self.core.sessions.all()):
            connection = self._connections.get(session.id)
            if connection is not None and session.device in changes.revoked:
                connection.end(Code.DEVICE_REVOKED, "device revoked")
            elif connection is not None and session.user in changes.disabled:
                connection.end(Code.ACCOUNT_DISABLED, "account disabled")
            elif connection is not None and session.user in changes.passwords:
                connection.end(None, "password changed")
        self.core.reload_heads(heads, self.now())
        self.wake()

    # --- Connections and sessions --------------------------------------------------------------------------------

    def connect(self, address: str) -> ClientConnection:
        """The protocol object of a new connection."""
        self._next_session += 1
        return ClientConnection(self, self._next_session, address, self.limits.connection)

    def connected(self, connection: ClientConnection) -> None:
        """TLS is up."""
        self._connections[connection.session] = connection

    def drained(self, connection: ClientConnection) -> None:
        """What waited for a slow reader was written: it may have records again."""
        session = self.core.sessions.get(connection.session)
        if session is not None:
            session.tls_queued = connection.queued

    def disconnected(self, connection: ClientConnection) -> None:
        """The connection is gone, and with it its session."""
        self.on_settled(connection)
        self._connections.pop(connection.session, None)
        self.ended(connection)

    def ended(self, connection: ClientConnection) -> None:
        """Its session is over, at once: a client that does not hang up after a goodbye keeps its TCP connection for a
        while, but no datagram opens any more and no record goes there."""
        self.keys_given.pop(connection.session, None)
        if self.relay is not None:
            self.relay.close_channel(connection.session)
        if connection.user is not None:
            self._touch(connection)
            self.core.remove_session(connection.session, self.now())
        self.wake()

    def check_disk(self) -> None:
        """For what makes something new. Raises Refused when the disk's reserve is reached."""
        lack = self.core.closed.for_everybody(self.now())
        if lack is not None and lack.code is Code.DISK_FULL:
            raise Refused(lack.code, "the disk is nearly full", lack.wait)

    def over_rate(self, connection: ClientConnection, operation: Any) -> float:
        """Seconds until this connection may ask for this; 0: it may, and it counts."""
        session = self.core.sessions.get(connection.session)
        return session.requests.take(self.now(), self._cost(session.user, operation)) if session is not None else 0.0

    def _cost(self, user: int, operation: Any) -> int:
        """What a request counts as: a change of a room as much as there are hundreds of people to tell of it. Nothing
        that `user` may not know goes into it."""
        if isinstance(operation, wire.DeleteRooms):
            return max(1, len(operation.rooms))
        if isinstance(operation, wire.ArchiveRooms):
            return max(1, sum(self._cost_of_room(user, room, archives=True) for room in operation.rooms))
        return self._cost_of_room(user, operation.room) if isinstance(operation, TOLD) else 1

    def _cost_of_room(self, user: int, number: int, *, archives: bool = False) -> int:
        room = self.directory.rooms.get(number)
        if room is None:
            return 1
        members = self.directory.members(room.id)
        told = len(members) if user in members or room.kind is wire.RoomKind.PUBLIC else 0
        if archives and told:
            told = max(told, len(self.core.sessions))
        return 1 + told // TOLD_AT_ONCE

    async def answer(self, connection: ClientConnection, operation: Any) -> wire.Result:
        """The result of a request; raises Refused or StoreError."""
        if connection.user is not None:
            check_session(self.directory, connection)
        return await HANDLERS[type(operation)](self, connection, operation)

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
        self.on_settled(connection)
        self.core.add_session(connection.session, user.id, device.id, self.now())
        self._touch(connection)
        self.metrics.logins += 1
        log.info("%s logged in from %s", user.name, connection.address)
        return wire.LoggedIn(
            self.core.user_view(user.id),
            device.id,
            device.certificate,
            self._new_keys(connection.session),
            *self.notices.rooms_for(user.id),
        )

    def check_place(self, user: int, *, by_password: bool = False) -> int | None:
        """Raise Refused when there is no place for another session. The session that gives way: of the same user one
        that was silent for long, for a log-in by password the oldest: else whoever found a device could hold all
        places, and its owner not come in to revoke it. When the server is full, the oldest of whoever has most: else
        few people with many sessions could keep everybody out."""
        mine = self.core.sessions.of_user(user)
        oldest = None
        full = len(mine) >= self.config.sessions_per_user or len(self.core.sessions) >= self.config.sessions_total
        if by_password and mine and full:
            return min(session.id for session in mine)
        if len(mine) >= self.config.sessions_per_user:
            heard = {session.id: self._connections[session.id].heard for session in mine}
            oldest = min(heard, key=lambda session: heard[session])
            if self.now() - heard[oldest] < SILENCE_YIELDS:
                raise Refused(Code.TOO_MANY_SESSIONS, "too many sessions of this user")
        elif full:
            crowd = self.core.sessions.most_of_one_user()
            # With one less that user would have as many as this one: the two would push each other out for ever.
            if len(crowd) < len(mine) + 2:
                raise Refused(Code.TOO_MANY_SESSIONS, "the server is full", 10.0)
            oldest = min(session.id for session in crowd)
        return oldest

    def _make_place(self, user: int, *, by_password: bool) -> None:
        oldest = self.check_place(user, by_password=by_password)
        if oldest is None:
            return
        connection = self._connections[oldest]
        if by_password or connection.user != user:
            connection.end(Code.TOO_MANY_SESSIONS, "another log-in took the place")
        else:
            connection.abort()

    def _new_keys(self, session: int) -> wire.SessionKeys:
        keys = wire.SessionKeys(
            self._free_key_id(),
            self.entropy.token_bytes(32),
            self.entropy.token_bytes(32),
            int(self.limits.seal.key_lifetime * 1000),
        )
        self.keys_given[session] = self.now()
        if self.relay is not None:
            self.relay.open_channel(session, keys)
        return keys

    def _free_key_id(self) -> int:
        """Two sessions under one id would take each other's datagrams for forgeries."""
        key_id = self.entropy.randbits(32)
        while self.relay is not None and self.relay.uses(key_id):
            key_id = self.entropy.randbits(32)
        return key_id

    def send_session_keys(self, connection: ClientConnection) -> None:
        """A fresh pair; the old one opens for half a minute more."""
        self.send_event(connection, self._new_keys(connection.session))

    def send_event(self, connection: ClientConnection, event: Any) -> None:
        """A frame over TLS, at once. Nothing happens when the client has hung up."""
        connection.send(pack_frame(event))

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

    def end_sessions(self, user: int, code: Code | None, text: str, keep: ClientConnection | None = None) -> None:
        """End every session of a user, but for one."""
        for session in self.core.sessions.of_user(user):
            connection = self._connections.get(session.id)
            if connection is not None and connection is not keep:
                connection.end(code, text)

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
        for session in self.core.sessions.of_user(user):
            connection = self._connections.get(session.id)
            if session.device in devices and connection is not None and connection is not keep:
                connection.end(Code.DEVICE_REVOKED, "device revoked")
        self.notices.room_keys_changed(key.room for key in rotated)

    def rooms_deleted(self, deleted: Collection[DeletedRoom]) -> None:
        """Tell whom it concerns, erase what they held."""
        self.notices.rooms_deleted(deleted)
        self.to_erase.set()

    def _touch(self, connection: ClientConnection) -> None:
        """The user and the device are here now."""
        if connection.user is not None:
            now_ms = self.wall_ms()
            self.core.last_seen[connection.user] = now_ms
            self.seen_users[connection.user] = now_ms
            self.seen_devices[connection.device] = now_ms

    def connections(self) -> list[ClientConnection]:
        """All that are open."""
        return list(self._connections.values())

    @property
    def setup_code(self) -> str:
        """What the first account may be made with; empty when there are accounts."""
        return "" if self.directory.users else self.setup.text

    def status(self, rooms_above: int | None = None) -> dict[str, Any]:
        """Figures for administrators; `rooms_above` as in wire.Status."""
        return figures.status(self, rooms_above)

    async def close(self, patience: float = CLOSE_PATIENCE) -> bool:
        """Finish what was taken, say goodbye, save, end the threads. False when the database did not answer within
        `patience` seconds: then it must be left alone, as threads still wait for it. Nobody was told of anything that
        is not stored."""
        end = self._loop.time() + patience

        def left() -> float:
            return max(0.0, end - self._loop.time())

        self._housekeeper.cancel()
        self.core.stop()
        while not self.core.finished and left():
            self.step()
            await asyncio.sleep(0.005)
        self._closing = True
        for connection in list(self._connections.values()):
            connection.end(None, "the server is stopping")
        await asyncio.sleep(0)
        pending = [task for task in self._background if task is not self._housekeeper]
        if pending:
            await asyncio.wait(pending, timeout=min(5.0, left()))
        self.step()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._save_at_end()
        if self._timer is not None:
            self._timer.cancel()
        ended = [await threads.close(left()) for threads in (self.writer, self._readers)]
        await self._disk_looks.close(min(0.1, left()))
        self.hasher.close()
        await asyncio.to_thread(self.mailer.close, 2.0)
        for connection in list(self._connections.values()):
            connection.abort()
        if not all(ended):
            log.error(
                "the database does not answer: the server stops without it; clients offer again what is undecided"
            )
        return all(ended)

    async def _save_at_end(self) -> None:
        try:
            await save(self)
        except StoreError as error:
            log.warning("receipts could not be saved: %s", error)


# What this server issued does not change: it is looked at once. 1,000 people with two devices: 1 MiB.
@lru_cache(maxsize=2048)
def _certified(log_key: bytes, log_id: bytes, certificate: Certificate) -> CertificateBody | None:
    try:
        return open_certificate_untrusted(log_key, log_id, certificate)
    except ProtocolError:
        return None


def _same_way(output: Output) -> RecordFetch | tuple[Transport, tuple[int, ...]]:
    """Equal for outputs that go to the same sessions on the same way."""
    return (output.path, output.sessions) if isinstance(output, SendFrames) else output
