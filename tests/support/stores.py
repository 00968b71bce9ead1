"""Databases for tests of the server's store, and records to put into them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.keys import device_id
from lanchat.protocol.log.messages import Header, Kind
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat_server.core.model import DeviceRow, MembershipRow, NewRecord, RoomHead, RoomRow, UserRow
from lanchat_server.store import SqlStore, open_store

KINDS = ("sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb))


def octets(label: object, count: int) -> bytes:
    """Reproducible octets of every value; `label` tells one from another."""
    return hashlib.shake_256(repr(label).encode()).digest(count)


class Database:
    """An empty database of one kind. Stores opened here are closed at the end."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder = folder
        self.url = url
        self._opened: list[SqlStore] = []

    @property
    def is_sqlite(self) -> bool:
        return self.url is None

    def open(self, *, lease: bool = True, seed: str = "first") -> SqlStore:
        """A store; the log's id and the id of `general` follow from `seed` when the database is new."""
        store = open_store(self.url, self.folder, random_octets=lambda count: octets(seed, count), now_ms=1000)
        self._opened.append(store)
        if lease:
            store.take_lease("test", 1)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


def databases(request: pytest.FixtureRequest, folder: Path, kind: str) -> Iterator[Database]:
    """A generator for fixtures: one database, closed and dropped after the test."""
    database = Database(folder, request.getfixturevalue("mariadb_url") if kind == "mariadb" else None)
    yield database
    database.close()


class Log:
    """Writes messages into one room of a store, as the sequencer would: consecutive numbers, chain, rising time."""

    def __init__(self, store: SqlStore, room: int | None = None, *, step_ms: int = 10) -> None:
        self.store = store
        self.room = general(store).id if room is None else room
        self._step_ms = step_ms
        self._clock_ms: int | None = None
        self._numbers: dict[tuple[bytes, int], int] = {}
        self._head = next(row.head for row in store.snapshot().rooms if row.id == self.room)

    def set_clock(self, ms: int) -> None:
        """The next record has this time."""
        self._clock_ms = ms

    @property
    def head(self) -> RoomHead:
        """As it is after all that `make` made."""
        return self._head

    def make(
        self,
        text: str = "hello",
        kind: Kind = Kind.TEXT,
        *,
        ref: int = 0,
        author: int = 1,
        device: str = "a",
        run: int = 7,
    ) -> NewRecord:
        """The next record, not stored yet."""
        id_ = octets(device, 16)
        n = self._numbers.get((id_, run), 0) + 1
        self._numbers[id_, run] = n
        header = Header(self.room, id_, run, n, kind, ref, 5, n)
        time_ms = self._head.time_ms + self._step_ms if self._clock_ms is None else self._clock_ms
        self._clock_ms = None
        record = Record(self._head.seq + 1, time_ms, encode(header), octets((text, n), 64), text.encode())
        chain = chain_hash(self.store.log.log_id, self.room, self._head.hash, record)
        self._head = RoomHead(record.seq, chain, time_ms)
        return NewRecord(record, header, author, chain, text)

    def store_all(self, *made: NewRecord) -> None:
        """Append in one transaction. The last of `made` is the new head."""
        last = made[-1]
        with self.store.transaction() as tx:
            tx.append(self.room, made, RoomHead(last.record.seq, last.hash, last.record.time_ms))

    def say(self, *texts: str, kind: Kind = Kind.TEXT, ref: int = 0, **who: object) -> list[NewRecord]:
        """Make and store messages in one transaction."""
        made = [self.make(text, kind, ref=ref, **who) for text in texts]  # type: ignore[arg-type]
        self.store_all(*made)
        return made


def general(store: SqlStore) -> RoomRow:
    return next(row for row in store.snapshot().rooms if row.name == "general")


def user(name: str = "Anna", **changes: object) -> UserRow:
    values: dict[str, object] = {
        "id": 0,
        "name": name,
        "display_name": f"{name} Example",
        "email": "someone@example.org",
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "role": Role.MEMBER,
        "disabled": False,
        "created_ms": 1_700_000_000_123,
        "last_seen_ms": 1_700_000_000_456,
    }
    return UserRow(**(values | changes))  # type: ignore[arg-type]


def device(owner: int, label: str = "laptop") -> DeviceRow:
    key = octets(label, 32)
    certificate = Certificate(octets((label, "certificate"), 200), octets((label, "signature"), 64))
    return DeviceRow(device_id(key), owner, key, label, 10, 20, 0, certificate)


def room(store: SqlStore, id_: int, name: str, kind: RoomKind = RoomKind.PUBLIC) -> RoomRow:
    head = RoomHead(0, genesis_hash(store.log.log_id, id_), 0)
    return RoomRow(id_, name, kind, HistoryPolicy.EVERYTHING, 1, 50, head)


def member(room_id: int, user_id: int, first_seq: int = 1) -> MembershipRow:
    return MembershipRow(room_id, user_id, 77, first_seq, 0, 0)


def added(store: SqlStore, *names: str) -> list[UserRow]:
    """Accounts, stored."""
    with store.transaction() as tx:
        return [tx.add_user(user(name)) for name in names]
