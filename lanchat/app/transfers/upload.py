"""Contents on their way to the server.

A file is read twice: first for its hashes, which name it, then for what is sent. The second time each chunk is compared
with its hash, so that a file which changes between the two is not sent half old and half new. The server says from
which chunk on it wants them; that is where a broken upload goes on, also one of another call or of another process.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lanchat.app.api import CommandError, ErrorKind
from lanchat.app.transfers.link import TransferLink, too_large
from lanchat.app.transfers.worker import DiskWorker
from lanchat.platform.disk.files import FileRefused, os_reason
from lanchat.platform.disk.sources import FileSource
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import (
    FILE_OCTETS_MAX,
    HASH_OCTETS,
    Manifest,
    check_chunk,
    chunk_count,
    chunk_octets,
    leaf_hash,
    root_hash,
)
from lanchat.protocol.problems import Problem
from lanchat.protocol.text.file_names import safe_file_name

# Called with the octets that are done; `hashing`: of the first reading.
Report = Callable[[int, bool], None]
# Octets that are hashed between two reports.
_REPORTED = 16 * CHUNK_OCTETS


class HashedFile(NamedTuple):
    """A file with what names it. Ends with `source.close`."""

    source: FileSource
    manifest: Manifest
    leaves: bytes


def unreadable_file(name: str, error: OSError) -> CommandError:
    """A file of this computer cannot be read, or something in a folder: what, and why."""
    inside = error.filename if isinstance(error, FileRefused) else None
    return CommandError(ErrorKind.LOCAL, Problem.SOURCE_UNREADABLE, file=inside or name, reason=os_reason(error))


async def open_file(worker: DiskWorker, path: str, copies: Path) -> FileSource:
    """`copies`: the folder for private copies. Raises CommandError."""
    try:
        return await worker.run(lambda: FileSource(path, FILE_OCTETS_MAX, copies))
    except OSError as error:
        raise unreadable_file(path, error) from error


async def hashed(worker: DiskWorker, source: FileSource, report: Report) -> HashedFile:
    """Read all of the file. Raises CommandError."""
    leaves, whole = bytearray(), hashlib.sha256()
    parts = source.parts(CHUNK_OCTETS)

    def some() -> bool:
        for _ in range(_REPORTED // CHUNK_OCTETS):
            part = next(parts, None)
            if part is None:
                return False
            leaves.extend(leaf_hash(part))
            whole.update(part)
        return True

    try:
        while await worker.run(some):
            report(min(source.size, len(leaves) // HASH_OCTETS * CHUNK_OCTETS), True)
    except OSError as error:
        raise unreadable_file(source.label, error) from error
    root = root_hash(source.size, bytes(leaves))
    manifest = Manifest(safe_file_name(source.name), source.size, source.type, root, whole.digest())
    return HashedFile(source, manifest, bytes(leaves))


async def upload(link: TransferLink, worker: DiskWorker, file: HashedFile, report: Report) -> None:
    """Until the contents are on the server, durably. Raises as `TransferLink.do`."""
    if link.largest is not None and file.manifest.size > link.largest:
        raise too_large()
    manifest = file.manifest
    link.send(wire.OfferContents(manifest.root, manifest.size, manifest.sha256, file.leaves))
    answer = await link.expect(wire.ContentsWanted, wire.ContentsKept)
    if isinstance(answer, wire.ContentsWanted):
        await _send_from(link, worker, file, answer.first, report)
        answer = await link.expect(wire.ContentsKept)
    assert isinstance(answer, wire.ContentsKept)
    if answer.root != manifest.root:
        raise ProtocolError("other contents than were offered")
    link.moved()
    report(manifest.size, False)


async def _send_from(link: TransferLink, worker: DiskWorker, file: HashedFile, first: int, report: Report) -> None:
    """The chunks from `first` on, each read while the one before it is sent."""
    last = chunk_count(file.manifest.size)
    ahead = worker.begin(lambda: _read_chunk(file, first)) if first <= last else None
    for number in range(first, last + 1):
        assert ahead is not None
        try:
            octets = await ahead
        except OSError as error:
            raise unreadable_file(file.source.label, error) from error
        if number < last:
            ahead = worker.begin(lambda number=number + 1: _read_chunk(file, number))  # type: ignore[misc]
        if link.answered:  # refused, in the middle
            return
        await link.send_chunk(number, octets)
        link.moved()
        report((number - 1) * CHUNK_OCTETS + len(octets), False)


def _read_chunk(file: HashedFile, number: int) -> bytes:
    """Raises OSError, FileRefused when the file is not what was hashed."""
    size = file.manifest.size
    octets = file.source.read((number - 1) * CHUNK_OCTETS, chunk_octets(size, number))
    try:
        check_chunk(file.leaves, size, number, octets)
    except ProtocolError as error:
        raise file.source.changed() from error
    return octets
