"""The newest SQLite beside that of this Python: how it would carry out a statement."""

import sqlite3
from typing import Any

import apsw

# Without what SQLite makes by itself, for a virtual table too.
_SCHEMA = """SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
    AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"""


class NewestSqlite:
    """An empty database with the tables and indexes of another one, in memory: a plan does not look at rows. Opening
    the same file with a second library would free the locks of the first one."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        """`cursor`: of the database whose tables are made here."""
        self._connection = apsw.Connection(":memory:")
        for (statement,) in cursor.execute(_SCHEMA).fetchall():
            self._connection.execute(statement)

    def plan(self, statement: str, values: Any = ()) -> list[str]:
        """The steps, in SQLite's words."""
        return [row[-1] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {statement}", tuple(values))]
