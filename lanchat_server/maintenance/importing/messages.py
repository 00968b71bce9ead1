"""`import-messages`: messages of the original program, as records of the log.

Nobody signed them, so the log signs for what the file says: with a key of its own for each author, whose certificate
says that it is `imported`, and whose device is revoked from the beginning. Every copy checks these records as all
others, and clients show them as imported. `sent_ms` of their headers is the time in the file, which clients show.

The key follows from the log's key and the user; the run of a message from what stands in its row, and how often that
stood there before. So the same row has the same name each time, and is stored once.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lanchat.platform.entropy import Entropy
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat.protocol.text.cleaning import clean_text
from lanchat.protocol.text.names import clean_room_name, is_blank, name_key, tidy_name
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.accounts import NewUser
from lanchat_server.core.directory.directory import DIRECT_PREFIX, Directory
from lanchat_server.core.model import DeviceRow, NewRecord, RoomHead, RoomRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.maintenance.importing.report import DryRun, ImportReport, SkipReason, Tell
from lanchat_server.maintenance.importing.tables import OldRow
from lanchat_server.maintenance.importing.times import TimeReader
from lanchat_server.maintenance.importing.users import cleaned_name
from lanchat_server.store import SqlStore

DEVICE_NAME = "import"
# Messages of one transaction.
_BATCH = 500
# What a recipient is called where a message goes to everybody.
_EVERYBODY = frozenset(("", "0", "-1", "*", "all", "everyone", "everybody", "все", "всем", "null"))
_CONTEXT = b"lanchat/1 import\0"


class ImportOptions(NamedTuple):
    """`room`: of messages whose row names none; empty: the first room. `names`: of the old program's users by its
    numbers. `make_authors`: names without an account get one that is disabled."""

    room: str
    names: Mapping[str, str] = {}
    make_authors: bool = False
    dry_run: bool = False


class _Said(NamedTuple):
    """A row that can be stored."""

    line: int
    author: UserRow
    partner: UserRow | None
    room: str
    sent_ms: int
    parts: list[str]
    identity: bytes


class MessageImport:
    """One import, under the lease of `store`."""

    def __init__(
        self,
        store: SqlStore,
        log_key: Ed25519PrivateKey,
        entropy: Entropy,
        now_ms: int,
        times: TimeReader,
        options: ImportOptions,
    ) -> None:
        """`times` reads the times of the file; rooms get ids from `entropy`; records the time `now_ms`."""
        self._store = store
        self._log_key = log_key
        self._entropy = entropy
        self._now_ms = now_ms
        self._times = times
        self._options = options
        self._directory = Directory(store.snapshot())
        self._keys: dict[int, Ed25519PrivateKey] = {}
        self._seen: Counter[bytes] = Counter()
        self._made: set[str] = set()
        self.report = ImportReport()

    def run(self, rows: Iterable[OldRow], tell: Tell) -> ImportReport:
        """Store the messages; `tell` is told of the rows that are done. Raises StoreError, and ProtocolError of `rows`;
        what was stored by then stays."""
        left = iter(rows)
        while batch := list(islice(left, _BATCH)):
            try:
                with self._store.transaction() as tx:
                    self._store_batch(tx, batch)
                    if self._options.dry_run:
                        raise DryRun
            except DryRun:
                # Without the accounts, devices and rooms that the batch has made.
                self._directory.load(self._store.snapshot())
            tell(self.report.rows)
        return self.report

    def _store_batch(self, tx: Transaction, batch: list[OldRow]) -> None:
        by_room: dict[int, list[tuple[_Said, Ed25519PrivateKey]]] = {}
        for row in batch:
            self.report.rows += 1
            said = self._read(tx, row)
            if said is None:
                continue
            room = self._room(tx, said)
            if room is None:
                self.report.skip(said.line, said.room, SkipReason.ROOM)
                continue
            by_room.setdefault(room, []).append((said, self._key(tx, said.author)))
        for room, messages in by_room.items():
            self._append(tx, room, messages)

    # --- A row ----------------------------------------------------------------------------------------------------

    def _read(self, tx: Transaction, row: OldRow) -> _Said | None:
        """None: it was counted as skipped."""
        line, fields = row
        name = self._name(fields, "author")
        author = self._user(tx, name)
        to = self._name(fields, "to")
        partner = None if to.strip().lower() in _EVERYBODY else self._user(tx, to)
        parts = _parts(fields.get("text", ""))
        sent_ms = self._times.read(fields.get("time", ""), self._now_ms)
        if author is None:
            self.report.skip(line, name, SkipReason.NO_AUTHOR)
        elif partner is None and to.strip().lower() not in _EVERYBODY:
            self.report.skip(line, to, SkipReason.NO_RECIPIENT)
        elif not parts:
            self.report.skip(line, name, SkipReason.TEXT)
        elif sent_ms is None:
            self.report.skip(line, fields["time"], SkipReason.TIME)
        else:
            room = fields.get("room", "").strip() or self._options.room or self._directory.general().name
            written = (author.id, partner.id if partner else room, fields.get("time", ""), fields.get("text", ""))
            identity = hashlib.sha256(_CONTEXT + encode(written)).digest()
            return _Said(line, author, partner, room, sent_ms, parts, identity)
        return None

    def _name(self, fields: dict[str, str], field: str) -> str:
        """The name in a field, or of the number in the field with `_id`."""
        if field in fields and not (f"{field}_id" in fields and not fields[field].strip()):
            given = fields[field]
            return self._options.names.get(given, given)
        number = fields.get(f"{field}_id", "").strip()
        return self._options.names.get(number, number)

    def _user(self, tx: Transaction, name: str) -> UserRow | None:
        cleaned = cleaned_name(name)
        if cleaned is None:
            return None
        known = self._directory.user_named(cleaned)
        if known is not None or not self._options.make_authors or self._directory.is_like_a_user(cleaned):
            return known
        new = NewUser(cleaned, cleaned, "", "", Role.MEMBER)
        change = accounts.add_user(tx, self._directory, new, self._now_ms, first_is_administrator=False, disabled=True)
        change.apply()
        self._count_made(f"user {name_key(cleaned)}")
        return change.value

    def _count_made(self, what: str) -> None:
        """Once, although a dry run makes it in each batch."""
        if what not in self._made:
            self._made.add(what)
            self.report.made += 1

    # --- What a message needs -------------------------------------------------------------------------------------

    def _key(self, tx: Transaction, author: UserRow) -> Ed25519PrivateKey:
        """The key that signs for this author, whose device is made when it is not there."""
        key = self._keys.get(author.id)
        if key is None:
            key = self._keys[author.id] = import_key(self._log_key, self._directory.log.log_id, author.id)
        public = keys.public_octets(key)
        id_ = keys.device_id(public)
        if id_ not in self._directory.devices:
            now_ms, log_id = self._now_ms, self._directory.log.log_id
            body = CertificateBody(
                log_id, author.id, public, author.name, author.display_name, now_ms, now_ms, imported=True
            )
            certificate = issue_certificate(self._log_key, body)
            device = DeviceRow(id_, author.id, public, DEVICE_NAME, now_ms, now_ms, now_ms, certificate)
            tx.add_device(device)
            self._directory.put_device(device)
        return key

    def _room(self, tx: Transaction, said: _Said) -> int | None:
        """The id of the message's room, which is made when it is not there; None: it can have no such name."""
        directory, now_ms = self._directory, self._now_ms
        if said.partner is not None:
            change = accounts.open_direct(tx, directory, self._new_id(), said.author.id, said.partner.id, now_ms)
            change.apply()
            return change.value.id
        try:
            name = clean_room_name(tidy_name(said.room))
        except ProtocolError:
            return None
        if name.casefold().startswith(DIRECT_PREFIX):
            return None
        known = directory.room_named(name)
        if known is None:
            if directory.sees_room_named(0, name):
                return None
            known = self._make_room(tx, name, said.author)
        # Anybody may join it; into others nobody gets by a file.
        if known.kind is RoomKind.PUBLIC and directory.membership(known.id, said.author.id) is None:
            accounts.add_member(tx, directory, known.id, said.author.id, now_ms).apply()
        return known.id

    def _make_room(self, tx: Transaction, name: str, author: UserRow) -> RoomRow:
        """A public room, of the first administrator when there is one."""
        creator = next(iter(self._directory.active_administrators()), author).id
        id_ = self._new_id()
        head = RoomHead(0, genesis_hash(self._directory.log.log_id, id_), self._now_ms)
        room = RoomRow(id_, name, RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, creator, self._now_ms, head)
        tx.add_room(room)
        self._directory.put_room(room)
        self._count_made(f"room {name_key(name)}")
        return room

    def _new_id(self) -> int:
        while (number := int.from_bytes(self._entropy.token_bytes(8)) >> 1) in (0, *self._directory.rooms):
            pass
        return number

    # --- Records --------------------------------------------------------------------------------------------------

    def _append(self, tx: Transaction, room: int, messages: list[tuple[_Said, Ed25519PrivateKey]]) -> None:
        """Store those that are not there yet."""
        named = [(said, key, self._run(said)) for said, key in messages]
        headers = {
            (run, n): Header(room, keys.device_id(keys.public_octets(key)), run, n, Kind.TEXT, 0, said.sent_ms, n)
            for said, key, run in named
            for n in range(1, len(said.parts) + 1)
        }
        decided = tx.decisions([header.key for header in headers.values()])
        records: list[NewRecord] = []
        head = tx.heads([room])[room]
        for said, key, run in named:
            new = [headers[run, n] for n in range(1, len(said.parts) + 1) if headers[run, n].key not in decided]
            for header in new:
                record = self._record(room, head, key, header, said.parts[header.n - 1])
                head = RoomHead(record.record.seq, record.hash, self._now_ms)
                records.append(NewRecord(record.record, header, said.author.id, record.hash, record.text))
            if new:
                self.report.added += 1
            else:
                self.report.present += 1
        tx.append(room, records, head)

    def _run(self, said: _Said) -> int:
        """What the message is named by; the same row a second time in the file is another message."""
        number = self._seen[said.identity]
        self._seen[said.identity] += 1
        digest = hashlib.sha256(said.identity + number.to_bytes(8)).digest()
        return int.from_bytes(digest[:8]) >> 1

    def _record(self, room: int, head: RoomHead, key: Ed25519PrivateKey, header: Header, text: str) -> NewRecord:
        log_id = self._directory.log.log_id
        message = make_message(key, log_id, header, text)
        record = Record(head.seq + 1, self._now_ms, message.header, message.signature, message.body)
        return NewRecord(record, header, 0, chain_hash(log_id, room, head.hash, record), text)


def import_key(log_key: Ed25519PrivateKey, log_id: bytes, user: int) -> Ed25519PrivateKey:
    """The key with which the log signs what is imported as this user's."""
    derived = HKDF(SHA256(), 32, log_id, _CONTEXT + user.to_bytes(8)).derive(log_key.private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(derived)


def _parts(text: str) -> list[str]:
    """A text as messages can have it, in as many of them as it takes; none: there is nothing to see."""
    try:
        cleaned = clean_text(text.encode("utf-8").decode("utf-8")).strip("\n")
    except UnicodeError:
        return []
    parts = _cut(cleaned)
    return [part for part in parts if not is_blank(part)]


def _cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), BODY_CHARACTERS_MAX):
        yield text[start : start + BODY_CHARACTERS_MAX]
