"""The server's storage in memory, for unit tests and the simulator: same contract, and faults on demand.

`MemoryDatabase` is what survives a crash; each server process opens a `MemoryStore` on it. `fault` is asked at every
commit and answers one of `Fault`.
"""

import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Kind, MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Record, blanked, genesis_hash
from lanchat.protocol.text.names import name_key
from lanchat.protocol.wire import Cursor
from lanchat_server.core.limits import usage
from lanchat_server.core.limits.allowance import AllowanceHolder, used_between
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
    LogState,
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
from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced
from lanchat_server.core.sequencing.quarantine import octets_of
from lanchat_server.store.transactions.contents import named_contents


class Fault(enum.Enum):
    """What becomes of a commit."""

    NONE = "none"
    FAILED = "failed"
    UNKNOWN_STORED = "unknown, stored"
    UNKNOWN_LOST = "unknown, lost"


@dataclass
class StoredRecord:
    record: Record
    hash: bytes
    author: int
    key: MessageKey


@dataclass
class MemoryDatabase:
    """Tables."""

    log: LogState
    general: int = 1
    incarnation: int = 0
    users: dict[int, UserRow] = field(default_factory=dict)
    devices: dict[bytes, DeviceRow] = field(default_factory=dict)
    rooms: dict[int, RoomRow] = field(default_factory=dict)
    memberships: dict[tuple[int, int], MembershipRow] = field(default_factory=dict)
    records: dict[int, list[StoredRecord]] = field(default_factory=dict)
    decisions: dict[MessageKey, Decision] = field(default_factory=dict)
    room_keys: dict[int, RoomKeyRow] = field(default_factory=dict)
    recoveries: dict[int, RecoveryRow] = field(default_factory=dict)
    invites: dict[bytes, list[int]] = field(default_factory=dict)
    allowances: dict[AllowanceHolder, int] = field(default_factory=dict)
    octets: int = 0
    quarantine: dict[MessageKey, QuarantinedMessage] = field(default_factory=dict)
    contents: dict[bytes, ContentsRow] = field(default_factory=dict)
    # (root, room, seq) to author, (root, user) to time.
    uses: dict[tuple[bytes, int, int], int] = field(default_factory=dict)
    uploads: dict[tuple[bytes, int], int] = field(default_factory=dict)
    # Of the last statement.
    number: int = 0
    # Rooms that were deleted, with the number of the statement that says so; their memberships stay.
    deleted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        head = RoomHead(0, genesis_hash(self.log.log_id, self.general), 0)
        room = RoomRow(self.general, "general", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 0, 0, head)
        self.rooms[self.general] = room
        self.records[self.general] = []


