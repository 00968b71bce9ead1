"""One SQLite file that several processes and threads share: transactions, errors in plain words, repair.

Each transaction is short and takes the write lock at its beginning (BEGIN IMMEDIATE), so two processes wait for each
other and never fail on a stale snapshot. WAL with synchronous=FULL: a commit is on the disk when it returns, and
readers do not wait for writers.

A damaged file (SQLite says so, or a row's checksum does) is set aside and replaced (rescue.py). Another process may do
that while this one has the old file open. So after each commit the name is looked at again: when it belongs to another
file by now, the transaction is done once more, on that file. Set aside first, rescued then: a commit that did not see
the new name yet is among what is rescued.
"""

import contextlib
import errno
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.files import make_private_folder, os_reason, refuse_no_file
from lanchat.platform.disk.renames import is_in_use
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.store import rescue
from lanchat.store.file_lock import locked
from lanchat.store.rows import Damaged
from lanchat.store.schema import is_ours, migrate, refuse_newer, version

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

# As our statements are fixed, these mean that the file is not what we wrote (no such table, a broken constraint). Any
# other error is the computer's (disk full, locked, read-only) and leaves the file alone.
_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
    }
)
# Python decodes SQLite's error texts strictly, and they may quote the damaged file.
_FILE_ERRORS = (sqlite3.Error, UnicodeDecodeError, Damaged)
_REPAIRS_MAX = 3
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG})
_DISK_FULL = ProblemDetails.of(Problem.DISK_FULL)
_NOT_WRITABLE = ProblemDetails.of(Problem.NOT_WRITABLE)
# What SQLite needs beside the file to open it at all.
_ROOM_MIN = 128 * 1024
# Small, and what must be right before anything is sent; the rest shows its damage when it is read.
_CHECKED_AT_OPEN = ("outgoing", "spans")


