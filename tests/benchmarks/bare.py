"""Single rows of a message's size, each in a transaction of its own, by the bare driver of a database with the
durability that the product has: `python -m tests.benchmarks.bare DATABASE SECONDS` prints how many a second.
"""

import argparse
import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mysql.connector

from tests.benchmarks.serving import DATABASES, MARIADB_OPTIONS
from tests.support.mariadb import PASSWORD, MariaDB

ROOT = Path(__file__).parents[2]
_CREATE = "CREATE TABLE said (id INTEGER PRIMARY KEY {auto}, author INTEGER, body VARCHAR(600))"
_INSERT = "INSERT INTO said (author, body) VALUES ({mark}, {mark})"
_BODY = "x" * 480  # header, signature, hash and text of a record


def rows_a_second(database: str, seconds: float) -> float:
    """Measured in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "tests.benchmarks.bare", database, str(seconds)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _inserting(database: str) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Something that stores one row of this author durably."""
    return _sqlite_row() if database == "SQLite" else _mariadb_row()


@contextlib.contextmanager
def _sqlite_row() -> Iterator[Callable[[int], None]]:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db")
        with contextlib.closing(connection):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_CREATE.format(auto=""))

            def insert(author: int) -> None:
                connection.execute(_INSERT.format(mark="?"), (author, _BODY))
                connection.commit()

            yield insert


@contextlib.contextmanager
def _mariadb_row() -> Iterator[Callable[[int], None]]:
    with MariaDB(MARIADB_OPTIONS) as server:
        server.create_database("bare")
        connection: Any = mysql.connector.connect(
            host="127.0.0.1", port=server.port, user="root", password=PASSWORD, database="bare", use_pure=True
        )
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute(_CREATE.format(auto="AUTO_INCREMENT"))

            def insert(author: int) -> None:
                cursor.execute(_INSERT.format(mark="%s"), (author, _BODY))
                connection.commit()

            yield insert


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", choices=DATABASES)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    with _inserting(options.database) as insert:
        done, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < options.seconds:
            insert(done % 20)
            done += 1
        print(done / passed)


if __name__ == "__main__":
    main()
