"""Contents of files on the disk, beside the database and never in it: one file for each, however many messages name it.

`files/ab/<root in hex>` has the contents and behind them their leaves (lanchat/protocol/log/files.py), so that both
come and go at once. What is being brought is `files/partial/<root>.<user>.part`, chunk after chunk: a chunk is checked
before it is written, so that after any break all whole chunks that are there count. Complete, it is flushed, renamed
and its folder flushed, and only then the database hears of it.

Names are made from roots and numbers alone. Each call waits for the disk; for threads beside the event loop.
"""

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lanchat.platform.disk.files import make_private_folder, open_private, refuse_link, sync_folder
from lanchat.platform.disk.renames import ignoring_files_in_use, replace
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import HASH_OCTETS, check_chunk, check_leaves, chunk_count, chunk_octets
from lanchat.protocol.wire import OfferContents

FOLDER = "files"
_PARTIAL = "partial"
_NAME = re.compile(r"[0-9a-f]{64}\Z")

# Tests end a process at these points, or fail there.
Reached = Callable[[str], None]


class Upload:
    """Contents that one user brings. One thread at a time."""

    def __init__(self, partial: Path, place: Path, offer: OfferContents, reached: Reached) -> None:
        """Counts what is there already. Raises OSError."""
        self._partial = partial
        self._place = place
        self._offer = offer
        self._reached = reached
        self._hash = hashlib.sha256()
        # Its connection may end while a chunk is written.
        self._lock = threading.Lock()
        self._file = os.fdopen(open_private(partial, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
        try:
            self.next = self._count()
        except BaseException:
            self._file.close()
            raise

    @property
    def complete(self) -> bool:
        """Whether all chunks are there."""
        return self.next > chunk_count(self._offer.size)

    def _count(self) -> int:
        """The first chunk that is not there as a whole; what follows is cut off."""
        offer, number, end = self._offer, 1, 0
        while number <= chunk_count(offer.size):
            chunk = _read_exactly(self._file.fileno(), chunk_octets(offer.size, number))
            try:
                check_chunk(offer.leaves, offer.size, number, chunk)
            except ProtocolError:
                break
            self._hash.update(chunk)
            number, end = number + 1, end + len(chunk)
        self._file.truncate(end)
        self._file.seek(end)
        return number

    def write(self, number: int, chunk: bytes | bytearray | memoryview) -> None:
        """The next chunk. Raises ProtocolError for another one, OSError."""
        if number != self.next:
            raise ProtocolError("another chunk than was wanted")
        check_chunk(self._offer.leaves, self._offer.size, number, chunk)
        self._write(chunk)
        self._hash.update(chunk)
        self.next += 1
        self._reached("upload: chunk")

    def finish(self) -> None:
        """All chunks are there: they are durable afterwards, under their name. Raises ProtocolError when `sha256` is
        that of other contents, which are removed then, and OSError."""
        if not self.complete or self._hash.digest() != self._offer.sha256:
            self.drop()
            raise ProtocolError("contents with another SHA-256")
        self._reached("upload: complete")
        self._write(self._offer.leaves, flush=True)
        self.close()
        self._reached("upload: flushed")
        if not self._place.parent.is_dir():
            make_private_folder(self._place.parent)
            sync_folder(self._place.parent.parent)
        refuse_link(self._place.parent)
        replace(self._partial, self._place)
        self._reached("upload: renamed")
        sync_folder(self._place.parent)

    def _write(self, octets: bytes | bytearray | memoryview, *, flush: bool = False) -> None:
        with self._lock:
            if self._file.closed:
                raise OSError("the upload has ended")
            _write_all(self._file.fileno(), octets)
            if flush:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """It goes on later, or is finished. Waits for what is being written."""
        with self._lock, contextlib.suppress(OSError):
            self._file.close()

    def drop(self) -> None:
        """Nothing of it is wanted."""
        self.close()
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)


class ContentsFolder:
    """The folder `files` of a data directory."""

    def __init__(self, data_dir: Path, reached: Reached = lambda point: None) -> None:
        """Touches nothing. `reached` hears of the points between which a process may end."""
        self.folder = data_dir / FOLDER
        self._reached = reached

    def begin(self, offer: OfferContents, user: int) -> Upload:
        """Bring contents, or go on where it ended. Raises ProtocolError for leaves that do not fit, OSError."""
        check_leaves(offer.root, offer.size, offer.leaves)
        make_private_folder(self.folder)
        make_private_folder(self.folder / _PARTIAL)
        return Upload(self._partial(offer.root, user), self.path(offer.root), offer, self._reached)

    def has(self, root: bytes, size: int) -> bool:
        """Whether the contents are here, with their leaves."""
        try:
            return self.path(root).stat().st_size == size + HASH_OCTETS * chunk_count(size)
        except FileNotFoundError:
            return False

    def read_chunk(self, root: bytes, size: int, number: int) -> bytes:
        """One chunk. What the disk damaged its reader notices. Raises OSError, ProtocolError."""
        return self._read(root, (number - 1) * CHUNK_OCTETS, chunk_octets(size, number))

    def read_leaves(self, root: bytes, size: int) -> bytes:
        """The leaves. Raises OSError, and ProtocolError for damaged ones."""
        leaves = self._read(root, size, HASH_OCTETS * chunk_count(size))
        check_leaves(root, size, leaves)
        return leaves

    def drop(self, root: bytes, user: int) -> None:
        """Remove what this user has brought of contents that are not complete. Raises OSError."""
        self._partial(root, user).unlink(missing_ok=True)

    def erase(self, root: bytes) -> None:
        """Remove contents, durably. Raises OSError."""
        self._reached("erase: forgotten")
        path = self.path(root)
        path.unlink(missing_ok=True)
        self._reached("erase: removed")
        if path.parent.is_dir():
            sync_folder(path.parent)

    def left_alone(self, before: float) -> Iterator[bytes]:
        """Contents that came before this time (seconds since 1970). Raises OSError."""
        for octet in range(256):
            with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / f"{octet:02x}") as entries:
                for entry in entries:
                    if _NAME.match(entry.name) and entry.stat(follow_symlinks=False).st_mtime < before:
                        yield bytes.fromhex(entry.name)

    def remove_partials(self, before: float) -> None:
        """Those that nothing was written to since this time (seconds since 1970). Raises OSError."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / _PARTIAL) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    with ignoring_files_in_use():
                        Path(entry.path).unlink(missing_ok=True)

    def path(self, root: bytes) -> Path:
        """Where contents are, or would be."""
        if type(root) is not bytes or len(root) != HASH_OCTETS:
            raise ProtocolError("no root of contents")
        return self.folder / root.hex()[:2] / root.hex()

    def _partial(self, root: bytes, user: int) -> Path:
        return self.folder / _PARTIAL / f"{self.path(root).name}.{user:d}.part"

    def _read(self, root: bytes, first: int, count: int) -> bytes:
        with open(open_private(self.path(root), os.O_RDONLY), "rb", buffering=0) as file:
            file.seek(first)
            found = _read_exactly(file.fileno(), count)
        if len(found) != count:
            raise ProtocolError("contents that were cut off")
        return found


def _read_exactly(descriptor: int, count: int) -> bytes:
    """So many octets, unless the file ends."""
    parts = []
    while count > 0 and (part := os.read(descriptor, count)):
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write_all(descriptor: int, octets: bytes | bytearray | memoryview) -> None:
    left = memoryview(octets)
    while left:
        left = left[os.write(descriptor, left) :]
