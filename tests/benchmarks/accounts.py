"""Accounts, devices and rooms put into a server's database before it starts, so that log-ins need no registration.

Keys follow from the number of the account, so that the generator knows them without being told.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import CERTIFICATE_LIFETIME, CertificateBody, issue_certificate
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from lanchat.protocol.log.records import genesis_hash
from lanchat_server.core.model import DeviceRow, MembershipRow, RoomHead, RoomRow, UserRow
from lanchat_server.service.keys import load_or_create
from lanchat_server.store import SqlStore, open_store


@dataclass
class Account:
    """Somebody with a device key. `user` is the id in the database: 1, 2, 3 …"""

    user: int
    run: int = 1
    _numbers: dict[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"user{self.user}"

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"bench {self.user}".encode()).digest())

    @cached_property
    def public(self) -> bytes:
        return keys.public_octets(self.key)

    @cached_property
    def device(self) -> bytes:
        return keys.device_id(self.public)

    def begin(self) -> None:
        """A new start of this client: a run of its own."""
        self.run = time.time_ns()
        self._numbers.clear()

    def count(self, room: int) -> int:
        """The next number."""
        self._numbers[room] = self.last(room) + 1
        return self._numbers[room]

    def last(self, room: int) -> int:
        return self._numbers.get(room, 0)

    def message(self, log_id: bytes, room: int, text: str) -> Message:
        """The next message of this account in a room, signed."""
        n = self.count(room)
        return make_message(self.key, log_id, Header(room, self.device, self.run, n, Kind.TEXT, 0, 1_000, n), text)


@dataclass(frozen=True)
class World:
    """What is in the database: everybody is in `general`, and in all of `rooms`."""

    log_id: bytes
    general: int
    rooms: tuple[int, ...]
    accounts: tuple[Account, ...]


def make_world(data_dir: Path, url: str | None, people: int, rooms: int = 0, *, password_hash: str = "") -> World:
    """Fill the database of a server that has not been started yet."""
    log_key = load_or_create(data_dir).log_key
    store = open_store(url, data_dir)
    try:
        store.take_lease("benchmark", 1)
        accounts = tuple(Account(number) for number in range(1, people + 1))
        general = store.snapshot().rooms[0].id
        made = tuple(1000 + number for number in range(rooms))
        _fill(store, log_key, general, made, accounts, password_hash)
        return World(store.log.log_id, general, made, accounts)
    finally:
        store.close()


def _fill(
    store: SqlStore,
    log_key: Ed25519PrivateKey,
    general: int,
    rooms: Sequence[int],
    accounts: Sequence[Account],
    password_hash: str,
) -> None:
    log_id = store.log.log_id
    now_ms = int(time.time() * 1000)
    not_after = now_ms + int(CERTIFICATE_LIFETIME * 1000)
    with store.transaction() as tx:
        for room in rooms:
            head = RoomHead(0, genesis_hash(log_id, room), 0)
            tx.add_room(RoomRow(room, f"room {room}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 1, now_ms, head))
        for account in accounts:
            role = Role.ADMINISTRATOR if account.user == 1 else Role.MEMBER
            # The id of an account is the time of its creation, or the next free one.
            row = UserRow(0, account.name, account.name, "", password_hash, role, False, account.user, now_ms)
            added = tx.add_user(row)
            assert added.id == account.user, "the database was not empty"
            body = CertificateBody(log_id, added.id, account.public, account.name, account.name, not_after, now_ms)
            certificate = issue_certificate(log_key, body)
            tx.add_device(DeviceRow(account.device, added.id, account.public, "bench", now_ms, now_ms, 0, certificate))
        for room in (general, *rooms):
            tx.add_members([MembershipRow(room, account.user, now_ms, 1, 0, 0) for account in accounts])
