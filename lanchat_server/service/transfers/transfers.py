"""What connections for files may do: bring contents that somebody is going to name, fetch those of records that may be
read.

Nothing follows from knowing a root: contents that others brought are fetched by whoever may read a record that names
them, and whoever brings contents sends every octet, unless this account brought them before or may read them already.
"""

import asyncio
import contextlib
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import msgspec

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.files import check_leaves, chunk_count
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import ContentsRow
from lanchat_server.core.ports import Store, StoreError, Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.maintenance.reserve import MIB
from lanchat_server.service.transfers.connection import BulkConnection
from lanchat_server.service.transfers.limits import CONNECTIONS_MAX, SESSION_CONNECTIONS_MAX, USER_CONNECTIONS_MAX
from lanchat_server.service.transfers.tickets import LIFETIME, TicketHolder, Tickets
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.service.work.writer import Writer
from lanchat_server.store.contents import ContentsFolder, Upload

# Seconds after which somebody comes again.
RETRY = 2.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class TransferParts(msgspec.Struct, eq=False, kw_only=True):
    """What transfers use of the server. `read`: runs a query on a reader thread; `threads`: for the disk; `settled`: a
    connection has its ticket, or is gone."""

    config: ServerConfig
    store: Store
    directory: Directory
    writer: Writer
    threads: ThreadPool
    entropy: Entropy
    read: Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]
    background: Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]
    count: Callable[[str, int], None]
    now: Callable[[], float]
    wall_ms: Callable[[], int]


class _Active(msgspec.Struct, eq=False):
    """An upload that is under way."""

    offer: wire.OfferContents
    upload: Upload


