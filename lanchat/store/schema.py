"""The tables of the local store, and how an older file becomes a newer one.

Every row is a key and a checked blob (see rows.py), so the schema seldom changes when the protocol does. A file's
version stands in `PRAGMA user_version`; `STEPS[i]` turns version i into i + 1 and never changes once released.
`outgoing` comes first: its place in the file is then the same in every version, which rescue.py relies on.
"""

import sqlite3
from functools import cache

from lanchat.core.ports import LocalStoreError
from lanchat.protocol.problems import Problem

Step = tuple[str, ...]

PAGE_SIZE = 4096
_TABLES = "SELECT type, name, ifnull(sql, '') FROM sqlite_master WHERE name NOT GLOB 'sqlite_stat*'"

STEPS: tuple[Step, ...] = (
    (
        # Messages that wait for their decision. AUTOINCREMENT: `item` never counts down, it is the order of making.
        """CREATE TABLE outgoing (
            item INTEGER PRIMARY KEY AUTOINCREMENT,
            room INTEGER NOT NULL, device BLOB NOT NULL, run INTEGER NOT NULL, n INTEGER NOT NULL,
            data BLOB NOT NULL,
            UNIQUE (room, device, run, n))""",
        # Which part of a room is here, and its newest head.
        "CREATE TABLE spans (room INTEGER PRIMARY KEY, data BLOB NOT NULL)",
        # Clustered by room: opening one reads neighbouring pages.
        """CREATE TABLE records (
            room INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (room, seq)) WITHOUT ROWID""",
        # The highest signed head of each few numbers: it proves records to those who lack them.
        """CREATE TABLE heads (
            room INTEGER NOT NULL, place INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (room, place)) WITHOUT ROWID""",
        # Targets of deletions, also of those whose target is not here yet.
        """CREATE TABLE erasures (
            room INTEGER NOT NULL, target INTEGER NOT NULL,
            PRIMARY KEY (room, target)) WITHOUT ROWID""",
        # Edits of each record: a deletion erases them too.
        """CREATE TABLE edits (
            room INTEGER NOT NULL, target INTEGER NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (room, target, seq)) WITHOUT ROWID""",
        "CREATE TABLE rooms (position INTEGER PRIMARY KEY, data BLOB NOT NULL)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
        "CREATE TABLE certificates (device BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",
        # Messages of others that are not stored yet, in the order in which they came.
        """CREATE TABLE carried (
            item INTEGER PRIMARY KEY AUTOINCREMENT,
            room INTEGER NOT NULL, device BLOB NOT NULL, run INTEGER NOT NULL, n INTEGER NOT NULL,
            data BLOB NOT NULL,
            UNIQUE (room, device, run, n))""",
        # One row: whom the server named to have links to.
        "CREATE TABLE roster (id INTEGER PRIMARY KEY CHECK (id = 1), data BLOB NOT NULL)",
        # By kind and subject (protocol/log/statements.py), with the number.
        """CREATE TABLE statements (
            kind INTEGER NOT NULL, subject INTEGER NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
        # What statements have the hash of: members of rooms, revoked devices.
        """CREATE TABLE listings (
            kind INTEGER NOT NULL, subject INTEGER NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (kind, subject)) WITHOUT ROWID""",
        # One row: everything up to this number was told.
        "CREATE TABLE told (id INTEGER PRIMARY KEY CHECK (id = 1), data BLOB NOT NULL)",
    ),
)


def version(connection: sqlite3.Connection) -> int:
    """The version of a file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_ours(connection: sqlite3.Connection, name: str = "") -> bool:
    """Whether the file has exactly the tables of the newest version, or at least its table `name`: nothing that others
    put there would be carried out. Raises sqlite3.Error."""
    found = set(connection.execute(_TABLES))
    if not name:
        return found == _expected()
    return {row for row in found if row[1] == name} == {row for row in _expected() if row[1] == name}


@cache
def _expected() -> frozenset[tuple[str, str, str]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    found = frozenset(connection.execute(_TABLES))
    connection.close()
    return found


def refuse_newer(connection: sqlite3.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Raise LocalStoreError for a file that a newer program made."""
    found = version(connection)
    if found > len(steps):
        raise LocalStoreError(Problem.COPY_NEWER, found=found, known=len(steps))


def migrate(connection: sqlite3.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Bring a file to the newest version, in one transaction. Raises LocalStoreError when it is newer than that."""
    if version(connection) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        refuse_newer(connection, steps)
        for step in steps[version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
