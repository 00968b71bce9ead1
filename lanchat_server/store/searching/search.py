"""Search by words and beginnings of words, newest first.

The full-text engines give all hits of a word at once, in no useful order; for a frequent word that takes seconds in a
large log. But a frequent word has its newest hits among the newest messages. So those are looked through first, by the
ordinary index over (room, seq), and the engine is asked only when they do not suffice: then the word is a rare one.

The times in the search table never go down within a room (see schema.py), so its newest messages are those with the
highest numbers, whatever the clock did.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, or_, select, text
from sqlalchemy.dialects.mysql import match
from sqlalchemy.engine import Connection

from lanchat.protocol.log.records import Record
from lanchat.protocol.text.search_words import query_words
from lanchat_server.store.tables import reads, schema
from lanchat_server.store.tables.bulk import ask_each

# So many of the newest messages are looked through. A word that is in one of a hundred is found 40 times among them;
# a rarer one has at most 10,000 hits in a million, which the full-text index gives quickly.
WINDOW = 4096
_WINDOW_MIN = 64  # of a room, when there are many rooms
# Rooms in one statement: SQLite takes expressions 1,000 deep.
ROOMS_MAX = 400
_NO_BOUND = 2**63 - 1

_search = schema.search.c

Hit = tuple[int, int]


class _Span(NamedTuple):
    """Numbers of a room that are searched, both included."""

    room: int
    low: int
    high: int


def find(
    connection: Connection, rooms: dict[int, int], words: str, *, before: int, limit: int, before_room: int = 0
) -> list[tuple[int, Record]]:
    """See lanchat_server.core.ports.Store."""
    wanted = query_words(words)
    high = before - 1 if before and not before_room else _NO_BOUND
    spans = [_Span(room, first, high) for room, first in rooms.items() if first <= high]
    if before_room and wanted:
        spans = _behind(connection, spans, before_room, before)
    if not wanted or not spans or limit <= 0:
        return []
    found: list[Any] = []
    for start in range(0, len(spans), ROOMS_MAX):
        found += _find_some(connection, spans[start : start + ROOMS_MAX], wanted, limit)
    found.sort(key=lambda hit: (hit[2], hit[0], hit[1]), reverse=True)
    return _load(connection, [(room, seq) for room, seq, _ in found[:limit]])


def _behind(connection: Connection, spans: list[_Span], room: int, seq: int) -> list[_Span]:
    """What follows this hit in the order of hits."""
    time_ms = _time_of(connection, room, seq)
    # Of rooms with lower numbers also what has the same time.
    ends = {span.room: time_ms if span.room < room else time_ms - 1 for span in spans}
    cut = [span._replace(high=min(span.high, seq - 1)) for span in spans if span.room == room]
    cut += _up_to(connection, [span for span in spans if span.room != room], ends)
    return [span for span in cut if span.low <= span.high]


def _time_of(connection: Connection, room: int, seq: int) -> int:
    """Of a hit; when it was deleted meanwhile, of the next one: better some hits twice than any left out."""
    above = select(_search.time_ms).where(_search.room_id == room, _search.seq >= seq)
    found = connection.execute(above.order_by(_search.seq).limit(1)).scalar()
    return _NO_BOUND if found is None else int(found)


def _up_to(connection: Connection, spans: list[_Span], ends: dict[int, int]) -> list[_Span]:
    """The part of each span whose times are not later than what `ends` has for its room. The times never go down within
    a room, so each question halves what is left, for all rooms together; most are quiet and need one."""
    nearest = "FROM search s WHERE s.room_id = k.a AND s.seq <= k.b ORDER BY s.seq DESC LIMIT 1"
    newest = dict(_ask_spans(connection, f"(SELECT s.seq {nearest})", [(span.room, span.high) for span in spans]))
    open_ = {span.room: [span.low - 1, newest[span.room] or 0] for span in spans}
    middle = {room: high for room, (_, high) in open_.items()}
    done: dict[int, int] = {}
    while open_:
        times = _ask_spans(connection, f"(SELECT s.time_ms {nearest})", [(room, middle[room]) for room in open_])
        for room, time_ms in times:
            part = open_[room]
            if time_ms is None or time_ms <= ends[room]:
                part[0] = middle[room]
            else:
                part[1] = middle[room] - 1
            if part[0] >= part[1]:
                done[room] = part[1]
                del open_[room]
            else:
                middle[room] = (part[0] + part[1] + 1) // 2
    return [span._replace(high=done[span.room]) for span in spans]


def _ask_spans(connection: Connection, column: str, keys: list[tuple[int, int]]) -> Iterator[tuple[int, Any]]:
    """(room, value) for each (room, number)."""
    return ((room, value) for (room, _), value in list(ask_each(connection, column, keys)))


def _find_some(connection: Connection, spans: list[_Span], wanted: list[str], limit: int) -> Sequence[Any]:
    """(room, seq, time) of the newest hits in these spans."""
    windows, since_ms = _windows(connection, spans)
    hits = _newest(connection, windows, wanted, limit)
    # What lies at `since_ms` itself may be cut off; only later hits are sure to be all.
    if since_ms is not None and sum(time_ms > since_ms for _, _, time_ms in hits) < limit:
        hits = _everywhere(connection, spans, _rarest_first(connection, windows, wanted), limit)
    return hits


def _windows(connection: Connection, spans: list[_Span]) -> tuple[list[_Span], int | None]:
    """The newest part of each span, and the time after which they hold everything (None: always)."""
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


def _newest(connection: Connection, windows: list[_Span], wanted: list[str], limit: int) -> Sequence[Any]:
    """Hits in the windows, by looking at every message there."""
    statement = _hits(limit).where(_within(windows, _search.room_id), *map(_begins, wanted))
    return connection.execute(statement).all()


def _everywhere(connection: Connection, spans: list[_Span], wanted: list[str], limit: int) -> Sequence[Any]:
    """Hits by the full-text index, which is asked for the first word only: it would fetch all hits of each."""
    rarest, *others = wanted
    room: ColumnElement[Any] = _search.room_id
    if connection.dialect.name == "sqlite":
        # With a bare column SQLite goes through the whole room and looks each message up among the hits.
        room = literal_column("+search.room_id")
        found = text("SELECT rowid FROM search_words WHERE search_words MATCH :word").bindparams(word=f"{rarest}*")
        indexed: ColumnElement[bool] = _search.id.in_(found)
    else:
        indexed = match(_search.tokens, against=f"+{rarest}*").in_boolean_mode()
    statement = _hits(limit).where(indexed, _within(spans, room), *map(_begins, others))
    return connection.execute(statement).all()


def _rarest_first(connection: Connection, windows: list[_Span], wanted: list[str]) -> list[str]:
    """In the order of how many of the newest messages have them; longer ones first among equals."""
    if len(wanted) == 1:
        return wanted
    counts = [func.coalesce(func.sum(case((_begins(word), 1), else_=0)), 0) for word in wanted]
    [found] = connection.execute(select(*counts).where(_within(windows, _search.room_id))).all()
    return [word for _, _, word in sorted(zip(found, (-len(word) for word in wanted), wanted, strict=True))]


def _hits(limit: int) -> Select[Any]:
    """(room, seq, time), newest first."""
    newest = (_search.time_ms.desc(), _search.room_id.desc(), _search.seq.desc())
    return select(_search.room_id, _search.seq, _search.time_ms).order_by(*newest).limit(limit)


def _within(spans: list[_Span], room: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(*(and_(room == span.room, _search.seq.between(span.low, span.high)) for span in spans))


def _begins(word: str) -> ColumnElement[bool]:
    return func.instr(_search.tokens, f" {word}") > 0


def _load(connection: Connection, hits: list[Hit]) -> list[tuple[int, Record]]:
    by_room: dict[int, list[int]] = {}
    for room, seq in hits:
        by_room.setdefault(room, []).append(seq)
    found: dict[Hit, Record] = {}
    for room, seqs in by_room.items():
        found |= {(room, record.seq): record for record in reads.records(connection, room, seqs)}
    # Of a room that is being deleted some may be erased already.
    return [(room, found[room, seq]) for room, seq in hits if (room, seq) in found]
