"""Many rows or keys in one statement, past the expression layer, which would cost more than the database itself.

* Rows: `executemany` on SQLite; on MySQL and MariaDB one INSERT with all rows in it.
* Keys of several columns: SQLite reads the whole table when it is given a list of tuples to compare with, and MySQL
  plans one select per key slowly. So the keys become a small table of their own, and what is asked of each is one
  step down an index.

Values are None, int, str and bytes; on MySQL and MariaDB they are written as literals (see literals.py).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from lanchat_server.store.literals import literal

T = TypeVar("T")

# Keys or rows in one statement. SQLite takes 500 selects and 32,766 values; 256 rows of MySQL literals with bodies of
# 16 KiB are 8 MiB, half of the packet that servers take by default (max_allowed_packet 16 MiB, MySQL 64).
CHUNK = 256
# Lists of keys are filled up to one of these lengths, so that SQLite prepares few different statements.
_LENGTHS = (1, 4, 16, 64, CHUNK)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def insert_rows(connection: Connection, table: Table, rows: Collection[Sequence[Any]]) -> None:
    """Insert rows; each holds the values of all columns of `table`, in order."""
    for chunk in chunks(rows):
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * len(table.columns))
            connection.exec_driver_sql(f"{_insert_into(table)}({marks})", [tuple(row) for row in chunk])
        else:
            values = ",".join([f"({','.join(map(literal, row))})" for row in chunk])
            connection.exec_driver_sql(_insert_into(table) + values)


@cache
def _insert_into(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES "  # noqa: S608


def look_up(
    connection: Connection, columns: str, keys: Collection[Sequence[Any]], join: str = ""
) -> Iterator[tuple[Any, ...]]:
    """Each key followed by what `columns` are for it; keys that `join` finds nothing for are left out.

    Both are constants of the program: a list of SQL expressions in which `k.a`, `k.b` … are the parts of the key, and
    a join with the table `k` of keys.
    """
    for chunk in chunks(keys):
        if connection.dialect.name == "sqlite":
            length = next(length for length in _LENGTHS if length >= len(chunk))
            padded = chunk + chunk[-1:] * (length - len(chunk))
            values = tuple(value for i, key in enumerate(padded) for value in (i, *key))
            found = connection.exec_driver_sql(_sqlite_look_up(columns, join, len(chunk[0]), length), values)
        else:
            found = connection.exec_driver_sql(_mysql_look_up(columns, join, chunk))
        for i, *row in found:
            if i < len(chunk):
                yield (chunk[i], *row)


@cache
def _sqlite_look_up(columns: str, join: str, width: int, count: int) -> str:
    names = ", ".join("iabcd"[: width + 1])
    marks = f"({', '.join('?' * (width + 1))})"
    return f"WITH k ({names}) AS (VALUES {', '.join([marks] * count)}) SELECT k.i, {columns} FROM k {join}"  # noqa: S608


def _mysql_look_up(columns: str, join: str, keys: list[Any]) -> str:
    first, *others = (",".join(map(literal, (i, *key))) for i, key in enumerate(keys))
    names = "".join(f"{value} {name}," for name, value in zip("iabcd", first.split(","), strict=False)).rstrip(",")
    selects = " UNION ALL SELECT ".join([names, *others])
    return f"SELECT k.i, {columns} FROM (SELECT {selects}) AS k {join}"  # noqa: S608
