"""A server core with a few users, for unit tests: keys from fixed octets, time and store under the test's control."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from lanchat.protocol.log.keys import device_id, public_octets
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from lanchat.protocol.log.records import Head, Record, chain_hash, genesis_hash
from lanchat_server.core.accounts.changes import transact
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.directory.statements import StatementIssuer
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.model import DeviceRow, LogState, MembershipRow, RoomHead, RoomRow, UserRow
from lanchat_server.core.sequencing.sequencer import Sequencer, Submission
from tests.support.memory_store import MemoryDatabase, MemoryStore

LOG_ID = bytes(range(16))
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"L" * 32)
LOG_PUBLIC = public_octets(LOG_KEY)
GENERAL = 1
DAY_MS = 86_400_000


@dataclass
class Author:
    """A user with one device; `message` signs the next one."""

    user: int
    key: Ed25519PrivateKey
    run: int = 77
    counters: dict[int, int] = field(default_factory=dict)

    @cached_property
    def device(self) -> bytes:
        return device_id(public_octets(self.key))

    def message(self, text: str, *, room: int = GENERAL, n: int = 0, kind: Kind = Kind.TEXT, ref: int = 0) -> Message:
        if not n:
            n = self.counters.get(room, 0) + 1
            self.counters[room] = n
        header = Header(room, self.device, self.run, n, kind, ref, 1_000, n)
        return make_message(self.key, LOG_ID, header, text)


def make_author(number: int) -> Author:
    return Author(number, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


class Rig:
    """Users 1 (administrator), 2 and 3 in `general`; private room 9 of users 1 and 2."""

    PRIVATE = 9

    def __init__(self, config: CoreConfig | None = None) -> None:
        self.config = config or CoreConfig()
        self.database = MemoryDatabase(LogState(LOG_ID, 1), GENERAL)
        self.store = MemoryStore(self.database)
        self.authors = {number: make_author(number) for number in (1, 2, 3)}
        for author in self.authors.values():
            self._enrol(author)
        head = RoomHead(0, genesis_hash(LOG_ID, self.PRIVATE), 0)
        everything = HistoryPolicy.EVERYTHING
        self.database.rooms[self.PRIVATE] = RoomRow(self.PRIVATE, "secret", RoomKind.PRIVATE, everything, 1, 0, head)
        self.database.records[self.PRIVATE] = []
        for user in (1, 2):
            self.join(self.PRIVATE, user)
        self.start()

    def _enrol(self, author: Author) -> None:
        name = f"user{author.user}"
        role = Role.ADMINISTRATOR if author.user == 1 else Role.MEMBER
        self.database.users[author.user] = UserRow(author.user, name, name, "", "", role, False, 0, 0)
        public = public_octets(author.key)
        body = CertificateBody(LOG_ID, author.user, public, name, name, DAY_MS, 1)
        certificate = issue_certificate(LOG_KEY, body)
        self.database.devices[author.device] = DeviceRow(author.device, author.user, public, name, 0, 0, 0, certificate)
        self.join(GENERAL, author.user)

    def join(self, room: int, user: int, first_seq: int = 1) -> None:
        self.database.memberships[(room, user)] = MembershipRow(room, user, 0, first_seq, 0, 0)

    def start(self, now: float = 0.0) -> None:
        """A server process begins on the database."""
        self.store = MemoryStore(self.database, self.store.fault)
        self.store.take_lease("test", 0)
        self.directory = Directory(self.store.snapshot())
        self.sequencer = Sequencer(self.directory, LOG_KEY, self.config)
        self.statements = StatementIssuer(LOG_KEY, self.directory)
        heads = [self.sequencer.sign(room.id, room.head) for room in self.database.rooms.values()]
        self.core = ServerCore(self.config, self.directory, heads, now)

    def submission(self, message: Message, session: int = 1, *, force: bool = False) -> Submission:
        from lanchat.protocol.log.messages import decode_header_untrusted

        return Submission(session, message, decode_header_untrusted(message.header), force=force)

    def run_batches(self, now: float) -> int:
        """Commit everything that is queued, as if no time passed; how many batches it took."""
        count = 0
        while (batch := self.core.next_batch(now + count * self.config.gather_longest)) is not None:
            self.core.committed(self.sequencer.commit(self.store, batch, int(now * 1000)), now)
            count += 1
        return count

    def texts(self, room: int = GENERAL) -> list[str | None]:
        stored = self.database.records[room]
        return [item.record.body.decode() if item.record.body is not None else None for item in stored]


def check_chain(room: int, records: list[Record], head: Head) -> None:
    """The records are 1, 2, 3 … and chain into the head."""
    before = genesis_hash(LOG_ID, room)
    for seq, record in enumerate(records, 1):
        assert record.seq == seq
        before = chain_hash(LOG_ID, room, before, record)
    assert (head.seq, head.hash) == (len(records), before)


class ImmediateWriter:
    """A writer without a thread."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def transact(self, job: Any) -> Any:
        return transact(self._rig.store, job)
