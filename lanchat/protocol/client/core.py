"""The client core: everything a client decides, without I/O, clock or randomness.

The shell (lanchat/net, or a simulator) drives it:

    start(now)                          begin; `ReconnectDue` says when to connect
    opened / connected / disconnected   how the connection fares; `connected` takes the server's LoggedIn
    receive(frame, path, now)           each decoded frame after log-in; raises ProtocolError: a datagram is then
                                        dropped, a TLS connection closed
    timer() / handle_timer(now)         when it wants to be called, and the call
    take_outputs() / take_events()      what to send and what happened; also settle what `receive` brought

`receive` only takes in; storing, asking and sending are done when outputs or events are taken. So the shell feeds all
datagrams that are there, then takes once: one transaction and one signature check for all of them.

A trouble with the local store never loses anything: the room stays where it was, `LocalTrouble` says so once, and it
is tried again. Everything is deterministic: ordered containers only, and every drawn number comes from `random`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import keys, wire
from lanchat.protocol.client.authors import Authors
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.directory import Directory
from lanchat.protocol.client.events import (
    Answered,
    CertificateRenewed,
    CertificatesLearned,
    ConnectionGivenUp,
    CursorsChanged,
    Event,
    KeysChanged,
    LocalTrouble,
    MembersChanged,
    OlderStored,
    Output,
    Path,
    ReconnectDue,
    RecordsStored,
    RoomRemoved,
    RoomUpdated,
    StateMoved,
    Stop,
    UsersChanged,
)
from lanchat.protocol.client.link import Due, Link
from lanchat.protocol.client.outbox import Outbox, Run, StoredItem
from lanchat.protocol.client.ports import LocalStore, LocalStoreError, OutboxItem
from lanchat.protocol.client.receipts import Receipts
from lanchat.protocol.client.requests import Answer, Handler, Requests
from lanchat.protocol.client.room import RoomContext, RoomReceiver
from lanchat.protocol.client.states import LinkState, Move, Reason
from lanchat.protocol.client.tokens import Tokens
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import Limits
from lanchat.protocol.messages import Header, Kind, MessageKey, decode_header_untrusted, make_message
from lanchat.protocol.records import Head, check_head

# The refusals after which a client must not come back by itself.
_FINAL = frozenset((wire.Code.BAD_CREDENTIALS, wire.Code.ACCOUNT_DISABLED, wire.Code.DEVICE_REVOKED, wire.Code.VERSION))
_ROOMS_PER_SUBSCRIPTION = 256
_DEVICES_PER_REQUEST = 256
# A header carries 63 bits; a member who signs the highest value must not stop the others from sending.
_LAMPORT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this is; `epoch` is the server's present one, told at each connection."""

    log_id: bytes
    epoch: int
    log_key: bytes


