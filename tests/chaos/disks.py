"""Small disks that can be filled: a tmpfs of a given size, mounted for a test. Needs root."""

import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = 64 * 1024


class SmallDisk:
    """Mounted at `path`, a folder of its own, while in its `with` block."""

    def __init__(self, octets: int) -> None:
        self._octets = octets

    def __enter__(self) -> Self:
        # Not in a test's folder: the path of MariaDB's socket may have 107 octets.
        self.path = Path(tempfile.mkdtemp(prefix="lanchat-disk-"))
        self._ballast = self.path / "ballast"
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._octets},mode=0755", "lanchat-test", str(self.path)]
        subprocess.run(command, check=True, capture_output=True, timeout=10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Lazily: whoever still has a file open on it must not keep a failed test's disk mounted.
        subprocess.run(["umount", "--lazy", str(self.path)], check=True, capture_output=True, timeout=10)
        self.path.rmdir()

    @property
    def free(self) -> int:
        """Octets."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Nothing more than `leave` octets fits from now on."""
        with open(self._ballast, "ab", buffering=0) as file:
            while (room := self.free - leave) > 0:
                try:
                    file.write(bytes(min(room, _BLOCK)))
                except OSError:
                    return

    def empty(self) -> None:
        """Free again."""
        self._ballast.unlink()
