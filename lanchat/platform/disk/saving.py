"""Where a fetched file is written: beside its place under a name of its own, until all of it is there.

The partial file is named after the content's hash, so that a later call, of this process or of another one, goes on
where this one ended: whatever is in it counts only after its hash was checked. One process at a time writes it. The
finished file takes its name without ever replacing another file; a disk that is full leaves nothing behind.
"""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import lock_descriptor

from lanchat.platform.disk.files import FileRefused, open_private, refuse_link, sync_folder
from lanchat.platform.disk.renames import rename, replace
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import check_chunk, chunk_count, chunk_octets
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.file_names import numbered_file_name

# Names that are tried when others are taken.
NAMES_MAX = 1000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What a file system says that has no second names for files.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EXDEV)


class Content(NamedTuple):
    """What a file has to hold; `leaves` were checked against `root` and `size`."""

    root: bytes
    size: int
    leaves: bytes


class Place(NamedTuple):
    """Where a person wants a file. `exact`: under this name or not at all; else with a number while a name is taken."""

    folder: Path
    name: str
    exact: bool


def place_of(out: str, name: str) -> Place:
    """The place that `out` names: a folder, or a file whose folder is there; empty: the current folder. `name`: for a
    folder, safe to use. Raises OSError."""
    if not out:
        return Place(Path(), name, exact=False)
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), out)
        return Place(path, name, exact=False)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    return Place(path.parent, path.name, exact=True)


def saved_already(place: Place, content: Content) -> Path | None:
    """The file that has this content under one of the names of the place, when there is one. Raises FileRefused when
    each name that may be used is another file's, before anything is fetched."""
    for path in _names(place):
        if not os.path.lexists(path):
            return None
        if _holds(path, content):
            return path
    raise _taken(place)


def _taken(place: Place) -> FileRefused:
    return FileRefused(errno.EEXIST, Problem.ALREADY_THERE, str(place.folder / place.name))


class SavedFile:
    """A file on its way in. Any one thread at a time; ends with `finish`, `leave` or `discard`."""

    def __init__(self, place: Place, content: Content) -> None:
        """Opens or makes the partial file. Raises OSError, also FileRefused: another process is writing it, or it is
        no file of this user; ENOSPC when the disk has too little room."""
        self._place = place
        self._content = content
        self._partial = place.folder / f".{content.root.hex()[:40]}.lanchat-part"
        self._descriptor = self._open()
        try:
            there = os.fstat(self._descriptor).st_size
            if there > content.size:
                os.ftruncate(self._descriptor, content.size)
            if shutil.disk_usage(place.folder).free < content.size - there:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place.folder))
        except BaseException:
            self.leave()
            raise

    @property
    def name(self) -> str:
        """Where the file is to be, for people."""
        return str(self._place.folder / self._place.name)

    def present(self) -> Iterator[int]:
        """The numbers (from 1) of the chunks that an earlier call has written, each checked when it is asked for.
        Raises OSError."""
        there = os.fstat(self._descriptor).st_size
        for number in range(1, -(-there // CHUNK_OCTETS) + 1):
            if _has_chunk(self._descriptor, self._content, number):
                yield number

    def write(self, number: int, octets: bytes | bytearray | memoryview) -> None:
        """Chunk `number` (from 1), whose hash was checked. Raises OSError; the partial file is gone then, when the disk
        is full."""
        with self._discarding_when_full():
            os.lseek(self._descriptor, (number - 1) * CHUNK_OCTETS, os.SEEK_SET)
            view = memoryview(octets)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def finish(self) -> Path:
        """Everything is written: make it durable and give it its name, which is returned. Raises OSError, also
        FileRefused when the one name that may be used is taken."""
        with self._discarding_when_full():
            os.fsync(self._descriptor)
            if sys.platform == "win32":  # nothing is renamed that is open
                self._close()
            path = self._take_name()
        self._close()
        with contextlib.suppress(OSError):  # some network file systems
            sync_folder(path.parent)
        return path

    def leave(self) -> None:
        """End here; what is written stays for a later call, unless it is nothing. Again without effect."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if not os.fstat(self._descriptor).st_size:
                self.discard()
        self._close()

    def discard(self) -> None:
        """End here and remove what is written."""
        if sys.platform == "win32":
            self._close()
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)
        self._close()

    def _open(self) -> int:
        while True:
            descriptor = open_private(self._partial, os.O_RDWR | os.O_CREAT)
            try:
                if not lock_descriptor(descriptor, blocking=False):
                    raise FileRefused(errno.EBUSY, Problem.BEING_WRITTEN, str(self._partial))
                # Whoever had it before may have given it its last name meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    found = os.stat(self._partial, follow_symlinks=False)
                    if os.path.samestat(found, os.fstat(descriptor)) and found.st_nlink == 1:
                        return descriptor
                    if found.st_nlink > 1:  # killed between its two names
                        self._partial.unlink(missing_ok=True)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextlib.contextmanager
    def _discarding_when_full(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                self.discard()
            raise

    def _take_name(self) -> Path:
        for path in _names(self._place):
            with contextlib.suppress(FileExistsError):
                _name_without_replacing(self._partial, path)
                return path
        raise _taken(self._place)


def _names(place: Place) -> Iterator[Path]:
    yield place.folder / place.name
    if not place.exact:
        for number in range(2, NAMES_MAX):
            yield place.folder / numbered_file_name(place.name, number)


def _name_without_replacing(partial: Path, path: Path) -> None:
    """Raises FileExistsError when there is anything of this name."""
    if sys.platform == "win32":
        rename(partial, path)
        return
    try:
        os.link(partial, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        replace(partial, path)
        return
    partial.unlink(missing_ok=True)


def _holds(path: Path, content: Content) -> bool:
    """Whether the file has exactly this content; False for what cannot be read."""
    with contextlib.suppress(OSError):
        refuse_link(path)
        descriptor = open_private(path, os.O_RDONLY)
        try:
            if os.fstat(descriptor).st_size != content.size:
                return False
            return all(_has_chunk(descriptor, content, number) for number in range(1, chunk_count(content.size) + 1))
        finally:
            os.close(descriptor)
    return False


def _has_chunk(descriptor: int, content: Content, number: int) -> bool:
    os.lseek(descriptor, (number - 1) * CHUNK_OCTETS, os.SEEK_SET)
    parts, left = [], chunk_octets(content.size, number)
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    try:
        check_chunk(content.leaves, content.size, number, b"".join(parts))
    except ProtocolError:
        return False
    return True
