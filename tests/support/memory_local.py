"""A local store in memory, for unit tests and the simulator: the same contract as the real one, minus the disk.

`fail` makes the next writes raise, as a full disk does; several cores may share one store, as processes of one profile
do. What is in here survives the core that wrote it: that is a restart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

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
from lanchat.protocol.codec import decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate, CertificateBody
from lanchat.protocol.log.messages import Kind, Message, MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, blanked
from lanchat.protocol.log.statements import Statement, StatementKind, read_statement_untrusted, subject_of
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.wire import Member, Room, User
from lanchat.store.local import PROOF_EVERY

_decode_certificate_body = decoder(CertificateBody)


@dataclass
class _Room:
    base: int
    base_hash: bytes
    links: dict[int, ChainLink] = field(default_factory=dict)
    cursor: int = 0
    head: Head | None = None
    erased: set[int] = field(default_factory=set)
    edits: dict[int, list[int]] = field(default_factory=dict)
    proofs: dict[int, Head] = field(default_factory=dict)

    @property
    def span(self) -> StoredSpan:
        end = self.links[self.cursor].hash if self.cursor > self.base else self.base_hash
        return StoredSpan(self.base, self.base_hash, self.cursor, end)

    def keep_proof(self, head: Head) -> None:
        for old in [seq for seq in self.proofs if seq // PROOF_EVERY == head.seq // PROOF_EVERY and seq < head.seq]:
            del self.proofs[old]
        self.proofs[head.seq] = head

    def hash_at(self, seq: int) -> bytes | None:
        """Of a stored record, or before the first of them."""
        if seq == self.base:
            return self.base_hash
        return self.links[seq].hash if seq in self.links else None


def _require(continues: bool) -> None:
    if not continues:
        raise LocalStoreError(Problem.COPY_INTERRUPTED, room=0)


def _age(head: Head) -> tuple[int, int, int]:
    return head.epoch, head.seq, head.time_ms


def _certificate_age(certificate: Certificate) -> tuple[int, int]:
    try:
        body: CertificateBody = _decode_certificate_body(certificate.octets)
    except ProtocolError:
        return 0, 0
    return body.serial, body.not_after_ms


class MemoryLocalStore:
    """Everything is a dict; `writes` counts transactions."""

    def __init__(self) -> None:
        self.recovered: ProblemDetails | None = None
        self.fail = False
        self.writes = 0
        self._rooms: dict[int, _Room] = {}
        self._outgoing: dict[MessageKey, OutboxItem] = {}
        self._order = 0
        self._room_list: list[Room] = []
        self._users: dict[int, User] = {}
        self._certificates: dict[bytes, Certificate] = {}
        self._statements: dict[tuple[StatementKind, int], Statement] = {}
        self._members: dict[int, list[Member]] = {}
        self._revoked: list[bytes] = []
        self._told = 0
        self._roster: KnownPeers | None = None
        self._carried: dict[MessageKey, Message] = {}

    def _write(self) -> None:
        if self.fail:
            raise LocalStoreError(Problem.DISK_FULL)
        self.writes += 1

    # Records

    def span(self, room: int) -> StoredSpan | None:
        known = self._rooms.get(room)
        return known.span if known else None

    def start_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        self._write()
        return self._rooms.setdefault(room, _Room(base, base_hash, cursor=base)).span

    def restart_span(self, room: int, base: int, base_hash: bytes) -> StoredSpan:
        self._write()
        known = self._rooms.get(room)
        if known is None:
            known = self._rooms[room] = _Room(base, base_hash, cursor=base)
        elif known.cursor < base:
            known.links.clear()
            known.proofs.clear()
            known.base, known.base_hash, known.cursor = base, base_hash, base
        return known.span

    def append(self, room: int, links: Sequence[ChainLink], head: Head) -> None:
        self._write()
        known = self._started(room)
        for link in links:
            if known.hash_at(link.record.seq) not in (None, link.hash):
                raise Forked
        fresh = [link for link in links if link.record.seq > known.cursor]
        _require([link.record.seq for link in fresh] == list(range(known.cursor + 1, known.cursor + 1 + len(fresh))))
        for link in fresh:
            known.links[link.record.seq] = link
            known.cursor = link.record.seq
        if fresh:
            known.keep_proof(head)
        self._note(known, links)
        if known.head is None or _age(head) > _age(known.head):
            known.head = head

    def _started(self, room: int) -> _Room:
        if room not in self._rooms:
            raise LocalStoreError(Problem.COPY_INTERRUPTED, room=room)
        return self._rooms[room]

    def prepend(self, room: int, links: Sequence[ChainLink], base_hash: bytes, proof: Head | None = None) -> None:
        self._write()
        known = self._started(room)
        fresh = [link for link in links if link.record.seq <= known.base]
        if not fresh:
            return
        first = fresh[0].record.seq
        _require([link.record.seq for link in fresh] == list(range(first, known.base + 1)))
        if fresh[-1].hash != known.base_hash:
            raise Forked
        known.links.update((link.record.seq, link) for link in fresh)
        known.base, known.base_hash = fresh[0].record.seq - 1, base_hash
        if proof is not None and proof.seq == fresh[-1].record.seq:
            known.keep_proof(proof)
        self._note(known, fresh)

    def _note(self, known: _Room, links: Sequence[ChainLink]) -> None:
        """Outbox and erased bodies."""
        for link in links:
            seq = link.record.seq
            try:
                header = decode_header_untrusted(link.record.header)
            except ProtocolError:
                continue
            self._outgoing.pop(header.key, None)
            if header.kind is Kind.EDIT:
                known.edits.setdefault(header.ref, []).append(seq)
            elif header.kind is Kind.DELETE:
                known.erased.add(header.ref)
                self._blank(known, header.ref, *known.edits.get(header.ref, ()))
            if seq in known.erased or (header.kind is Kind.EDIT and header.ref in known.erased):
                self._blank(known, seq)

    @staticmethod
    def _blank(known: _Room, *seqs: int) -> None:
        for seq in seqs:
            link = known.links.get(seq)
            if link is not None:
                known.links[seq] = ChainLink(blanked(link.record), link.hash)

    def records(self, room: int, first: int, last: int) -> list[Record]:
        known = self._rooms.get(room)
        if known is None:
            return []
        return [known.links[seq].record for seq in range(max(first, known.base + 1), min(last, known.cursor) + 1)]

    def proofs(self, room: int, first: int, last: int) -> list[Head]:
        known = self._rooms.get(room)
        return [known.proofs[seq] for seq in sorted(known.proofs) if first <= seq <= last] if known else []

    def head(self, room: int) -> Head | None:
        known = self._rooms.get(room)
        return known.head if known else None

    def held_rooms(self) -> list[int]:
        return list(self._rooms)

    def erase_room(self, room: int, count: int) -> bool:
        self._write()
        links = self._rooms[room].links if room in self._rooms else {}
        for seq in sorted(links)[:count]:
            del links[seq]
        if not links:
            self._rooms.pop(room, None)
        return bool(links)

    # Outbox

    def add_outgoing(self, key: MessageKey, message: Message, made_ms: int) -> OutboxItem:
        self._write()
        if key in self._outgoing:
            return self._outgoing[key]
        self._order += 1
        item = self._outgoing[key] = OutboxItem(self._order, key, message, made_ms)
        return item

    def outgoing(self) -> list[OutboxItem]:
        return sorted(self._outgoing.values())

    def remove_outgoing(self, keys: Collection[MessageKey]) -> None:
        self._write()
        for key in keys:
            self._outgoing.pop(key, None)

    # Rooms, people, certificates

    def save_rooms(self, rooms: Sequence[Room]) -> None:
        self._write()
        self._room_list = list(rooms)

    def rooms(self) -> list[Room]:
        return list(self._room_list)

    def save_users(self, users: Sequence[User]) -> None:
        self._write()
        self._users.update((user.id, user) for user in users)

    def users(self) -> list[User]:
        return [self._users[user] for user in sorted(self._users)]

    def save_certificates(self, certificates: Collection[tuple[bytes, Certificate]]) -> None:
        self._write()
        for device, certificate in certificates:
            known = self._certificates.get(device)
            if known is None or _certificate_age(certificate) >= _certificate_age(known):
                self._certificates[device] = certificate

    def add_carried(self, items: Sequence[tuple[MessageKey, Message]]) -> None:
        self._write()
        for key, message in items:
            self._carried.setdefault(key, message)

    def carried(self) -> list[Message]:
        return list(self._carried.values())

    def remove_carried(self, keys: Collection[MessageKey]) -> None:
        self._write()
        for key in keys:
            self._carried.pop(key, None)

    def save_roster(self, roster: KnownPeers) -> None:
        self._write()
        self._roster = roster

    def roster(self) -> KnownPeers | None:
        return self._roster

    def save_statements(
        self,
        statements: Collection[Statement],
        *,
        members: Mapping[int, Sequence[Member]] = EMPTY,
        revoked: Collection[bytes] | None = None,
        number: int | None = None,
    ) -> None:
        self._write()
        for statement in statements:
            body = read_statement_untrusted(statement)
            known = self._statements.get(subject_of(body))
            if known is None or read_statement_untrusted(known).number < body.number:
                self._statements[subject_of(body)] = statement
        self._members |= {room: list(listing) for room, listing in members.items()}
        self._revoked = self._revoked if revoked is None else list(revoked)
        self._told = max(self._told, number or 0)

    def statements(self) -> StoredStatements:
        return StoredStatements(list(self._statements.values()), dict(self._members), list(self._revoked), self._told)

    def certificates(self, devices: Collection[bytes]) -> dict[bytes, Certificate]:
        return {device: self._certificates[device] for device in devices if device in self._certificates}
