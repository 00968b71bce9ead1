"""Keeps the search table beside the log: one row per text message, with the words of its present text.

Triggers (SQLite) or the database itself (InnoDB) keep the full-text index over it.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.engine import Connection

from lanchat.protocol.messages import Kind
from lanchat_server.core.model import NewRecord
from lanchat_server.store.schema import search
from lanchat_server.store.words import tokens

_INSERT = insert(search)
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
        connection.execute(_INSERT, [_row(room, new, text) for new, text in added.values()])
    if edited:
        connection.execute(
            _REPLACE, [{"room": room, "number": seq, "words": tokens(text)} for seq, text in edited.items()]
        )
    if deleted:
        connection.execute(_DELETE, [{"room": room, "number": seq} for seq in deleted])


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


def _row(room: int, new: NewRecord, text: str) -> dict[str, object]:
    return {"room_id": room, "seq": new.record.seq, "time_ms": new.record.time_ms, "tokens": tokens(text)}
