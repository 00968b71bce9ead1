"""One process at a time: an exclusive lock on a small file that stays where it is.

The operating system drops the lock when its holder dies, however it dies, so a crash leaves nothing to clean up. The
file is never deleted: a process that waits on a deleted file would share the lock with nobody. The locking itself is
that of `filelock` on a descriptor of ours. Its `FileLock` is not used: it deletes the file on Windows, opens what
another user owns, and takes a marker file, which outlives its process, for a lock where the file system has none.
"""

import os
import time
from pathlib import Path

from filelock import lock_descriptor

from lanchat.platform.disk.files import open_private

_POLL = 0.01


class FileLockedError(Exception):
    """Another process, or another `FileLock` of this one, holds the lock. Its text is for developers."""


class FileLock:
    """Held from construction until `release` or the end of the process; programs that this one starts do not inherit
    it. On a network file system it is as good as that system's locks.

    Waits up to `timeout` seconds. Raises FileLockedError when the lock is still held then, OSError when the file cannot
    be opened (a link, another user's, not a file) or the file system has no locks.
    """

    def __init__(self, path: Path, timeout: float = 0.0) -> None:
        """Blocks the calling thread while it waits; looks every 10 ms."""
        deadline = time.monotonic() + timeout
        self._descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
        try:
            while not lock_descriptor(self._descriptor, blocking=False):
                if time.monotonic() >= deadline:
                    raise FileLockedError(str(path))
                time.sleep(_POLL)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others in; again without effect."""
        if self._descriptor >= 0:
            os.close(self._descriptor)  # releases the lock, on every platform
            self._descriptor = -1