class Database:
    """Opens, and makes or repairs, the file at `path`. Every method raises LocalStoreError and is safe to call from any
    thread; `busy_timeout` seconds is how long a transaction waits for another process."""

    def __init__(self, path: Path, busy_timeout: float = 5.0) -> None:
        """Raises LocalStoreError when the file can be neither opened nor replaced; where nothing can be written, what
        is there is opened for reading (`unwritable`)."""
        self._path = path
        self._busy_timeout = busy_timeout
        self._mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._closed = False
        self._rescue: rescue.Rescue | None = None
        # Why nothing can be written: the file was opened for reading only, or a write failed for want of room or right.
        self._read_only: LocalStoreError | None = None
        with self._mutex:
            self._open()

    @property
    def recovered(self) -> ProblemDetails | None:
        """What a person is told when this object had to replace a damaged file, else None."""
        return None if self._rescue is None else _rescued(self._rescue)

    @property
    def unwritable(self) -> ProblemDetails | None:
        """Why nothing can be written at present; else None."""
        return None if self._read_only is None else self._read_only.details

    def read(self, work: Work[T], *, again: bool = False) -> T:
        """What `work` returns; it executes one SELECT. `again`: see `write`."""
        return self._run(work, again)

    def write(self, work: Work[T], *, again: bool = False) -> T:
        """What `work` returns, after its transaction is durable; an exception undoes all of it.

        When the file turns out to be damaged, it is replaced. Then the call raises, as the caller's picture of the
        content is wrong from now on; unless `again` says that doing it once more on the new file is right.
        """
        if self._read_only is not None:
            self._open_for_writing()
        try:
            return self._run(lambda connection: _transact(connection, work), again, check_after=True)
        except LocalStoreError as error:
            if isinstance(error.__cause__, _FILE_ERRORS) and _means_unwritable(error.__cause__):
                self._read_only = error  # the next one opens the file anew
            raise

    def _open_for_writing(self) -> None:
        """There may be room again."""
        with self._mutex:
            if self._read_only is not None and not self._closed:
                self._drop_connection()
                self._open()
                if self._read_only is not None:
                    raise self._read_only

    def close(self) -> None:
        """Idempotent; other methods raise from now on."""
        with self._mutex:
            self._closed = True
            self._drop_connection()

    def _run(self, work: Work[T], again: bool, *, check_after: bool = False) -> T:
        with self._mutex:
            for _try in range(_REPAIRS_MAX):
                connection = self._current_connection(again)
                try:
                    result = work(connection)
                except _FILE_ERRORS as error:
                    if not (_means_damage(error) or self._is_read_only_by_damage(error)):
                        raise self._failure(error) from error
                    self._repair()
                    if not again:
                        raise LocalStoreError(self.recovered or Problem.COPY_REPLACED) from error
                else:
                    if not check_after or self._is_current():
                        return result
            raise LocalStoreError(Problem.COPY_DAMAGED, file=str(self._path))

    def _current_connection(self, again: bool) -> sqlite3.Connection:
        if self._closed:
            raise LocalStoreError(Problem.COPY_CLOSED)
        if self._connection is not None and self._is_current():
            return self._connection
        replaced = self._connection is not None
        self._drop_connection()
        connection = self._open()
        if replaced and not again:
            raise LocalStoreError(Problem.COPY_REPLACED)
        return connection

    def _open(self) -> sqlite3.Connection:
        """Under the file lock nobody else opens, repairs or replaces the file."""
        try:
            make_private_folder(self._path.parent)
            with locked(self._path.with_name(self._path.name + ".lock")):
                connection = self._open_existing() or self._start_over()
                _refuse_read_only(connection)
                self._file = self._file_now()
        except (OSError, *_FILE_ERRORS) as error:
            connection = self._open_read_only(error)
        else:
            self._read_only = None
        self._connection = connection
        return connection

    def _open_read_only(self, error: Exception) -> sqlite3.Connection:
        """Where nothing can be written (a full disk, a read-only one), what is there can be read."""
        failure = self._failure(error)
        if self._path.is_symlink() or not self._path.exists() or not _means_unwritable(error):
            raise failure from error
        try:
            connection = rescue.connect_without_writing(self._path)
            if version(connection) == 0:
                raise Damaged
            refuse_newer(connection)
            if not is_ours(connection):
                raise Damaged
        except (OSError, *_FILE_ERRORS):
            raise failure from error
        self._file = self._file_now()
        self._read_only = failure
        return connection

    def _open_existing(self) -> sqlite3.Connection | None:
        """None when there is no sound file; a damaged one is set aside then."""
        for suffix in ("", "-journal", "-wal", "-shm"):  # SQLite would wait for a pipe
            refuse_no_file(self._path.with_name(self._path.name + suffix))
        if not self._path.exists():
            return None
        if rescue.is_foreign(self._path):
            rescue.put_aside(self._path)
            return None
        connection = rescue.connect(self._path, self._busy_timeout)
        try:
            _prepare(connection)
        except _FILE_ERRORS as error:
            if not _means_damage(error):
                connection.close()
                raise
            self._set_aside(connection)
            return None
        except BaseException:
            connection.close()
            raise
        return connection

    def _start_over(self) -> sqlite3.Connection:
        self._rescue = rescue.start_over(self._path) or self._rescue
        connection = rescue.connect(self._path, self._busy_timeout)
        _prepare(connection)
        return connection

    def _repair(self) -> None:
        """Set the file of this connection aside, unless another process did, and open what is to be used now."""
        try:
            with locked(self._path.with_name(self._path.name + ".lock")):
                if self._connection is not None and self._is_current():
                    with contextlib.suppress(sqlite3.Error):
                        refuse_newer(self._connection)
                    self._set_aside(self._connection)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            self._drop_connection()
        self._open()

    def _set_aside(self, connection: sqlite3.Connection) -> None:
        # Closing the last connection writes to the file; a renamed file SQLite leaves as it is. Windows renames no
        # open file.
        try:
            if sys.platform == "win32":
                connection.close()
            rescue.put_aside(self._path)
        finally:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _is_current(self) -> bool:
        return self._file is not None and self._file_now() == self._file

    def _is_read_only_by_damage(self, error: Exception) -> bool:
        with contextlib.suppress(OSError):
            return _code(error) == sqlite3.SQLITE_READONLY and rescue.is_foreign(self._path)
        return False

    def _failure(self, error: Exception) -> LocalStoreError:
        if isinstance(error, OSError) and is_in_use(error):
            return LocalStoreError(Problem.COPY_IN_USE, file=str(self._path))
        reason = _reason(error)
        if _means_unwritable(error):
            reason = _unwritable(self._path.parent) or reason
        return LocalStoreError(Problem.COPY_UNUSABLE, file=str(self._path), reason=reason)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make a connection ready; raises Damaged, sqlite3.Error, LocalStoreError for a newer format."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    if version(connection) == 0:
        raise Damaged
    migrate(connection)
    if not is_ours(connection):
        raise Damaged
    for table in _CHECKED_AT_OPEN:
        if connection.execute(f"PRAGMA quick_check({table})").fetchone() != ("ok",):
            raise Damaged


def _transact(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
    return result


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _means_damage(error: Exception) -> bool:
    return isinstance(error, Damaged | UnicodeDecodeError) or _code(error) in _DAMAGE


def _refuse_read_only(connection: sqlite3.Connection) -> None:
    """SQLite opens for reading what it may not write, when a write-ahead log is there, and stays so for ever."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if _means_unwritable(error):
            connection.close()
            raise


def _means_unwritable(error: Exception) -> bool:
    """SQLite says in many ways that it cannot make or extend a file."""
    if isinstance(error, OSError):
        return error.errno in _UNWRITABLE and not is_in_use(error)
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    )


def _unwritable(folder: Path) -> ProblemDetails | None:
    """Why nothing can be written in a folder; None when it can."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            found = os.statvfs(folder)
            if found.f_flag & os.ST_RDONLY:
                return _NOT_WRITABLE
            if found.f_bavail * found.f_frsize < _ROOM_MIN or (found.f_files and not found.f_favail):
                return _DISK_FULL
    return None if os.access(folder, os.W_OK) else _NOT_WRITABLE


def _reason(error: Exception) -> str | ProblemDetails:
    if isinstance(error, OSError) and error.errno != errno.ENOSPC:
        return os_reason(error)
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return _DISK_FULL
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return ProblemDetails.of(Problem.LOCKED)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _NOT_WRITABLE
    return str(error)


def _rescued(found: rescue.Rescue) -> ProblemDetails:
    kept = ProblemDetails.of(Problem.MESSAGES_KEPT, count=found.kept)
    return ProblemDetails.of(Problem.COPY_RECOVERED, file=found.aside.name, kept=kept)
