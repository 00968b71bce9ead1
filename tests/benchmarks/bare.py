"""Rows of a message's size, by the bare driver of a database with the durability that the product has:
`python -m tests.benchmarks.bare DATABASE SECONDS` prints how many a second.

Usually each is in a transaction of its own, which is what a chat does that stores each message when it comes. With
`--checked` it is what little more than the promises reaches: a signature is checked for each, on all cores, and a large
batch is a transaction; no messages come in, nothing is numbered, chained, indexed or told.
"""

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mysql.connector
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.log.keys import check_signature, public_octets
from lanchat_server.core.config import CoreConfig
from tests.benchmarks.serving import DATABASES, MARIADB_OPTIONS
from tests.support.mariadb import PASSWORD, MariaDB

ROOT = Path(__file__).parents[2]
_CREATE = "CREATE TABLE said (id INTEGER PRIMARY KEY {auto}, author INTEGER, body VARCHAR(600))"
_INSERT = "INSERT INTO said (author, body) VALUES ({mark}, {mark})"
_BODY = "x" * 480  # header, signature, hash and text of a record
_BATCH = CoreConfig().gather_enough


def rows_a_second(database: str, seconds: float, *, checked: bool = False) -> float:
    """Measured in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "tests.benchmarks.bare", database, str(seconds), *["--checked"] * checked]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


Insert = Callable[[Sequence[int]], None]


def _inserting(database: str) -> contextlib.AbstractContextManager[Insert]:
    """Something that stores a row of each of these authors in one transaction, durably."""
    return _sqlite_row() if database == "SQLite" else _mariadb_row()


@contextlib.contextmanager
def _sqlite_row() -> Iterator[Insert]:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", check_same_thread=False)
        with contextlib.closing(connection):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_CREATE.format(auto=""))

            def insert(authors: Sequence[int]) -> None:
                connection.executemany(_INSERT.format(mark="?"), [(author, _BODY) for author in authors])
                connection.commit()

            yield insert


@contextlib.contextmanager
def _mariadb_row() -> Iterator[Insert]:
    with MariaDB(MARIADB_OPTIONS) as server:
        server.create_database("bare")
        connection: Any = mysql.connector.connect(
            host="127.0.0.1", port=server.port, user="root", password=PASSWORD, database="bare", use_pure=True
        )
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute(_CREATE.format(auto="AUTO_INCREMENT"))

            def insert(authors: Sequence[int]) -> None:
                cursor.executemany(_INSERT.format(mark="%s"), [(author, _BODY) for author in authors])
                connection.commit()

            yield insert


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", choices=DATABASES)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--checked", action="store_true")
    options = parser.parse_args()
    with _inserting(options.database) as insert:
        print((_checked if options.checked else _one_by_one)(insert, options.seconds))


def _one_by_one(insert: Insert, seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        insert([done % 20])
        done += 1
    return done / passed


def _checked(insert: Insert, seconds: float) -> float:
    key = Ed25519PrivateKey.generate()
    signed = b"x" * 100
    public, signature = public_octets(key), key.sign(signed)
    writing = threading.Lock()
    done, began = 0, time.perf_counter()

    def work() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            for _ in range(_BATCH):
                check_signature(public, signature, signed)
            with writing:
                insert(range(_BATCH))
                done += _BATCH

    threads = [threading.Thread(target=work) for _ in range(len(os.sched_getaffinity(0)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
