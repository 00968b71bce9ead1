"""What the client core asks of the local store. The real one is lanchat.store, the simulator has its own.

What keeps files is BlobStore (protocol/blobs.py), the same on both sides.

One store holds what one profile knows of one log, and each part of the core takes the smallest interface that it uses.
Several processes may use a store at once: each method is one transaction, durable when it returns, and what another
process stored meanwhile is never an error, as long as it is the same octets.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lanchat.protocol.blobs import BlobStore as BlobStore
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.log.statements import Statement
from lanchat.protocol.problems import Problem, ProblemDetails, Value
from lanchat.protocol.wire import Member, Peer, Room, User

EMPTY: Mapping[int, Sequence[Member]] = MappingProxyType({})


class LocalStoreError(Exception):
    """The profile or the local copy cannot be read or written (corrupt, locked, full disk). `details`: why, as code."""

    def __init__(self, problem: Problem | ProblemDetails, /, **values: Value) -> None:
        """`values`: those of a `problem` that comes without."""
        self.details = problem if isinstance(problem, ProblemDetails) else ProblemDetails.of(problem, **values)
        super().__init__(str(self.details))


class Forked(Exception):
    """A record with this number and another chain hash is stored already."""


class StoredSpan(NamedTuple):
    """The contiguous part of a room that is stored: records base+1 … cursor (none when they are equal), with the chain
    hashes at both ends. `base` is 0 with the genesis hash once the whole room is here."""

    base: int
    base_hash: bytes
    cursor: int
    cursor_hash: bytes


class ChainLink(NamedTuple):
    """A record and its chain hash."""

    record: Record
    hash: bytes


class OutboxItem(NamedTuple):
    """A message that waits for its decision. `order` counts up in the order of making."""

    order: int
    key: MessageKey
    message: Message
    made_ms: int


class StoredStatements(NamedTuple):
    """See StatementStore. `members`: by room; `revoked`: device ids."""

    statements: list[Statement]
    members: dict[int, list[Member]]
    revoked: list[bytes]
    number: int


class LogReader(Protocol):
    """Stored records, to read. Raises LocalStoreError."""

    def span(self, room: int) -> StoredSpan | None:
        """What is stored of a room; None before `LogStore.start_span`."""

    def records(self, room: int, first: int, last: int) -> list[Record]:
        """Stored records of this range, ascending."""

    def proofs(self, room: int, first: int, last: int) -> list[Head]:
        """Signed heads at numbers of this range that were kept, ascending: of every few records the last one's."""


class LogStore(LogReader, Protocol):
    """The local copy of the log: per room one span of records and the newest signed head. Raises LocalStoreError."""

    def start_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Begin an empty span; when there is one already (another process), that one is returned."""

    def restart_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Begin anew above a hole: whoever left a room and came back may not read what was said meanwhile. The records
        below are dropped. When the stored span reaches `base` already (another process), that one is returned."""

    def append(self, room: int, links: Sequence[ChainLink], head: Head) -> None:
        """Records after the cursor, contiguous; those at or below the stored cursor are compared (raises Forked) and
        passed over. Removes their messages from the outbox, blanks the bodies that deletions among them erase, keeps
        `head` when it is newer: all in one transaction with the cursor."""

    def prepend(self, room: int, links: Sequence[ChainLink], base_hash: bytes, proof: Head | None = None) -> None:
        """Records that end right below the present base; the new base is the number before the first of them. Records
        that are stored already are passed over. `proof`: a signed head at the last of them. Raises Forked when the last
        one has another hash than the base."""

    def head(self, room: int) -> Head | None:
        """The newest signed head that was stored: of the highest epoch, number and time."""

    def held_rooms(self) -> list[int]:
        """Rooms of which there is a span."""

    def erase_room(self, room: int, count: int) -> bool:
        """Take away so many records of a room that was deleted, at last the rest; False when nothing is left. What
        waits in the outbox stays."""


class OutboxStore(Protocol):
    """This profile's messages that are not decided. Raises LocalStoreError."""

    def add_outgoing(self, key: MessageKey, message: Message, made_ms: int) -> OutboxItem:
        """Durable before the first send. Adding the same message again returns the item that is there."""

    def outgoing(self) -> list[OutboxItem]:
        """All that waits, of every process that uses the profile, in order."""

    def remove_outgoing(self, keys: Collection[MessageKey]) -> None:
        """Messages that were decided; those that are not there are passed over. What `LogStore.append` stores is
        removed by it."""


class CarriedStore(Protocol):
    """Messages of others that are not stored yet. Raises LocalStoreError."""

    def add_carried(self, items: Sequence[tuple[MessageKey, Message]]) -> None:
        """Keep them; one that is here already stays as it is."""

    def carried(self) -> list[Message]:
        """All of them, in the order in which they came."""

    def remove_carried(self, keys: Collection[MessageKey]) -> None:
        """Forget them."""


class KnownPeers(NamedTuple):
    """See RosterStore. `secret`: of the log; `port`: where this profile took datagrams."""

    secret: bytes
    port: int
    peers: list[Peer]


class RosterStore(Protocol):
    """Whom the server named last, for a start without it. Raises LocalStoreError."""

    def save_roster(self, roster: KnownPeers) -> None:
        """In place of the one before."""

    def roster(self) -> KnownPeers | None:
        """None before the first."""


class StatementStore(Protocol):
    """What the log has signed about accounts, devices and rooms, and the lists that belong to it. What is handed out
    was checked before it was stored. Raises LocalStoreError."""

    def save_statements(
        self,
        statements: Collection[Statement],
        *,
        members: Mapping[int, Sequence[Member]] = EMPTY,
        revoked: Collection[bytes] | None = None,
        number: int | None = None,
    ) -> None:
        """Statements with a higher number than the stored one about the same subject; lists of members by room, and of
        revoked devices, in place of those before; `number`: everything up to there was told."""

    def statements(self) -> "StoredStatements":
        """All of it."""

    def save_certificates(self, certificates: Collection[tuple[bytes, Certificate]]) -> None:
        """Device id and certificate; newer (by serial, then by end) replaces older."""

    def certificates(self, devices: Collection[bytes]) -> dict[bytes, Certificate]:
        """Of these devices, those certificates that are stored; not checked again."""


class DirectoryStore(Protocol):
    """Rooms and users as the server described them, and read marks (`Room.read`). Raises LocalStoreError."""

    def save_rooms(self, rooms: Sequence[Room]) -> None:
        """Replace the list of this user's rooms."""

    def rooms(self) -> list[Room]:
        """The list that was saved last, in its order; empty before."""

    def save_users(self, users: Sequence[User]) -> None:
        """Insert or replace these."""

    def users(self) -> list[User]:
        """Every user that was saved, by id; nobody is removed."""


class LocalStore(LogStore, OutboxStore, CarriedStore, RosterStore, StatementStore, DirectoryStore, Protocol):
    """All of it in one object, for what hands the parts on. Raises LocalStoreError."""

    @property
    def recovered(self) -> ProblemDetails | None:
        """What a person is told when a damaged copy was replaced by a new one, also while in use; else None."""
