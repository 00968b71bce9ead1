"""What peers need in the local store (lanchat/core/ports.py): messages that are carried for others, and the roster."""

import sqlite3
from collections.abc import Collection, Sequence

from lanchat.core.ports import KnownPeers
from lanchat.protocol.codec import decoder
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.store.rows import pack, unpack

_decode = decoder(Message)
_decode_roster = decoder(KnownPeers)
_SET_ROSTER = "INSERT INTO roster VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
_ADD = "INSERT OR IGNORE INTO carried (room, device, run, n, data) VALUES (?, ?, ?, ?, ?)"
_REMOVE = "DELETE FROM carried WHERE room = ? AND device = ? AND run = ? AND n = ?"
_ALL = "SELECT room, device, run, n, data FROM carried ORDER BY item"


def add(connection: sqlite3.Connection, items: Sequence[tuple[MessageKey, Message]]) -> None:
    """In the caller's transaction."""
    connection.executemany(_ADD, [(*key, pack(tuple(key), message)) for key, message in items])


def load(connection: sqlite3.Connection) -> list[Message]:
    """In the caller's transaction."""
    return [unpack(_decode, tuple(key), data) for *key, data in connection.execute(_ALL).fetchall()]


def remove(connection: sqlite3.Connection, keys: Collection[MessageKey]) -> None:
    """In the caller's transaction."""
    connection.executemany(_REMOVE, [tuple(key) for key in keys])


def save_roster(connection: sqlite3.Connection, roster: KnownPeers) -> None:
    """In the caller's transaction."""
    connection.execute(_SET_ROSTER, (pack((1,), roster),))


def load_roster(connection: sqlite3.Connection) -> KnownPeers | None:
    """In the caller's transaction."""
    row = connection.execute("SELECT data FROM roster").fetchone()
    return None if row is None else unpack(_decode_roster, (1,), row[0])
