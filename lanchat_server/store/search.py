"""Search by words and beginnings of words, newest first.

The full-text engines give all hits of a word at once, in no useful order; for a frequent word that takes seconds in a
large log. But a frequent word has its newest hits among the newest messages. So those are looked through first, by the
ordinary index over (room, seq), and the engine is asked only when they do not suffice: then the word is a rare one.

Time in a room never goes down, so the newest messages of a room are those with the highest numbers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy.dialects.mysql import match
from sqlalchemy.engine import Connection

from lanchat.protocol.records import Record
from lanchat_server.store import rows, schema
from lanchat_server.store.bulk import ask_each
from lanchat_server.store.words import query_words

# So many of the newest messages are looked through. A word that is in one of a hundred is found 40 times among them;
# a rarer one has at most 10,000 hits in a million, which the full-text index gives quickly.
WINDOW = 4096
_WINDOW_MIN = 64  # of a room, when there are many rooms
_NO_BOUND = 2**63 - 1

_search = schema.search.c

Hit = tuple[int, int]


class _Span(NamedTuple):
    """Numbers of a room that are searched, both included."""

    room: int
    low: int
    high: int


def find(
    connection: Connection, rooms: dict[int, int], words: str, *, before: int, limit: int
) -> list[tuple[int, Record]]:
    """See lanchat_server.core.ports.Store."""
    wanted = query_words(words)
    high = before - 1 if before else _NO_BOUND
    spans = [_Span(room, first, high) for room, first in rooms.items() if first <= high]
    if not wanted or not spans or limit <= 0:
        return []
    hits = _newest(connection, spans, wanted, limit)
    if hits is None:
        hits = _hits(connection, spans, _indexed(connection, wanted), limit)
    return _load(connection, [(room, seq) for room, seq, _ in hits])


def _newest(connection: Connection, spans: list[_Span], wanted: list[str], limit: int) -> Sequence[Any] | None:
    """The hits among the newest messages; None when older messages may belong to the result as well."""
    windows, since_ms = _windows(connection, spans)
    hits = _hits(connection, windows, and_(*map(_begins, wanted)), limit)
    complete = since_ms is None or sum(time_ms > since_ms for _, _, time_ms in hits) >= limit
    return hits if complete else None


def _windows(connection: Connection, spans: list[_Span]) -> tuple[list[_Span], int | None]:
    """The newest part of each span, and the time since when they hold everything (None: always)."""
    size = WINDOW
    while size > _WINDOW_MIN and size * len(spans) > WINDOW:
        size //= 2
    newest = f"FROM search s WHERE s.room_id = k.a AND s.seq <= k.b ORDER BY s.seq DESC LIMIT 1 OFFSET {size - 1}"
    columns = f"(SELECT s.seq {newest}), (SELECT s.time_ms {newest})"
    windows, since_ms = [], None
    keys = [(span.room, span.high) for span in spans]
    for span, (_, low, time_ms) in zip(spans, ask_each(connection, columns, keys), strict=True):
        if low is not None and low > span.low:
            windows.append(span._replace(low=low))
            since_ms = time_ms if since_ms is None else max(since_ms, time_ms)
        else:
            windows.append(span)
    return windows, since_ms


def _hits(connection: Connection, spans: list[_Span], having: ColumnElement[bool], limit: int) -> Sequence[Any]:
    """(room, seq, time), newest first."""
    readable = [and_(_search.room_id == span.room, _search.seq.between(span.low, span.high)) for span in spans]
    statement = (
        select(_search.room_id, _search.seq, _search.time_ms)
        .where(or_(*readable), having)
        .order_by(_search.time_ms.desc(), _search.room_id.desc(), _search.seq.desc())
        .limit(limit)
    )
    return connection.execute(statement).all()


def _begins(word: str) -> ColumnElement[bool]:
    return func.instr(_search.tokens, f" {word}") > 0


def _indexed(connection: Connection, wanted: list[str]) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        query = " AND ".join(f"{word}*" for word in wanted)
        found = text("SELECT rowid FROM search_words WHERE search_words MATCH :query").bindparams(query=query)
        return _search.id.in_(found)
    return match(_search.tokens, against=" ".join(f"+{word}*" for word in wanted)).in_boolean_mode()


def _load(connection: Connection, hits: list[Hit]) -> list[tuple[int, Record]]:
    by_room: dict[int, list[int]] = {}
    for room, seq in hits:
        by_room.setdefault(room, []).append(seq)
    found: dict[Hit, Record] = {}
    for room, seqs in by_room.items():
        these = (schema.records.c.room_id == room) & schema.records.c.seq.in_(seqs)
        for row in connection.execute(select(*rows.RECORD_COLUMNS).where(these)):
            found[room, row.seq] = rows.record(row)
    return [(room, found[room, seq]) for room, seq in hits]
