"""The running server around a memory store, driven by hand: its own service, connections and handlers.

Two administrators, a moderator (MEMBER) with two devices and sessions, a member; a private room of OWNER and MEMBER, a
public one that MEMBER may join. What sessions are sent is decoded and kept by `Watch`; what is committed and what is
sent is shown to a judge at that moment.
"""

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import fields
from functools import partial
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.codes import Registration, Role, RoomKind
from lanchat.protocol.datagram.seal import SEAL_LIMITS
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.messages import Kind as MessageKind
from lanchat.protocol.log.messages import Message
from lanchat.protocol.log.records import sign_head
from lanchat.protocol.text.names import name_key, shape_key
from lanchat.protocol.transport import Transport
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import transact
from lanchat_server.core.accounts.first_account import SETUP_RANDOM_OCTETS, SetupCode
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.directory.statements import StatementIssuer
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.limits.daily import Daily
from lanchat_server.core.model import DeviceRow, MembershipRow, RoomHead, RoomRow, UserRow
from lanchat_server.core.relay.outbound import Output, RecordFetch, SendFrames
from lanchat_server.core.sequencing.sequencer import Sequencer, Submission
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection, ConnectionOwner
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.net.outgoing import Outgoing
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.reporting.figures import FigureSources, status
from lanchat_server.service.reporting.metrics import Metrics
from lanchat_server.service.requests import login
from lanchat_server.service.requests.table import perform_request
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.upkeep.leasing import LeasePromise
from lanchat_server.service.upkeep.reindexing import IndexingState
from lanchat_server.service.upkeep.storage import StorageState
from lanchat_server.service.wall_clock import ClockReport
from lanchat_server.service.work.threads import FairSemaphore
from tests.explorer.orders import Gate, Kind, Run
from tests.support.memory_store import MemoryDatabase, MemoryStore, MemoryTransaction
from tests.support.rig import DAY_MS, LOG_ID, LOG_KEY, LOG_PUBLIC, Author, Rig, make_author

OWNER, MEMBER, THIRD, ADMINISTRATOR = 1, 2, 3, 4
GENERAL, ROOM, LOUNGE = 1, Rig.PRIVATE, 10
# MEMBER's second device, and one of which the certificate has run out; one that is to be enrolled.
PHONE, TABLET, NEWCOMER = make_author(8), make_author(10), make_author(9)
ADMINISTRATOR_DEVICE = Author(ADMINISTRATOR, make_author(11).key)
# Sessions by number: OWNER's, MEMBER's on his first and second device.
SESSIONS = {1: (OWNER, make_author(OWNER)), 2: (MEMBER, make_author(MEMBER)), 4: (MEMBER, PHONE)}
CODE, INVITE = "12345678", "ABCD-EFGH-JKMN-PQRS"
NOW, WALL_MS = 1.0, 1000


class Setting(NamedTuple):
    """`scarce`: of everything that is bounded one is left."""

    scarce: bool = False
    registration: Registration = Registration.INVITE


def password_of(user: int) -> str:
    return f"right{user}"


def typed(stored: str) -> str:
    """The password that this "hash" stands for."""
    return stored.removeprefix("again:")


@functools.cache
def _message(user: int, text: str, room: int, n: int, kind: MessageKind, ref: int) -> Message:
    return make_author(user).message(text, room=room, n=n, kind=kind, ref=ref)


def message(user: int, text: str, room: int, kind: MessageKind = MessageKind.TEXT, ref: int = 0) -> Message:
    """The next one of the user's first device."""
    return _message(user, text, room, 2, kind, ref)


