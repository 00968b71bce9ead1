"""What the store reads outside the writer's transactions, on connections of their own. Safe from several threads."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, func, literal_column, select, union
from sqlalchemy.engine import Connection

from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import Record, genesis_hash
from lanchat_server.core.model import (
    ContentsOctets,
    ContentsRow,
    DirectorySnapshot,
    LogState,
    QuarantinedMessage,
    RoomState,
    StoredPage,
)
from lanchat_server.store.connection.driver import Row, ask
from lanchat_server.store.tables import rows, schema
from lanchat_server.store.tables.bulk import chunks, find_rows, padded

_records = schema.records.c
# Of a table with a column `room_id`.
DELETED_ROOMS = select(schema.rooms.c.id).where(schema.rooms.c.state >= int(RoomState.DELETED))

# Of statements, those about deleted rooms included.
_NUMBERS = (schema.users.c.number, schema.rooms.c.number, schema.devices.c.revoked_number)
_DELETIONS_NUMBER = select(func.max(schema.rooms.c.number)).where(schema.rooms.c.state >= int(RoomState.DELETED))

# A page and the hash of the record before it in one step down the index: scrolling asks for one after the other.
_PAGE_COLUMNS = ", ".join(column.name for column in (*rows.RECORD_COLUMNS, _records.hash))
_FORWARD = f"SELECT {_PAGE_COLUMNS} FROM records WHERE room_id = ? AND seq >= ? ORDER BY seq LIMIT ?"  # noqa: S608
_BACKWARD = f"SELECT {_PAGE_COLUMNS} FROM records WHERE room_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
_THESE = select(*rows.RECORD_COLUMNS).where(
    _records.room_id == bindparam("room"), _records.seq.in_(bindparam("seqs", expanding=True))
)
# The unary plus keeps a list of numbers from the choice of the index. SQLite holds a list for so dear that it reads the
# whole room instead, from 3.46 on even where a range says the same. So the range leads to the rows, and the list picks
# from them. MySQL ignores the plus.
REF_AS_FILTER: ColumnElement[int] = literal_column("+records.ref_seq", _records.ref_seq.type)
_REFERS = (
    _records.room_id == bindparam("room"),
    _records.ref_seq.between(bindparam("low"), bindparam("high")),
    REF_AS_FILTER.in_(bindparam("seqs", expanding=True)),
)
_REACTIONS = select(*rows.RECORD_COLUMNS).where(*_REFERS, _records.kind == int(Kind.REACTION))
_NEWEST_CHANGES = (
    select(func.max(_records.seq))
    .where(*_REFERS, _records.kind.in_([int(Kind.EDIT), int(Kind.DELETE)]))
    .group_by(_records.ref_seq, _records.kind)
)

_CONTENTS = [column.name for column in schema.contents.columns]
_uses = schema.content_uses.c
_LAST_USES = (
    select(_uses.root, _uses.room_id, func.max(_uses.seq))
    .where(_uses.root.in_(bindparam("roots", expanding=True)))
    .group_by(_uses.root, _uses.room_id)
)


def read_log(connection: Connection) -> LogState | None:
    """The log's identity; None in a database that has none yet."""
    found = connection.execute(select(schema.log.c.log_id, schema.log.c.epoch)).first()
    return None if found is None else LogState(*found)


def snapshot(connection: Connection, log: LogState) -> DirectorySnapshot:
    """The directory, as one state: the caller's transaction reads a single one."""

    def load(table: Any, make: Any, *which: ColumnElement[bool]) -> list[Any]:
        statement = select(table).where(*which).order_by(*table.primary_key)
        return [make(row) for row in connection.execute(statement)]

    present = schema.rooms.c.state < int(RoomState.DELETED)

    return DirectorySnapshot(
        log,
        load(schema.users, rows.user),
        load(schema.devices, rows.device),
        load(schema.rooms, rows.room, present),
        load(schema.memberships, rows.membership, schema.memberships.c.room_id.not_in(DELETED_ROOMS)),
        load(schema.room_keys, rows.room_key),
        max(_highest(connection, select(func.max(column))) for column in _NUMBERS),
        _highest(connection, _DELETIONS_NUMBER),
        _highest(connection, select(func.count()).select_from(schema.quarantine)),
    )


def nameable(
    connection: Connection, user: int, roots: Collection[bytes], first_seqs: Mapping[int, int]
) -> dict[bytes, ContentsRow]:
    """See lanchat_server.core.ports.Transaction."""
    found = find_rows(connection, "contents", ("root",), _CONTENTS[1:], [(root,) for root in roots])
    here = {root: ContentsRow(root, *rest) for (root,), *rest in found}
    brought = find_rows(connection, "uploads", ("root", "user_id"), ("time_ms",), [(root, user) for root in here])
    may = {root for (root, _user), _time in brought}
    for chunk in chunks(here.keys() - may):
        may |= {
            root
            for root, room, seq in connection.execute(_LAST_USES, {"roots": chunk})
            if _reads(first_seqs, room, seq)
        }
    return {root: row for root, row in here.items() if root in may}


def _reads(first_seqs: Mapping[int, int], room: int, seq: int) -> bool:
    return room in first_seqs and seq >= first_seqs[room]


