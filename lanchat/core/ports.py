"""What the client core asks of the local store. The real one is lanchat.store, the simulator has its own.

One store holds what one profile knows of one log. Several processes may use it at once: each method is one durable
transaction, and what another process stored meanwhile is never an error, as long as it is the same octets.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.wire import Room, User


class LocalStoreError(Exception):
    """The local copy cannot be read or written (corrupt, locked, full disk); one line for a person."""


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


class LocalStore(Protocol):
    """Raises LocalStoreError. Every writing method is durable when it returns."""

    @property
    def recovered(self) -> str:
        """One line for a person when a damaged copy was replaced by a new one, also while in use; else empty."""

    # Records

    def span(self, room: int) -> StoredSpan | None:
        """What is stored of a room; None before `start_span`."""

    def start_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Begin an empty span; when there is one already (another process), that one is returned."""

    def restart_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Begin anew above a hole: whoever left a room and came back may not read what was said meanwhile. The records
        below are dropped. When the stored span reaches `base` already (another process), that one is returned."""

    def append(self, room: int, links: Sequence[ChainLink], head: Head) -> None:
        """Records after the cursor, contiguous; those at or below the stored cursor are compared (raises Forked) and
        passed over. Removes their messages from the outbox, blanks the bodies that deletions among them erase, keeps
        `head` when it is newer: all in one transaction with the cursor."""

    def prepend(self, room: int, links: Sequence[ChainLink], base_hash: bytes) -> None:
        """Records that end right below the present base; the new base is the number before the first of them. Records
        that are stored already are passed over."""

    def records(self, room: int, first: int, last: int) -> list[Record]:
        """Stored records of this range, ascending."""

    def head(self, room: int) -> Head | None:
        """The newest signed head that was stored."""

    def held_rooms(self) -> list[int]:
        """Rooms of which there is a span."""

    def erase_room(self, room: int, count: int) -> bool:
        """Take away so many records of a room that was deleted, at last the rest; False when nothing is left. What
        waits in the outbox stays."""

    # Outbox

    def add_outgoing(self, key: MessageKey, message: Message, made_ms: int) -> OutboxItem:
        """Durable before the first send."""

    def outgoing(self) -> list[OutboxItem]:
        """All that waits, of every process that uses the profile, in order."""

    def remove_outgoing(self, keys: Collection[MessageKey]) -> None:
        """Takes messages out of the outbox; those that are not there are passed over."""

    # What a client needs to show the log while the server is away

    def save_rooms(self, rooms: Sequence[Room]) -> None:
        """Replace the list of this user's rooms."""

    def rooms(self) -> list[Room]:
        """The list that was saved last, in its order; empty before."""

    def save_users(self, users: Sequence[User]) -> None:
        """Insert or replace these."""

    def users(self) -> list[User]:
        """Every user that was saved; nobody is removed."""

    def save_certificates(self, certificates: Collection[tuple[bytes, Certificate]]) -> None:
        """Device id and certificate; newer replaces older."""

    def certificates(self, devices: Collection[bytes]) -> dict[bytes, Certificate]:
        """Of these devices, those certificates that are stored; not checked again."""