@functools.cache
def _template() -> MemoryDatabase:
    """The database before anything happens."""
    rig = Rig()
    database = rig.database
    database.users[MEMBER] = replace(database.users[MEMBER], role=Role.MODERATOR, email="old@example.org")
    database.users[ADMINISTRATOR] = UserRow(ADMINISTRATOR, "user4", "user4", "", "", Role.ADMINISTRATOR, False, 0, 0)
    for user in database.users.values():
        database.users[user.id] = replace(user, password_hash=password_of(user.id))
    for author, user, days in ((PHONE, MEMBER, 3), (TABLET, MEMBER, 0), (ADMINISTRATOR_DEVICE, ADMINISTRATOR, 3)):
        database.devices[author.device] = _device(author, user, days)
    for device in database.devices.values():
        database.devices[device.id] = replace(device, certificate=_certificate(device.public_key, device.user, 3))
    database.devices[TABLET.device] = _device(TABLET, MEMBER, 0)
    head = RoomHead(0, database.rooms[GENERAL].head.hash, 0)
    since_joining = wire.HistoryPolicy.SINCE_JOINING
    database.rooms[LOUNGE] = RoomRow(LOUNGE, "lounge", RoomKind.PUBLIC, since_joining, OWNER, 0, head)
    database.records[LOUNGE] = []
    for room, user in ((GENERAL, ADMINISTRATOR), (LOUNGE, OWNER), (LOUNGE, THIRD)):
        database.memberships[(room, user)] = MembershipRow(room, user, 0, 1, 0, 0)
    rig.start()
    rig.sequencer.commit(rig.store, [rig.submission(_said(room, user)) for room in (ROOM, LOUNGE) for user in (1,)], 1)
    rig.sequencer.commit(rig.store, [rig.submission(_said(ROOM, MEMBER), MEMBER)], 1)
    with rig.store.transaction() as tx:
        tx.set_recovery(recovery.new_recovery(LOG_ID, MEMBER, CODE, WALL_MS), MEMBER)
        tx.add_invite(recovery.invite_hash(LOG_ID, INVITE), 1, 10**9, MEMBER)
    return database


def _said(room: int, user: int) -> Message:
    return _message(user, "needle", room, 1, MessageKind.TEXT, 0)


def _device(author: Author, user: int, days: int) -> DeviceRow:
    public = public_octets(author.key)
    return DeviceRow(author.device, user, public, "device", 0, 0, 0, _certificate(public, user, days))


def _certificate(public: bytes, user: int, days: int) -> Certificate:
    name = f"user{user}"
    return issue_certificate(LOG_KEY, CertificateBody(LOG_ID, user, public, name, name, WALL_MS + days * DAY_MS, 1))


def _copy(database: MemoryDatabase) -> MemoryDatabase:
    """Rows are immutable, but for records, which deletions blank, and what is left of codes."""
    tables = {field.name: copy(getattr(database, field.name)) for field in fields(database)}
    tables["records"] = {room: list(map(copy, rows)) for room, rows in database.records.items()}
    tables["invites"] = {code: list(values) for code, values in database.invites.items()}
    return MemoryDatabase(**tables)


class _Recorder:
    """A transaction; `touched` holds the names of what was called."""

    def __init__(self, tx: MemoryTransaction) -> None:
        self.tx = tx
        self.touched: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.touched.add(name)
        return getattr(self.tx, name)


class _Store(MemoryStore):
    """With a search, and a judge who sees each transaction before it is committed."""

    def __init__(self, database: MemoryDatabase, committing: Callable[[set[str]], None]) -> None:
        super().__init__(database)
        self._committing = committing

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with super().transaction() as tx:
            recorder = _Recorder(tx)
            yield recorder
            if tx.changes:
                self._committing(recorder.touched)

    def search(self, rooms: dict[int, int], words: Any, **_bounds: int) -> list[tuple[int, Any]]:
        return [
            (room, item.record)
            for room, first_seq in rooms.items()
            for item in self.database.records[room]
            if item.record.seq >= first_seq and (item.record.body or b"") == b"needle"
        ]


class ClientEnd:
    """A client's end: `taken` gets the octets; closed, it takes no more."""

    def __init__(self, taken: Callable[[bytes], None]) -> None:
        self.write = taken
        self._closing = False

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0


_decode = functools.lru_cache(1024)(wire.decode_from_server_untrusted)