class MemoryStore:
    """One process's view; see lanchat_server.core.ports.Store."""

    def __init__(self, database: MemoryDatabase, fault: Callable[[], Fault] = lambda: Fault.NONE) -> None:
        self.database = database
        self.fault = fault
        self.indexing = IndexingMarks(0)
        self._incarnation: int | None = None

    def take_lease(self, holder: str, now_ms: int) -> int:
        self.database.incarnation += 1
        self._incarnation = self.database.incarnation
        return self._incarnation

    @contextmanager
    def transaction(self) -> Iterator["MemoryTransaction"]:
        if self._incarnation is not None and self._incarnation != self.database.incarnation:
            raise Fenced("a newer server has the lease")
        tx = MemoryTransaction(self.database)
        yield tx
        fault = self.fault()
        if fault is Fault.FAILED:
            raise CommitFailed("planned")
        if fault is not Fault.UNKNOWN_LOST:
            for change in tx.changes:
                change()
        if fault is not Fault.NONE:
            error = CommitUnknown("planned")
            error.stored = fault is Fault.UNKNOWN_STORED
            raise error

    def snapshot(self) -> DirectorySnapshot:
        db = self.database
        return DirectorySnapshot(
            db.log,
            list(db.users.values()),
            list(db.devices.values()),
            list(db.rooms.values()),
            [row for row in db.memberships.values() if row.room not in db.deleted],
            list(db.room_keys.values()),
            db.number,
            max(db.deleted.values(), default=0),
            len(db.quarantine),
        )

    def page(self, room: int, *, anchor: int, forward: bool, limit: int, first_seq: int, octets: int) -> StoredPage:
        stored = self.database.records[room]
        if forward:
            low = max(anchor, first_seq)
            chosen = stored[low - 1 : low - 1 + limit]
        else:
            chosen = [item for item in stored[max(0, anchor - limit) : anchor] if item.record.seq >= first_seq]
        chosen = _within(chosen if forward else chosen[::-1], octets)
        chosen = chosen if forward else chosen[::-1]
        first = chosen[0].record.seq if chosen else min(anchor, len(stored) + 1)
        before = stored[first - 2].hash if first > 1 else genesis_hash(self.database.log.log_id, room)
        return StoredPage(before, [item.record for item in chosen], chosen[-1].hash if chosen else before)

    def records(self, room: int, seqs: Collection[int]) -> list[Record]:
        stored = self.database.records[room]
        return [stored[seq - 1].record for seq in sorted(set(seqs)) if 1 <= seq <= len(stored)]

    def search(
        self, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
    ) -> list[tuple[int, Record]]:
        raise NotImplementedError("search is tested on real databases")

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        return MemoryTransaction(self.database).were_members(places)

    def quarantined(self) -> list[QuarantinedMessage]:
        return [row for _key, row in sorted(self.database.quarantine.items())]

    def deleted_rooms(self, user: int, above: int) -> dict[int, int]:
        found = self.database.deleted.items()
        return {room: n for room, n in found if n > above and (room, user) in self.database.memberships}

    def changes(self, room: int, seqs: Collection[int]) -> list[Record]:
        headers = [(item.record, decode_header_untrusted(item.record.header)) for item in self.database.records[room]]
        found: dict[object, Record] = {}
        for record, header in headers:
            if header.ref in seqs and header.kind is not Kind.TEXT:
                found[record.seq if header.kind is Kind.REACTION else (header.ref, header.kind)] = record
        return sorted(found.values(), key=lambda record: record.seq)

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        return _nameable(self.database, user, roots, first_seqs)

    def contents_of(self, room: int, seq: int, root: bytes) -> ContentsRow | None:
        return self.database.contents.get(root) if (root, room, seq) in self.database.uses else None

    def contents_octets(self, user: int) -> ContentsOctets:
        db = self.database
        mine = {root for (root, _room, _seq), author in db.uses.items() if author == user}
        mine |= {root for root, brought in db.uploads if brought == user}
        sizes = {root: row.size for root, row in db.contents.items()}
        return ContentsOctets(sum(sizes.get(root, 0) for root in mine), sum(sizes.values()))

    def known_contents(self, roots: Collection[bytes]) -> set[bytes]:
        return set(roots) & self.database.contents.keys()

    def close(self) -> None:
        """Nothing is held."""


def _nameable(
    db: MemoryDatabase, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]
) -> dict[bytes, ContentsRow]:
    may = {root for root, brought in db.uploads if brought == user}
    may |= {root for root, room, seq in db.uses if room in first_seqs and seq >= first_seqs[room]}
    return {root: db.contents[root] for root in roots if root in may and root in db.contents}


def _within(items: list[StoredRecord], octets: int) -> list[StoredRecord]:
    chosen: list[StoredRecord] = []
    for item in items:
        octets -= len(item.record.body or b"")
        if chosen and octets < 0:
            break
        chosen.append(item)
    return chosen


