"""One process per SQLite file: an operating system lock on a file beside it, gone when the process is gone.

SQLite's own exclusive mode would do, but then readers in other threads wait for the writer; with this lock they read
the last committed state meanwhile (WAL).
"""

import os
import sys
from pathlib import Path

from lanchat.i18n import _
from lanchat.platform.files import open_private
from lanchat_server.core.ports import StoreError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Held from construction until `release`. Raises StoreError when another process, or another store, holds it."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(_("Cannot write to {path}: {reason}").format(path=path, reason=error.strerror)) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            message = _("Another LAN Chat server uses the data in {folder}: stop it first")
            raise StoreError(message.format(folder=path.parent)) from error

    def release(self) -> None:
        """Let others in. Once only."""
        os.close(self._descriptor)
