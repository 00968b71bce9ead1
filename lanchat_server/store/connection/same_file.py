"""Whether a path still names the SQLite database that this process has open, as this process left it.

SQLite does not look: it goes on in a file that was renamed or removed, and answers from memory what was overwritten. So
a transaction would be acknowledged that nobody finds again. Some ten microseconds a transaction (six times `stat`).
"""

import os
import sys
from pathlib import Path

from lanchat.i18n import _
from lanchat.platform.disk.renames import replace
from lanchat_server.core.ports import CommitFailed, Fenced
from lanchat_server.store.connection.errors import file_problem

# Of a file: device, inode, size, and the nanosecond at which its content was changed last.
_State = tuple[int, int, int, int]


class SameFile:
    """For the thread that writes. It alone moves what was written from the write-ahead log into the database, so it
    knows what that looks like from outside; another program that adds to the log, as SQLite does it, may."""

    def __init__(self, path: Path) -> None:
        """`path`: the database. `check` and `settle` find nothing wrong before the first `remember`."""
        # As a string, which is looked up in half the time of a Path.
        self._path = str(path)
        # The write-ahead log and its index are there as long as a connection is.
        self._files = (self._path, self._path + "-wal", self._path + "-shm")
        self._states: dict[str, _State] = {}

    def remember(self) -> None:
        """What is there now is right: this process has just opened or changed it."""
        self._states = {path: state for path in self._files if (state := self._look(path)) is not None}

    def check(self) -> None:
        """Before a transaction. Raises Fenced when anybody else changed, replaced or removed the database."""
        for path, state in self._states.items():
            now = self._look(path)
            if now is None or not _same(now, state) or now[2] < state[2]:
                raise self._changed()
            # Windows tells times late.
            if path == self._path and now != state and sys.platform != "win32":
                raise self._changed()

    def settle(self) -> None:
        """After the end of a transaction, before anybody is told of it. Raises Fenced when it went into a file that
        the path does not name."""
        states = {path: state for path in self._files if (state := self._look(path)) is not None}
        for path, state in self._states.items():
            if not _same(states.get(path), state):
                raise self._changed()
        self._states = states

    def leave(self) -> None:
        """After the last connection was closed. A write-ahead log that does not belong to the database beside it is
        set aside: the next start would mix the two."""
        wal = self._files[1]
        database, log = self._states.get(self._path), self._states.get(wal)
        if database is None or log is None:
            return
        if not _same(self._look(self._path), database) and _same(self._look(wal), log):
            replace(wal, wal + ".left")

    def _changed(self) -> Fenced:
        text = _("The database file {path} was replaced or changed by another program while the server ran")
        return Fenced(text.format(path=self._path))

    def _look(self, path: str) -> _State | None:
        """None when there is no such file. Raises CommitFailed when nobody can say."""
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CommitFailed(file_problem(Path(path), error)) from error
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _same(now: _State | None, before: _State) -> bool:
    """Whether this is the same file."""
    return now is not None and now[:2] == before[:2]
