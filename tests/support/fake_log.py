"""A log and a network in memory, to drive the client core without a server: virtual time, seeded loss.

`FakeLog` is the smallest thing that answers as the protocol says: it numbers, chains, signs heads, answers requests
and repairs. `Wire` carries frames between it and one `ClientCore`; what its hook does not let through is lost.
"""

import heapq
import itertools
from collections.abc import Callable
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.core.config import ClientConfig
from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.endpoints import SERVER, ServerEndpoint
from lanchat.core.events import ConnectionGivenUp, Event, Output, ReconnectDue
from lanchat.core.peers.peers import PeerStart
from lanchat.core.ports import LocalStore
from lanchat.protocol import wire
from lanchat.protocol.limits import PAGE_OCTETS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, decode_header_untrusted, make_message
from lanchat.protocol.log.records import Head, Record, blanked, chain_hash, genesis_hash, sign_head
from lanchat.protocol.transport import Transport

LOG_ID = bytes(range(16))


def key_of(number: int) -> Ed25519PrivateKey:
    """A fixed key."""
    return keys.private_key(bytes([number]) * 32)


def device_of(key: Ed25519PrivateKey) -> bytes:
    return keys.device_id(keys.public_octets(key))


class FakeLog:
    """Rooms 1 … `rooms`; `proofs`: pages below the head carry one."""

    def __init__(self, rooms: int = 1, proofs: bool = True) -> None:
        self.key = key_of(1)
        self.epoch = 1
        self.proofs = proofs
        self.time_ms = 1_000_000
        self.first_seq = 1
        self.page_of_rooms = 1 << 30
        self.records: dict[int, list[Record]] = {room: [] for room in range(1, rooms + 1)}
        self.hashes: dict[int, list[bytes]] = {room: [genesis_hash(LOG_ID, room)] for room in self.records}
        self.deleted: set[int] = set()
        self.decisions: dict[MessageKey, tuple[int, int]] = {}
        self.last: dict[tuple[int, bytes, int], int] = {}
        self.devices: dict[bytes, Certificate] = {}
        self._others = itertools.count(1)

    @property
    def log_key(self) -> bytes:
        return keys.public_octets(self.key)

    def enrol(self, key: Ed25519PrivateKey, user: int, name: str) -> Certificate:
        """A certificate for a device."""
        return self.enrol_public(keys.public_octets(key), user, name)

    def enrol_public(self, public_key: bytes, user: int, name: str) -> Certificate:
        """The same, by the public key alone."""
        body = CertificateBody(LOG_ID, user, public_key, name, name.title(), 2**50, len(self.devices) + 1)
        certificate = self.devices[body.device] = issue_certificate(self.key, body)
        return certificate

    def head(self, room: int, seq: int | None = None) -> Head:
        seq = len(self.records[room]) if seq is None else seq
        return sign_head(self.key, LOG_ID, self.epoch, room, seq, self.hashes[room][seq], self.time_ms)

    def say(self, room: int = 1, text: str = "hello", *, kind: Kind = Kind.TEXT, ref: int = 0) -> Record:
        """A message by somebody else."""
        key = key_of(9)
        header = Header(room, device_of(key), 99, next(self._others), kind, ref, self.time_ms, len(self.records[room]))
        return self.store(make_message(key, LOG_ID, header, text))

    def store(self, message: Message) -> Record:
        header: Header = decode_header_untrusted(message.header)
        records, hashes = self.records[header.room], self.hashes[header.room]
        self.time_ms += 1
        record = Record(len(records) + 1, self.time_ms, message.header, message.signature, message.body)
        hashes.append(chain_hash(LOG_ID, header.room, hashes[-1], record))
        records.append(record)
        self.decisions[header.key] = (record.seq, 0)
        if header.kind is Kind.DELETE:
            for index, old in enumerate(records):
                said: Header = decode_header_untrusted(old.header)
                if old.seq == header.ref or (said.kind is Kind.EDIT and said.ref == header.ref):
                    records[index] = blanked(old)
        return record

    def submit(self, message: Message) -> wire.Decided | wire.Expect:
        """In the author's order; a repetition gets its first answer."""
        header: Header = decode_header_untrusted(message.header)
        run = (header.room, header.device, header.run)
        if header.room in self.deleted:
            return wire.Decided([wire.Receipt(*header.key, 0, wire.Code.ROOM_DELETED)])
        last = self.last.get(run, 0)
        if header.n > last + 1:
            return wire.Expect(*run, last + 1)
        if header.key not in self.decisions:
            self.store(message)
        self.last[run] = max(last, header.n)
        seq, code = self.decisions[header.key]
        return wire.Decided([wire.Receipt(*header.key, seq, code)])

    def delete(self, room: int) -> None:
        """Members hear of it only when they are told or ask."""
        del self.records[room], self.hashes[room]
        self.deleted.add(room)

    def page(self, request: wire.History) -> wire.Page:
        room, anchor, limit = request.room, request.anchor, request.limit
        records = self.records[room]
        low, high = (anchor, anchor + limit - 1) if request.forward else (anchor - limit + 1, anchor)
        low = max(low, self.first_seq)
        page = records[low - 1 : min(high, len(records))]
        while sum(len(record.body or b"") for record in page) > PAGE_OCTETS_MAX:
            page = page[:-1] if request.forward else page[1:]
        low = page[0].seq if page else low
        before = self.hashes[room][low - 1] if low <= len(records) + 1 else self.hashes[room][-1]
        proof = self.head(room, page[-1].seq) if page and self.proofs and page[-1].seq < len(records) else None
        return wire.Page(room, page, before, self.head(room), [], proof)

    def answer(self, operation: Any) -> Any:
        """The result of a request."""
        match operation:
            case wire.Subscribe():
                heads = [self.head(room) for room in operation.rooms if room in self.records]
                return wire.Subscribed(heads, [], [room for room in operation.rooms if room in self.deleted])
            case wire.History():
                return self.page(operation)
            case wire.GetCertificates():
                return wire.Certificates([self.devices[d] for d in operation.devices if d in self.devices])
            case wire.ListRooms():
                return wire.RoomList(*self.rooms_after(operation.after))
            case wire.AnnouncePeer():
                return wire.Roster([])
            case wire.ListStatements():
                return wire.StatementList([], 0)
            case _:
                return wire.Done()

    def rooms(self) -> list[wire.Room]:
        kind, policy = wire.RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING
        return [wire.Room(room, f"room{room}", kind, policy, self.first_seq, True, 2) for room in self.records]

    def rooms_after(self, after: bytes) -> tuple[list[wire.Room], bytes]:
        """A page of `page_of_rooms` rooms and where the next one begins."""
        start = int.from_bytes(after, "big")
        end = start + self.page_of_rooms
        rooms = self.rooms()
        return rooms[start:end], end.to_bytes(2, "big") if end < len(rooms) else b""

    def logged_in(self, key: Ed25519PrivateKey) -> wire.LoggedIn:
        device = device_of(key)
        user = wire.User(7, "me", "Me", wire.PresenceState.ONLINE, 0)
        session_keys = wire.SessionKeys(1, bytes(32), bytes(32), 3_600_000)
        return wire.LoggedIn(user, device, self.devices[device], session_keys, *self.rooms_after(b""))


