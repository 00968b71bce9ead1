"""What the sequencer core asks of storage. The real one is lanchat_server.store, the simulator has its own.

Everything that writes happens inside one `Transaction`, on the writer thread alone. Nothing is read in it or committed
without the lease. Leaving it commits durably; an exception inside rolls back. Nothing written is visible to anybody
before that. What keeps files is BlobStore (lanchat/protocol/blobs.py), the same on both sides.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lanchat.protocol.blobs import BlobStore as BlobStore
from lanchat.protocol.codes import HistoryPolicy, Role
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.log.records import Record
from lanchat.protocol.wire import Cursor
from lanchat_server.core.limits.allowance import AllowanceHolder
from lanchat_server.core.model import (
    ChangesKey,
    ContentsOctets,
    ContentsRow,
    Decision,
    DeviceRow,
    DirectorySnapshot,
    IndexingMarks,
    IndexProgress,
    InviteRow,
    MembershipRow,
    NewRecord,
    QuarantinedMessage,
    QuarantineSize,
    RecoveryRow,
    Rejection,
    RoomHead,
    RoomKeyRow,
    RoomRow,
    RunKey,
    StoredPage,
    Target,
    UserRow,
)


class StoreError(Exception):
    """Storage failed; the message is one line for a person."""


class StoreUnreachable(StoreError):
    """No database server answers at the address."""


class StoreRefused(StoreError):
    """The database server refuses the account, its password, or what it wants to do."""


class CommitFailed(StoreError):
    """Nothing of the transaction was stored."""


class CommitConflict(CommitFailed):
    """Another transaction changed the same rows and came first: the same once more may go well."""


class CommitUnknown(StoreError):
    """The connection broke during the commit: stored or not, nobody can say before looking. `stored`: what the next
    transaction that was committed, or snapshot, has found; None: there was none yet."""

    stored: bool | None = None


class Fenced(StoreError):
    """A newer server took the lease of this database, or it is not as this server left it: this one must stop for
    good. The message is a line without a full stop."""


class Transaction(Protocol):
    """One transaction of the single writer."""

    def renew_lease(self, serves_ms: int = 0) -> str:
        """Show that this server lives, and for how long it serves without showing it (0: it promises nothing). Returns
        who waits to take over; empty: nobody."""

    # The log

    def heads(self, rooms: Collection[int]) -> dict[int, RoomHead]:
        """Where these rooms stand after what this transaction did. Unknown and deleted rooms are left out."""

    def decisions(self, keys: Collection[MessageKey]) -> dict[MessageKey, Decision]:
        """What was decided before about these messages."""

    def last_numbers(self, runs: Collection[RunKey]) -> dict[RunKey, int]:
        """The highest `n` decided (stored or refused) of each run; 0 for a run never seen."""

    def targets(self, room: int, seqs: Collection[int]) -> dict[int, Target]:
        """The records of a room that others refer to; numbers that do not exist are left out."""

    def count_changes(self, keys: Collection[ChangesKey]) -> dict[ChangesKey, int]:
        """How many edits or reactions of each there are."""

    def append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        """Insert consecutive records of a room and set its head. A deletion among them blanks the bodies of its target
        and of the target's edits (hashes and signatures stay) and takes it out of the search; what others say is found
        after `index_appended`. Raises CommitFailed when (room, seq) or the message key exists, or the room's head is
        not the one before `records`."""

    def index_appended(self, messages: int) -> None:
        """Index so many records that were appended and are not in the search yet, the oldest of each room first."""

    def index_more(self, messages: int) -> IndexProgress | None:
        """The same, and so many older messages by the present rules of the search; None: all are indexed by them."""

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keep refusals for ever. A key that was decided before is left as it is."""

    def quarantine_sizes(self) -> dict[int, QuarantineSize]:
        """How much waits for an administrator, by author."""

    def quarantine(self, messages: Sequence[QuarantinedMessage]) -> None:
        """Keep these for an administrator. One that is kept already is left as it is."""

    def quarantined(self, keys: Collection[MessageKey]) -> list[QuarantinedMessage]:
        """Those of these messages that wait there, in the order of their names."""

    def release_quarantined(self, keys: Collection[MessageKey]) -> None:
        """They wait no longer."""

    # Contents of files

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        """Those of these contents that are here and that the user may name in a message: brought by this user, or named
        by a record that may be read, in one of the rooms `first_seqs` (room to the lowest number)."""

    def keep_contents(self, row: ContentsRow, user: int, now_ms: int) -> None:
        """They are here, brought by this user now, who has named them in no message yet."""

    def forget_contents(self, before_ms: int, count: int) -> list[bytes]:
        """Contents that no record names and that nobody brought since `before_ms`, at most so many: nothing is known of
        them any more."""

    # What is used

    def log_octets(self) -> int:
        """What is stored of records and refusals takes so much (core/limits/usage.py)."""

    def add_log_octets(self, octets: int) -> None:
        """So much more, or less, than `append` and `reject` count by themselves."""

    def allowances(self, spenders: Collection[AllowanceHolder]) -> dict[AllowanceHolder, int]:
        """When all of what each may take a day is free again (core/limits/allowance.py); 0: nobody knows of
        anything."""

    def set_allowances(self, free_us: Mapping[AllowanceHolder, int]) -> None:
        """From now on `allowances` returns these times, in microseconds UTC."""

    def forget_allowances(self, now_ms: int) -> None:
        """Remove those of which nothing is used."""

    # Statements

    def number_statements(
        self, number: int, *, users: Collection[int] = (), rooms: Collection[int] = (), devices: Collection[bytes] = ()
    ) -> None:
        """The present statements about these accounts and rooms, and the first that says that these devices were
        revoked, have this number. Those of deleted rooms too."""

    # Accounts

    def add_user(self, user: UserRow) -> UserRow:
        """Insert (id 0 on the way in) and return it with its id. Raises KeyError when the name (name_key) is taken."""

    def restore_user(self, user: UserRow) -> bool:
        """Insert with its id; False when the id or the name is taken."""

    def update_user(
        self,
        user: int,
        *,
        password_hash: str | None = None,
        display_name: str | None = None,
        email: str | None = None,
        pending_email: str | None = None,
        email_from_ms: int | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Change what is given."""

    def add_device(self, device: DeviceRow) -> None:
        """Insert; raises KeyError when this key is enrolled already."""

    def revoke_devices(self, devices: Collection[bytes], now_ms: int) -> None:
        """Set the time of their revocation. The rows stay, as they say who signed."""

    def set_certificate(self, device: bytes, certificate: Certificate) -> None:
        """Replace the certificate that was issued last for an enrolled device."""

    def touch(self, users: dict[int, int], devices: dict[bytes, int]) -> None:
        """Set last-seen times (milliseconds)."""

    def set_recovery(self, recovery: RecoveryRow | None, user: int) -> None:
        """Replace the account's recovery code; None removes it."""

    def void_recoveries(self) -> None:
        """Remove all recovery codes."""

    def recovery(self, user: int) -> RecoveryRow | None:
        """The account's recovery code, be it expired or tried too often; None: it has none."""

    def add_invite(self, code_hash: bytes, uses: int, not_after_ms: int, creator: int) -> None:
        """Insert a registration code for `uses` accounts. `creator` 0: the administrator's command."""

    def use_invite(self, code_hash: bytes, now_ms: int) -> bool:
        """Take one use of a registration code; False when there is none left or it is too late."""

    def invites(self, now_ms: int) -> list[InviteRow]:
        """Registration codes that are good, the last to end first."""

    def void_invites(self, *, code_hash: bytes | None = None, creator: int | None = None) -> None:
        """Remove one registration code, or all that somebody made."""

    def move_deadlines(self, by_ms: int, now_ms: int) -> None:
        """Recovery and registration codes end so much later (earlier when negative), none later after `now_ms` than it
        may be good for."""

    # Rooms

    def add_room(self, room: RoomRow) -> None:
        """Insert an empty room; raises KeyError when its name (name_key) is taken."""

    def has_room(self, room: int) -> bool:
        """Whether there is or was a room with this id: also one that was deleted."""

    def update_room(
        self,
        room: int,
        *,
        name: str | None = None,
        history: HistoryPolicy | None = None,
        archived: bool | None = None,
    ) -> None:
        """Change what is given. Raises KeyError when another room has the name (name_key)."""

    def delete_rooms(self, rooms: Collection[int]) -> None:
        """Nothing of these rooms is found any more but by `were_members`; their names are free, their ids are not.
        `erase_more` takes away what is left."""

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those of these (room, user) whose room was deleted while the user was a member of it."""

    def erase_more(self, records: int) -> bool:
        """Take away so many records, refusals or words of deleted rooms; False when nothing is left."""

    def add_members(self, members: Sequence[MembershipRow]) -> None:
        """Insert or, for somebody who was a member before, renew."""

    def remove_members(self, room: int, users: Collection[int]) -> None:
        """End memberships, and their receipts with them; users who are no members change nothing."""

    def set_cursors(self, cursors: Mapping[int, Sequence[Cursor]]) -> None:
        """User to receipts; a number never goes down."""

    def set_room_key(self, key: RoomKeyRow) -> None:
        """The newest key of a room replaces the one before."""


class Store(Protocol):
    """A database. `transaction` is for the writer thread; reads are safe from several threads at once. `indexing` is
    changed by the writer thread, before anybody hears of the transaction."""

    @property
    def indexing(self) -> IndexingMarks:
        """How far the search is behind what was committed."""

    def take_lease(self, holder: str, now_ms: int) -> int:
        """Take the lease, whoever had it; returns the new incarnation, which later transactions check."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Raises Fenced, CommitFailed or CommitUnknown."""

    def snapshot(self) -> DirectorySnapshot:
        """All of users, devices, rooms, memberships, room keys."""

    def page(self, room: int, *, anchor: int, forward: bool, limit: int, first_seq: int, octets: int) -> StoredPage:
        """Consecutive records, ascending: from `anchor` up, or those up to `anchor`; never below `first_seq`, at most
        `limit`, bodies together at most `octets` (but one record always). Before the room's beginning the chain hash
        is genesis."""

    def records(self, room: int, seqs: Collection[int]) -> list[Record]:
        """These records, ascending; those that do not exist are left out."""

    def search(
        self, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
    ) -> list[tuple[int, Record]]:
        """Newest first: text messages of `rooms` (room to first_seq) below `before` (0: no bound) whose present text
        has what `words` asks for (see lanchat/protocol/text/search_words.py); no words: nothing. Within a room by
        number; among rooms by the server's time, or that of the earliest later record, then room and number. With
        `before_room`: what follows the hit `before` of that room in this order."""

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """See Transaction."""

    def quarantined(self) -> list[QuarantinedMessage]:
        """All messages that wait for an administrator, in the order of their names."""

    def deleted_rooms(self, user: int, above: int) -> dict[int, int]:
        """Rooms that were deleted while the user was a member, with the number of the statement that says so, where
        it is above `above`."""

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        """See Transaction."""

    def contents_of(self, room: int, seq: int, root: bytes) -> ContentsRow | None:
        """These contents, if they are here and that record names them."""

    def contents_octets(self, user: int) -> ContentsOctets:
        """What contents take now."""

    def known_contents(self, roots: Collection[bytes]) -> set[bytes]:
        """Those of these contents that are here."""

    def changes(self, room: int, seqs: Collection[int]) -> list[Record]:
        """Reactions to these records, and of the edits and deletions of each the newest one, ascending."""

    def close(self) -> None:
        """Give the lease back and free what is held, connections and locks. Nothing is called afterwards."""