class MemoryTransaction:
    """Reads what is committed; `changes` are applied by the commit."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._db = database
        self.changes: list[Callable[[], Any]] = []
        self._more_octets = 0
        # By this transaction.
        self._heads: dict[int, RoomHead] = {}
        self._deleted: set[int] = set()

    def renew_lease(self, serves_ms: int = 0) -> str:
        """Nobody looks at it from outside."""
        return ""

    # The log

    def heads(self, rooms: Collection[int]) -> dict[int, RoomHead]:
        present = [room for room in rooms if room in self._db.rooms and room not in self._deleted]
        return {room: self._heads.get(room, self._db.rooms[room].head) for room in present}

    def decisions(self, keys: Collection[MessageKey]) -> dict[MessageKey, Decision]:
        return {key: self._db.decisions[key] for key in keys if key in self._db.decisions}

    def last_numbers(self, runs: Collection[RunKey]) -> dict[RunKey, int]:
        last = dict.fromkeys(runs, 0)
        for key in self._db.decisions:
            run = key[:3]  # equal to a RunKey, and cheaper than making one
            if run in last:
                last[RunKey(*run)] = max(last[RunKey(*run)], key.n)
        return last

    def targets(self, room: int, seqs: Collection[int]) -> dict[int, Target]:
        found: dict[int, Target] = {}
        for seq in seqs:
            if 1 <= seq <= len(self._db.records.get(room, [])):
                item = self._db.records[room][seq - 1]
                header = decode_header_untrusted(item.record.header)
                found[seq] = Target(header.kind, item.author, item.record.body is None)
        return found

    def count_changes(self, keys: Collection[ChangesKey]) -> dict[ChangesKey, int]:
        found = dict.fromkeys(keys, 0)
        for room in {key.room for key in keys}:
            for item in self._db.records.get(room, []):
                header = decode_header_untrusted(item.record.header)
                key = ChangesKey(room, header.ref, header.kind)
                if key in found:
                    found[key] += 1
        return found

    def append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        stored = self._db.records[room]
        for offset, new in enumerate(records):
            if new.record.seq != len(stored) + 1 + offset or new.header.key in self._db.decisions:
                raise CommitFailed("duplicate")
        self._heads[room] = head
        self.changes.append(lambda: self._append(room, records, head))
        self.add_log_octets(usage.records_octets(records))

    def _append(self, room: int, records: Sequence[NewRecord], head: RoomHead) -> None:
        stored = self._db.records[room]
        for new in records:
            stored.append(StoredRecord(new.record, new.hash, new.author, new.header.key))
            self._db.decisions[new.header.key] = Decision(new.record.seq, 0)
            for root in named_contents(new.text) if new.header.kind is Kind.FILE else ():
                self._db.uses[root, room, new.record.seq] = new.author
                self._db.uploads.pop((root, new.author), None)
        gone = {new.header.ref for new in records if new.header.kind is Kind.DELETE}
        for use in [use for use in self._db.uses if use[1] == room and use[2] in gone]:
            del self._db.uses[use]
        for item in stored if gone else ():
            header = decode_header_untrusted(item.record.header)
            if item.record.seq in gone or (header.kind is Kind.EDIT and header.ref in gone):
                self._db.octets -= usage.body_octets(len(item.record.body or b""))
                item.record = blanked(item.record)
        self._db.rooms[room] = replace(self._db.rooms[room], head=head)

    def nameable(self, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]) -> dict[bytes, ContentsRow]:
        return _nameable(self._db, user, roots, first_seqs)

    def keep_contents(self, row: ContentsRow, user: int, now_ms: int) -> None:
        def apply() -> None:
            self._db.contents[row.root] = row
            self._db.uploads[row.root, user] = now_ms

        self.changes.append(apply)

    def forget_contents(self, before_ms: int, count: int) -> list[bytes]:
        uploads = {key: time_ms for key, time_ms in self._db.uploads.items() if time_ms >= before_ms}
        named = {use[0] for use in self._db.uses} | {root for root, _user in uploads}
        roots = [root for root in self._db.contents if root not in named][:count]

        def apply() -> None:
            self._db.uploads = uploads
            for root in roots:
                del self._db.contents[root]

        self.changes.append(apply)
        return roots

    def index_appended(self, messages: int) -> None:
        """There is no search."""

    def index_more(self, messages: int) -> IndexProgress | None:
        """There is no search."""
        return None

    def reject(self, rejections: Sequence[Rejection]) -> None:
        def apply() -> None:
            for rejection in rejections:
                self._db.decisions.setdefault(rejection.key, Decision(0, rejection.code))

        self.changes.append(apply)
        new = {rejection.key for rejection in rejections} - self._db.decisions.keys()
        self.add_log_octets(len(new) * usage.REJECTION_OCTETS)

    def quarantine_sizes(self) -> dict[int, QuarantineSize]:
        sizes: dict[int, QuarantineSize] = {}
        for row in self._db.quarantine.values():
            size = sizes.get(row.author, QuarantineSize(0, 0))
            sizes[row.author] = QuarantineSize(size.messages + 1, size.octets + octets_of(row))
        return sizes

    def quarantine(self, messages: Sequence[QuarantinedMessage]) -> None:
        def apply() -> None:
            for message in messages:
                self._db.quarantine.setdefault(message.header.key, message)

        self.changes.append(apply)

    def quarantined(self, keys: Collection[MessageKey]) -> list[QuarantinedMessage]:
        return [self._db.quarantine[key] for key in sorted(set(keys) & self._db.quarantine.keys())]

    def release_quarantined(self, keys: Collection[MessageKey]) -> None:
        def apply() -> None:
            for key in keys:
                self._db.quarantine.pop(key, None)

        self.changes.append(apply)

    # What is used

    def log_octets(self) -> int:
        return self._db.octets + self._more_octets

    def add_log_octets(self, octets: int) -> None:
        self._more_octets += octets

        def apply() -> None:
            self._db.octets += octets

        self.changes.append(apply)

    def allowances(self, spenders: Collection[AllowanceHolder]) -> dict[AllowanceHolder, int]:
        return {spender: self._db.allowances.get(spender, 0) for spender in spenders}

    def set_allowances(self, free_us: Mapping[AllowanceHolder, int]) -> None:
        self.changes.append(lambda: self._db.allowances.update(free_us))

    def forget_allowances(self, now_ms: int) -> None:
        least, most = used_between(now_ms)

        def apply() -> None:
            for spender, free_us in list(self._db.allowances.items()):
                if not least < free_us <= most:
                    del self._db.allowances[spender]

        self.changes.append(apply)

    def number_statements(
        self, number: int, *, users: Collection[int] = (), rooms: Collection[int] = (), devices: Collection[bytes] = ()
    ) -> None:
        def apply() -> None:
            db = self._db
            db.users |= {user: replace(db.users[user], number=number) for user in users}
            db.rooms |= {room: replace(db.rooms[room], number=number) for room in rooms if room in db.rooms}
            db.deleted |= {room: number for room in rooms if room in db.deleted}
            db.devices |= {device: replace(db.devices[device], revoked_number=number) for device in devices}
            db.number = max(db.number, number)

        self.changes.append(apply)

    # Accounts

    def add_user(self, user: UserRow) -> UserRow:
        if any(name_key(known.name) == name_key(user.name) for known in self._db.users.values()):
            raise KeyError(user.name)
        added = replace(user, id=len(self._db.users) + 1)
        self.changes.append(lambda: self._db.users.__setitem__(added.id, added))
        return added

    def restore_user(self, user: UserRow) -> bool:
        known = self._db.users
        if user.id in known or any(name_key(other.name) == name_key(user.name) for other in known.values()):
            return False
        self.changes.append(lambda: self._db.users.__setitem__(user.id, user))
        return True

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
        given = {
            "password_hash": password_hash,
            "display_name": display_name,
            "email": email,
            "pending_email": pending_email,
            "email_from_ms": email_from_ms,
            "role": role,
            "disabled": disabled,
        }
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self.changes.append(lambda: self._db.users.__setitem__(user, replace(self._db.users[user], **values)))

    def add_device(self, device: DeviceRow) -> None:
        if device.id in self._db.devices:
            raise KeyError(device.id)
        self.changes.append(lambda: self._db.devices.__setitem__(device.id, device))

    def revoke_devices(self, devices: Collection[bytes], now_ms: int) -> None:
        def apply() -> None:
            for device in devices:
                self._db.devices[device] = replace(self._db.devices[device], revoked_ms=now_ms)

        self.changes.append(apply)

    def set_certificate(self, device: bytes, certificate: Certificate) -> None:
        def apply() -> None:
            self._db.devices[device] = replace(self._db.devices[device], certificate=certificate)

        self.changes.append(apply)

    def touch(self, users: dict[int, int], devices: dict[bytes, int]) -> None:
        """Last-seen times matter to nobody here."""

    def set_recovery(self, recovery: RecoveryRow | None, user: int) -> None:
        def apply() -> None:
            self._db.recoveries.pop(user, None)
            if recovery is not None:
                self._db.recoveries[user] = recovery

        self.changes.append(apply)

    def void_recoveries(self) -> None:
        self.changes.append(self._db.recoveries.clear)

    def recovery(self, user: int) -> RecoveryRow | None:
        return self._db.recoveries.get(user)

    def add_invite(self, code_hash: bytes, uses: int, not_after_ms: int, creator: int) -> None:
        self.changes.append(lambda: self._db.invites.__setitem__(code_hash, [uses, not_after_ms, creator]))

    def use_invite(self, code_hash: bytes, now_ms: int) -> bool:
        uses, not_after_ms, creator = self._db.invites.get(code_hash, [0, 0, 0])
        if uses < 1 or now_ms >= not_after_ms:
            return False
        self.changes.append(lambda: self._db.invites.__setitem__(code_hash, [uses - 1, not_after_ms, creator]))
        return True

    def invites(self, now_ms: int) -> list[InviteRow]:
        found = [InviteRow(code, *values) for code, values in self._db.invites.items()]
        return [row for row in found if row.uses_left and row.not_after_ms > now_ms]

    def void_invites(self, *, code_hash: bytes | None = None, creator: int | None = None) -> None:
        def apply() -> None:
            for code, values in list(self._db.invites.items()):
                if code == code_hash or values[2] == creator:
                    del self._db.invites[code]

        self.changes.append(apply)

    def move_deadlines(self, by_ms: int, now_ms: int) -> None:
        """Codes matter to nobody here."""

    # Rooms

    def add_room(self, room: RoomRow) -> None:
        rooms = [known for known in self._db.rooms.values() if known.kind is not RoomKind.PRIVATE]
        if room.kind is not RoomKind.PRIVATE and any(name_key(known.name) == name_key(room.name) for known in rooms):
            raise KeyError(room.name)
        if room.id in self._db.deleted:
            raise CommitFailed("the id was used before")

        def apply() -> None:
            self._db.rooms[room.id] = room
            self._db.records[room.id] = []

        self.changes.append(apply)

    def update_room(
        self,
        room: int,
        *,
        name: str | None = None,
        history: HistoryPolicy | None = None,
        archived: bool | None = None,
    ) -> None:
        if name is not None and self._db.rooms[room].kind is not RoomKind.PRIVATE:
            others = [known for known in self._db.rooms.values() if known.kind is not RoomKind.PRIVATE]
            if any(known.id != room and name_key(known.name) == name_key(name) for known in others):
                raise KeyError(name)
        given = {"name": name, "history": history, "archived": archived}
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        self.changes.append(lambda: self._db.rooms.__setitem__(room, replace(self._db.rooms[room], **values)))

    def has_room(self, room: int) -> bool:
        return room in self._db.rooms or room in self._db.deleted

    def delete_rooms(self, rooms: Collection[int]) -> None:
        self._deleted.update(rooms)

        def apply() -> None:
            for room in rooms:
                del self._db.rooms[room]
                self._db.room_keys.pop(room, None)
                self._db.deleted[room] = 0
            for key in [key for key in self._db.quarantine if key.room in rooms]:
                del self._db.quarantine[key]

        self.changes.append(apply)

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        deleted = self._db.deleted.keys() | self._deleted
        return {place for place in places if place in self._db.memberships and place[0] in deleted}

    def erase_more(self, records: int) -> bool:
        unerased = [room for room in self._db.deleted if room in self._db.records]
        if unerased:
            self.changes.append(lambda: self._erase(unerased[0]))
        return bool(unerased)

    def _erase(self, room: int) -> None:
        records = self._db.records.pop(room)
        self._db.uses = {use: author for use, author in self._db.uses.items() if use[1] != room}
        self._db.octets -= sum(
            usage.message_octets(len(item.record.header), len(item.record.body or b"")) for item in records
        )
        refused = [key for key, value in self._db.decisions.items() if key.room == room and value.code]
        self._db.octets -= len(refused) * usage.REJECTION_OCTETS
        self._db.decisions = {key: value for key, value in self._db.decisions.items() if key.room != room}

    def add_members(self, members: Sequence[MembershipRow]) -> None:
        self.changes.append(lambda: self._db.memberships.update({(row.room, row.user): row for row in members}))

    def remove_members(self, room: int, users: Collection[int]) -> None:
        def apply() -> None:
            for user in users:
                self._db.memberships.pop((room, user), None)

        self.changes.append(apply)

    def set_cursors(self, cursors: Mapping[int, Sequence[Cursor]]) -> None:
        def apply() -> None:
            for user, items in cursors.items():
                for cursor in items:
                    row = self._db.memberships.get((cursor.room, user))
                    if row is not None:
                        received, read = max(row.received, cursor.received), max(row.read, cursor.read)
                        changed = replace(row, received=received, read=read)
                        self._db.memberships[(cursor.room, user)] = changed

        self.changes.append(apply)

    def set_room_key(self, key: RoomKeyRow) -> None:
        self.changes.append(lambda: self._db.room_keys.__setitem__(key.room, key))
