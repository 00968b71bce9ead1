"""Search by words and beginnings of words, newest first.

A frequent word has its newest hits among the newest messages, so those are looked through first, in the order of an
ordinary index; the full-text index is asked only when they do not suffice, and then the word is a rare one.
"""

from sqlalchemy import ColumnElement, and_, or_, select, text
from sqlalchemy.dialects.mysql import match
from sqlalchemy.engine import Connection

from lanchat.protocol.records import Record
from lanchat_server.store import rows, schema
from lanchat_server.store.words import query_words

_search = schema.search.c


def find(
    connection: Connection, rooms: dict[int, int], words: str, *, before: int, limit: int
) -> list[tuple[int, Record]]:
    """See lanchat_server.core.ports.Store."""
    wanted = query_words(words)
    if not wanted or not rooms or limit <= 0:
        return []
    readable = [and_(_search.room_id == room, _search.seq >= first) for room, first in rooms.items()]
    statement = (
        select(_search.room_id, _search.seq)
        .where(or_(*readable), _matches(connection, wanted))
        .order_by(_search.time_ms.desc(), _search.room_id.desc(), _search.seq.desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(_search.seq < before)
    hits = [(row.room_id, row.seq) for row in connection.execute(statement)]
    return _load(connection, hits)


def _matches(connection: Connection, wanted: list[str]) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        query = " AND ".join(f"{word}*" for word in wanted)
        return _search.id.in_(
            text("SELECT rowid FROM search_words WHERE search_words MATCH :query").bindparams(query=query)
        )
    return match(_search.tokens, against=" ".join(f"+{word}*" for word in wanted)).in_boolean_mode()


def _load(connection: Connection, hits: list[tuple[int, int]]) -> list[tuple[int, Record]]:
    found: dict[tuple[int, int], Record] = {}
    by_room: dict[int, list[int]] = {}
    for room, seq in hits:
        by_room.setdefault(room, []).append(seq)
    for room, seqs in by_room.items():
        statement = select(*rows.RECORD_COLUMNS).where(schema.records.c.room_id == room, schema.records.c.seq.in_(seqs))
        for row in connection.execute(statement):
            found[room, row.seq] = rows.record(row)
    return [(room, found[room, seq]) for room, seq in hits]
