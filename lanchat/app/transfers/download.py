"""Contents on their way from the server into a file.

First come the hashes of all chunks, which fit the one that the author signed; then the chunks that the file does not
have yet, each checked before it is written. A broken download goes on with the chunks that are missing, also one of
another call or of another process.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from lanchat.app.api import CommandError, ErrorKind, FetchedFile
from lanchat.app.command_errors import unreadable
from lanchat.app.transfers.link import TransferLink
from lanchat.app.transfers.upload import Report
from lanchat.app.transfers.worker import DiskWorker
from lanchat.platform.disk.files import os_reason
from lanchat.platform.disk.saving import Content, Place, SavedFile, saved_already
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNKS_ASKED_MAX
from lanchat.protocol.log.files import Manifest, check_chunk, check_leaves, chunk_count, chunk_octets
from lanchat.protocol.problems import Problem
from lanchat.transport.bulk import Chunk

# Chunks of a partial file that are checked between two reports.
_CHECKED = 16


class NamedContents(NamedTuple):
    """Contents, and the record that names them: who may read it may fetch them."""

    room: int
    seq: int
    manifest: Manifest


def unwritable_file(name: str, error: OSError) -> CommandError:
    """A fetched file cannot be saved: why."""
    return CommandError(ErrorKind.LOCAL, Problem.FILE_NOT_SAVED, file=name, reason=os_reason(error))


async def download(
    link: TransferLink, worker: DiskWorker, wanted: NamedContents, place: Place, report: Report
) -> FetchedFile:
    """Until the file is saved. Raises CommandError, and as `TransferLink.do`."""
    manifest = wanted.manifest
    leaves = await link.do(lambda link: _leaves(link, wanted))
    content = Content(manifest.root, manifest.size, leaves)
    saved: SavedFile | None = None
    try:
        path = await worker.run(lambda: saved_already(place, content))
        fetched = 0
        if path is None:
            saved = await worker.run(lambda: SavedFile(place, content))
            chunks = _Download(worker, wanted, content, saved, report)
            await chunks.look()
            await link.do(chunks.fetch)
            path, fetched = await worker.run(saved.finish), chunks.fetched
    except OSError as error:
        raise unwritable_file(str(place.folder / place.name), error) from error
    finally:
        if saved is not None:
            await worker.run(saved.leave)
    return FetchedFile(str(path), manifest.size, manifest.sha256.hex(), fetched)


async def _leaves(link: TransferLink, wanted: NamedContents) -> bytes:
    manifest = wanted.manifest
    if not manifest.size:
        return b""
    link.send(wire.GetLeaves(wanted.room, wanted.seq, manifest.root))
    answer = await link.expect(wire.Leaves)
    assert isinstance(answer, wire.Leaves)
    try:
        check_leaves(manifest.root, manifest.size, answer.leaves)
    except ProtocolError as error:
        raise unreadable() from error
    link.moved()
    return answer.leaves


class _Download:
    """The chunks of one file. `fetched`: octets that came over the network and are written."""

    def __init__(
        self, worker: DiskWorker, wanted: NamedContents, content: Content, saved: SavedFile, report: Report
    ) -> None:
        self.fetched = 0
        self._worker = worker
        self._wanted = wanted
        self._content = content
        self._saved = saved
        self._report = report
        self._missing = set(range(1, chunk_count(content.size) + 1))
        self._done = 0
        # The chunk that is being checked and written while the next one comes.
        self._writing: tuple[Chunk, asyncio.Future[None]] | None = None

    async def look(self) -> None:
        """What an earlier call has written. Raises OSError."""
        present = self._saved.present()
        while found := await self._worker.run(lambda: list(islice(present, _CHECKED))):
            for number in found:
                self._note(number)

    def _note(self, number: int) -> None:
        self._missing.discard(number)
        self._done += chunk_octets(self._content.size, number)
        self._report(self._done, False)

    async def fetch(self, link: TransferLink) -> None:
        """What is missing. Raises as `TransferLink.expect`."""
        await self._settle(link)
        for first, count in runs(sorted(self._missing)):
            link.send(wire.GetChunks(self._wanted.room, self._wanted.seq, self._content.root, first, count))
            for number in range(first, first + count):
                chunk = await link.expect_chunk()
                if chunk.number != number:
                    raise unreadable()
                await self._settle(link)
                self._writing = chunk, self._worker.begin(lambda chunk=chunk: self._write(chunk))  # type: ignore[misc]
        await self._settle(link)

    async def _settle(self, link: TransferLink) -> None:
        """Until the chunk is written that is being written. Raises CommandError."""
        if self._writing is None:
            return
        (chunk, written), self._writing = self._writing, None
        try:
            await written
        except ProtocolError as error:
            raise unreadable() from error
        except OSError as error:
            raise unwritable_file(self._saved.name, error) from error
        self.fetched += len(chunk.octets)
        link.moved()
        self._note(chunk.number)

    def _write(self, chunk: Chunk) -> None:
        """In the worker's thread."""
        check_chunk(self._content.leaves, self._content.size, chunk.number, chunk.octets)
        self._saved.write(chunk.number, chunk.octets)


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as runs without a gap, (first, count), each as long as one request may be."""
    first = count = 0
    for number in numbers:
        if count and number == first + count and count < CHUNKS_ASKED_MAX:
            count += 1
            continue
        if count:
            yield first, count
        first, count = number, 1
    if count:
        yield first, count