Hook = Callable[[str, Transport, Any], bool]


def pass_all(direction: str, path: Transport, frame: Any) -> bool:
    return True


class Wire:
    """One client core, one log, a network between them. `hook(direction, path, frame)` says what gets through; TLS is
    reliable and in order unless the hook says otherwise. `events` has all that the core reported."""

    def __init__(
        self,
        log: FakeLog,
        store: LocalStore,
        *,
        seed: int = 0,
        run: int = 5,
        config: ClientConfig | None = None,
        peers: PeerStart | None = None,
    ) -> None:
        self.log = log
        self.random = Random(seed)
        self.now = 100.0
        self.key = key_of(7)
        self.hook: Hook = pass_all
        self.delay: Callable[[Transport], float] = lambda path: 0.001
        self.events: list[Event] = []
        self.sent: list[Output] = []
        self.up = False
        self.heartbeat: float | None = None
        self._next_beat: float | None = None
        self._queue: list[tuple[float, int, str, Transport, Any]] = []
        self._count = itertools.count()
        self._connection = 0
        if device_of(self.key) not in log.devices:
            log.enrol(self.key, 7, "me")
            log.enrol(key_of(9), 9, "other")
        self.core = ClientCore(
            config=config or ClientConfig(),
            identity=LogIdentity(LOG_ID, log.epoch, log.log_key),
            device_key=self.key,
            user=7,
            store=store,
            random=self.random.random,
            run=run,
            now_ms=lambda: 1_700_000_000_000 + int(self.now * 1000),
            peers=peers,
        )

    def connect(self) -> None:
        """Start, and log in when the core wants to."""
        self.core.start(self.now)
        self.pump()

    def log_in(self) -> None:
        self.up = True
        self._connection += 1
        self.core.opened(self.now)
        self.core.connected(self.log.logged_in(self.key), self.now, epoch=self.log.epoch)

    def cut(self) -> None:
        """The connection breaks; frames under way are lost."""
        self.up = False
        self._queue.clear()
        self.core.disconnected(self.now)
        self.pump()

    def relay(self, *records: Record) -> None:
        """The log sends records with its head, by UDP when the core has heard a pong."""
        path = Transport.UDP if self.core._link.udp_open else Transport.TLS
        room: Header = decode_header_untrusted(records[0].header)
        self.to_client(path, wire.Records(room.room, list(records), self.log.head(room.room)))

    def to_client(self, path: Transport, frame: Any) -> None:
        if self.up and self.hook("down", path, frame):
            self._post("down", path, frame)

    def _post(self, direction: str, path: Transport, frame: Any) -> None:
        heapq.heappush(self._queue, (self.now + self.delay(path), next(self._count), direction, path, frame))

    def pump(self) -> None:
        """Take what the core has to say and to send, until it is silent."""
        while True:
            events = self.core.take_events()
            outputs = self.core.take_outputs()
            if not events and not outputs:
                return
            self.events.extend(events)
            for output in outputs:
                self.sent.append(output)
                to_server = isinstance(output.destination, ServerEndpoint)
                if self.up and to_server and self.hook("up", output.path, output.frame):
                    self._post("up", output.path, output.frame)
            self._obey(events)

    def _obey(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, ReconnectDue):
                self.log_in()
            elif isinstance(event, ConnectionGivenUp):
                self.up = False
                self._queue.clear()

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.run_until(lambda: False, seconds)

    def run_until(self, done: Callable[[], bool], limit: float = 60.0) -> bool:
        """Until `done`, at most `limit` virtual seconds; whether it came true."""
        end = self.now + limit
        self.pump()
        for _ in range(1_000_000):
            if done():
                return True
            timer = self.core.timer()
            times = (timer, self._queue[0][0] if self._queue else None, self._next_beat if self.up else None)
            due = min((when for when in times if when is not None), default=end + 1)
            if due > end:
                self.now = end
                return done()
            self.now = max(self.now, due)
            self._beat()
            while self._queue and self._queue[0][0] <= self.now:
                self._deliver(heapq.heappop(self._queue))
            if timer is not None and timer <= self.now:
                self.core.handle_timer(self.now)
            self.pump()
        raise AssertionError("the core asks to be called without end")

    def _beat(self) -> None:
        """The server's heartbeat, when the test wants one."""
        if self.heartbeat is not None and self._next_beat is not None and self.now >= self._next_beat:
            self._next_beat = self.now + self.heartbeat
            self.to_client(Transport.UDP if self.core._link.udp_open else Transport.TLS, wire.Heads([]))

    def beat_every(self, seconds: float) -> None:
        """From now on the server says regularly that it is there."""
        self.heartbeat = seconds
        self._next_beat = self.now

    def _deliver(self, item: tuple[float, int, str, Transport, Any]) -> None:
        _, _, direction, path, frame = item
        if direction == "down":
            self.core.receive(SERVER, path, frame, self.now)
        else:
            self._serve(path, frame)

    def _serve(self, path: Transport, frame: Any) -> None:
        match frame:
            case wire.Request():
                self.to_client(Transport.TLS, wire.Response(frame.id, self.log.answer(frame.operation)))
            case wire.Ping():
                self.to_client(path, wire.Pong(frame.token))
            case wire.Nack():
                records = [self.log.records[frame.room][seq - 1] for seq in frame.missing]
                self.to_client(path, wire.Records(frame.room, records, self.log.head(frame.room)))
            case wire.Submit():
                self._take(path, frame.messages)

    def _take(self, path: Transport, messages: list[Message]) -> None:
        for message in messages:
            header: Header = decode_header_untrusted(message.header)
            before = len(self.log.records.get(header.room, ()))
            self.to_client(path, self.log.submit(message))
            if len(self.log.records.get(header.room, ())) > before:
                self.relay(self.log.records[header.room][-1])

    def of_kind(self, kind: type[Any]) -> list[Any]:
        """Events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]
