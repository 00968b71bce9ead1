"""An account at a log, for as long as this process runs: the core and its driver, and what people are told of it.

Events of the core are worked off one after the other by one task, so that people hear of things in the order in which
they happened: a line waits until its author's certificate is here, and what comes after it waits, too. Commands read
the local copy directly.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.command_errors import delayed, known_code, link_problem, offline, refusal, refused_with, unreadable
from lanchat.app.deferred_lines import DeferredRecords
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.app.rooms import RoomBook, decode
from lanchat.core import events as core_events
from lanchat.core.core import ClientCore, message_id
from lanchat.core.ports import LocalStore, LocalStoreError, OutboxItem
from lanchat.core.session.states import IN_SESSION, LinkState
from lanchat.core.view.fold import DecodedRecord, is_shown, readable_change
from lanchat.core.view.pending import PendingChange, pending_change
from lanchat.platform.clock import SYSTEM_CLOCK
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.store.identities import StoredDevice
from lanchat.transport.driver import Driver

# Lines that are made between two turns of the event loop: a signature check takes 0.1 ms.
SLICE = 20
# How long a command waits for the session while it is being made.
SESSION_PATIENCE = 10.0
# Decisions that somebody may still ask for; one takes 200 octets.
DECIDED_MAX = 10_000
REQUEST_TIMEOUT = 30.0
# A request that the server had no time for is made again after the pause that it asks for, when that is short: people
# who are invited one after the other into a room of 1,000 count as eleven requests each.
BUSY_PAUSES = (0.05, 3.0)
# A page of 200 records takes some milliseconds, a thousand unread messages in each of 60 rooms a few seconds.
COUNT_PATIENCE = 10.0
_UNDER_WAY = frozenset((LinkState.CONNECTING, LinkState.AUTHENTICATING))
_CAUSES = {Kind.EDIT: "edit", Kind.DELETE: "delete", Kind.REACTION: "reaction"}

log = logging.getLogger(__name__)
Emit = Callable[[api.Event], None]


class AccountSession:
    """Event loop's thread only. `server` is where it was last; `keep_certificate` makes this device's own durable."""

    def __init__(
        self,
        core: ClientCore,
        store: LocalStore,
        device: StoredDevice,
        server: api.Server,
        emit: Emit,
        keep_certificate: Callable[[Certificate], None],
        wall_ms: Callable[[], int] = SYSTEM_CLOCK.wall_ms,
        limits: ClientLimits = CLIENT_LIMITS,
    ) -> None:
        """`emit` is called for each event, in order. Nothing is connected or told before `run`. `wall_ms`: the time of
        day that people are told."""
        self.limits = limits
        self.core = core
        self.store = store
        self.device = device
        self.server = server
        self.book = RoomBook(core, store, store, core.user, device.user_name)
        self.state = api.StateChanged(LinkState.CONNECTING)
        self.refusal: wire.Code | None = None  # why the server refused this device, when it did
        self._emit = emit
        self._keep_certificate = keep_certificate
        self.wall_ms = wall_ms
        self._driver: Driver | None = None
        self._queue: asyncio.Queue[tuple[core_events.Event, int]] = asyncio.Queue()
        self._backlog = 0
        self._worker: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._certificates = asyncio.Event()
        self._late = DeferredRecords(core, limits)
        self._changed = asyncio.Event()
        self._decided: dict[MessageKey, int | wire.Code] = {}
        self._made: dict[MessageKey, OutboxItem] = {}
        self._older: dict[int, list[asyncio.Future[core_events.OlderStored | None]]] = {}
        self._stopped = False
        self.deletes: set[int] = set()  # rooms that a command of this process deletes
        self._recovered_emitted = False
        self._unwritten: ProblemDetails | None = None  # why the local copy could not be written, until something is
        self._activity = wire.PresenceState.ONLINE
        self._fetching_unread = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()

    # --- Life -----------------------------------------------------------------------------------------------------

    def run(self, driver: Driver) -> None:
        """The driver is there; `driver.start` follows."""
        self._driver = driver
        self._worker = asyncio.get_running_loop().create_task(self._work())
        self._emit(api.AccountLoggedIn(self.account(), self.server))
        self._emit_recovered()

    @property
    def driver(self) -> Driver:
        """The driver of this account's core; there is none before `run`."""
        assert self._driver is not None
        return self._driver

    async def stop(self) -> None:
        """End the session; open and later requests fail with OFFLINE. The outbox stays."""
        self._stopped = True
        self.driver.stop()
        try:
            self.core.save_marks()
        except LocalStoreError as error:
            log.warning("what was read is not kept: %s", error)
        tasks = [task for task in (self._worker, *self._background) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._emit_kept_changes()
        waiting = [*self._answers.values(), *(future for futures in self._older.values() for future in futures)]
        for future in waiting:
            if not future.done():
                future.set_result(None)
        self._changed.set()

    def account(self) -> api.Account:
        """Who this is, as far as the local copy knows."""
        user = self.core.directory.users.get(self.core.user)
        if user is None:
            return api.Account(self.core.user, self.device.user_name, self.device.display_name, wire.Role.MEMBER)
        return api.Account(user.id, user.name, user.display_name, user.role)

    @property
    def in_session(self) -> bool:
        """Whether this device is logged in at the server now."""
        return self.core.state in IN_SESSION

    def now(self) -> float:
        """The time that the core is given: seconds of the event loop's clock."""
        return self.driver.now()

    # --- Waiting --------------------------------------------------------------------------------------------------

    async def wait_for(self, done: Callable[[], bool], timeout: float) -> bool:
        """Until `done`, looked at after every event; False when it took too long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not done():
            left = end - loop.time()
            if left <= 0 or self._stopped:
                return False
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return done()
        return True

    async def settle(self, patience: float) -> None:
        """Until what was acknowledged is in the local copy, or cannot come any more."""
        await self.wait_for(lambda: not (self.in_session and self.core.awaits_records), patience)

    async def session_decided(self, patience: float = SESSION_PATIENCE) -> None:
        """Until there is a session, or none is being made."""
        await self.wait_for(lambda: self.core.state not in _UNDER_WAY, patience)

    async def ask(self, operation: wire.AfterLogin, timeout: float = REQUEST_TIMEOUT) -> Any:
        """The result of a request, which is made again while the server is busy for a moment. Raises CommandError:
        OFFLINE, or what the server refused."""
        end = self.now() + min(timeout, self.limits.busy_patience)
        shortest, longest = BUSY_PAUSES
        while True:
            answer = await self._ask_once(operation, timeout)
            if not isinstance(answer, wire.Failure):
                return answer
            pause = max(shortest, answer.retry_ms / 1000)
            brief = answer.code == wire.Code.BUSY and 0 < answer.retry_ms <= longest * 1000
            if not brief or self.now() + pause > end:
                raise refusal(answer)
            await asyncio.sleep(pause)

    async def _ask_once(self, operation: wire.AfterLogin, timeout: float) -> Any:
        """The result, or the Failure. Raises CommandError OFFLINE."""
        await self.session_decided(min(timeout, SESSION_PATIENCE))
        number = None if self._stopped else self.core.request(operation, self.now())
        if number is None:
            raise offline()
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        self.driver.pump()
        try:
            async with asyncio.timeout(timeout):
                answer = await future
        except TimeoutError:
            raise offline() from None
        finally:
            self._answers.pop(number, None)
        if answer is None:
            raise offline()
        return answer

    def decision(self, key: MessageKey) -> int | wire.Code | None:
        """The number of a message, or why it was refused; None while it is undecided."""
        return self._decided.get(key)

    async def fetch_older(self, room: int) -> bool:
        """One more page below what is stored; False when there is nothing to get, or no session to get it from. Raises
        CommandError when the page was asked for and did not come."""
        if self._stopped or not self.core.fetch_older(room, self.now()):
            return False
        future: asyncio.Future[core_events.OlderStored | None] = asyncio.get_running_loop().create_future()
        self._older.setdefault(room, []).append(future)
        self.driver.pump()
        answer = await future
        if answer is None:
            raise offline()
        if answer.refusal is not None:
            raise refusal(answer.refusal)
        if answer.failed:
            raise unreadable() if self.in_session else offline()
        return bool(answer.records)

    def ask_for_certificates(self, devices: Sequence[bytes]) -> None:
        """Of devices whose messages are to be shown; while the server is away nobody can be asked."""
        if devices and self.in_session:
            self.core.want_certificates(devices, self.now())
            self.driver.pump()

    async def wait_for_certificates(self, patience: float) -> None:
        """Wait until the server has said whose the devices are that it is being asked for, at most so long."""
        await self.wait_for(lambda: not self.core.asks_for_certificates, patience)

    # --- Sending --------------------------------------------------------------------------------------------------

    def send(self, room: int, kind: Kind, body: str, ref: int) -> OutboxItem:
        """Durable in the outbox. Raises ProtocolError, LocalStoreError."""
        item = self.core.send(room, kind, body, ref, self.now())
        self._made[item.key] = item
        if is_shown(kind):
            self._emit(api.LineAdded(self.book.waiting_line(item), live=True))
        elif not self.core.in_session:
            self._pend(pending_change(decode(item), item.message.body, self.core.user))
        self.driver.pump()
        return item

    def set_activity(self, state: wire.PresenceState) -> None:
        """At the computer, or not; told again in every session."""
        self._activity = state
        self.core.set_activity(state, self.now())
        self.driver.pump()

    # --- Events of the core -----------------------------------------------------------------------------------------

    def take_event(self, event: core_events.Event) -> None:
        """From the driver: answers at once, the rest in its turn."""
        match event:
            case core_events.Answered():
                future = self._answers.get(event.id)
                if future is not None and not future.done():
                    future.set_result(event.result)
            case core_events.CertificatesLearned():
                self._certificates.set()
                self._put(event)
            case core_events.OlderStored():
                for waiter in self._older.pop(event.room, []):
                    if not waiter.done():
                        waiter.set_result(event)
            case _:
                self._put(event)
        self._changed.set()

    def _put(self, event: core_events.Event) -> None:
        octets = _octets(event)
        self._queue.put_nowait((event, octets))
        self._backlog += octets
        if self._backlog > self.limits.backlog_octets_max:
            self.driver.hold(True)

    async def _work(self) -> None:
        while True:
            event, octets = await self._queue.get()
            self._backlog -= octets
            if self._queue.empty():
                self.driver.hold(False)
            try:
                await self._handle_event(event)
            except LocalStoreError as error:
                log.warning("the local copy cannot be read: %s", error)
            except Exception:
                # One event that cannot be told must not silence the rest.
                log.exception("an event could not be told: %s", type(event).__name__)
            self._changed.set()

    async def _handle_event(self, event: core_events.Event) -> None:
        match event:
            case core_events.LinkStateChanged():
                self._state_moved(event)
            case core_events.RecordsStored():
                if self._unwritten:
                    self._unwritten = None
                    self.state = replace(self.state, reason=None)
                    self._emit(self.state)
                await self._records_stored(event)
            case core_events.CertificatesLearned():
                await self._emit_deferred()
            case core_events.RoomWentLive():
                self._emit(api.RoomLive(event.room, event.head))
                if self.book.misses_unread(event.room):
                    self.in_background(partial(self._fetch_unread, event.room))
            case core_events.MessagesDelayed():
                self._messages_wait(event)
            case core_events.MessageStored() | core_events.MessageRefused():
                self._message_decided(event)
            case core_events.RoomInfoChanged():
                self._room_updated(event.room.id)
            case core_events.RoomAccessEnded():
                self._room_removed(event)
            case core_events.UsersChanged():
                self._users_changed(event.users)
            case core_events.RoomMembersChanged():
                self._members_changed(event)
            case core_events.CursorsChanged():
                self._cursors_changed(event)
            case core_events.PeersReached():
                self._peers_reached(event.users)
            case core_events.MessagesCarried():
                self._messages_carried(event)
            case core_events.CarriedRefused():
                self._carried_refused(event)
            case core_events.CertificateRenewed():
                self._keep_certificate(event.certificate)
            case core_events.RoomStopped():
                log.warning("room %x stopped: %s", event.room, event.stop.value)
            case core_events.LocalStoreFailed():
                self._store_failed(event.details)

    def _store_failed(self, details: ProblemDetails) -> None:
        log.error("the local copy cannot be written: %s", details)
        self._unwritten = details
        self._emit(replace(self.state, reason=details))
        self._emit_recovered()

    def _emit_kept_changes(self) -> None:
        """What waits to be told and has changed the local copy already: no later session hears of it."""
        while not self._queue.empty():
            event, _size = self._queue.get_nowait()
            match event:
                case core_events.MessageStored() | core_events.MessageRefused():
                    self._message_decided(event)
                case core_events.RoomAccessEnded():
                    self._room_removed(event)

    def _room_removed(self, event: core_events.RoomAccessEnded) -> None:
        self.book.forget(event.room)
        self._late.forget(event.room)
        self._emit(api.RoomRemoved(event.room, event.deleted))
        known = event.known
        if known is not None and known.joined and event.room not in self.deletes:
            title = self.book.title(known)
            self._emit(api.Notice(ProblemDetails.of(Problem.ROOM_WAS_DELETED, name=title)))

    def _emit_recovered(self) -> None:
        """A damaged copy was replaced: say so once, and begin again with the new one."""
        recovered = self.store.recovered
        if recovered is not None and not self._recovered_emitted:
            self._recovered_emitted = True
            self._emit(api.Notice(recovered))
            self.driver.begin_again()

    def _state_moved(self, event: core_events.LinkStateChanged) -> None:
        before = self.state.state
        self.refusal = known_code(event.code) if event.code else None
        retry_in = max(0.0, event.retry_at - self.now()) if event.retry_at is not None else 0.0
        reason = event.details or (refused_with(event.code) if event.code else link_problem(event.reason))
        if event.state in (LinkState.SYNCING, LinkState.LIVE):
            reason = reason or self._unwritten
        self.state = api.StateChanged(event.state, reason, self.state.peers, retry_in)
        if event.state is LinkState.SYNCING and before is not LinkState.SYNCING:
            self._session_began()
        self._emit(self.state)
        if self.state.state is LinkState.AWAY and before is not LinkState.AWAY:
            self._emit_everybody_offline()
            for room in self.book.looked_at():
                for change in self.core.pending_changes(room):
                    self._pend(change)

    def _peers_reached(self, users: tuple[int, ...]) -> None:
        """Own other devices are nobody else."""
        peers = len(set(users) - {self.core.user})
        if peers != self.state.peers:
            self.state = replace(self.state, peers=peers)
            self._emit(self.state)

    def _emit_everybody_offline(self) -> None:
        """Without the server nobody knows who is at the computer."""
        users = [user for user in self.core.directory.users.values() if user.state]
        people = tuple(self.book.person(user, connected=False) for user in users)
        if people:
            self._emit(api.PeopleChanged(people))

    def _session_began(self) -> None:
        self._emit(api.AccountLoggedIn(self.account(), self.server))
        if self._activity is not wire.PresenceState.ONLINE:
            self.set_activity(self._activity)
        self.in_background(self._learn_people)
        self.in_background(self._learn_receipts)

    def in_background(self, work: Callable[[], Awaitable[None]]) -> None:
        """Something that nobody waits for; it may fail quietly when the server goes away."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _fetch_unread(self, room: int) -> None:
        """What is unread is counted from records: those that are not here are fetched, of one room after the other."""
        async with self._fetching_unread:
            for _ in range(self.limits.unread_pages_max):
                if not self.book.misses_unread(room) or not await self.fetch_older(room):
                    return
                self._room_updated(room)

    async def count_unread(self) -> None:
        """Fetch what is unread in any room and not here, for a while; as far as the server gives it."""
        rooms = [room.id for room in self.core.directory.rooms.values() if room.joined]
        with contextlib.suppress(api.CommandError, TimeoutError):
            async with asyncio.timeout(COUNT_PATIENCE):
                for room in rooms:
                    await self._fetch_unread(room)

    async def _learn_people(self) -> None:
        await self.ask(wire.ListUsers())

    async def _learn_receipts(self) -> None:
        """Of the rooms whose receipts were shown before, one after the other."""
        for room in self.book.looked_at():
            state = self.book.known(room)
            if state is not None and state.cursors is not None:
                await self.learn_cursors(room)

    async def learn_cursors(self, room: int) -> None:
        """Receipts of a room; from then on changes are told."""
        cursors = (await self.ask(wire.ListCursors(room))).cursors
        self.book.note_cursors(room, cursors, all_of_them=True)
        self._emit(api.ReceiptsChanged(room))

    # Rooms and people

    def _room_updated(self, room: int) -> None:
        known = self.core.directory.rooms.get(room)
        if known is not None:
            self._emit(api.RoomUpdated(self.book.view(known)))

    def _users_changed(self, users: tuple[wire.User, ...]) -> None:
        self._emit(api.PeopleChanged(tuple(self.book.person(user, connected=True) for user in users)))
        changed = {user.id for user in users}
        for room in list(self.core.directory.rooms.values()):
            if room.partner in changed:
                self._room_updated(room.id)

    def _members_changed(self, event: core_events.RoomMembersChanged) -> None:
        self.book.members_changed(event.room, event.joined, event.left)
        self._room_updated(event.room)

    def _cursors_changed(self, event: core_events.CursorsChanged) -> None:
        self.book.note_cursors(event.room, event.cursors, all_of_them=False)
        for cursor in event.cursors:
            if cursor.user == self.core.user and cursor.read > self.core.read_up_to(event.room):
                self.mark_read(event.room, cursor.read)
        self._emit(api.ReceiptsChanged(event.room))

    def mark_read(self, room: int, seq: int) -> None:
        """This user has read up to `seq`, here or on another device."""
        if seq <= self.core.read_up_to(room):
            return
        self.core.mark_read(room, seq, self.now())
        self._room_updated(room)
        self.driver.pump()

    # Lines

    def _message_decided(self, event: core_events.MessageStored | core_events.MessageRefused) -> None:
        key = event.key
        item = self._made.pop(key, None)
        self.book.waits.pop(key, None)
        if len(self._decided) >= DECIDED_MAX:
            del self._decided[next(iter(self._decided))]
        if isinstance(event, core_events.MessageStored):
            self._decided[key] = event.seq
            self._emit(api.LineStored(message_id(key), key.room, event.seq))
        else:
            self._decided[key] = known_code(event.code)
            self.book.refused(key, item, event.code)
            self._take_back(key)
            code, details = known_code(event.code), refused_with(event.code)
            self._emit(api.LineRefused(message_id(key), key.room, code, details, made_here=item is not None))

    def _messages_carried(self, event: core_events.MessagesCarried) -> None:
        for header, message, author in event.items:
            if is_shown(header.kind):
                self._emit(api.LineAdded(self.book.carried_line(header, message, author), live=True))
            else:
                self._pend(pending_change(header, message.body, author))

    def _pend(self, change: PendingChange | None) -> None:
        """A change that is not stored yet is shown at once."""
        line = self.book.pend(change) if change is not None else None
        if change is not None and line is not None:
            cause, made = _CAUSES[change.kind], message_id(change.key)
            self._emit(api.LineChanged(line, cause, 0, change.author, change.text, made))

    def _take_back(self, key: MessageKey) -> None:
        """A change that will never be stored is not shown any more."""
        taken = self.book.take_back(key)
        line, change = taken if taken is not None else (None, None)
        if line is not None and change is not None:
            self._emit(api.LineChanged(line, "refused", 0, change.author, change.text, message_id(key)))

    def _carried_refused(self, event: core_events.CarriedRefused) -> None:
        key = event.key
        self._take_back(key)
        code = known_code(event.code) if event.code else None
        details = refused_with(event.code) if event.code else None
        self._emit(api.LineWithdrawn(message_id(key), key.room, code, details))

    def _messages_wait(self, event: core_events.MessagesDelayed) -> None:
        code, details = known_code(event.code), delayed(event.code, self.wall_ms() / 1000 + event.wait)
        for key in event.keys:
            before = self.book.waits.get(key)
            if key not in self._decided and before != (code, details):
                self.book.waits[key] = code, details
                again = before is not None and before[0] is code
                self._emit(api.LineDelayed(message_id(key), key.room, code, details, again))

    async def _records_stored(self, event: core_events.RecordsStored) -> None:
        if event.room not in self._late:
            await self._wait_for_certificates(event)
        self._late.add(event)
        await self._emit_deferred()

    async def _emit_deferred(self) -> None:
        for event in self._late.take_ready():
            await self._emit_records(event)

    async def _emit_records(self, event: core_events.RecordsStored) -> None:
        notes = [DecodedRecord(held.record, held.header) for held in event.held]
        self.book.note(event.room, notes)
        if event.live or self.book.is_watched(event.room):
            for count, note in enumerate(notes, 1):
                self._emit_record(event.room, note, event.live)
                if count % SLICE == 0:
                    await asyncio.sleep(0)
        self._room_updated(event.room)

    async def _wait_for_certificates(self, event: core_events.RecordsStored) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.limits.certificate_patience
        while self.in_session and self._late.waits(event) and (left := end - loop.time()) > 0:
            self._certificates.clear()
            try:
                async with asyncio.timeout(left):
                    await self._certificates.wait()
            except TimeoutError:
                return

    def _emit_record(self, room: int, note: DecodedRecord, live: bool) -> None:
        """A text, or what somebody did to one."""
        state = self.book.state(room)
        if is_shown(note.header.kind):
            folded = state.fold.noted(note.record.seq)
            if folded is not None:
                self._emit(api.LineAdded(self.book.line(room, folded), live))
            return
        try:
            change = readable_change(self.core.authors, note)
        except ProtocolError:
            return
        target = state.fold.noted(note.header.ref)
        if target is not None:
            line = self.book.line(room, target)
            cause = _CAUSES[change.kind]
            made = message_id(note.header.key)
            self._emit(api.LineChanged(line, cause, change.seq, change.author.user, change.text, made))


def _octets(event: core_events.Event) -> int:
    """About what an event takes in memory."""
    match event:
        case core_events.RecordsStored():
            return event.octets
        case core_events.UsersChanged():
            return 300 * (1 + len(event.users))
        case core_events.CursorsChanged():
            return 100 * (1 + len(event.cursors))
        case core_events.RoomMembersChanged():
            return 50 * (2 + len(event.joined) + len(event.left))
        case _:
            return 300


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except api.CommandError as error:
        log.info("not done in the background: %s", error)
    except LocalStoreError as error:
        log.warning("the local copy: %s", error)