def contents_of(connection: Connection, room: int, seq: int, root: bytes) -> ContentsRow | None:
    """See lanchat_server.core.ports.Store."""
    uses, contents = schema.content_uses.c, schema.contents
    named = exists().where(uses.root == root, uses.room_id == room, uses.seq == seq)
    found = connection.execute(select(contents).where(contents.c.root == root, named)).first()
    return None if found is None else ContentsRow(*found)


def contents_octets(connection: Connection, user: int) -> ContentsOctets:
    """See lanchat_server.core.ports.Store."""
    contents, uses, uploads = schema.contents.c, schema.content_uses.c, schema.uploads.c
    total = select(func.coalesce(func.sum(contents.size), 0))
    mine = union(
        select(uses.root).where(uses.author_id == user), select(uploads.root).where(uploads.user_id == user)
    ).subquery()
    of_user = total.where(contents.root.in_(select(mine.c.root)))
    return ContentsOctets(*(int(connection.execute(statement).scalar_one()) for statement in (of_user, total)))


def known_contents(connection: Connection, roots: Collection[bytes]) -> set[bytes]:
    """See lanchat_server.core.ports.Store."""
    found = find_rows(connection, "contents", ("root",), ("size",), [(root,) for root in roots])
    return {root for (root,), _size in found}


def _highest(connection: Connection, statement: Any) -> int:
    """A maximum; 0 of no rows."""
    return connection.execute(statement).scalar_one() or 0


def page(
    connection: Connection,
    log_id: bytes,
    room: int,
    *,
    anchor: int,
    forward: bool,
    limit: int,
    first_seq: int,
    octets: int,
) -> StoredPage:
    """See lanchat_server.core.ports.Store."""
    if forward:
        found = _ask(connection, _FORWARD, room, max(anchor, first_seq) - 1, limit + 1)
    else:
        found = _ask(connection, _BACKWARD, room, anchor, limit + 1)
    low = max(anchor, first_seq) if forward else first_seq
    records = _within(octets, [rows.record(row) for row in found if row[0] >= low][:limit])
    if not forward:
        records.reverse()
    hashes = {row[0]: row[-1] for row in found}
    below = (records[0].seq if records else anchor) - 1
    before = hashes.get(below)
    if before is None:
        nearest = _ask(connection, _BACKWARD, room, below, 1)
        before = nearest[0][-1] if nearest else genesis_hash(log_id, room)
    return StoredPage(before, records, hashes[records[-1].seq] if records else before)


def _ask(connection: Connection, statement: str, *values: int) -> list[Row]:
    if connection.dialect.name == "sqlite":
        return ask(connection, statement, values)
    return ask(connection, statement.replace("?", "%d") % values)


def _within(octets: int, records: list[Record]) -> list[Record]:
    """The first of `records` whose bodies together have at most `octets`; one always."""
    total = 0
    for index, record in enumerate(records):
        total += len(record.body or b"")
        if index and total > octets:
            return records[:index]
    return records


def were_members(connection: Connection, places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """See lanchat_server.core.ports.Transaction."""
    found = {place for place, _ in find_rows(connection, "memberships", ("room_id", "user_id"), ["room_id"], places)}
    states = find_rows(connection, "rooms", ("id",), ["state"], {(room,) for room, _ in found})
    deleted = {room for (room,), state in states if state >= RoomState.DELETED}
    return {(room, user) for room, user in found if room in deleted}


def deleted_rooms(connection: Connection, user: int, above: int) -> dict[int, int]:
    """See lanchat_server.core.ports.Store."""
    rooms, members = schema.rooms.c, schema.memberships.c
    joined = schema.memberships.join(schema.rooms, rooms.id == members.room_id)
    wanted = (members.user_id == user, rooms.state >= int(RoomState.DELETED), rooms.number > above)
    return dict(map(tuple, connection.execute(select(rooms.id, rooms.number).select_from(joined).where(*wanted))))


def quarantined(connection: Connection) -> list[QuarantinedMessage]:
    """See lanchat_server.core.ports.Store."""
    table = schema.quarantine
    values = [column for column in table.columns if not column.primary_key]
    return [rows.quarantined(row) for row in connection.execute(select(*values).order_by(*table.primary_key))]


def records(connection: Connection, room: int, seqs: Collection[int]) -> list[Record]:
    """See lanchat_server.core.ports.Store."""
    return _select(connection, _THESE, room, seqs)


def changes(connection: Connection, room: int, seqs: Collection[int]) -> list[Record]:
    """See lanchat_server.core.ports.Store."""
    newest = [seq for chunk in _ranges(room, seqs) for seq in connection.scalars(_NEWEST_CHANGES, chunk)]
    found = _select(connection, _THESE, room, newest) + _select(connection, _REACTIONS, room, seqs)
    return sorted(found, key=lambda record: record.seq)


def _select(connection: Connection, statement: Any, room: int, seqs: Collection[int]) -> list[Record]:
    found: list[Record] = []
    for values in _ranges(room, seqs):
        found += [rows.record(row) for row in connection.execute(statement, values)]
    return sorted(found, key=lambda record: record.seq)


def _ranges(room: int, seqs: Collection[int]) -> Iterator[dict[str, Any]]:
    for chunk in chunks(seqs):
        yield {"room": room, "seqs": padded(chunk), "low": min(chunk), "high": max(chunk)}