class ClientCore:
    """One device of one user at one log, over all connections of one process. Raises LocalStoreError on creation."""

    def __init__(
        self,
        *,
        config: ClientConfig,
        identity: LogIdentity,
        device_key: Ed25519PrivateKey,
        user: int,
        store: LocalStore,
        random: Callable[[], float],
        run: int,
        now_ms: Callable[[], int],
    ) -> None:
        self.config = config
        self.identity = identity
        self.user = user
        self.device = keys.device_id(keys.public_octets(device_key))
        self.run = run
        self.limits = Limits()
        # What was dropped, by reason.
        self.counters: Counter[str] = Counter()
        self.directory = Directory(store)
        self.authors = Authors(identity.log_id, identity.log_key, store)
        self._device_key = device_key
        self._store = store
        self._random = random
        self._now_ms = now_ms
        self._now = 0.0
        self._link = Link(config, random)
        self._requests = Requests(config.request_timeout)
        self._outbox = Outbox(config, store, self.limits)
        self._receipts = Receipts(config)
        self._nacks = Tokens(config.nack_rate, config.nack_burst)
        self._rooms: dict[int, RoomReceiver] = {}
        self._wanted: dict[int, wire.Room] = {}
        self._dirty: dict[int, None] = {}
        self._pulls = 0
        self._older: dict[int, None] = {}
        self._unknown_devices: dict[bytes, None] = {}
        self._asked_devices: dict[bytes, None] = {}
        self._asking_devices: dict[bytes, None] = {}
        self._numbers: dict[int, int] = {}
        self._lamport = 0
        self._adopt_at: float | None = None
        self._fresh_session = True
        self._renew_at: float | None = None
        self._renewing = False
        self._store_retry_at: float | None = None
        self._outputs: list[Output] = []
        self._events: list[Event] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            wire.Records: self._on_records,
            wire.Heads: self._on_heads,
            wire.Decided: self._on_decided,
            wire.Expect: self._on_expect,
            wire.Busy: self._on_busy,
            wire.RoomCursors: self._on_room_cursors,
            wire.Lagging: self._on_lagging,
            wire.Users: self._on_users,
            wire.RoomChanged: self._on_room_changed,
            wire.RoomGone: self._on_room_gone,
            wire.MembersChanged: self._on_members_changed,
            wire.RoomKey: self._on_room_key,
            wire.SessionKeys: self._on_session_keys,
            wire.NewCertificate: self._on_new_certificate,
            wire.Goodbye: self._on_goodbye,
            wire.Response: self._on_response,
            wire.Failure: self._on_failure,
        }
        self._goodbye = Reason.LOST
        self._read_lamport()

    # --- The connection -------------------------------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        return self._link.state

    @property
    def udp_open(self) -> bool:
        return self._link.udp_open

    def start(self, now: float) -> None:
        """Begin to connect (again, after a refusal)."""
        self._now = now
        self._link.start(now)
        self._tell_state()

    def opened(self, now: float) -> None:
        """The server proved its identity; log-in is under way."""
        self._now = now
        self._link.opened()
        self._tell_state()

    def connected(
        self,
        session: wire.LoggedIn,
        now: float,
        *,
        epoch: int | None = None,
        limits: Limits | None = None,
        use_udp: bool = True,
    ) -> None:
        """Logged in. `epoch` and `limits` are those of this connection's Welcome."""
        self._now = now
        if epoch is not None:
            self.identity = LogIdentity(self.identity.log_id, epoch, self.identity.log_key)
        self.limits = limits if limits is not None else self.limits
        self._link.logged_in(now, use_udp)
        self._tell_state()
        self._outbox.set_limits(self.limits)
        self._outbox.reconnected(now)
        self._adopt_at = now
        self._fresh_session = True
        self._goodbye = Reason.LOST
        self._asked_devices.clear()
        self._take_keys(session.keys)
        self.authors.learn_untrusted([session.certificate])
        self._take_users([session.user])
        self._take_rooms(session.rooms)

    def disconnected(self, now: float, reason: Reason | None = None, detail: str = "") -> None:
        """The connection ended, or a try to connect failed; `ReconnectDue` follows."""
        self._now = now
        if reason is None:
            reason = self._goodbye if self._link.up else Reason.NO_ANSWER
        self._end_session()
        if self._link.state is LinkState.REFUSED:
            return
        self._link.lost(now, reason, detail)
        self._tell_state()

    def refused(self, now: float, detail: str = "", code: int = 0) -> None:
        """The server refuses this device for good."""
        self._now = now
        self._end_session()
        self._link.refused(detail, code)
        self._tell_state()

    def _end_session(self) -> None:
        self._requests.abandon()
        self._rooms.clear()
        self._wanted.clear()
        self._dirty.clear()
        self._outputs.clear()
        self._unknown_devices.clear()
        self._renew_at = None
        self._adopt_at = None
        self._pulls = 0
        self._older.clear()

    def _tell_state(self) -> None:
        link = self._link
        self._events.append(StateMoved(link.state, link.reason, link.detail, link.retry_at, link.code))

    # --- Rooms and people -----------------------------------------------------------------------------------------

    def _take_rooms(self, rooms: Sequence[wire.Room]) -> None:
        self._receipts.forget_told()
        for gone in self.directory.replace_joined(rooms):
            self._events.append(RoomRemoved(gone))
        for room in rooms:
            self._events.append(RoomUpdated(room))
            if room.joined:
                self._wanted[room.id] = room

    def _subscribe(self) -> None:
        """Rooms that are new in this session. Raises LocalStoreError; then they are still wanted."""
        context = RoomContext(self.identity.log_id, self.config, self._store, self._random, self._check_head)
        while self._wanted:
            part = list(self._wanted.values())[:_ROOMS_PER_SUBSCRIPTION]
            receivers = [RoomReceiver(room.id, room.first_seq, context) for room in part]
            for room, receiver in zip(part, receivers, strict=True):
                self._receipts.told(room)
                self._rooms[room.id] = receiver
                del self._wanted[room.id]
            numbers = [room.id for room in part]
            self._ask(wire.Subscribe(numbers), partial(self._on_subscribed, receivers))

    def _on_subscribed(self, receivers: list[RoomReceiver], answer: Answer) -> None:
        if not isinstance(answer, wire.Subscribed):
            if answer is not None:
                self._give_up(Reason.LOST)
            return
        told = {head.room: head for head in answer.heads}
        for receiver in receivers:
            room = receiver.room
            if self._rooms.get(room) is not receiver:
                continue
            if room in told:
                receiver.subscribed(told[room], self._now)
                self._dirty[room] = None
            else:
                # A membership that ended meanwhile: RoomGone is under way.
                del self._rooms[room]

    def _check_head(self, head: Head) -> bool:
        if head.epoch != self.identity.epoch:
            self.counters["head_of_another_epoch"] += 1
            return False
        try:
            check_head(self.identity.log_key, self.identity.log_id, head)
        except ProtocolError:
            self.counters["head_not_signed"] += 1
            return False
        return True

    def _on_room_changed(self, frame: wire.RoomChanged) -> None:
        room = frame.room
        self.directory.put_room(room)
        self._events.append(RoomUpdated(room))
        if not room.joined:
            self._leave(room.id)
        elif room.id not in self._rooms:
            self._wanted[room.id] = room

    def _leave(self, room: int) -> None:
        self._rooms.pop(room, None)
        self._wanted.pop(room, None)

    def _on_room_gone(self, frame: wire.RoomGone) -> None:
        self._leave(frame.room)
        if self.directory.drop_room(frame.room):
            self._events.append(RoomRemoved(frame.room))

    def note_rooms(self, rooms: Sequence[wire.Room]) -> None:
        """Rooms that an answer to the shell told: as if each had changed."""
        for room in rooms:
            self._on_room_changed(wire.RoomChanged(room))

    def note_users(self, users: Sequence[wire.User]) -> None:
        """Accounts that an answer to the shell told."""
        self._take_users(users)

    def _on_users(self, frame: wire.Users) -> None:
        self._take_users(frame.users)

    def _take_users(self, users: Sequence[wire.User]) -> None:
        self.directory.put_users(users)
        self._events.append(UsersChanged(tuple(users)))

    def _on_members_changed(self, frame: wire.MembersChanged) -> None:
        room = self.directory.rooms.get(frame.room)
        if room is not None:
            count = max(0, room.members + len(frame.joined) - len(frame.left))
            self.directory.put_room(msgspec.structs.replace(room, members=count))
        self._events.append(MembersChanged(frame.room, tuple(frame.joined), tuple(frame.left)))

    def _on_room_cursors(self, frame: wire.RoomCursors) -> None:
        self._events.append(CursorsChanged(frame.room, tuple(frame.cursors)))

    def _on_room_key(self, frame: wire.RoomKey) -> None:
        """For traffic between peers; a client that only knows the server has no use for it."""

    def cursor(self, room: int) -> int:
        """The last stored number of a room, also while the server is away. Raises LocalStoreError."""
        receiver = self._rooms.get(room)
        if receiver is not None:
            return receiver.cursor
        span = self._store.span(room)
        return span.cursor if span is not None else 0

    def stopped(self, room: int) -> Stop | None:
        receiver = self._rooms.get(room)
        return receiver.stop if receiver is not None else None

    # --- Receiving ------------------------------------------------------------------------------------------------

    def receive(self, frame: Any, path: Path, now: float) -> None:
        """A decoded frame of the logged-in server. Raises ProtocolError when it breaks the protocol; what came before
        it stands. What comes without a session is dropped."""
        self._now = now
        if not self._link.up:
            self.counters["frame_without_session"] += 1
            return
        self._link.heard(now)
        if isinstance(frame, wire.Pong):
            if self._link.ponged(path):
                self._outputs.append(self._link.ping())
            return
        self._handlers[type(frame)](frame)

    def drop(self, reason: str) -> None:
        """The shell dropped a datagram."""
        self.counters[reason] += 1

    def _on_records(self, frame: wire.Records) -> None:
        receiver = self._rooms.get(frame.room)
        if receiver is None:
            return
        if frame.head is not None and frame.head.room != frame.room:
            raise ProtocolError("head of another room")
        self._dirty[frame.room] = None
        receiver.take_records(frame.records, frame.head)

    def _on_heads(self, frame: wire.Heads) -> None:
        for head in frame.heads:
            receiver = self._rooms.get(head.room)
            if receiver is not None:
                self._dirty[head.room] = None
                receiver.take_head(head)

    def _on_lagging(self, frame: wire.Lagging) -> None:
        for room, receiver in self._rooms.items():
            receiver.take_lagging(self._now)
            self._dirty[room] = None

    def _on_response(self, frame: wire.Response) -> None:
        if not self._requests.answered(frame.id, frame.result):
            self.counters["answer_without_question"] += 1

    def _on_failure(self, frame: wire.Failure) -> None:
        if not self._requests.answered(frame.id, frame):
            self.counters["answer_without_question"] += 1

    def _on_goodbye(self, frame: wire.Goodbye) -> None:
        if frame.code in _FINAL:
            self.refused(self._now, code=frame.code)
            self._events.append(ConnectionGivenUp())
        elif not frame.code:
            self._goodbye = Reason.STOPPING

    def _give_up(self, reason: Reason) -> None:
        self.disconnected(self._now, reason)
        self._events.append(ConnectionGivenUp())

    def _trouble(self, error: LocalStoreError) -> None:
        """Say it once, try again soon."""
        if self._store_retry_at is None:
            self._events.append(LocalTrouble(str(error)))
        self._store_retry_at = self._now + self.config.store_retry

    # --- Keys and certificates ------------------------------------------------------------------------------------

    def _on_session_keys(self, frame: wire.SessionKeys) -> None:
        self._take_keys(frame)
        self._link.probe(self._now)

    def _take_keys(self, session_keys: wire.SessionKeys) -> None:
        self._renew_at = self._now + session_keys.lifetime_ms / 1000 * self.config.renew_part
        self._events.append(KeysChanged(session_keys))

    def renew(self, now: float) -> None:
        """Ask for fresh keys now: the shell has nearly used up the packets of these. Once is enough."""
        self._now = now
        if self._link.up and not self._renewing:
            self._renewing = True
            self._ask(wire.Renew(), self._on_renewed)

    def _on_renewed(self, answer: Answer) -> None:
        self._renewing = False
        if not isinstance(answer, wire.Done):
            self._renew_at = self._now + self.config.renew_retry

    def _on_new_certificate(self, frame: wire.NewCertificate) -> None:
        self.authors.learn_untrusted([frame.certificate])
        self._events.append(CertificateRenewed(frame.certificate))

    def _want_certificates(self, devices: Sequence[bytes]) -> None:
        try:
            unknown = self.authors.unknown(devices)
        except LocalStoreError as error:
            self._trouble(error)
            return
        for device in unknown:
            if device not in self._asked_devices:
                self._unknown_devices[device] = None

    def _ask_certificates(self) -> None:
        if not self._unknown_devices:
            return
        devices = list(self._unknown_devices)[:_DEVICES_PER_REQUEST]
        for device in devices:
            del self._unknown_devices[device]
            self._asked_devices[device] = None
            self._asking_devices[device] = None
        self._ask(wire.GetCertificates(devices), partial(self._on_certificates, tuple(devices)))

    def _on_certificates(self, devices: tuple[bytes, ...], answer: Answer) -> None:
        if isinstance(answer, wire.Certificates):
            self.authors.learn_untrusted(answer.certificates)
        for device in devices:
            self._asking_devices.pop(device, None)
        self._events.append(CertificatesLearned(devices))

    @property
    def asks_for_certificates(self) -> bool:
        return bool(self._asking_devices or self._unknown_devices)

    def awaits_certificates(self, devices: Sequence[bytes]) -> bool:
        """Whether the server is still being asked whose some of these are; then `CertificatesLearned` follows."""
        return any(device in self._asking_devices or device in self._unknown_devices for device in devices)

    # --- Sending --------------------------------------------------------------------------------------------------

    def send(self, room: int, kind: Kind, body: str, ref: int, now: float) -> OutboxItem:
        """Sign a message and keep it; it goes out as soon as it can. Raises ProtocolError for a body that breaks the
        limits, LocalStoreError when it cannot be kept: then nothing was sent and no number used."""
        self._now = now
        n = self._numbers.get(room, 0) + 1
        now_ms = self._now_ms()
        header = Header(room, self.device, self.run, n, kind, ref, now_ms, min(self._lamport + 1, _LAMPORT_MAX))
        message = make_message(self._device_key, self.identity.log_id, header, body)
        item = self._store.add_outgoing(header.key, message, now_ms)
        self._numbers[room] = n
        self._lamport = header.lamport
        self._outbox.add(item, now)
        return item

    def waiting(self, room: int) -> list[OutboxItem]:
        """Messages of this profile that are not decided, as far as this process has taken them up."""
        return self._outbox.waiting(room)

    def stored_unseen(self, room: int) -> list[StoredItem]:
        """Messages that have their number while the record is not here yet."""
        return self._outbox.stored(room)

    @property
    def awaits_records(self) -> bool:
        """Whether acknowledged messages are still to come back as records."""
        return self._outbox.awaits_records

    def mark_read(self, room: int, seq: int, now: float) -> None:
        """The person saw everything up to `seq`."""
        self._now = now
        self._receipts.read(room, seq)

    def read_up_to(self, room: int) -> int:
        return self._receipts.read_up_to(room)

    def set_activity(self, state: wire.PresenceState, now: float) -> None:
        """At the computer, or not."""
        self._now = now
        if self._link.up:
            self._outputs.append(Output(Path.TLS, wire.Activity(state)))

    def _on_decided(self, frame: wire.Decided) -> None:
        for receipt in frame.receipts:
            event = self._outbox.decided(receipt)
            if event is not None:
                self._events.append(event)

    def _on_expect(self, frame: wire.Expect) -> None:
        self._outbox.expected(Run(frame.room, frame.device, frame.run), frame.n, self._now)

    def _on_busy(self, frame: wire.Busy) -> None:
        wait = min(frame.retry_ms / 1000, self.config.busy_longest)
        self._outbox.busy(self._now + wait * (1 + 0.25 * self._random()))

    def _read_lamport(self) -> None:
        """Go on above what the local copy and the outbox have seen last."""
        for room in self.directory.rooms:
            span = self._store.span(room)
            if span is not None:
                for record in self._store.records(room, span.cursor, span.cursor):
                    self._saw(decode_header_untrusted(record.header))
        for item in self._store.outgoing():
            self._saw(decode_header_untrusted(item.message.header))

    def _saw(self, header: Header) -> None:
        self._lamport = max(self._lamport, header.lamport)

    # --- Requests -------------------------------------------------------------------------------------------------

    def request(self, operation: wire.AfterLogin, now: float) -> int | None:
        """Send a request of the shell; `Answered` with this number follows. None without a session."""
        self._now = now
        if not self._link.up:
            return None
        number = 0

        def answered(answer: Answer) -> None:
            self._events.append(Answered(number, answer))

        number = self._ask(operation, answered)
        return number

    def fetch_older(self, room: int, now: float) -> bool:
        """Ask for the page below what is stored; `OlderStored` follows (also when one is under way already). False when
        there is nothing below or no session."""
        self._now = now
        receiver = self._rooms.get(room)
        if receiver is None or receiver.stop is not None:
            return False
        if room in self._older:
            return True
        history = receiver.older()
        if history is None:
            return False
        self._older[room] = None
        self._ask(history, partial(self._on_older, receiver))
        return True

    def _on_older(self, receiver: RoomReceiver, answer: Answer) -> None:
        self._older.pop(receiver.room, None)
        event = OlderStored(receiver.room, (), failed=True)
        if isinstance(answer, wire.Page):
            try:
                self.authors.learn_untrusted(answer.certificates)
                event = receiver.older_page(answer)
            except LocalStoreError as error:
                self._trouble(error)
            self._dirty[receiver.room] = None
            self._want_certificates([_device(record.header) for record in event.records])
        self._events.append(event)

    def _ask(self, operation: wire.AfterLogin, handler: Handler) -> int:
        number, output = self._requests.ask(operation, handler, self._now)
        self._outputs.append(output)
        return number

    # --- Settling -------------------------------------------------------------------------------------------------

    def take_outputs(self) -> list[Output]:
        """What to send, in order."""
        self._settle()
        outputs, self._outputs = self._outputs, []
        for output in outputs:
            self._link.sent(output.path, self._now)
        return outputs

    def take_events(self) -> list[Event]:
        """What happened, in order."""
        self._settle()
        events, self._events = self._events, []
        return events

    def _settle(self) -> None:
        if not self._link.up:
            return
        if self._store_retry_at is None or self._now >= self._store_retry_at:
            self._settle_store()
        for receiver in list(self._rooms.values()):
            self._ask_room(receiver)
        self._ask_certificates()
        self._judge()
        held = self._held_rooms()
        self._outputs.extend(self._outbox.take_due(self._now, self._link.udp_open, held))
        cursors = self._receipts.take_due(self._now)
        if cursors:
            self._outputs.append(Output(Path.TLS, wire.Cursors(cursors)))

    def _settle_store(self) -> None:
        """Everything that writes to the local copy."""
        try:
            self._subscribe()
            self._adopt()
            for room in list(self._dirty):
                receiver = self._rooms.get(room)
                if receiver is not None:
                    self._take_settled(receiver)
                del self._dirty[room]
            self._outbox.clean_up()
            self.directory.save()
            self.authors.save()
        except LocalStoreError as error:
            self._trouble(error)
        else:
            self._store_retry_at = None

    def _adopt(self) -> None:
        """Messages that other processes of this profile left behind. At the start of a session all of them, so that
        they come before what is written now; later those whose own process had its chance. A clock that was set back
        only delays them until the next session. Raises LocalStoreError."""
        if self._adopt_at is None or self._now < self._adopt_at:
            return
        before = None if self._fresh_session else self._now_ms() - int(1000 * self.config.adopt_after)
        self._outbox.adopt(self._store.outgoing(), self.run, self._now, before)
        self._adopt_at = self._now + self.config.adopt_every
        self._fresh_session = False

    def _take_settled(self, receiver: RoomReceiver) -> None:
        for event in receiver.settle():
            if isinstance(event, RecordsStored):
                self._note_stored(event)
            self._events.append(event)
        self._receipts.received(receiver.room, receiver.cursor)

    def _note_stored(self, event: RecordsStored) -> None:
        for held in event.held:
            self._saw(held.header)
            known = self._outbox.seen(held.header.key, held.record.seq)
            if known is not None:
                self._events.append(known)
        self._want_certificates([held.header.device for held in event.held])

    def _ask_room(self, receiver: RoomReceiver) -> None:
        wanted = receiver.want(self._now)
        if isinstance(wanted, wire.Nack):
            wait = self._nacks.wait(self._now)
            if wait > 0.0:
                receiver.postpone(self._now + wait)
                return
            self._nacks.take(self._now)
            receiver.nacked(self._now)
            self._outputs.append(Output(self._live_path(), wanted))
        elif wanted is not None:
            if self._pulls >= self.config.pulls_at_once:
                receiver.postpone(self._now + self.config.gap_wait)
                return
            self._pulls += 1
            receiver.pulling(wanted)
            self._ask(wanted, partial(self._on_page, receiver))

    def _live_path(self) -> Path:
        return Path.UDP if self._link.udp_open else Path.TLS

    def _on_page(self, receiver: RoomReceiver, answer: Answer) -> None:
        self._pulls = max(0, self._pulls - 1)
        self._dirty[receiver.room] = None
        if isinstance(answer, wire.Page):
            self.authors.learn_untrusted(answer.certificates)
            receiver.page(answer, self._now)
        else:
            retry = answer.retry_ms / 1000 if isinstance(answer, wire.Failure) else 0.0
            receiver.pull_failed(self._now, max(retry, self.config.pull_retry))

    def _held_rooms(self) -> frozenset[int]:
        """Rooms whose messages stay in the outbox: a number in another history would not be worth its tick."""
        return frozenset(room for room, receiver in self._rooms.items() if receiver.stop is not None)

    def _judge(self) -> None:
        """How the session is doing, worst first."""
        move, reason = self._judgement()
        if move is not None and self._link.settled(move, reason):
            self._tell_state()

    def _judgement(self) -> tuple[Move | None, Reason]:
        receivers = self._rooms.values()
        stops = {receiver.stop for receiver in receivers if receiver.stop is not None}
        if Stop.FORKED in stops:
            return Move.FORK, Reason.OTHER_HISTORY
        if stops:
            return Move.SERVER_BEHIND, Reason.SHORTER_HISTORY
        if any(receiver.lagging for receiver in receivers):
            return Move.LAGGED, Reason.OVERTAXED
        if not self._wanted and all(receiver.live for receiver in receivers):
            return Move.COMPLETE, Reason.NONE
        return None, Reason.NONE

    # --- Time -----------------------------------------------------------------------------------------------------

    def timer(self) -> float | None:
        """When `handle_timer` is due; None: never, unless something else happens."""
        times = [self._link.timer()]
        if self._link.up:
            times += [self._requests.timer(), self._receipts.timer(), self._renew_at]
            times.append(self._adopt_at if self._store_retry_at is None else self._store_retry_at)
            times.append(self._outbox.timer(self._now, self._held_rooms()))
            allowed = self._pulls < self.config.pulls_at_once
            times += [receiver.timer(allowed) for receiver in self._rooms.values()]
        return min((when for when in times if when is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Everything that is due by `now`."""
        self._now = now
        before = self._link.state
        outputs, due = self._link.handle_timer(now)
        self._outputs.extend(outputs)
        if self._link.state is not before:
            self._tell_state()
        if due is Due.RECONNECT:
            self._events.append(ReconnectDue())
        elif due is Due.GIVE_UP:
            self._give_up(Reason.SILENT)
        if self._link.up:
            self._requests.expire(now)
            self._maintain(now)

    def _maintain(self, now: float) -> None:
        if self._renew_at is not None and now >= self._renew_at:
            self._renew_at = None
            self.renew(now)


def _device(header: bytes) -> bytes:
    decoded: Header = decode_header_untrusted(header)
    return decoded.device


def message_id(key: MessageKey) -> str:
    """The name of a message as people's programs see it: `<room hex>.<device hex>.<run hex>.<n>`."""
    return f"{key.room:x}.{key.device.hex()}.{key.run:x}.{key.n}"