class Transfers:
    """A TransferOwner. For one event loop."""

    def __init__(self, parts: TransferParts) -> None:
        """Nothing is on the disk that is not brought."""
        self.folder = ContentsFolder(parts.config.data_dir)
        # Held while contents come to their name, and while unnamed ones go: else one could take the other's.
        self.settling = asyncio.Lock()
        self._parts = parts
        self._tickets = Tickets(parts.now, parts.entropy)
        self._connections: set[BulkConnection] = set()
        self._bringing: set[tuple[bytes, int]] = set()
        self._handlers: dict[type, Callable[[BulkConnection, TicketHolder, Any], Coroutine[Any, Any, None]]] = {
            wire.UseTicket: self._use_ticket,
            wire.OfferContents: self._offer,
            wire.DropContents: self._drop,
            wire.GetLeaves: self._get_leaves,
            wire.GetChunks: self._get_chunks,
        }

    def now(self) -> float:
        """Steady seconds."""
        return self._parts.now()

    def count(self, reason: str, number: int = 1) -> None:
        """So many more of these."""
        self._parts.count(reason, number)

    # --- Who ---------------------------------------------------------------------------------------------------------

    def open_ticket(self, session: int, user: int) -> wire.TransferTicket:
        """For one connection of this session."""
        ticket = self._tickets.issue(TicketHolder(session, user))
        return wire.TransferTicket(ticket, int(LIFETIME * 1000), self._parts.config.file_octets)

    def admit(self, connection: BulkConnection, ticket: bytes) -> TicketHolder:
        """See TransferOwner."""
        holder = self._tickets.use(ticket)
        if holder is None:
            raise Refused(Code.BAD_CREDENTIALS, "the ticket is not good")
        holders = Counter[tuple[str, int]]()
        for other in self._connections:
            if other.holder is not None:
                holders.update([("user", other.holder.user), ("session", other.holder.session)])
        full = len(self._connections) >= CONNECTIONS_MAX or holders["user", holder.user] >= USER_CONNECTIONS_MAX
        if full or holders["session", holder.session] >= SESSION_CONNECTIONS_MAX:
            raise Refused(Code.BUSY, "too many connections for files", RETRY)
        self._connections.add(connection)
        return holder

    def gone(self, connection: BulkConnection) -> None:
        """See TransferOwner."""
        self._connections.discard(connection)
        active, connection.upload = connection.upload, None
        if active is not None:
            self._parts.background(self._leave(active, connection.holder))

    async def _leave(self, active: _Active, holder: TicketHolder | None) -> None:
        with contextlib.suppress(StoreError):
            await self._parts.threads.run(active.upload.close)
        if holder is not None:
            self._bringing.discard((active.offer.root, holder.user))

    def session_ended(self, session: int) -> None:
        """Its tickets and connections end with it, whatever is under way."""
        self._tickets.end_session(session)
        for connection in list(self._connections):
            if connection.holder is not None and connection.holder.session == session:
                connection.end(Code.NOT_ALLOWED, "the session has ended")

    def close(self) -> None:
        """End all connections."""
        for connection in list(self._connections):
            connection.abort()

    # --- What --------------------------------------------------------------------------------------------------------

    async def frame(self, connection: BulkConnection, frame: Any) -> None:
        """See TransferOwner."""
        assert connection.holder is not None
        await self._stop_upload(connection)
        try:
            await self._handlers[type(frame)](connection, connection.holder, frame)
        except StoreError as error:
            log.warning("a request could not be stored: %s", error)
            raise Refused(Code.UNAVAILABLE, "the database is away", RETRY) from error
        except OSError as error:
            log.warning("a request failed: %s", error)
            raise Refused(Code.UNAVAILABLE, "the disk does not work", RETRY) from error

    async def _use_ticket(self, connection: BulkConnection, holder: TicketHolder, frame: wire.UseTicket) -> None:
        connection.send(wire.TransferDone())

    async def _stop_upload(self, connection: BulkConnection) -> None:
        active, connection.upload = connection.upload, None
        if active is not None:
            await self._leave(active, connection.holder)

    # Bringing

    async def _offer(self, connection: BulkConnection, holder: TicketHolder, offer: wire.OfferContents) -> None:
        check_leaves(offer.root, offer.size, offer.leaves)
        if offer.size > self._parts.config.file_octets:
            raise Refused(Code.FILE_TOO_LARGE, "the file is too large")
        if await self._is_here(holder, offer):
            connection.send(wire.ContentsKept(offer.root))
            return
        await self._check_room(holder, offer.size)
        key = offer.root, holder.user
        if key in self._bringing:
            raise Refused(Code.BUSY, "these contents are under way", RETRY)
        self._bringing.add(key)
        try:
            upload = await self._parts.threads.run(partial(self.folder.begin, offer, holder.user))
        except BaseException:
            self._bringing.discard(key)
            raise
        active = _Active(offer, upload)
        if not connection.open:
            await self._leave(active, holder)
            return
        connection.upload = active
        if upload.complete:
            await self._finish(connection, holder)
        else:
            connection.send(wire.ContentsWanted(upload.next))

    async def _is_here(self, holder: TicketHolder, offer: wire.OfferContents) -> bool:
        """Whether this user may name them already; then nobody removes them for a while."""
        first_seqs = self._parts.directory.first_seqs(holder.user)
        known = await self._parts.read(partial(self._parts.store.nameable, holder.user, [offer.root], first_seqs))
        row = known.get(offer.root)
        if row is None or row.sha256 != offer.sha256:
            return False
        async with self.settling:
            if not await self._parts.threads.run(partial(self.folder.has, offer.root, offer.size)):
                return False
            await self._keep(row, holder.user)
        return True

    async def _keep(self, row: ContentsRow, user: int) -> None:
        now_ms = self._parts.wall_ms()

        def job(tx: Transaction) -> DirectoryChange[None]:
            tx.keep_contents(row, user, now_ms)
            return together(None)

        await self._parts.writer.transact(job)

    async def _check_room(self, holder: TicketHolder, size: int) -> None:
        config = self._parts.config
        used = await self._parts.read(partial(self._parts.store.contents_octets, holder.user))
        under_way = [one.upload.offer.size for one in self._connections if one.upload is not None]
        mine = [one.upload.offer.size for one in self._connections if one.upload is not None and one.holder == holder]
        if config.user_file_octets and used.user + sum(mine) + size > config.user_file_octets:
            raise Refused(Code.LIMIT_REACHED, "the files of this user are too large")
        if config.total_file_octets and used.total + sum(under_way) + size > config.total_file_octets:
            raise Refused(Code.LIMIT_REACHED, "all files together are too large")
        usage = await self._parts.threads.run(partial(shutil.disk_usage, config.data_dir))
        if usage.free - sum(under_way) - size < config.files_reserve_mib * MIB:
            raise Refused(Code.DISK_FULL, "the disk is nearly full")

    async def chunk(self, connection: BulkConnection, number: int, octets: memoryview) -> None:
        """See TransferOwner. Without an upload it is passed over: it was refused."""
        active, holder = connection.upload, connection.holder
        if active is None or holder is None:
            return
        try:
            await self._parts.threads.run(partial(active.upload.write, number, octets))
            if active.upload.complete:
                await self._finish(connection, holder)
        except ProtocolError as error:
            await self._stop_upload(connection)
            raise Refused(Code.BAD_REQUEST, str(error)) from error
        except (StoreError, OSError) as error:
            log.warning("a request could not be stored: %s", error)
            await self._stop_upload(connection)
            raise Refused(Code.UNAVAILABLE, "the file could not be kept", RETRY) from error

    async def _finish(self, connection: BulkConnection, holder: TicketHolder) -> None:
        """To its end, whoever hangs up meanwhile."""
        active, connection.upload = connection.upload, None
        await asyncio.shield(self._parts.background(self._finished(active, holder)))
        connection.send(wire.ContentsKept(active.offer.root))

    async def _finished(self, active: _Active, holder: TicketHolder) -> None:
        offer = active.offer
        try:
            async with self.settling:
                await self._parts.threads.run(active.upload.finish)
                await self._keep(ContentsRow(offer.root, offer.size, offer.sha256, self._parts.wall_ms()), holder.user)
        finally:
            await self._leave(active, holder)
        self.count("files_kept", 1)
        self.count("file_octets_taken", offer.size)

    async def _drop(self, connection: BulkConnection, holder: TicketHolder, frame: wire.DropContents) -> None:
        if (frame.root, holder.user) not in self._bringing:
            await self._parts.threads.run(partial(self.folder.drop, frame.root, holder.user))
        connection.send(wire.TransferDone())

    # Fetching

    async def _named(self, holder: TicketHolder, room: int, seq: int, root: bytes) -> ContentsRow:
        """What a record names that this user may read. Raises Refused, the same for whatever is not there."""
        member = self._parts.directory.membership(room, holder.user)
        row: ContentsRow | None = None
        if member is not None and seq >= member.first_seq:
            row = await self._parts.read(partial(self._parts.store.contents_of, room, seq, root))
        if row is None:
            raise Refused(Code.NOT_FOUND, "no such contents")
        return row

    async def _get_leaves(self, connection: BulkConnection, holder: TicketHolder, frame: wire.GetLeaves) -> None:
        row = await self._named(holder, frame.room, frame.seq, frame.root)
        leaves = await self._on_disk(partial(self.folder.read_leaves, row.root, row.size))
        connection.send(wire.Leaves(row.root, row.size, leaves))

    async def _get_chunks(self, connection: BulkConnection, holder: TicketHolder, frame: wire.GetChunks) -> None:
        row = await self._named(holder, frame.room, frame.seq, frame.root)
        last = frame.first + frame.count - 1
        if last > chunk_count(row.size):
            raise Refused(Code.BAD_REQUEST, "a chunk that the contents do not have")
        for number in range(frame.first, last + 1):
            octets = await self._on_disk(partial(self.folder.read_chunk, row.root, row.size, number))
            await connection.send_chunk(number, octets)
            self.count("file_octets_given", len(octets))

    async def _on_disk(self, work: Callable[[], bytes]) -> bytes:
        """Raises Refused for contents that are not there, or damaged."""
        try:
            return await self._parts.threads.run(work)
        except (FileNotFoundError, ProtocolError) as error:
            log.error("a request failed: %s", error)
            raise Refused(Code.NOT_FOUND, "no such contents") from error

    # --- Upkeep ------------------------------------------------------------------------------------------------------

    async def forget_unnamed(self, before_ms: int, count: int) -> int:
        """Contents that no record names and that nobody brought since: away with up to so many. How many there were.
        Raises StoreError, OSError."""
        async with self.settling:

            def job(tx: Transaction) -> DirectoryChange[list[bytes]]:
                return together(tx.forget_contents(before_ms, count))

            roots = await self._parts.writer.transact(job)
            for root in roots:
                await self._parts.threads.run(partial(self.folder.erase, root))
        return len(roots)

    async def sweep(self, before: float) -> None:
        """What a crash left before this time (seconds since 1970): contents that the database does not know, and
        partial ones that nobody goes on with. Raises StoreError, OSError."""
        await self._parts.threads.run(partial(self.folder.remove_partials, before))
        found = await self._parts.threads.run(lambda: list(self.folder.left_alone(before)))
        known = await self._parts.read(partial(self._parts.store.known_contents, found))
        async with self.settling:
            for root in set(found) - known:
                if not await self._parts.read(partial(self._parts.store.known_contents, [root])):
                    await self._parts.threads.run(partial(self.folder.erase, root))
