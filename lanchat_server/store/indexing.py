"""Keeps the search table beside the log: one row per text message, with the words of its present text.

InnoDB keeps its full-text index by itself. On SQLite triggers do it for edits and deletions; rows are added to the
index here, because a trigger makes FTS5 write a segment for each row: 14 µs instead of 1.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlalchemy.engine import Connection

from lanchat.protocol.messages import Kind
from lanchat_server.core.model import NewRecord
from lanchat_server.store.bulk import insert_rows
from lanchat_server.store.schema import search
from lanchat_server.store.words import tokens

_NEXT_ID = "SELECT COALESCE(MAX(id), 0) + 1 FROM search"
_INDEX = "INSERT INTO search_words (rowid, tokens) VALUES (?, ?)"
_DELETE = delete(search).where(search.c.room_id == bindparam("room"), search.c.seq == bindparam("number"))
_REPLACE = (
    update(search)
    .where(search.c.room_id == bindparam("room"), search.c.seq == bindparam("number"))
    .values(tokens=bindparam("words"))
)


def index(connection: Connection, room: int, records: Sequence[NewRecord]) -> None:
    """Add what `records` say, and apply their edits and deletions, in order, to what is there."""
    added, edited, deleted = _fold(records)
    if added:
        add(connection, [(room, new.record.seq, new.record.time_ms, tokens(text)) for new, text in added.values()])
    if edited:
        changes = [{"room": room, "number": seq, "words": tokens(text)} for seq, text in edited.items()]
        connection.execute(_REPLACE, changes)
    if deleted:
        connection.execute(_DELETE, [{"room": room, "number": seq} for seq in deleted])


def add(connection: Connection, rows: Sequence[tuple[int, int, int, str]]) -> None:
    """Insert (room, seq, time_ms, tokens)."""
    if connection.dialect.name != "sqlite":
        insert_rows(connection, search, [(None, *row) for row in rows])
        return
    first = connection.exec_driver_sql(_NEXT_ID).scalar_one()
    numbered: list[tuple[Any, ...]] = [(first + i, *row) for i, row in enumerate(rows)]
    insert_rows(connection, search, numbered)
    connection.exec_driver_sql(_INDEX, [(row[0], row[-1]) for row in numbered])


def _fold(records: Sequence[NewRecord]) -> tuple[dict[int, tuple[NewRecord, str]], dict[int, str], list[int]]:
    """What a batch comes to: rows to add with their text, texts to replace, rows to delete."""
    added: dict[int, tuple[NewRecord, str]] = {}
    edited: dict[int, str] = {}
    deleted: list[int] = []
    for new in records:
        kind, ref, erased = new.header.kind, new.header.ref, new.record.body is None
        if kind is Kind.TEXT and not erased:
            added[new.record.seq] = (new, new.text)
        elif kind is Kind.EDIT and not erased:
            if ref in added:
                added[ref] = (added[ref][0], new.text)
            else:
                edited[ref] = new.text  # of a message deleted meanwhile: there is no row to replace
        elif kind is Kind.DELETE and added.pop(ref, None) is None:
            deleted.append(ref)
    return added, edited, deleted
