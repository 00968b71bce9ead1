"""Many rows or keys in one statement, past SQLAlchemy (see driver.py).

* Rows: `executemany` on SQLite; on MySQL and MariaDB one INSERT with all rows in it, one UPDATE that joins with them,
  and all that belongs together sent as one question (`StatementBatch`).
* Keys of several columns: given a list of tuples to compare with, SQLite reads the whole table, so the keys become a
  small table of their own to begin a join with. MySQL and MariaDB step down the index for each tuple of a list.

Values are None, int, str and bytes; on MySQL and MariaDB they are written as literals (see literals.py).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from lanchat_server.store.connection.driver import GuardQuery, Row, ask, change_all, change_many
from lanchat_server.store.connection.literals import literal

T = TypeVar("T")

# Keys or rows in one statement. SQLite takes 500 selects and 32,766 values; 256 rows of MySQL literals with bodies of
# 16 KiB are 8 MiB, half of the packet that servers take by default (max_allowed_packet 16 MiB, MySQL 64).
CHUNK = 256
# Octets of statements sent together, but for the last of them.
_TOGETHER = 1 << 20
# Lists of keys are filled up to one of these lengths, so that there are few different statements: each connection to
# SQLite keeps 128, of up to 100 KiB.
_LENGTHS = (1, 4, 16, 64, CHUNK)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def padded(keys: list[T]) -> list[T]:
    """One to CHUNK keys, the last one repeated up to one of a few lengths."""
    length = next(length for length in _LENGTHS if length >= len(keys))
    return keys + keys[-1:] * (length - len(keys))


class StatementBatch:
    """Insertions and updates of one transaction, in order. SQLite executes each at once, MySQL and MariaDB all of them
    at `send`: waiting for an answer takes longer than most statements. Names of tables and columns are constants of
    the program. All methods raise SQLAlchemyError.

    `guard`: sent before the first of them, by MySQL's kind of databases."""

    def __init__(self, connection: Connection, guard: GuardQuery | None = None) -> None:
        """`connection`: the first statement begins a transaction where there is none; to commit it is the caller's
        task."""
        self.connection = connection
        self._guard = guard
        # Rows that updates found.
        self.found = 0
        self._waiting: list[str] = []
        self._octets = 0
        # Which of those that wait are updates.
        self._updates: list[bool] = []

    def insert(self, table: Table, rows: Collection[Sequence[Any]]) -> None:
        """Insert rows; each holds the values of all columns of `table`, in order."""
        for chunk in chunks(rows):
            if self.connection.dialect.name == "sqlite":
                marks = ", ".join("?" * len(table.columns))
                change_many(self.connection, f"{_insert_into(table)}({marks})", chunk)
            else:
                values = ",".join([f"({','.join(map(literal, row))})" for row in chunk])
                self._add(_insert_into(table) + values, update=False)

    def update(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Collection[Sequence[Any]]) -> None:
        """Set `columns` of the rows of `table` whose `key` columns have these values, where there are such; each of
        `rows` is a key followed by the new values. The keys differ."""
        for chunk in chunks(rows):
            if self.connection.dialect.name == "sqlite":
                values = [(*row[len(key) :], *row[: len(key)]) for row in chunk]
                self.found += change_many(self.connection, _sqlite_update(table, tuple(key), tuple(columns)), values)
            else:
                self._add(_mysql_update(table, key, columns, chunk), update=True)

    def put(self, table: Table, rows: Collection[Sequence[Any]]) -> None:
        """As `insert`; where there is a row under the same primary key, it is replaced. The keys differ."""
        for chunk in chunks(rows):
            if self.connection.dialect.name == "sqlite":
                change_many(self.connection, _sqlite_put(table), chunk)
            else:
                values = ",".join([f"({','.join(map(literal, row))})" for row in chunk])
                self._add(_mysql_put(table, values), update=False)

    def send(self) -> None:
        """Execute what waits; `found` is complete then."""
        waiting, self._waiting, self._octets = self._waiting, [], 0
        updates, self._updates = self._updates, []
        guard, self._guard = self._guard, None
        if waiting or guard:
            changed = change_all(self.connection, waiting, guard)
            self.found += sum(count for count, update in zip(changed, updates, strict=True) if update)

    def _add(self, statement: str, *, update: bool) -> None:
        self._waiting.append(statement)
        self._updates.append(update)
        self._octets += len(statement)
        if self._octets > _TOGETHER:
            self.send()


def insert_rows(connection: Connection, table: Table, rows: Collection[Sequence[Any]]) -> None:
    """As `StatementBatch.insert`, at once."""
    changes = StatementBatch(connection)
    changes.insert(table, rows)
    changes.send()


