"""Keeps the search table beside the log: one row per text message, with the words of its present text.

The time of a row never goes down from one number to the next (see schema.py): where a record has an earlier time than
those before it, because the clock was set back, theirs is brought down to it. So the newest messages of a room are
those with the highest numbers, and a search over several rooms can merge them by time.

InnoDB keeps its full-text index by itself. On SQLite triggers do it for edits and deletions; rows are added to the
index here, because a trigger makes FTS5 write a segment for each row: 14 µs instead of 1.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.files import file_body_untrusted
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.search_words import tokens
from lanchat_server.store.connection.driver import ask, change_many
from lanchat_server.store.tables.bulk import StatementBatch
from lanchat_server.store.tables.schema import search

_NEXT_ID = "SELECT COALESCE(MAX(id), 0) + 1 FROM search"
_INDEX = "INSERT INTO search_words (rowid, tokens) VALUES (?, ?)"
_DELETE = delete(search).where(search.c.room_id == bindparam("room"), search.c.seq == bindparam("number"))
_REPLACE = (
    update(search)
    .where(search.c.room_id == bindparam("room"), search.c.seq == bindparam("number"))
    .values(tokens=bindparam("words"))
)
# One step down the index over (room, seq) for each row that is later.
_LAST_EARLIER = (
    select(search.c.seq)
    .where(search.c.room_id == bindparam("room"), search.c.time_ms <= bindparam("time"))
    .order_by(search.c.seq.desc())
    .limit(1)
)
_LOWER = (
    update(search)
    .where(search.c.room_id == bindparam("room"), search.c.seq > bindparam("number"))
    .values(time_ms=bindparam("time"))
)


# Later than any record.
_UNKNOWN = 1 << 63


class IndexedText(NamedTuple):
    """What the search needs of a record. `words`: its tokens; None: deleted."""

    seq: int
    time_ms: int
    kind: Kind
    ref: int
    words: str | None


def indexed_text(seq: int, time_ms: int, kind: Kind, ref: int, text: str | None) -> IndexedText:
    """Takes up to 10 ms for a text."""
    return IndexedText(seq, time_ms, kind, ref, None if text is None else tokens(said_text(kind, text)))


def said_text(kind: Kind, body: str) -> str:
    """What a message is found by: of one with files their names, too."""
    if kind is not Kind.FILE:
        return body
    try:
        found = file_body_untrusted(body)
    except ProtocolError:
        return ""
    return "\n".join([found.text, *(manifest.name for manifest in found.files)])


def index(to: StatementBatch, said: Iterable[tuple[int, Iterable[IndexedText]]], before: Mapping[int, int]) -> None:
    """Add what consecutive records of rooms say, and apply their edits and deletions, in order, to what is there.
    `before`: the times of the records before them, where they are known."""
    rows: list[tuple[int, int, int, str]] = []
    changes: list[dict[str, Any]] = []
    gone: list[tuple[int, int]] = []
    earlier: list[tuple[int, int]] = []
    for room, records in said:
        ordered = _never_going_down(list(records))
        if ordered and not before.get(room, _UNKNOWN) <= ordered[0].time_ms:
            earlier.append((room, ordered[0].time_ms))
        added, edited, deleted = _fold(ordered)
        rows += [(room, new.seq, new.time_ms, new.words or "") for new in added.values()]
        changes += [{"room": room, "number": seq, "words": words} for seq, words in edited.items()]
        gone += [(room, seq) for seq in deleted]
    if earlier:
        to.send()
        for room, time_ms in earlier:
            _lower(to.connection, room, time_ms)
    add_rows(to, rows)
    if changes or gone:
        to.send()
    if changes:
        to.connection.execute(_REPLACE, changes)
    delete_rows(to.connection, gone)


def _never_going_down(records: list[IndexedText]) -> list[IndexedText]:
    if all(before.time_ms <= after.time_ms for before, after in pairwise(records)):
        return records
    times = list(accumulate((said.time_ms for said in reversed(records)), min))[::-1]
    return [said._replace(time_ms=time_ms) for said, time_ms in zip(records, times, strict=True)]


def _lower(connection: Connection, room: int, time_ms: int) -> None:
    """Bring the rows of a room that are later down to this time."""
    last = connection.execute(_LAST_EARLIER, {"room": room, "time": time_ms}).scalar() or 0
    connection.execute(_LOWER, {"room": room, "number": last, "time": time_ms})


def delete_rows(connection: Connection, rows: list[tuple[int, int]]) -> None:
    """Take messages (room, number) out of the search."""
    if rows:
        connection.execute(_DELETE, [{"room": room, "number": seq} for room, seq in rows])


def add_rows(to: StatementBatch, rows: list[tuple[int, int, int, str]]) -> None:
    """Add messages: room, number, time, words. MySQL and MariaDB count the ids by themselves."""
    if not rows:
        return
    if to.connection.dialect.name != "sqlite":
        to.insert(search, [(None, *row) for row in rows])
        return
    first: int = ask(to.connection, _NEXT_ID)[0][0]
    numbered: list[tuple[Any, ...]] = [(first + i, *row) for i, row in enumerate(rows)]
    to.insert(search, numbered)
    change_many(to.connection, _INDEX, [(row[0], row[-1]) for row in numbered])


def _fold(records: Iterable[IndexedText]) -> tuple[dict[int, IndexedText], dict[int, str], list[int]]:
    """What a batch comes to: rows to add, words to replace, rows to delete."""
    added: dict[int, IndexedText] = {}
    edited: dict[int, str] = {}
    deleted: list[int] = []
    for said in records:
        if said.kind in (Kind.TEXT, Kind.FILE) and said.words is not None:
            added[said.seq] = said
        elif said.kind is Kind.EDIT and said.words is not None:
            if said.ref in added:
                added[said.ref] = added[said.ref]._replace(words=said.words)
            else:
                edited[said.ref] = said.words  # of a message deleted meanwhile: there is no row to replace
        elif said.kind is Kind.DELETE and added.pop(said.ref, None) is None:
            deleted.append(said.ref)
    return added, edited, deleted
