"""Files of the profile are changed by one process at a time."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.file_lock import FileLock, FileLockedError
from lanchat.platform.disk.files import os_reason
from lanchat.protocol.problems import Problem


@contextmanager
def locked(path: Path, timeout: float = 10.0) -> Iterator[None]:
    """Holds the lock on `path`; not reentrant. Raises LocalStoreError when another process keeps it for longer than
    `timeout` seconds, OSError when the file cannot be opened or locked."""
    lock = _take(path, timeout)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _take(path: Path, timeout: float) -> FileLock | None:
    """None where nothing can be written: there is nobody to be kept out then."""
    try:
        return FileLock(path, timeout)
    except FileLockedError:
        raise LocalStoreError(Problem.FILE_LOCKED, file=str(path)) from None
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        if error.errno != errno.EROFS and os.access(path.parent, os.W_OK):
            raise
        return None


@contextmanager
def guarded(lock: Path, subject: Path) -> Iterator[None]:
    """Holds `lock` while `subject` is read or replaced. An OSError becomes a LocalStoreError that names `subject`."""
    try:
        with locked(lock):
            yield
    except OSError as error:
        raise LocalStoreError(Problem.FILE_UNUSABLE, file=str(subject), reason=os_reason(error)) from error
