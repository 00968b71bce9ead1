"""What a person hands in as a file, readable by chunks from any place, and always the same octets.

A file is read where it lies: one that is written to meanwhile is refused by name, because what was hashed first would
not be what is sent then. What can be read once only (standard input, a pipe) and a folder become a private copy without
a name, which ends with the process.
"""

import errno
import mimetypes
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from lanchat.platform.disk.files import FileRefused, open_input
from lanchat.platform.disk.packing import pack_folder, same_state
from lanchat.protocol.log.files import UNKNOWN_MEDIA_TYPE
from lanchat.protocol.problems import Problem

_PART = 1 << 20
_FOLDER_TYPE = "application/zip"
_STANDARD_INPUT = "-"


class FileSource:
    """One file to be sent. `label`: as the person named it; `name`: what others are told it is called; `type`: its
    media type by its name; `size` in octets. One thread at a time; `close` when done."""

    def __init__(self, given: str, size_max: int, copies: Path | None = None) -> None:
        """`given`: a path, or "-" for standard input. `copies`: the folder for private copies, the system's without.
        Raises OSError, also FileRefused: no file or folder, or more than `size_max` octets."""
        self.label = given
        self._size_max = size_max
        self._copies = copies
        self._file, self.name, self.type = self._open(given)
        try:
            self._state = os.fstat(self._file.fileno())
            self.size = self._state.st_size
            if self.size > size_max:
                raise FileRefused(errno.EFBIG, Problem.LARGER_THAN_TAKEN, given)
        except BaseException:
            self.close()
            raise

    def read(self, first: int, count: int) -> bytes:
        """Exactly `count` octets from number `first` (0 is the first) on. Raises OSError, FileRefused when the file is
        shorter now."""
        self._file.seek(first)
        parts, left = [], count
        while left > 0 and (part := self._file.read(left)):
            parts.append(part)
            left -= len(part)
        if left:
            raise self.changed()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def parts(self, size: int) -> Iterator[bytes]:
        """All of it in parts of `size` octets, the last one shorter; then FileRefused when the file has changed."""
        for first in range(0, self.size, size):
            yield self.read(first, min(size, self.size - first))
        self.check()

    def check(self) -> None:
        """Raises FileRefused when the file was written to since it was opened."""
        if not same_state(self._state, os.fstat(self._file.fileno())):
            raise self.changed()

    def changed(self) -> FileRefused:
        """The error for a file that is not what it was."""
        return FileRefused(errno.EAGAIN, Problem.CHANGED_WHILE_READ, self.label)

    def close(self) -> None:
        """Again without effect."""
        self._file.close()

    def _open(self, given: str) -> tuple[IO[bytes], str, str]:
        if given == _STANDARD_INPUT:
            return self._copied(self._copy_of(given)), "stdin", UNKNOWN_MEDIA_TYPE
        path = Path(given)
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            folder = path.resolve(strict=True)
            copy = self._copied(lambda stream: pack_folder(folder, stream, self._size_max))
            return copy, _text(folder.name or "folder") + ".zip", _FOLDER_TYPE
        if stat.S_ISFIFO(mode):
            return self._copied(self._copy_of(given)), _text(path.name), _type_of(path.name)
        if not stat.S_ISREG(mode):
            raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, given)
        return open(path, "rb", buffering=0), _text(path.name), _type_of(path.name)

    def _copy_of(self, given: str) -> Callable[[IO[bytes]], None]:
        def copy(stream: IO[bytes]) -> None:
            with open_input(given) as source:
                while part := source.read(_PART):
                    stream.write(part)
                    if stream.tell() > self._size_max:
                        raise FileRefused(errno.EFBIG, Problem.LARGER_THAN_TAKEN, given)

        return copy

    def _copied(self, fill: Callable[[IO[bytes]], None]) -> IO[bytes]:
        copy: IO[bytes] = tempfile.TemporaryFile(dir=self._copies)  # noqa: SIM115 - read as long as there is a source
        try:
            fill(copy)
            copy.flush()
        except BaseException:
            copy.close()
            raise
        return copy


def _text(name: str) -> str:
    """A name whose octets may be no text, as one."""
    return os.fsencode(name).decode(errors="replace")


def _type_of(name: str) -> str:
    """By its ending, from the table of the language, not from the computer's."""
    found, encoding = _TYPES.guess_type(name)
    return found if found and not encoding else UNKNOWN_MEDIA_TYPE


_TYPES = mimetypes.MimeTypes()
