"""The part of a transaction that writes rooms, memberships, receipts and room keys."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection

from lanchat.protocol.codes import HistoryPolicy
from lanchat.protocol.wire import Cursor
from lanchat_server.core.model import MembershipRow, RoomKeyRow, RoomRow
from lanchat_server.store.tables import reads, rows, schema
from lanchat_server.store.tables.bulk import chunks, find_rows
from lanchat_server.store.transactions.writing import LeaseGuarded

_rooms = schema.rooms.c
_members = schema.memberships.c

_KEPT = ("joined_ms", "first_seq", "received_seq", "read_seq")
_REMOVE = delete(schema.memberships).where(
    _members.room_id == bindparam("room"), _members.user_id.in_(bindparam("users", expanding=True))
)


class RoomWrites(LeaseGuarded):
    """See lanchat_server.core.ports.Transaction."""

    def add_room(self, room: RoomRow) -> None:
        """Raises KeyError when another room has the `name_key`. An id that has a row already fails the transaction
        (CommitFailed)."""
        key = rows.room_name_key(room.id, room.name, room.kind)
        if self._connection.execute(select(_rooms.id).where(_rooms.name_key == key)).first():
            raise KeyError(room.name)
        self._connection.execute(insert(schema.rooms).values(rows.room_values(room)))

    def has_room(self, room: int) -> bool:
        """Whatever its state."""
        return self._connection.execute(select(_rooms.id).where(_rooms.id == room)).first() is not None

    def update_room(
        self,
        room: int,
        *,
        name: str | None = None,
        history: HistoryPolicy | None = None,
        archived: bool | None = None,
    ) -> None:
        """One UPDATE of the columns that are given; nothing happens without any. Raises KeyError when another room has
        the `name_key`."""
        values: rows.Values = {}
        if name is not None:
            values |= {"name": name, "name_key": self._free_key(room, name)}
        if archived is not None:
            values["state"] = int(rows.room_state(archived))
        if history is not None:
            values["history"] = int(history)
        if values:
            self._connection.execute(update(schema.rooms).where(_rooms.id == room).values(values))

    def _free_key(self, room: int, name: str) -> bytes:
        kind = self._connection.execute(select(_rooms.kind).where(_rooms.id == room)).scalar_one()
        key = rows.room_name_key(room, name, kind)
        if self._connection.execute(select(_rooms.id).where(_rooms.name_key == key, _rooms.id != room)).first():
            raise KeyError(name)
        return key

    def add_members(self, members: Sequence[MembershipRow]) -> None:
        """Insert or replace whole rows: whoever was a member before gets the receipts of the new row."""
        _put(self._connection, schema.memberships, [rows.membership_values(member) for member in members])

    def remove_members(self, room: int, users: Collection[int]) -> None:
        """CHUNK users in a statement."""
        for chunk in chunks(users):
            self._connection.execute(_REMOVE, {"room": room, "users": chunk})

    def were_members(self, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """Two statements for CHUNK of them; the second one only where there are rows in `memberships`."""
        return reads.were_members(self._connection, places)

    def set_cursors(self, cursors: Mapping[int, Sequence[Cursor]]) -> None:
        """Receipts of somebody who is no member are dropped."""
        wanted: dict[tuple[int, int], tuple[int, int]] = {}
        for user, given in cursors.items():
            for cursor in given:
                received, read = wanted.get((cursor.room, user), (0, 0))
                wanted[cursor.room, user] = max(received, cursor.received), max(read, cursor.read)
        grown = []
        members = find_rows(self._connection, "memberships", ("room_id", "user_id"), _KEPT, wanted)
        for key, *kept, received, read in members:
            now = max(received, wanted[key][0]), max(read, wanted[key][1])
            if now != (received, read):
                grown.append(dict(zip(schema.memberships.columns.keys(), (*key, *kept, *now), strict=True)))
        _put(self._connection, schema.memberships, grown)

    def set_room_key(self, key: RoomKeyRow) -> None:
        """Insert the room's row or replace it."""
        _put(self._connection, schema.room_keys, [rows.room_key_values(key)])


def _put(connection: Connection, table: Table, values: list[dict[str, Any]]) -> None:
    """Insert rows, or replace what stands under the same primary key."""
    if values:
        connection.execute(_putting(table, sqlite=connection.dialect.name == "sqlite"), values)


# Receipts are stored every two seconds, and each new statement is a cycle of some 200 objects.
@cache
def _putting(table: Table, *, sqlite: bool) -> Any:
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if not column.primary_key]
    if sqlite:
        into = sqlite_insert(table)
        return into.on_conflict_do_update(keys, set_={name: into.excluded[name] for name in others})
    put = mysql_insert(table)
    return put.on_duplicate_key_update({name: put.inserted[name] for name in others})