@cache
def _insert_into(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES "  # noqa: S608


@cache
def _sqlite_put(table: Table) -> str:
    keys = ", ".join(column.name for column in table.primary_key)
    new = ", ".join(f"{name} = excluded.{name}" for name in _others(table))
    marks = ", ".join("?" * len(table.columns))
    return f"{_insert_into(table)}({marks}) ON CONFLICT ({keys}) DO UPDATE SET {new}"


def _mysql_put(table: Table, values: str) -> str:
    new = ", ".join(f"{name} = VALUES({name})" for name in _others(table))
    return f"{_insert_into(table)}{values} ON DUPLICATE KEY UPDATE {new}"


def _others(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


@cache
def _sqlite_update(table: str, key: Sequence[str], columns: Sequence[str]) -> str:
    new = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE {table} SET {new} WHERE {' AND '.join(f'{column} = ?' for column in key)}"  # noqa: S608


def _mysql_update(table: str, key: Sequence[str], columns: Sequence[str], rows: list[Sequence[Any]]) -> str:
    named = ",".join(f"{literal(value)} v{i}" for i, value in enumerate(rows[0]))
    selects = " UNION ALL SELECT ".join([named, *(",".join(map(literal, row)) for row in rows[1:])])
    on = " AND ".join(f"t.{column} = k.v{i}" for i, column in enumerate(key))
    new = ", ".join(f"t.{column} = k.v{i}" for i, column in enumerate(columns, len(key)))
    return f"UPDATE (SELECT {selects}) AS k STRAIGHT_JOIN {table} t ON {on} SET {new}"  # noqa: S608


def find_rows(
    connection: Connection, table: str, key: Sequence[str], columns: Sequence[str], keys: Collection[Sequence[Any]]
) -> Iterator[tuple[Any, ...]]:
    """`columns` of the rows of `table` whose `key` columns have one of the values `keys`: (key, column, column …).

    Keys that are not there are left out. The names are constants of the program.
    """
    for chunk in chunks(keys):
        if connection.dialect.name == "sqlite":
            on = " AND ".join(f"t.{column} = k.{name}" for column, name in zip(key, "abcd", strict=False))
            wanted = ", ".join(f"t.{column}" for column in columns)
            for i, *row in _ask_sqlite(connection, wanted, f"CROSS JOIN {table} t ON {on}", chunk):
                yield (chunk[i], *row)
        else:
            tuples = ",".join([f"({','.join(map(literal, one))})" for one in chunk])
            names = ", ".join(key)
            statement = f"SELECT {names}, {', '.join(columns)} FROM {table} WHERE ({names}) IN ({tuples})"  # noqa: S608
            yield from ((row[: len(key)], *row[len(key) :]) for row in ask(connection, statement))


def ask_each(connection: Connection, columns: str, keys: Collection[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Each key followed by what `columns` are for it: a constant list of SQL expressions over `k.a`, `k.b` …, the
    parts of the key."""
    for chunk in chunks(keys):
        if connection.dialect.name == "sqlite":
            found = _ask_sqlite(connection, columns, "", chunk)
        else:
            found = ask(connection, _mysql_ask_each(columns, chunk))
        for i, *row in found:
            yield (chunk[i], *row)


def _ask_sqlite(connection: Connection, columns: str, join: str, keys: list[Any]) -> list[Row]:
    filled = padded(keys)
    values = tuple(value for i, key in enumerate(filled) for value in (i, *key))
    statement = _sqlite_statement(columns, join, len(keys[0]), len(filled))
    return [row for row in ask(connection, statement, values) if row[0] < len(keys)]


# One for each kind of question and length: 1.5 KB on average.
@lru_cache(maxsize=256)
def _sqlite_statement(columns: str, join: str, width: int, count: int) -> str:
    names = ", ".join("iabcd"[: width + 1])
    marks = f"({', '.join('?' * (width + 1))})"
    return f"WITH k ({names}) AS (VALUES {', '.join([marks] * count)}) SELECT k.i, {columns} FROM k {join}"  # noqa: S608


def _mysql_ask_each(columns: str, keys: list[Any]) -> str:
    first, *others = (",".join(map(literal, (i, *key))) for i, key in enumerate(keys))
    named = ",".join(f"{value} {name}" for value, name in zip(first.split(","), "iabcd", strict=False))
    selects = " UNION ALL SELECT ".join([named, *others])
    return f"SELECT k.i, {columns} FROM (SELECT {selects}) AS k"  # noqa: S608
