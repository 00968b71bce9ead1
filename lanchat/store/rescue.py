"""A damaged local store: set aside, and a new one begun with the outbox that can still be read.

The log is read again from the server, so only the outbox matters. It is read from a copy, row by row from both ends,
each row checked; when that does not go well, once more with the first page (SQLite's header and table of contents)
taken from a new file: the tables lie in the same places in each.

The order of steps makes a crash harmless: the damaged file is renamed first, with its write-ahead log after it; the
new file gets its name when it is complete. No file of that name, but one set aside: whoever opens the store next
does the rest. A process that still writes to the renamed file notices after its commit (see database.py).
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from lanchat.platform.disk.files import aside_names, next_aside_name, sync_file, sync_folder
from lanchat.platform.disk.renames import rename
from lanchat.protocol.codec import U63, decoder
from lanchat.protocol.log.messages import Message
from lanchat.store.rows import Damaged, unpack
from lanchat.store.schema import PAGE_SIZE, is_ours, migrate

# item, room, device, run, n, data
OutboxRow = tuple[int, int, bytes, int, int, bytes]

decode_outgoing = decoder(tuple[Message, U63])

# Python decodes SQLite's error texts strictly, and they may quote the damaged file.
_READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_WRITE_FORMATS = (1, 2)  # rollback journal, write-ahead log
_SIDE_FILES = ("-wal", "-shm")
_READ = "SELECT item, room, device, run, n, data FROM outgoing ORDER BY item"
_WRITE = "INSERT OR IGNORE INTO outgoing (item, room, device, run, n, data) VALUES (?, ?, ?, ?, ?, ?)"


class Rescue(NamedTuple):
    """Where the damaged file is now, and how many messages of its outbox were kept."""

    aside: Path
    kept: int


def sqlite_uri(path: PurePath, query: str) -> str:
    """The name under which SQLite opens an absolute path. It takes no host in it: that of a folder of the network
    (\\\\host\\share on Windows) is part of the path."""
    uri = path.as_uri()
    return f"{uri if uri.startswith('file:///') else uri.replace('file://', 'file:////', 1)}?{query}"


def connect(path: Path, busy_timeout: float = 5.0) -> sqlite3.Connection:
    """A connection to an existing file, in autocommit, for any thread (the caller locks). Raises sqlite3.Error."""
    connection = sqlite3.connect(
        sqlite_uri(path.absolute(), "mode=rw"),
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    _distrust(connection)
    return connection


def _distrust(connection: sqlite3.Connection) -> None:
    """Nobody knows who wrote what is in the file."""
    connection.text_factory = lambda octets: octets.decode(errors="replace")
    connection.execute("PRAGMA trusted_schema = OFF")


def connect_without_writing(path: Path) -> sqlite3.Connection:
    """A connection that reads a store where nothing can be written: beside the file SQLite wants to make another one.
    What stands in the write-ahead log is read from a copy, where there is room for one. Raises sqlite3.Error."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        for folder in ("/dev/shm", None):  # noqa: S108 - a private folder in it
            with contextlib.suppress(OSError, sqlite3.Error):
                return _connect_to_copy(path, folder)
    connection = sqlite3.connect(
        sqlite_uri(path.absolute(), "mode=ro&immutable=1"), uri=True, isolation_level=None, check_same_thread=False
    )
    _distrust(connection)
    return connection


def _connect_to_copy(path: Path, folder: str | None) -> sqlite3.Connection:
    with tempfile.TemporaryDirectory(prefix="lanchat-", dir=folder, ignore_cleanup_errors=True) as place:
        copy = Path(place, "copy")
        _copy_store(path, copy)
        connection = connect(copy)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens all that it needs
        return connection


def is_foreign(path: Path) -> bool:
    """True for a file that SQLite opens without a complaint and that is not one of ours. Shorter than a page: it is
    taken for a new one, and the write-ahead log beside it is deleted. An unknown format for writing (octet 18 of the
    header): it is read, and every change is refused. Raises OSError."""
    with path.open("rb") as file:
        header = file.read(PAGE_SIZE)
    return len(header) < PAGE_SIZE or header[18] not in _WRITE_FORMATS