class Client(ClientConnection):
    """A connection with what its client knows. `rooms`: those it believes to be in (True) or may join (False).
    `password`: the one at the log-in."""

    def __init__(self, harness: "ServerHarness", number: int) -> None:
        super().__init__(cast(ConnectionOwner, harness.service), number, "10.0.0.9")
        self._frames = wire.FrameReader()
        self._harness = harness
        self._transport = ClientEnd(self._take)  # type: ignore[assignment]
        self.challenge = b"c"
        self.password = ""
        self.rooms: dict[int, bool] = {}
        harness.service.connections.add(self)

    @property
    def ended(self) -> bool:
        """Whether the server said goodbye."""
        return bool(self._transport and self._transport.is_closing())

    def _take(self, octets: bytes) -> None:
        for encoded in self._frames.feed_untrusted(octets):
            self._harness.hear(self, _decode(encoded))


@functools.cache
def _config(setting: Setting, rooms: int) -> ServerConfig:
    made = 1 if setting.scarce else 100
    return ServerConfig(
        name="Test",
        data_dir=FilePath(),
        registration=setting.registration,
        sessions_per_user=3 if setting.scarce else 5,
        rooms_total=rooms + 1 if setting.scarce else 100,
        rooms_per_day=made,
        disk_reserve_mib=0,
        accounts_per_day=made,
        invites_per_day=made,
    )


_storage = functools.cache(StorageState)
# Nobody looks at what is counted.
_METRICS = Metrics()
_CORE = CoreConfig()


# Every stage signs the same statements.
_SIGNING: Any = SimpleNamespace(sign=functools.lru_cache(4096)(LOG_KEY.sign))


class _Entropy:
    """What a harness draws: others for each request, the same in every order."""

    def __init__(self, harness: "ServerHarness") -> None:
        self._harness = harness

    def token_bytes(self, octets: int) -> bytes:
        return self._harness.draw(octets)

    def randbits(self, count: int) -> int:
        return int.from_bytes(self._harness.draw(16)[::-1], "big") % (1 << count)


class _Service(RequestContext, eq=False, kw_only=True):
    """Without threads and sockets; time stands still. What a connection asks of its owner, it is, too."""

    outgoing: Any
    pages: Any
    harness: Any

    async def read(self, work: Callable[[], Any]) -> Any:
        return await Gate(work, Kind.READ)

    def background(self, work: Coroutine[Any, Any, Any]) -> Any:
        self.harness.beside(work)

    def count(self, reason: str, number: int = 1) -> None:
        """Nobody looks at it."""

    def wake(self) -> None:
        """Each step of a run is followed by `flush`."""

    def flush(self) -> None:
        """As `CoreDriver.step`."""
        self.notices.statements_changed()
        while outputs := self.core.take_outputs():
            for output in outputs:
                self._put_out(output)

    def _put_out(self, output: Output) -> None:
        if not isinstance(output, SendFrames):
            self.background(self._fetch(output))
            return
        for number in output.sessions:
            connection = self.connections.get(number)
            if connection is not None:
                connection.send(output.payload)

    async def _fetch(self, fetch: RecordFetch) -> None:
        records = await self.read(lambda: self.store.records(fetch.room, fetch.seqs))
        self.core.fetched(fetch, records, NOW)

    def ended(self, connection: ClientConnection) -> None:
        self.connections.end_session(connection)

    def disconnected(self, connection: ClientConnection) -> None:
        self.connections.remove(connection)

    async def answer(self, connection: ClientConnection, operation: Any) -> wire.Result:
        """As `Service.answer`."""
        return await perform_request(self, connection, operation)

    def certificate_is_fresh(self, device: DeviceRow) -> bool:
        body = certified(device)
        return body.not_after_ms > WALL_MS and body.display_name == self.directory.users[device.user].display_name

    async def submit(self, session: int, messages: list[Message]) -> None:
        """Messages come in and are stored. Signatures are checked first, beside what else goes on."""
        self.core.receive(session, wire.Submit(messages), Transport.TLS, NOW)
        batch = self.core.next_batch(NOW) or []
        await Gate(lambda: None, Kind.HASH)
        await self._store_batch(batch)

    async def _store_batch(self, batch: list[Submission]) -> None:
        outcome = await Gate(lambda: self.sequencer.commit(self.store, batch, WALL_MS), Kind.WRITE)
        self.core.committed(outcome, NOW)


