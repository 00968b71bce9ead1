"""After a run: the database and every copy of the log, read offline, compared with the events of the clients.

Nothing of the running server is trusted: records are read from the tables, the chain is computed anew, signatures are
checked with the keys in the server's folder. `Audit.faults` is empty when everything holds; each fault begins with its
kind:

    lost     made durable at its author, or acknowledged, and not in the log
    twice    stored twice, or shown twice
    order    a hole in the numbers, an author's messages in another order, lines shown in another order
    moved    acknowledged or shown under a number that another message has
    altered  not what its author signed
    chain    the records do not lead to the room's head
    copy     a client's copy is not the log, or its outbox is not empty
    told     a client got two decisions about one message, or a refusal
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lanchat.core.core import message_id
from lanchat.core.ports import LocalStoreError
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.keys import public_octets, sha256
from lanchat.protocol.log.messages import check_author, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash, check_head, genesis_hash
from lanchat.store.local import SqliteLocalStore
from lanchat.store.profile import ProfileStore
from lanchat_server.core.model import DirectorySnapshot
from lanchat_server.store import open_store
from tests.chaos.crowd import EventRecord


class Witness(Protocol):
    """A client of the run: its recorded events, and its copy. The client must be closed."""

    name: str
    memory: EventRecord
    profile: ProfileStore


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
            self.snapshot: DirectorySnapshot = store.snapshot()
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
            ends = (room.head.seq, room.head.hash) == (len(chain) - 1, chain[-1])
            self._require(ends, f"chain: room {room.id:x} does not lead to its head")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)

    def _check_room(self, room: int, records: list[Record]) -> Room:
        """Numbers without holes, the chain, authors' signatures, each message once and in its author's order."""
        checked = Room(records, [genesis_hash(self.log_id, room)])
        last: Counter[tuple[bytes, int]] = Counter()
        for place, record in enumerate(records, 1):
            self._require(record.seq == place, f"order: room {room:x} has {record.seq} at place {place}")
            checked.hashes.append(chain_hash(self.log_id, room, checked.hashes[-1], record))
            header = decode_header_untrusted(record.header)
            id = message_id(header.key)
            self._require(id not in checked.ids, f"twice: {id} is stored as {record.seq} too")
            checked.ids[id] = record.seq
            run = (header.device, header.run)
            self._require(header.n == last[run] + 1, f"order: {id} comes after number {last[run]} of its run")
            last[run] = header.n
            self._check_signature(id, header.device, record)
        return checked

    def _check_signature(self, id: str, device: bytes, record: Record) -> None:
        try:
            key = self._devices[device]
            check_author(key, self.log_id, record.header, sha256(record.body or b""), record.signature)
        except (KeyError, ProtocolError) as error:
            self.faults.append(f"altered: {id} is not its author's: {error!r}")

    @property
    def stored(self) -> int:
        """How many messages the log has."""
        return sum(len(room.records) for room in self.rooms.values())

    def check(self, people: Iterable[Witness]) -> "Audit":
        """Compare with the recorded events of these clients, and the copies in their profiles."""
        for person in people:
            self.check_memory(person.name, person.memory)
            self.check_profile(person.name, person.profile)
        return self

    def check_memory(self, name: str, memory: EventRecord) -> None:
        self.faults += [f"told: {name}: {text}" for text in memory.contradictions]
        stands = {id: seq for room in self.rooms.values() for id, seq in room.ids.items()}
        for id in memory.made.keys() | memory.acknowledged.keys():
            told = f"acknowledged as {memory.acknowledged[id]}" if id in memory.acknowledged else "durable"
            self._require(id in stands, f"lost: {name}: {id} was {told} and is not stored")
        for what, seq, id in (
            *(("acknowledged", seq, id) for id, seq in memory.acknowledged.items()),
            *(("shown", seq, id) for seq, id in memory.shown),
        ):
            self._require(stands.get(id, seq) == seq, f"moved: {name}: {id} was {what} as {seq}, is {stands.get(id)}")
        shown = [seq for seq, _ in memory.shown]
        self._require(len(shown) == len(set(shown)), f"twice: {name}: lines were shown twice")
        self._require(shown == sorted(shown), f"order: {name}: lines were shown out of order")
        unknown = [id for _, id in memory.shown if id not in stands]
        self._require(not unknown, f"lost: {name}: {unknown} were shown as stored and are not")

    def check_profile(self, name: str, profile: ProfileStore) -> None:
        """The copy is the log from where it begins; nothing waits in the outbox."""
        device = profile.device(self.log_id)
        assert device is not None, f"{name} has no device here"
        local = profile.local_store(self.log_id, device.user_id)
        try:
            waiting = [message_id(item.key) for item in local.outgoing()]
            self._require(not waiting, f"copy: {name}: the outbox still has {waiting}")
            for room in self.rooms:
                self._check_copy(name, local, room)
        except LocalStoreError as error:
            self.faults.append(f"copy: {name}: {error}")
        finally:
            local.close()

    def _check_copy(self, name: str, local: SqliteLocalStore, room: int) -> None:
        span, head = local.span(room), local.head(room)
        if span is None:
            return
        log = self.rooms[room]
        self._require(span.cursor == len(log.records), f"copy: {name}: ends at {span.cursor} of {len(log.records)}")
        copy = local.records(room, span.base + 1, span.cursor)
        self._require(copy == log.records[span.base : span.cursor], f"copy: {name}: is not the log")
        chain = log.hashes[span.cursor : span.cursor + 1]
        self._require([span.cursor_hash] == chain, f"copy: {name}: has another chain")
        if head is not None:
            self._check_head(name, head, log)

    def _check_head(self, name: str, head: Head, log: Room) -> None:
        try:
            check_head(self._log_key, self.log_id, head)
        except ProtocolError as error:
            self.faults.append(f"copy: {name}: {error}")
        known = head.seq < len(log.hashes) and head.hash == log.hashes[head.seq]
        self._require(known, f"copy: {name}: holds a head at {head.seq} that the log does not have")
