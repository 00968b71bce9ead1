"""Statements of the log in the local store (lanchat/core/ports.py, StatementStore), but for certificates."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lanchat.core.ports import StoredStatements
from lanchat.protocol.codec import U63, Key16, decoder
from lanchat.protocol.log.statements import Statement, StatementKind, read_statement_untrusted, subject_of
from lanchat.protocol.wire import Member
from lanchat.store.rows import pack, unpack

_ROOM, _REVOCATIONS = int(StatementKind.ROOM), int(StatementKind.REVOCATIONS)
_decode_statement = decoder(Statement)
_decode_members = decoder(list[Member])
_decode_devices = decoder(list[Key16])
_decode_number = decoder(U63)

_SET_STATEMENT = (
    "INSERT INTO statements VALUES (?, ?, ?, ?) ON CONFLICT (kind, subject)"
    " DO UPDATE SET number = excluded.number, data = excluded.data WHERE excluded.number > number"
)
_SET_LISTING = "INSERT INTO listings VALUES (?, ?, ?) ON CONFLICT (kind, subject) DO UPDATE SET data = excluded.data"
_SET_TOLD = "INSERT INTO told VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
_TOLD = "SELECT id, data FROM told"


def save(
    connection: sqlite3.Connection,
    statements: Collection[Statement],
    members: Mapping[int, Sequence[Member]],
    revoked: Collection[bytes] | None,
    number: int | None,
) -> None:
    """In the caller's transaction. `number` only grows."""
    connection.executemany(_SET_STATEMENT, [_row(statement) for statement in statements])
    listings: list[tuple[int, int, list[Any]]] = [(_ROOM, room, list(users)) for room, users in members.items()]
    if revoked is not None:
        listings.append((_REVOCATIONS, 0, list(revoked)))
    rows = [(kind, subject, pack((kind, subject), listing)) for kind, subject, listing in listings]
    connection.executemany(_SET_LISTING, rows)
    if number is not None and number > _told(connection):
        connection.execute(_SET_TOLD, (pack((1,), number),))


def load(connection: sqlite3.Connection) -> StoredStatements:
    """In the caller's transaction."""
    rows = connection.execute("SELECT kind, subject, number, data FROM statements").fetchall()
    statements = [unpack(_decode_statement, tuple(key), data) for *key, data in rows]
    members: dict[int, list[Member]] = {}
    revoked: list[bytes] = []
    for kind, subject, data in connection.execute("SELECT kind, subject, data FROM listings").fetchall():
        if kind == _ROOM:
            members[subject] = unpack(_decode_members, (kind, subject), data)
        else:
            revoked = unpack(_decode_devices, (kind, subject), data)
    return StoredStatements(statements, members, revoked, _told(connection))


def _row(statement: Statement) -> tuple[int, int, int, bytes]:
    body = read_statement_untrusted(statement)
    kind, subject = subject_of(body)
    return int(kind), subject, body.number, pack((int(kind), subject, body.number), statement)


def _told(connection: sqlite3.Connection) -> int:
    row = connection.execute(_TOLD).fetchone()
    return 0 if row is None else int(unpack(_decode_number, (row[0],), row[1]))