def _make_service(harness: "ServerHarness", setting: Setting) -> _Service:
    now, wall_ms = (lambda: NOW), (lambda: WALL_MS)
    config = _config(setting, len(harness.database.rooms))
    directory = Directory(harness.store.snapshot())
    sequencer = Sequencer(directory, LOG_KEY, _CORE)
    core = ServerCore(_CORE, directory, [sequencer.sign(room.id, room.head) for room in directory.rooms.values()], 0.0)
    entropy: Any = _Entropy(harness)
    statements = StatementIssuer(_SIGNING, directory)
    notices = EventNotifier(core, directory, sequencer, statements, now)
    connections = ConnectionTable(core, now, wall_ms, entropy, SEAL_LIMITS)
    writer: Any = SimpleNamespace(transact=harness.transact, latency=0.0)
    setup = SetupCode(bytes(SETUP_RANDOM_OCTETS))
    sources = FigureSources(
        config=config,
        shown_database="memory",
        directory=directory,
        core=core,
        connections=connections,
        writer=writer,
        storage=_storage(config),
        clock=ClockReport(),
        indexing=IndexingState(),
        metrics=_METRICS,
        counters=Counter(),
        started=0.0,
        now=now,
        wall_ms=wall_ms,
        setup=setup,
        promise=LeasePromise(False),
    )
    nothing = lambda *_: None  # noqa: E731
    backup = lambda _work, _reserve: Gate(lambda: wire.BackupMade("made", LOG_ID, 1, 0, 0), Kind.READ)  # noqa: E731
    fakes: Any = {
        "keys": SimpleNamespace(log_key=LOG_KEY, fingerprint="00" * 32),
        "credentials": SimpleNamespace(
            hasher=_Hasher(setting.scarce),
            throttle=SimpleNamespace(delay=lambda *_: 0.0, failed=nothing, succeeded=nothing, seen=nothing),
            accounts_tried=Daily(config.accounts_per_day),
            mailer=_Mailer(),
            setup=setup,
        ),
        # Files are outside of the model: contents change nothing that it has.
        "transfers": SimpleNamespace(open_ticket=lambda _session, _user: wire.TransferTicket(bytes(32), 1000, 1)),
        # A backup copies the database by a connection of its own: it changes nothing.
        "work": SimpleNamespace(backups=SimpleNamespace(run=backup), to_erase=asyncio.Event()),
    }
    return _Service(
        config=config,
        store=harness.store,
        log_public_key=LOG_PUBLIC,
        directory=directory,
        core=core,
        sequencer=sequencer,
        notices=notices,
        statements=statements,
        writer=writer,
        room_keys=RoomKeys(directory, writer, notices, wall_ms, entropy),
        connections=connections,
        metrics=_METRICS,
        entropy=entropy,
        now=now,
        wall_ms=wall_ms,
        status=partial(status, sources),
        outgoing=Outgoing(now),
        pages=FairSemaphore(100, 100),
        harness=harness,
        **fakes,
    )


_body = functools.lru_cache(4096)(decoder(CertificateBody))


def certified(device: DeviceRow) -> CertificateBody:
    """What its certificate says."""
    body: CertificateBody = _body(device.certificate.octets)
    return body


class _Hasher:
    """A "hash" is the password. `again`: each is to be hashed anew at a log-in."""

    def __init__(self, again: bool) -> None:
        self._again = again

    def verify(self, password: str, stored: str | None) -> Gate:
        return Gate(lambda: stored is not None and password == typed(stored), Kind.HASH)

    def hash(self, password: str) -> Gate:
        return Gate(lambda: "again:" + password if self._again else password, Kind.HASH)

    def needs_rehash(self, stored: str) -> bool:
        return self._again and not stored.startswith("again:")


class _Mailer:
    enabled = True

    async def send_code(self, *_: object) -> None:
        """Nobody reads it."""

    async def send_change(self, *_: object) -> None:
        """Nobody reads it."""


