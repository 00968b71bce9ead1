"""Deletes rooms: at once for everybody who asks, their contents a part at a time, so that messages never wait for long.

The row of the room stays, so that its id is not given to another one and a copy of its records that comes back later is
not taken for a room. How far the erasing is follows from what is left.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import LargeBinary, cast, delete, func, select, update
from sqlalchemy.engine import Connection

from lanchat.protocol.codes import RoomKind
from lanchat.protocol.log.records import genesis_hash
from lanchat_server.core.limits import usage
from lanchat_server.core.model import RoomState
from lanchat_server.store.tables import rows, schema
from lanchat_server.store.tables.bulk import StatementBatch, chunks

_rooms = schema.rooms.c
_COLUMNS = ("name", "name_key", "kind", "state", "head_seq", "head_hash")


def delete_rooms(connection: Connection, log_id: bytes, rooms: Collection[int]) -> None:
    """See lanchat_server.core.ports.Transaction."""
    changes = StatementBatch(connection)
    changes.update("rooms", ("id",), _COLUMNS, [_deleted(log_id, room) for room in rooms])
    changes.send()
    for table in (schema.room_keys, schema.quarantine, schema.search_heads):
        for chunk in chunks(rooms):
            connection.execute(delete(table).where(table.c.room_id.in_(chunk)))


def _deleted(log_id: bytes, room: int) -> tuple[Any, ...]:
    """The id and _COLUMNS: as a private room without a name and without records."""
    kind = int(RoomKind.PRIVATE)
    name_key = rows.room_name_key(room, "", kind)
    return room, "", name_key, kind, int(RoomState.DELETED), 0, genesis_hash(log_id, room)


def erase_more(connection: Connection, records: int) -> int | None:
    """See lanchat_server.core.ports.Transaction. The octets of the log that this frees; None: nothing was left."""
    unerased = select(_rooms.id).where(_rooms.state == int(RoomState.DELETED)).limit(1)
    room = connection.execute(unerased).scalar()
    if room is None:
        return None
    freed = _erase_records(connection, room, records) or _erase_rejections(connection, room, records)
    if not freed:
        connection.execute(update(schema.rooms).where(_rooms.id == room).values(state=int(RoomState.ERASED)))
    return freed


def _erase_records(connection: Connection, room: int, count: int) -> int:
    """The lowest numbers first, with their words: what indexes the search anew finds no record to add. The octets that
    they took; 0: there were none."""
    table = schema.records
    lowest = select(table.c.seq).where(table.c.room_id == room).order_by(table.c.seq).limit(count)
    seqs = connection.execute(lowest).scalars().all()
    if not seqs:
        return 0
    which = (table.c.room_id == room, table.c.seq <= seqs[-1])
    # Characters of a text count as octets only where it is cast.
    sums = [
        func.coalesce(func.sum(func.length(part)), 0) for part in (table.c.header, cast(table.c.body, LargeBinary()))
    ]
    headers, bodies = map(int, connection.execute(select(*sums).where(*which)).one())
    for part in (schema.search, schema.content_uses, table):
        connection.execute(delete(part).where(part.c.room_id == room, part.c.seq <= seqs[-1]))
    return usage.message_octets(headers, bodies) + usage.RECORD_OCTETS * (len(seqs) - 1)


def _erase_rejections(connection: Connection, room: int, count: int) -> int:
    """The octets that they took."""
    table = schema.rejections
    key = (table.c.device_id, table.c.run, table.c.n)
    found = connection.execute(select(*key).where(table.c.room_id == room).order_by(*key).limit(count)).all()
    for device, run, n in found:
        this = (table.c.room_id == room, table.c.device_id == device, table.c.run == run, table.c.n == n)
        connection.execute(delete(table).where(*this))
    return len(found) * usage.REJECTION_OCTETS
