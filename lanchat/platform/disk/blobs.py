"""Blobs in a folder: each a private file whose name is its SHA-256, in one of 256 folders by the first octet.

Nothing that comes from outside becomes a path: names are made from the 32 octets of an address alone. What is being
written has a draft's name until it is durable and its hash is checked.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from lanchat.platform.disk.files import beside, make_private_folder, open_private, refuse_link, sync_folder
from lanchat.platform.disk.renames import ignoring_files_in_use, replace
from lanchat.protocol.blobs import ADDRESS_OCTETS, RANGE_MAX, BlobMismatch, BlobStore, BlobWriter
from lanchat.protocol.errors import ProtocolError

_NAME = re.compile(r"[0-9a-f]{64}\Z")
_DRAFT = re.compile(r"\.[0-9a-f]{64}\.[0-9a-f]{16}\.part\Z")


class BlobDraft(BlobWriter):
    """A BlobWriter into a new file beside its place."""

    def __init__(self, path: Path, address: bytes, size: int) -> None:
        """Makes the draft of `path`, whose folder exists. Raises OSError."""
        self._path = path
        self._address = address
        self._left = size
        self._hash = hashlib.sha256()
        self._draft = beside(path, "part")
        self._file = os.fdopen(open_private(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")

    def write(self, part: bytes) -> None:
        """See BlobWriter."""
        with self._abandoning():
            self._left -= len(part)
            if self._left < 0:
                raise BlobMismatch("more than was announced")
            self._hash.update(part)
            self._file.write(part)

    def finish(self) -> None:
        """See BlobWriter."""
        with self._abandoning():
            if self._left:
                raise BlobMismatch("less than was announced")
            if self._hash.digest() != self._address:
                raise BlobMismatch("another content than was announced")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            replace(self._draft, self._path)
        sync_folder(self._path.parent)

    def abandon(self) -> None:
        """See BlobWriter."""
        with contextlib.suppress(OSError):  # closing writes what is buffered
            self._file.close()
        with contextlib.suppress(OSError):
            self._draft.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _abandoning(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abandon()
            raise


class BlobFolder(BlobStore):
    """A BlobStore. Several processes may use a folder at once."""

    def __init__(self, folder: Path, size_max: int) -> None:
        """Makes the folder, for this user alone, when it is not there. `size_max`: octets of the largest blob that is
        taken. Raises OSError."""
        self._folder = folder
        self._size_max = size_max
        make_private_folder(folder)

    def writer(self, address: bytes, size: int) -> BlobDraft:
        """See BlobStore."""
        path = self._path(address)
        if not 0 <= size <= self._size_max:
            raise ProtocolError("a blob of a size that is not taken")
        if not path.parent.is_dir():
            make_private_folder(path.parent)
            sync_folder(self._folder)
        refuse_link(path.parent)
        return BlobDraft(path, address, size)

    def has(self, address: bytes) -> bool:
        """See BlobStore."""
        path = self._path(address)
        return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()

    def read(self, address: bytes, first: int, count: int) -> bytes:
        """See BlobStore."""
        path = self._path(address)
        if first < 0 or not 0 <= count <= RANGE_MAX:
            raise ProtocolError("a range that no blob has")
        refuse_link(path.parent)
        with open(open_private(path, os.O_RDONLY), "rb", buffering=0) as file:
            if first >= os.fstat(file.fileno()).st_size:
                return b""
            file.seek(first)
            return _read_exactly(file.fileno(), count)

    def delete(self, address: bytes) -> bool:
        """See BlobStore."""
        path = self._path(address)
        refuse_link(path.parent)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
        return True

    def total_size(self) -> int:
        """See BlobStore."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in self._entries() if _NAME.match(entry.name))

    def remove_drafts(self, before: float) -> None:
        """Drafts that were last written to before this time (Unix seconds) by processes that were killed. Raises
        OSError."""
        for entry in self._entries():
            if _DRAFT.match(entry.name) and entry.stat(follow_symlinks=False).st_mtime < before:
                with ignoring_files_in_use():  # its process lives
                    Path(entry.path).unlink(missing_ok=True)

    def _path(self, address: bytes) -> Path:
        if type(address) is not bytes or len(address) != ADDRESS_OCTETS:
            raise ProtocolError("no address of a blob")
        name = address.hex()
        return self._folder / name[:2] / name

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Files in the folders of blobs, as far as they are there when it comes to them."""
        for octet in range(256):
            folder = self._folder / f"{octet:02x}"
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False):
                            yield entry


def _read_exactly(descriptor: int, count: int) -> bytes:
    """So many octets, unless the file ends: a call may return fewer than it was asked for."""
    parts = []
    while count > 0 and (part := os.read(descriptor, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
