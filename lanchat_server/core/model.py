"""What the server knows, as plain values: rows that storage returns and the core decides on.

Times are int milliseconds UTC (`…_ms`), as on the wire and in the database.
"""

import enum
from typing import NamedTuple

import msgspec

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey
from lanchat.protocol.log.records import Record


class RunKey(NamedTuple):
    """One author's sequence of messages in one room: n counts from 1 within it."""

    room: int
    device: bytes
    run: int


class Decision(NamedTuple):
    """What became of a message: stored as `seq` (`code` 0), or refused with `code` (`seq` 0). Never changes."""

    seq: int
    code: int


class ChangesKey(NamedTuple):
    """The edits of a record, or its reactions."""

    room: int
    ref: int
    kind: Kind


class RoomHead(NamedTuple):
    """The last record of a room: number, chain hash, server time."""

    seq: int
    hash: bytes
    time_ms: int


class StoredPage(NamedTuple):
    """Consecutive records of a room, and the chain hashes before the first and after the last of them; where there are
    none, both are that of the nearest record below."""

    before: bytes
    records: list[Record]
    after: bytes


class Target(NamedTuple):
    """The record that an edit, deletion, reaction or reply speaks of."""

    kind: Kind
    author: int
    erased: bool


class NewRecord(msgspec.Struct, frozen=True):
    """A record to insert. `hash` is its chain hash, `text` the decoded body, `author` the user id."""

    record: Record
    header: Header
    author: int
    hash: bytes
    text: str


class ContentsRow(msgspec.Struct, frozen=True):
    """Contents of a file that are here whole: as in a manifest (lanchat/protocol/log/files.py)."""

    root: bytes
    size: int
    sha256: bytes
    stored_ms: int


class ContentsOctets(NamedTuple):
    """What contents take: those that one user named or brought, and all."""

    user: int
    total: int


class Rejection(msgspec.Struct, frozen=True):
    """A refusal to store: the name of the message, a number of `Code`, and when it was refused."""

    key: MessageKey
    code: int
    time_ms: int


class QuarantinedMessage(msgspec.Struct, frozen=True):
    """A message of an author who was shut out, handed in by somebody else. `author`, `brought_by`: user ids."""

    message: Message
    header: Header
    author: int
    brought_by: int
    brought_ms: int


class QuarantineSize(NamedTuple):
    """What waits there of one author."""

    messages: int
    octets: int


class IndexProgress(NamedTuple):
    """How many messages of the log are indexed by the present rules, and of how many."""

    done: int
    total: int


class IndexingMarks(msgspec.Struct):
    """Of transactions that appended records, how many there were, and how many are in the search whole. Both only grow.
    At first nobody knows what another process has left, so one more counts as appended."""

    appended: int = 1
    indexed: int = 0


# In place of a password hash: no password has it.
DELETED_HASH = "-"


class UserRow(msgspec.Struct, frozen=True):
    """An account. `pending_email`: an address that takes the place of `email` at `email_from_ms`; empty: none.
    `number`: of its present statement (core/directory/statements.py). `password_hash` DELETED_HASH: it was deleted."""

    id: int
    name: str
    display_name: str
    email: str
    password_hash: str
    role: Role
    disabled: bool
    created_ms: int
    last_seen_ms: int
    pending_email: str = ""
    email_from_ms: int = 0
    number: int = 0

    @property
    def deleted(self) -> bool:
        """Whether only the name is left, for messages."""
        return self.password_hash == DELETED_HASH


class DeviceRow(msgspec.Struct, frozen=True):
    """A device key. `revoked_ms` 0: it may log in. `certificate`: the last one issued. `revoked_number`: of the first
    statement that says it was revoked."""

    id: bytes
    user: int
    public_key: bytes
    name: str
    created_ms: int
    last_seen_ms: int
    revoked_ms: int
    certificate: Certificate
    revoked_number: int = 0


class RoomState(enum.IntEnum):
    """DELETED: its contents are still to be erased; ERASED: only its id is left."""

    OPEN = 0
    ARCHIVED = 1
    DELETED = 2
    ERASED = 3


class RoomRow(msgspec.Struct, frozen=True):
    """A room that is not deleted. `creator` 0: the server made it (`general`). A direct room has the name
    `direct:<low id>:<high id>`. `archived`: it can be read and nothing else. `number`: of its present statement, which
    names the members too."""

    id: int
    name: str
    kind: RoomKind
    history: HistoryPolicy
    creator: int
    created_ms: int
    head: RoomHead
    archived: bool = False
    number: int = 0


class MembershipRow(msgspec.Struct, frozen=True):
    """`first_seq`: the lowest record this member may read. `received`, `read`: the receipts."""

    room: int
    user: int
    joined_ms: int
    first_seq: int
    received: int
    read: int


class DeletedRoom(NamedTuple):
    """A room as it was, and who was in it."""

    room: RoomRow
    members: tuple[int, ...]


class RoomKeyRow(msgspec.Struct, frozen=True):
    """A key for traffic between peers of a room, the newest of its room."""

    room: int
    number: int
    key: bytes
    not_after_ms: int


class RecoveryRow(msgspec.Struct, frozen=True):
    """A forgot-password code, hashed; `tries` counts wrong ones."""

    user: int
    code_hash: bytes
    not_after_ms: int
    tries: int


class InviteRow(msgspec.Struct, frozen=True):
    """A registration code, hashed. `creator` 0: the administrator's command."""

    code_hash: bytes
    uses_left: int
    not_after_ms: int
    creator: int


class LogState(msgspec.Struct, frozen=True):
    """The identity of the log: its id for ever, its epoch until the next restore."""

    log_id: bytes
    epoch: int


class DirectorySnapshot(msgspec.Struct, frozen=True):
    """Everything that the directory in memory is made of, read at start. `number`: of the last statement,
    `deletions_number`: of the last one that says that a room was deleted. `quarantined`: messages that wait for an
    administrator."""

    log: LogState
    users: list[UserRow]
    devices: list[DeviceRow]
    rooms: list[RoomRow]
    memberships: list[MembershipRow]
    room_keys: list[RoomKeyRow]
    number: int = 0
    deletions_number: int = 0
    quarantined: int = 0
