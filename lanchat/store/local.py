"""The client's local copy of one log, and its outbox: `LocalStore` of the client core, on SQLite.

Each method is one transaction of its own (database.py); what it reads is decided inside it, because another process may
have written since the last call.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lanchat.core.ports import (
    EMPTY,
    ChainLink,
    Forked,
    KnownPeers,
    LocalStoreError,
    OutboxItem,
    StoredSpan,
    StoredStatements,
)
from lanchat.protocol.codec import U63, Key32, decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate, CertificateBody
from lanchat.protocol.log.messages import Header, Kind, Message, MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, blanked
from lanchat.protocol.log.statements import Statement
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.wire import Member, Room, User
from lanchat.store import peers as stored_peers
from lanchat.store import statements as stored_statements
from lanchat.store.database import Database
from lanchat.store.rescue import decode_outgoing
from lanchat.store.rows import pack, unpack

_decode_link = decoder(tuple[Record, Key32])
_decode_span = decoder(tuple[U63, Key32, U63, Key32, Head | None])
_decode_head = decoder(Head)
_decode_room = decoder(Room)
_decode_user = decoder(User)
_decode_certificate = decoder(Certificate)
_decode_certificate_body = decoder(CertificateBody)

_SELECT_RECORDS = "SELECT seq, data FROM records WHERE room = ? AND seq BETWEEN ? AND ? ORDER BY seq"
_INSERT_RECORD = "INSERT INTO records (room, seq, data) VALUES (?, ?, ?)"
_UPDATE_RECORD = "UPDATE records SET data = ? WHERE room = ? AND seq = ?"
_SOME_RECORDS = "SELECT seq FROM records WHERE room = ? ORDER BY seq LIMIT ?"
_DELETE_UP_TO = "DELETE FROM records WHERE room = ? AND seq <= ?"
_FORGET_ROOM = (
    "DELETE FROM edits WHERE room = ?",
    "DELETE FROM erasures WHERE room = ?",
    "DELETE FROM heads WHERE room = ?",
    "DELETE FROM spans WHERE room = ?",
)
_SET_SPAN = "INSERT INTO spans VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET data = excluded.data"
_SET_USER = (
    "INSERT INTO users VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data WHERE data != excluded.data"
)
_SET_CERTIFICATE = "INSERT INTO certificates VALUES (?, ?) ON CONFLICT (device) DO UPDATE SET data = excluded.data"
_SELECT_OUTGOING = "SELECT item, room, device, run, n, data FROM outgoing"
# A head is 130 octets: for each text of a line some 8 more. What lies between two of them fits a few frames.
PROOF_EVERY = 16
_SET_PROOF = (
    "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (room, place)"
    " DO UPDATE SET seq = excluded.seq, data = excluded.data WHERE excluded.seq > seq"
)
_SELECT_PROOFS = "SELECT seq, data FROM heads WHERE room = ? AND place BETWEEN ? AND ? ORDER BY place"
_DELETE_OUTGOING = "DELETE FROM outgoing WHERE room = ? AND device = ? AND run = ? AND n = ?"


class SqliteLocalStore:
    """What one profile knows of one log, in the file `path`, which is made when it is not there. Any thread, any number
    of processes. Raises LocalStoreError, also here."""

    def __init__(self, path: Path, *, busy_timeout: float = 5.0) -> None:
        """`busy_timeout`: seconds that a transaction waits for another process."""
        self._database = Database(path, busy_timeout)

    @property
    def recovered(self) -> ProblemDetails | None:
        """What a person is told once, when a damaged file was replaced; else None."""
        return self._database.recovered

    @property
    def unwritable(self) -> ProblemDetails | None:
        """Why nothing can be written at present, so that it can be read alone; else None."""
        return self._database.unwritable

    def close(self) -> None:
        """Every later call raises LocalStoreError; a second `close` does nothing."""
        self._database.close()

    # Records

    def span(self, room: int) -> StoredSpan | None:
        """Read from the file at each call: another process may have moved the cursor."""
        return self._database.read(lambda connection: _span_and_head(connection, room)[0])

    def head(self, room: int) -> Head | None:
        """Kept with the span; None without one."""
        return self._database.read(lambda connection: _span_and_head(connection, room)[1])

    def start_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Looks for a span and begins one in the same transaction."""

        def work(connection: sqlite3.Connection) -> StoredSpan:
            span, head = _span_and_head(connection, room)
            if span is None:
                span = StoredSpan(base, base_hash, base, base_hash)
                _set_span(connection, room, span, head)
            return span

        return self._database.write(work)

    def restart_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        """Without a stored span it begins one. The newest head, and what is known to be erased, stay."""

        def work(connection: sqlite3.Connection) -> StoredSpan:
            span, head = _span_and_head(connection, room)
            if span is None or span.cursor < base:
                for table in ("records", "heads"):
                    connection.execute(f"DELETE FROM {table} WHERE room = ?", (room,))  # noqa: S608 - of this module
                span = StoredSpan(base, base_hash, base, base_hash)
                _set_span(connection, room, span, head)
            return span

        return self._database.write(work)

    def append(self, room: int, links: Sequence[ChainLink], head: Head) -> None:
        """Raises LocalStoreError also when the room has no span, or the new records do not begin right after its
        cursor."""

        def work(connection: sqlite3.Connection) -> None:
            span, newest = _started_span(connection, room)
            _compare(connection, room, span, links)
            fresh = [link for link in links if link.record.seq > span.cursor]
            if fresh:
                _require(_is_run(fresh) and fresh[0].record.seq == span.cursor + 1, room)
                _insert(connection, room, fresh)
                span = span._replace(cursor=fresh[-1].record.seq, cursor_hash=fresh[-1].hash)
                _keep_proof(connection, room, head)
            _forget_sent(connection, links)
            if fresh or _is_newer(head, newest):
                _set_span(connection, room, span, head if _is_newer(head, newest) else newest)

        self._database.write(work)

    def prepend(self, room: int, links: Sequence[ChainLink], base_hash: bytes, proof: Head | None = None) -> None:
        """Raises Forked when the record at the base has another hash than the span says, LocalStoreError when there is
        no span or the records do not end at its base."""

        def work(connection: sqlite3.Connection) -> None:
            span, head = _started_span(connection, room)
            fresh = [link for link in links if link.record.seq <= span.base]
            if not fresh:
                return
            _require(_is_run(fresh) and fresh[-1].record.seq == span.base, room)
            if fresh[-1].hash != span.base_hash:
                raise Forked
            _insert(connection, room, fresh)
            if proof is not None and proof.seq == fresh[-1].record.seq:
                _keep_proof(connection, room, proof)
            _set_span(connection, room, span._replace(base=fresh[0].record.seq - 1, base_hash=base_hash), head)

        self._database.write(work)

    def records(self, room: int, first: int, last: int) -> list[Record]:
        """Of what is stored; numbers outside of the span are left out. Bodies that a deletion erased are None."""
        return self._database.read(lambda connection: [link.record for link in _links(connection, room, first, last)])

    def proofs(self, room: int, first: int, last: int) -> list[Head]:
        """One for every PROOF_EVERY numbers at most."""

        def work(connection: sqlite3.Connection) -> list[Head]:
            rows = connection.execute(_SELECT_PROOFS, (room, first // PROOF_EVERY, last // PROOF_EVERY)).fetchall()
            return [unpack(_decode_head, (room, seq), data) for seq, data in rows if first <= seq <= last]

        return self._database.read(work)

    def held_rooms(self) -> list[int]:
        """In no particular order."""
        return self._database.read(
            lambda connection: [room for (room,) in connection.execute("SELECT room FROM spans")]
        )

    def erase_room(self, room: int, count: int) -> bool:
        """The lowest numbers first; the span goes with the last of them."""

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute(_SOME_RECORDS, (room, count)).fetchall()
            if found:
                connection.execute(_DELETE_UP_TO, (room, found[-1][0]))
            if len(found) == count:
                return True
            for statement in _FORGET_ROOM:
                connection.execute(statement, (room,))
            return False

        return self._database.write(work)

    # Outbox. Repair keeps it, so a call that met damage is simply done again.

    def add_outgoing(self, key: MessageKey, message: Message, made_ms: int) -> OutboxItem:
        """Adding the same message again gives the item that is there."""

        def work(connection: sqlite3.Connection) -> OutboxItem:
            connection.execute(
                "INSERT OR IGNORE INTO outgoing (room, device, run, n, data) VALUES (?, ?, ?, ?, ?)",
                (*key, pack(tuple(key), (message, made_ms))),
            )
            where = f"{_SELECT_OUTGOING} WHERE room = ? AND device = ? AND run = ? AND n = ?"
            return _outbox_item(connection.execute(where, key).fetchone())

        return self._database.write(work, again=True)

    def outgoing(self) -> list[OutboxItem]:
        """In the order in which they were added, by whichever process."""

        def work(connection: sqlite3.Connection) -> list[OutboxItem]:
            return [_outbox_item(row) for row in connection.execute(f"{_SELECT_OUTGOING} ORDER BY item").fetchall()]

        return self._database.read(work, again=True)

    def remove_outgoing(self, keys: Collection[MessageKey]) -> None:
        """Messages that are not there are passed over."""
        if keys:
            self._database.write(lambda connection: connection.executemany(_DELETE_OUTGOING, keys), again=True)

    # Rooms, people

    def save_rooms(self, rooms: Sequence[Room]) -> None:
        """Nothing is written when the list is the stored one."""
        rows = [(place, pack((place,), room)) for place, room in enumerate(rooms)]

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT position, data FROM rooms ORDER BY position").fetchall() != rows:
                connection.execute("DELETE FROM rooms")
                connection.executemany("INSERT INTO rooms VALUES (?, ?)", rows)

        self._database.write(work)

    def rooms(self) -> list[Room]:
        """In the order in which they were saved."""
        return self._table("SELECT position, data FROM rooms ORDER BY position", _decode_room)

    def save_users(self, users: Sequence[User]) -> None:
        """Rows that are the same already are left alone; nobody is removed."""
        rows = [(user.id, pack((user.id,), user)) for user in users]
        self._database.write(lambda connection: connection.executemany(_SET_USER, rows))

    def users(self) -> list[User]:
        """By id."""
        return self._table("SELECT id, data FROM users ORDER BY id", _decode_user)

    def save_certificates(self, certificates: Collection[tuple[bytes, Certificate]]) -> None:
        """Replaces a stored one only by another that is not older (serial, then end). One that cannot be read is the
        oldest."""

        def work(connection: sqlite3.Connection) -> None:
            for device, certificate in certificates:
                present = _certificate(connection, device)
                if present is None or (present != certificate and _age(certificate) >= _age(present)):
                    connection.execute(_SET_CERTIFICATE, (device, pack((device,), certificate)))

        self._database.write(work)

    def add_carried(self, items: Sequence[tuple[MessageKey, Message]]) -> None:
        """One transaction."""
        self._database.write(lambda connection: stored_peers.add(connection, items))

    def carried(self) -> list[Message]:
        """At most some MiB (lanchat/core/peers/carried.py)."""
        return self._database.read(stored_peers.load)

    def remove_carried(self, keys: Collection[MessageKey]) -> None:
        """One transaction; those that are not here change nothing."""
        self._database.write(lambda connection: stored_peers.remove(connection, keys))

    def save_roster(self, roster: KnownPeers) -> None:
        """One transaction."""
        self._database.write(lambda connection: stored_peers.save_roster(connection, roster))

    def roster(self) -> KnownPeers | None:
        """At most 64 peers, 1 KiB each."""
        return self._database.read(stored_peers.load_roster)

    def save_statements(
        self,
        statements: Collection[Statement],
        *,
        members: Mapping[int, Sequence[Member]] = EMPTY,
        revoked: Collection[bytes] | None = None,
        number: int | None = None,
    ) -> None:
        """One transaction. Another process may have stored newer ones: they stay."""
        self._database.write(
            lambda connection: stored_statements.save(connection, statements, members, revoked, number)
        )

    def statements(self) -> StoredStatements:
        """Some 400 octets for each account and room."""
        return self._database.read(stored_statements.load)

    def certificates(self, devices: Collection[bytes]) -> dict[bytes, Certificate]:
        """By device; those without a certificate are left out."""

        def work(connection: sqlite3.Connection) -> dict[bytes, Certificate]:
            found = ((device, _certificate(connection, device)) for device in devices)
            return {device: certificate for device, certificate in found if certificate is not None}

        return self._database.read(work)

    def _table(self, query: str, kind: Any) -> list[Any]:
        def work(connection: sqlite3.Connection) -> list[Any]:
            return [unpack(kind, (key,), data) for key, data in connection.execute(query).fetchall()]

        return self._database.read(work)


def _require(continues: bool, room: int) -> None:
    """A caller whose picture of the room is not what is stored must read again, never leave a hole."""
    if not continues:
        raise LocalStoreError(Problem.COPY_INTERRUPTED, room=room)


def _span_and_head(connection: sqlite3.Connection, room: int) -> tuple[StoredSpan | None, Head | None]:
    row = connection.execute("SELECT data FROM spans WHERE room = ?", (room,)).fetchone()
    if row is None:
        return None, None
    base, base_hash, cursor, cursor_hash, head = unpack(_decode_span, (room,), row[0])
    return StoredSpan(base, base_hash, cursor, cursor_hash), head


def _started_span(connection: sqlite3.Connection, room: int) -> tuple[StoredSpan, Head | None]:
    span, head = _span_and_head(connection, room)
    _require(span is not None, room)
    assert span is not None
    return span, head


def _set_span(connection: sqlite3.Connection, room: int, span: StoredSpan, head: Head | None) -> None:
    connection.execute(_SET_SPAN, (room, pack((room,), (*span, head))))


def _keep_proof(connection: sqlite3.Connection, room: int, head: Head) -> None:
    connection.execute(_SET_PROOF, (room, head.seq // PROOF_EVERY, head.seq, pack((room, head.seq), head)))


def _is_run(links: Sequence[ChainLink]) -> bool:
    first = links[0].record.seq
    return [link.record.seq for link in links] == list(range(first, first + len(links)))


def _is_newer(head: Head, than: Head | None) -> bool:
    return than is None or (head.epoch, head.seq, head.time_ms) > (than.epoch, than.seq, than.time_ms)


def _links(connection: sqlite3.Connection, room: int, first: int, last: int) -> list[ChainLink]:
    rows = connection.execute(_SELECT_RECORDS, (room, first, last)).fetchall()
    return [ChainLink(*unpack(_decode_link, (room, seq), data)) for seq, data in rows]


def _compare(connection: sqlite3.Connection, room: int, span: StoredSpan, links: Sequence[ChainLink]) -> None:
    """Raise Forked when a stored record has another hash than it has here."""
    known = [link for link in links if span.base <= link.record.seq <= span.cursor]
    if not known:
        return
    present = {
        link.record.seq: link.hash for link in _links(connection, room, known[0].record.seq, known[-1].record.seq)
    }
    present[span.base] = span.base_hash
    if any(present.get(link.record.seq, link.hash) != link.hash for link in known):
        raise Forked


def _insert(connection: sqlite3.Connection, room: int, links: Sequence[ChainLink]) -> None:
    """Store records, and blank what deletions erase (a text and its edits): of these, of what is stored, of what comes
    later."""
    headers = _headers(links)
    targets = {header.ref for header in headers.values() if header.kind is Kind.DELETE}
    edits = {seq: header.ref for seq, header in headers.items() if header.kind is Kind.EDIT}
    connection.executemany("INSERT OR IGNORE INTO erasures VALUES (?, ?)", [(room, target) for target in targets])
    connection.executemany("INSERT OR IGNORE INTO edits VALUES (?, ?, ?)", [(room, edits[seq], seq) for seq in edits])
    for target in targets:
        _blank_stored(connection, room, target)
    gone = _erased(connection, room, {link.record.seq for link in links} | set(edits.values()))
    stored = [_blanked(link) if _is_erased(link.record.seq, edits, gone) else link for link in links] if gone else links
    connection.executemany(_INSERT_RECORD, [(room, link.record.seq, _link_blob(room, link)) for link in stored])


def _is_erased(seq: int, edits: dict[int, int], gone: set[int]) -> bool:
    return seq in gone or edits.get(seq) in gone


def _blank_stored(connection: sqlite3.Connection, room: int, target: int) -> None:
    rows = connection.execute("SELECT seq FROM edits WHERE room = ? AND target = ?", (room, target)).fetchall()
    for seq in (target, *(seq for (seq,) in rows)):
        for link in _links(connection, room, seq, seq):
            if link.record.body is not None:
                connection.execute(_UPDATE_RECORD, (_link_blob(room, _blanked(link)), room, seq))


def _erased(connection: sqlite3.Connection, room: int, seqs: set[int]) -> set[int]:
    """Those of these records that were deleted."""
    rows = connection.execute(
        "SELECT target FROM erasures WHERE room = ? AND target BETWEEN ? AND ?", (room, min(seqs), max(seqs))
    )
    return {target for (target,) in rows if target in seqs}


def _headers(links: Sequence[ChainLink]) -> dict[int, Header]:
    """By number. A header that this version cannot read (a kind of message from the future) is kept, and means nothing
    here."""
    headers = {}
    for link in links:
        with suppress(ProtocolError):
            headers[link.record.seq] = decode_header_untrusted(link.record.header)
    return headers


def _blanked(link: ChainLink) -> ChainLink:
    return link._replace(record=blanked(link.record))


def _link_blob(room: int, link: ChainLink) -> bytes:
    return pack((room, link.record.seq), tuple(link))


def _forget_sent(connection: sqlite3.Connection, links: Sequence[ChainLink]) -> None:
    if connection.execute("SELECT 1 FROM outgoing LIMIT 1").fetchone():
        connection.executemany(_DELETE_OUTGOING, [header.key for header in _headers(links).values()])


def _outbox_item(row: Any) -> OutboxItem:
    item, room, device, run, n, data = row
    key = MessageKey(room, device, run, n)
    message, made_ms = unpack(decode_outgoing, tuple(key), data)
    return OutboxItem(item, key, message, made_ms)


def _certificate(connection: sqlite3.Connection, device: bytes) -> Certificate | None:
    row = connection.execute("SELECT data FROM certificates WHERE device = ?", (device,)).fetchone()
    if row is None:
        return None
    certificate = unpack(_decode_certificate, (device,), row[0])
    assert isinstance(certificate, Certificate)
    return certificate


def _age(certificate: Certificate) -> tuple[int, int]:
    """Larger is newer. One that cannot be read is the oldest."""
    try:
        body = _decode_certificate_body(certificate.octets)
    except ProtocolError:
        return 0, 0
    return body.serial, body.not_after_ms
