"""Keeps the search table beside the log: one row per text message, with the words of its present text.

InnoDB keeps its full-text index by itself. On SQLite triggers do it for edits and deletions; rows are added to the
index here, because a trigger makes FTS5 write a segment for each row: 14 µs instead of 1.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, update

from lanchat.protocol.messages import Kind
from lanchat_server.store.bulk import Changes
from lanchat_server.store.driver import ask, change_many
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


class Said(NamedTuple):
    """What the search needs of a record. `text` None: deleted."""

    seq: int
    time_ms: int
    kind: Kind
    ref: int
    text: str | None


def index(to: Changes, said: Iterable[tuple[int, Iterable[Said]]]) -> None:
    """Add what consecutive records of rooms say, and apply their edits and deletions, in order, to what is there."""
    rows: list[tuple[int, int, int, str]] = []
    changes: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    for room, records in said:
        added, edited, deleted = _fold(records)
        rows += [(room, new.seq, new.time_ms, tokens(new.text or "")) for new in added.values()]
        changes += [{"room": room, "number": seq, "words": tokens(text)} for seq, text in edited.items()]
        gone += [{"room": room, "number": seq} for seq in deleted]
    if rows:
        _add(to, rows)
    if changes or gone:
        to.send()
    if changes:
        to.connection.execute(_REPLACE, changes)
    if gone:
        to.connection.execute(_DELETE, gone)


def _add(to: Changes, rows: list[tuple[int, int, int, str]]) -> None:
    if to.connection.dialect.name != "sqlite":
        to.insert(search, [(None, *row) for row in rows])
        return
    first = ask(to.connection, _NEXT_ID)[0][0]
    numbered: list[tuple[Any, ...]] = [(first + i, *row) for i, row in enumerate(rows)]
    to.insert(search, numbered)
    change_many(to.connection, _INDEX, [(row[0], row[-1]) for row in numbered])


def _fold(records: Iterable[Said]) -> tuple[dict[int, Said], dict[int, str], list[int]]:
    """What a batch comes to: rows to add, texts to replace, rows to delete."""
    added: dict[int, Said] = {}
    edited: dict[int, str] = {}
    deleted: list[int] = []
    for said in records:
        if said.kind is Kind.TEXT and said.text is not None:
            added[said.seq] = said
        elif said.kind is Kind.EDIT and said.text is not None:
            if said.ref in added:
                added[said.ref] = added[said.ref]._replace(text=said.text)
            else:
                edited[said.ref] = said.text  # of a message deleted meanwhile: there is no row to replace
        elif said.kind is Kind.DELETE and added.pop(said.ref, None) is None:
            deleted.append(said.ref)
    return added, edited, deleted
