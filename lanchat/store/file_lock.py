"""One process at a time: an advisory lock on a small file that stays where it is.

The operating system drops the lock when its holder dies, so a crash leaves nothing to clean up. The file is never
deleted: a process that waits on a deleted file would share the lock with nobody.
"""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from lanchat.core.ports import LocalStoreError
from lanchat.i18n import _
from lanchat.platform.files import open_private

_POLL = 0.01

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Holds the lock inside `with`; not reentrant. Raises LocalStoreError when another process keeps it for longer
    than `timeout` seconds, OSError when the file cannot be opened."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = self._open()
        if descriptor < 0:
            return self
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                _try_lock(descriptor)
            except OSError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise LocalStoreError(
                        _("Another LAN Chat on this computer keeps {file} locked").format(file=self._path)
                    ) from None
                time.sleep(_POLL)
            else:
                self._descriptor = descriptor
                return self

    def _open(self) -> int:
        """-1 where nothing can be written: there is nobody to be kept out then."""
        try:
            return open_private(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise
            if error.errno != errno.EROFS and os.access(self._path.parent, os.W_OK):
                raise
            return -1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing releases it, on every platform.
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


@contextmanager
def guarded(lock: Path, subject: Path) -> Iterator[None]:
    """Holds `lock` while `subject` is read or replaced. An OSError becomes a LocalStoreError that names `subject`."""
    try:
        with FileLock(lock):
            yield
    except OSError as error:
        raise LocalStoreError(
            _("The file {file} cannot be used: {reason}").format(file=subject, reason=error.strerror or error)
        ) from error
