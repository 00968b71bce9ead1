"""After the trouble: the database and every copy of the log, read offline, against what people were told.

Nothing of the running server is believed: records are read from the tables, the chain is computed anew, signatures are
checked with the keys in the server's folder. `Audit.faults` is empty when everything holds.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lanchat.protocol.client.core import message_id
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.keys import public_octets, sha256
from lanchat.protocol.messages import check_author, decode_header_untrusted
from lanchat.protocol.records import Head, Record, chain_hash, check_head, genesis_hash
from lanchat.store.local import SqliteLocalStore
from lanchat.store.profile import Profile
from lanchat_server.core.model import Snapshot
from lanchat_server.store import open_store
from tests.chaos.crowd import Memory, Person


@dataclass(slots=True)
class Room:
    """One room of the log. `hashes[seq]`: the chain hash there, computed anew."""

    records: list[Record]
    hashes: list[bytes]
    ids: dict[str, int] = field(default_factory=dict)


class Audit:
    """Reads the database at `url` (None: the SQLite file in `data_dir`); its server must have ended."""

    def __init__(self, url: str | None, data_dir: Path) -> None:
        self.faults: list[str] = []
        store = open_store(url, data_dir, migrate=False)
        try:
            self.snapshot: Snapshot = store.snapshot()
            found = {room.id: store.records(room.id, range(1, room.head.seq + 2)) for room in self.snapshot.rooms}
        finally:
            store.close()
        self.log_id = self.snapshot.log.log_id
        key = load_pem_private_key((data_dir / "keys" / "log.key").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self._log_key = public_octets(key)
        self._devices = {device.id: device.public_key for device in self.snapshot.devices}
        self.rooms = {room: self._check_room(room, records) for room, records in found.items()}
        for room in self.snapshot.rooms:
            chain = self.rooms[room.id].hashes
            self._require((room.head.seq, room.head.hash) == (len(chain) - 1, chain[-1]), f"head of room {room.id:x}")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)

    def _check_room(self, room: int, records: list[Record]) -> Room:
        """Numbers without holes, the chain, authors' signatures, each message once and in its author's order."""
        checked = Room(records, [genesis_hash(self.log_id, room)])
        last: Counter[tuple[bytes, int]] = Counter()
        for place, record in enumerate(records, 1):
            self._require(record.seq == place, f"room {room:x}: {record.seq} stands at place {place}")
            checked.hashes.append(chain_hash(self.log_id, room, checked.hashes[-1], record))
            header = decode_header_untrusted(record.header)
            id = message_id(header.key)
            self._require(id not in checked.ids, f"{id} is stored twice, as {record.seq} too")
            checked.ids[id] = record.seq
            run = (header.device, header.run)
            self._require(header.n == last[run] + 1, f"{id} comes after number {last[run]} of its run")
            last[run] = header.n
            self._check_signature(id, header.device, record)
        return checked

    def _check_signature(self, id: str, device: bytes, record: Record) -> None:
        try:
            key = self._devices[device]
            check_author(key, self.log_id, record.header, sha256(record.body or b""), record.signature)
        except (KeyError, ProtocolError) as error:
            self.faults.append(f"{id} is not its author's: {error!r}")

    @property
    def stored(self) -> int:
        """How many messages the log has."""
        return sum(len(room.records) for room in self.rooms.values())

    def seq_of(self, id: str) -> int | None:
        return next((room.ids[id] for room in self.rooms.values() if id in room.ids), None)

    def check(self, people: Iterable[Person]) -> "Audit":
        """What these people were told, and the copies in their profiles (their clients must be closed)."""
        for person in people:
            self.check_memory(person.name, person.memory)
            self.check_profile(person.name, person.profile)
        return self

    def check_memory(self, name: str, memory: Memory) -> None:
        self.faults += [f"{name}: {text}" for text in memory.contradictions]
        for id, seq in memory.acknowledged.items():
            self._require(
                self.seq_of(id) == seq, f"{name}: {id} was acknowledged as {seq}, stands at {self.seq_of(id)}"
            )
        for id in memory.made:
            self._require(self.seq_of(id) is not None, f"{name}: {id} was durable and is not stored")
        seqs = [seq for seq, _ in memory.shown]
        self._require(seqs == sorted(set(seqs)), f"{name}: lines were shown twice or out of order")
        for seq, id in memory.shown:
            self._require(self.seq_of(id) == seq, f"{name}: {id} was shown as {seq}, stands at {self.seq_of(id)}")

    def check_profile(self, name: str, profile: Profile) -> None:
        """The copy is the log from where it begins; nothing waits in the outbox."""
        device = profile.device(self.log_id)
        assert device is not None, f"{name} has no device here"
        local = profile.local_store(self.log_id, device.user_id)
        try:
            waiting = [message_id(item.key) for item in local.outgoing()]
            self._require(not waiting, f"{name}: the outbox still has {waiting}")
            for room in self.rooms:
                self._check_copy(name, local, room)
        finally:
            local.close()

    def _check_copy(self, name: str, local: SqliteLocalStore, room: int) -> None:
        span, head = local.span(room), local.head(room)
        if span is None:
            return
        log = self.rooms[room]
        self._require(span.cursor == len(log.records), f"{name}: the copy ends at {span.cursor} of {len(log.records)}")
        copy = local.records(room, span.base + 1, span.cursor)
        self._require(copy == log.records[span.base : span.cursor], f"{name}: the copy is not the log")
        self._require(span.cursor_hash == log.hashes[span.cursor], f"{name}: the copy has another chain")
        if head is not None:
            self._check_head(name, head, log)

    def _check_head(self, name: str, head: Head, log: Room) -> None:
        try:
            check_head(self._log_key, self.log_id, head)
        except ProtocolError as error:
            self.faults.append(f"{name}: {error}")
        known = head.seq < len(log.hashes) and head.hash == log.hashes[head.seq]
        self._require(known, f"{name}: holds a head at {head.seq} that the log does not have")