class ServerHarness:
    """One run. `committing(who, touched)` is called before each commit that changes something, `heard(who, client,
    frame)` when a client gets a frame; `who` is the one of the run's requests that did it."""

    def __init__(self, setting: Setting) -> None:
        self.committing: Callable[[str, set[str]], None] = lambda *_: None
        self.heard: Callable[[str, Client, Any], None] = lambda *_: None
        self.run = Run({})
        self._second: dict[str, str] = {}
        self.drawn: Counter[str] = Counter()
        self.database = _copy(_template())
        self.store = _Store(self.database, lambda touched: self.committing(self.who, touched))
        self.service = _make_service(self, setting)
        self.clients: dict[int, Client] = {number: self._logged_in(number) for number in SESSIONS}
        self.service.core.take_outputs()

    def _logged_in(self, number: int) -> Client:
        user, author = SESSIONS[number]
        client = Client(self, number)
        client.logged_in(user, author.device)
        client.password = password_of(user)
        client.rooms = {
            room.id: room.id in self.service.directory.rooms_of(user)
            for room in self.database.rooms.values()
            if room.kind is RoomKind.PUBLIC or room.id in self.service.directory.rooms_of(user)
        }
        self.service.core.add_session(number, user, author.device, 0.0)
        self.service.core.subscribe(number, [room for room, joined in client.rooms.items() if joined])
        return client

    def unauthenticated(self, number: int) -> Client:
        """A connection that is not logged in."""
        self.clients[number] = client = Client(self, number)
        return client

    @property
    def who(self) -> str:
        """The request whose step this is, also for what it began beside itself."""
        name, beside, _ = self.run.current.partition("+")
        return name if beside else self._second.get(name, name)

    @who.setter
    def who(self, name: str) -> None:
        """From now on the running one does this request, the next one in its line."""
        self._second[self.run.current] = name

    def transact(self, job: Callable[[Any], Any]) -> Gate:
        """As `Writer.transact`."""
        return Gate(partial(transact, self.store, job), Kind.WRITE)

    def beside(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something that the present request began."""
        self.run.add(f"{self.who}+", lambda: work)

    def hear(self, client: Client, frame: Any) -> None:
        _note_rooms(client, frame)
        self.heard(self.who, client, frame)

    def draw(self, octets: int) -> bytes:
        """Random octets: others for each, the same in every order."""
        self.drawn[self.who] += 1
        return f"{self.who} {self.drawn[self.who]}".encode().ljust(octets, b".")[:octets]


def _note_rooms(client: Client, frame: Any) -> None:
    """As the client core does."""
    result = frame.result if isinstance(frame, wire.Response) else None
    if isinstance(frame, wire.RoomGone):
        client.rooms.pop(frame.room, None)
    elif isinstance(frame, wire.RoomChanged):
        client.rooms[frame.room.id] = frame.room.joined
    elif isinstance(frame, wire.RoomsDeleted):
        client.rooms = {room: joined for room, joined in client.rooms.items() if room not in frame.rooms}
    elif isinstance(result, wire.RoomResult):
        client.rooms[result.room.id] = result.room.joined
    elif isinstance(result, (wire.RoomList, wire.LoggedIn)):
        client.rooms.update({room.id: room.joined for room in result.rooms})


_name_key, _shape_key = functools.lru_cache(4096)(name_key), functools.lru_cache(4096)(shape_key)
_sign_head = functools.lru_cache(4096)(sign_head)


@contextmanager
def without_signatures() -> Iterator[None]:
    """Signatures are not the subject: proofs are taken as given, certificates are not signed."""
    unsigned = lambda _key, body: Certificate(encode(body), bytes(64))  # noqa: E731
    with ExitStack() as stack:
        _template()
        stack.enter_context(patch.object(login, "_check_enrolment", lambda *_: None))
        stack.enter_context(patch("lanchat.protocol.log.keys.check_signature", lambda *_: None))
        stack.enter_context(patch.object(accounts, "issue_certificate", unsigned))
        stack.enter_context(patch("lanchat_server.core.sequencing.sequencer.sign_head", _sign_head))
        stack.enter_context(patch("lanchat_server.core.directory.directory.name_key", _name_key))
        stack.enter_context(patch("lanchat_server.core.directory.directory.shape_key", _shape_key))
        stack.enter_context(patch("tests.support.memory_store.name_key", _name_key))
        stack.enter_context(patch("tests.explorer.explore.name_key", _name_key))
        yield