def put_aside(path: Path) -> None:
    """Rename a damaged store and what belongs to it. Hold the store's file lock. Raises OSError."""
    rename(path, next_aside_name(path))
    _finish_put_aside(path)


def start_over(path: Path) -> Rescue | None:
    """Begin a new file at `path`, where none is, with the outbox of the one that was set aside last; None when none
    was. Hold the store's file lock. Raises OSError, sqlite3.Error; then it can be tried again."""
    _finish_put_aside(path)
    aside = aside_names(path)[-1:]
    items = read_outbox(aside[0]) if aside else []
    _create(path, items)
    return Rescue(aside[0], len(items)) if aside else None


def read_outbox(damaged: Path) -> list[OutboxRow]:
    """What can be read of the outbox of a damaged store, which is left as it is."""
    found: dict[int, OutboxRow] = {}
    with tempfile.TemporaryDirectory(prefix=".rescue-", dir=damaged.parent) as folder:
        copy = Path(folder, "copy")
        _copy_store(damaged, copy)
        if is_foreign(copy) or not _scan(copy, found):
            _copy_store(damaged, copy)
            _graft_first_page(copy)
            _scan(copy, found)
    return [found[item] for item in sorted(found)]


def _finish_put_aside(path: Path) -> None:
    """Side files of a store that is gone go where it went: a new store must never meet another one's log."""
    leftovers = [suffix for suffix in _SIDE_FILES if path.with_name(path.name + suffix).exists()]
    if not leftovers:
        return
    aside = (aside_names(path) or [next_aside_name(path)])[-1]
    if any(aside.with_name(aside.name + suffix).exists() for suffix in leftovers):
        aside = next_aside_name(path)
    for suffix in leftovers:
        rename(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
    sync_folder(path.parent)


def _copy_store(source: Path, target: Path) -> None:
    for suffix in ("", *_SIDE_FILES):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(source, target)
    log = source.with_name(source.name + "-wal")
    if log.exists():
        shutil.copyfile(log, target.with_name(target.name + "-wal"))


def _scan(path: Path, found: dict[int, OutboxRow]) -> bool:
    """Add the good rows of the outbox; False when something could not be read."""
    sound = True
    try:
        with contextlib.closing(connect(path)) as connection:
            # Lets SQLite open a file that is shorter than its header says.
            connection.execute("PRAGMA writable_schema = ON")
            if not is_ours(connection, "outgoing"):
                return False
            for order in ("ASC", "DESC"):
                sound &= _scan_in_order(connection, order, found)
    except _READ_ERRORS:
        return False
    return sound


def _scan_in_order(connection: sqlite3.Connection, order: str, found: dict[int, OutboxRow]) -> bool:
    sound = True
    try:
        for row in connection.execute(f"{_READ} {order}"):
            if _is_complete(row):
                found[row[0]] = row
            else:
                sound = False
    except _READ_ERRORS:
        return False
    return sound


def _is_complete(row: Any) -> bool:
    try:
        unpack(decode_outgoing, row[1:5], row[5])
    except Damaged:
        return False
    return True


def _graft_first_page(path: Path) -> None:
    template = path.with_name("template")
    _create(template, [])
    page = bytearray(template.read_bytes()[:PAGE_SIZE])
    # Change counter unlike "version valid for": SQLite takes the size from the file, not from this page.
    page[24:28] = b"\0\0\0\2"
    page[92:96] = b"\0\0\0\1"
    with open(path, "r+b") as file:
        file.write(page)


def _create(path: Path, items: Iterable[OutboxRow]) -> None:
    """A new store that is complete when its name appears."""
    fresh = path.with_name(path.name + ".new")
    for suffix in ("", "-journal", *_SIDE_FILES):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with contextlib.closing(connect(fresh)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_WRITE, items)
        connection.execute("COMMIT")
    sync_file(fresh)
    rename(fresh, path)
    sync_folder(path.parent)
