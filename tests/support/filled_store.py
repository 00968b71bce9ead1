"""A store with rows in every table, more than are read at a time, and all that can be read of one."""

from pathlib import Path

from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.wire import Cursor
from lanchat_server.core.model import RecoveryRow, Rejection, RoomKeyRow
from lanchat_server.store import SqlStore
from tests.support.stores import Log, added, device, member, octets, room

KEY_FILES = {"identity.key": b"-----BEGIN KEY-----\n", "identity.crt": b"certificate", "log.key": bytes(range(256))}


def write_keys(folder: Path) -> None:
    (folder / "keys").mkdir(mode=0o700)
    for name, content in KEY_FILES.items():
        (folder / "keys" / name).write_bytes(content)


def fill(store: SqlStore) -> None:
    """Rows in every table, more than are read at a time."""
    people = added(store, "Anna", "Zoë 😀")
    with store.transaction() as tx:
        tx.add_device(device(people[0].id))
        tx.add_room(room(store, 2**63 - 1, "Комната"))
        tx.add_members([member(2**63 - 1, person.id) for person in people])
        tx.set_cursors({people[0].id: [Cursor(2**63 - 1, 3, 2)]})
        tx.set_recovery(RecoveryRow(people[0].id, octets("code", 32), 5, 1), people[0].id)
        tx.add_invite(octets("invite", 32), 3, 2**62, people[0].id)
        tx.set_room_key(RoomKeyRow(2**63 - 1, 4, octets("key", 32), 9))
    logs = [Log(store), Log(store, 2**63 - 1)]
    for log in logs:
        log.store_all(*(log.make(f"message {i} ' \\ 😀 \u2028", device=f"d{i % 3}") for i in range(700)))
        log.say("changed apple", kind=Kind.EDIT, ref=1)
        log.say("", kind=Kind.DELETE, ref=2)
    with store.transaction() as tx:
        keys = [MessageKey(logs[0].room, octets("r", 16), 2**63 - 1, n) for n in range(1, 600)]
        tx.reject([Rejection(key, 100 + key.n % 7, 5) for key in keys])


def content(store: SqlStore) -> object:
    """Everything that a server or a client can read of it."""
    snapshot = store.snapshot()
    rooms = [row.id for row in snapshot.rooms]
    records = [store.page(id_, anchor=1, forward=True, limit=9999, first_seq=1, octets=1 << 30) for id_ in rooms]
    hits = [store.search(dict.fromkeys(rooms, 1), words, before=0, limit=99) for words in ("apple", "message 1", "69")]
    keys = [MessageKey(id_, octets("r", 16), 2**63 - 1, n) for id_ in rooms for n in range(1, 700)]
    with store.transaction() as tx:
        hidden = tx.decisions(keys), [tx.recovery(row.id) for row in snapshot.users]
    tables = (snapshot.users, snapshot.devices, snapshot.rooms, snapshot.memberships, snapshot.room_keys)
    return snapshot.log.log_id, tables, records, hits, hidden
