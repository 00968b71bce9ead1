"""Indexes the log anew when the rules for words have changed (lanchat/protocol/text/search_words.py), a part at a time.

How far it is stands in the database, changed in the same transaction as the part: after a stop it goes on there. Rooms
come in the order of their ids, each from its newest message down. What is said meanwhile is indexed by the new rules
(filling.py).
"""

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection

from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.search_words import VERSION, tokens
from lanchat_server.core.model import IndexProgress
from lanchat_server.store.searching import filling
from lanchat_server.store.searching.indexing import add_rows, delete_rows, said_text
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.bulk import StatementBatch, find_rows

_records, _rooms, _search, _state = schema.records.c, schema.rooms.c, schema.search.c, schema.search_state.c


def set_current(connection: Connection) -> None:
    """All of the log is in the search, by the present rules."""
    filling.set_filled(connection)
    _set_version(connection)


def _set_version(connection: Connection) -> None:
    connection.execute(schema.search_state.delete())
    connection.execute(insert(schema.search_state).values(id=1, version=VERSION, building=0, room_id=0, seq=0))


def index_more(connection: Connection, messages: int) -> IndexProgress | None:
    """Index so many new messages of the log, and so many older ones, or what is left of a room, by the present rules;
    None: all are."""
    left = filling.fill(connection, messages)
    state = connection.execute(select(schema.search_state)).first()
    if state is not None and state.version == VERSION:
        return _filled(connection, left)
    room, above = (state.room_id, state.seq) if state is not None and state.building == VERSION else (0, 0)
    if above <= 1:
        following = select(_rooms.id, _rooms.head_seq).where(_rooms.id > room, _rooms.head_seq > 0)
        found = connection.execute(following.order_by(_rooms.id).limit(1)).first()
        if found is None:
            _set_version(connection)
            return _filled(connection, left)
        room, above = found.id, found.head_seq + 1
    low = max(1, above - messages)
    _index(connection, room, low, above - 1)
    if state is None:
        connection.execute(insert(schema.search_state).values(id=1, version=0, building=VERSION, room_id=room, seq=low))
    else:
        connection.execute(update(schema.search_state).values(building=VERSION, room_id=room, seq=low))
    return _progress(connection, room, low)


def _filled(connection: Connection, left: int) -> IndexProgress | None:
    """`left`: of the new messages."""
    total = _messages(connection)
    return IndexProgress(total - left, total) if left else None


def _progress(connection: Connection, room: int, low: int) -> IndexProgress:
    # A room that was deleted while it was indexed counts no messages.
    return IndexProgress(max(0, _messages(connection, _rooms.id <= room) - low + 1), _messages(connection))


def _messages(connection: Connection, *which: Any) -> int:
    """In all rooms, or in those."""
    statement = select(func.coalesce(func.sum(_rooms.head_seq), 0)).where(*which)
    return int(connection.execute(statement).scalar_one())


def _index(connection: Connection, room: int, low: int, high: int) -> None:
    """Records `low` to `high` of a room, whose higher ones are indexed."""
    in_part = (_search.room_id == room, _search.seq.between(low, high))
    rows = {row.seq: row for row in connection.execute(select(schema.search).where(*in_part))}
    present = {seq: (time_ms, tokens(text)) for seq, (time_ms, text) in _texts(connection, room, low, high).items()}
    changed = [(room, seq, words) for seq, (_, words) in present.items() if seq in rows and rows[seq].tokens != words]
    changes = StatementBatch(connection)
    changes.update("search", ("room_id", "seq"), ("tokens",), changed)
    add_rows(changes, _missing(connection, room, high, present, rows))
    changes.send()
    delete_rows(connection, [(room, seq) for seq in rows if seq not in present])


def _texts(connection: Connection, room: int, low: int, high: int) -> dict[int, tuple[int, str]]:
    """Time and present text of the text messages among these."""
    said = select(_records.seq, _records.time_ms, _records.kind, _records.body).where(
        _records.room_id == room, _records.seq.between(low, high), _records.kind.in_([int(Kind.TEXT), int(Kind.FILE)])
    )
    texts = {
        row.seq: (row.time_ms, said_text(Kind(row.kind), row.body))
        for row in connection.execute(said)
        if row.body is not None
    }
    last = select(_records.ref_seq, func.max(_records.seq)).where(
        _records.room_id == room, _records.ref_seq.between(low, high), _records.kind == int(Kind.EDIT)
    )
    edits = {edit: ref for ref, edit in connection.execute(last.group_by(_records.ref_seq)) if ref in texts}
    for edit, body in find_rows(connection, "records", ("room_id", "seq"), ("body",), [(room, edit) for edit in edits]):
        if body is not None:
            ref = edits[edit[1]]
            texts[ref] = (texts[ref][0], body)
    return texts


def _missing(
    connection: Connection, room: int, high: int, present: dict[int, tuple[int, str]], rows: dict[int, Any]
) -> list[tuple[int, int, int, str]]:
    """Rows for the messages that have none. Times never go down (see schema.py)."""
    if present.keys() <= rows.keys():
        return []
    above = select(_search.time_ms).where(_search.room_id == room, _search.seq > high).order_by(_search.seq).limit(1)
    earliest = connection.execute(above).scalar()
    added = []
    for seq in sorted(present, reverse=True):
        time_ms, words = present[seq]
        time_ms = rows[seq].time_ms if seq in rows else time_ms if earliest is None else min(time_ms, earliest)
        earliest = time_ms
        if seq not in rows:
            added.append((room, seq, time_ms, words))
    return added[::-1]
