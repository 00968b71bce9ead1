"""The running server: feeds the core, does what it asks, and holds what requests need.

Everything here runs on the event loop.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.records import Head
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts.first_account import SETUP_RANDOM_OCTETS, SetupCode
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.differences import Differences
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.directory.statements import StatementIssuer
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.limits.daily import Daily
from lanchat_server.core.limits.throttle import LoginThrottle
from lanchat_server.core.ports import Store, StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.core.sequencing.sequencer import Sequencer
from lanchat_server.mail import Mailer
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.context import BackgroundWork, Credentials, RequestContext
from lanchat_server.service.environment import ENVIRONMENT, Environment
from lanchat_server.service.host import BACKUPS_WAITING_MAX
from lanchat_server.service.keys import ServerKeys
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.net.outgoing import Outgoing
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.reporting import figures
from lanchat_server.service.reporting.figures import FigureSources
from lanchat_server.service.reporting.metrics import Metrics, count_label
from lanchat_server.service.requests.costs import LISTS, cost_of, entries_of
from lanchat_server.service.requests.table import perform_request
from lanchat_server.service.room_keys import RoomKeys
from lanchat_server.service.step import CoreDriver
from lanchat_server.service.transfers import limits as transfer_limits
from lanchat_server.service.transfers.connection import BulkConnection
from lanchat_server.service.transfers.transfers import TransferParts, Transfers
from lanchat_server.service.upkeep.housekeeping import HousekeepingContext, run_housekeeping, save
from lanchat_server.service.upkeep.leasing import LeasePromise
from lanchat_server.service.upkeep.nightly import run_nightly
from lanchat_server.service.upkeep.reindexing import IndexingState
from lanchat_server.service.upkeep.storage import StorageState
from lanchat_server.service.wall_clock import ClockWatch
from lanchat_server.service.work.backups import BackupRunner
from lanchat_server.service.work.tasks import BackgroundTasks
from lanchat_server.service.work.threads import FairSemaphore, ThreadPool

T = TypeVar("T")
READERS = 3
# Pages, searches and repairs that wait for a reader: a page for everybody of a full server, some seconds of work. Each
# holds a request of up to 1 MiB that somebody sent (a search of 200 characters, in truth).
READS_MAX = 1024
# Pages and searches that are read, made into records and packed at a time: some MiB each until they are handed to their
# connection. More than READERS, as packing takes the event loop as long as reading takes a reader.
PAGES_MAX = 8
# A stop waits so long for the database. A container is killed after 10 s, so that the rest comes to its end before.
CLOSE_PATIENCE = 8.0

log = logging.getLogger(__name__)


class Service:
    """One server process, from start to stop."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        keys: ServerKeys,
        directory: Directory,
        shown_database: str,
        on_fenced: Callable[[str], None],
        environment: Environment = ENVIRONMENT,
    ) -> None:
        """Needs a running event loop; starts the threads of the writer, and housekeeping. `shown_database`: its address
        without a password. `on_fenced` is called on the event loop with one line for a person: the server has to
        stop."""
        self._loop = asyncio.get_running_loop()
        self._limits = environment.connection
        wall_ms = environment.clock.wall_ms
        core_config = _core_config(environment.core, config)
        sequencer = Sequencer(directory, keys.log_key, core_config)
        heads = [sequencer.sign(room.id, room.head) for room in directory.rooms.values()]
        self.core = ServerCore(core_config, directory, heads, self.now())
        self.counters: Counter[str] = Counter()
        self.connections = ConnectionTable(self.core, self.now, wall_ms, environment.entropy, environment.seal)
        self.outgoing: Outgoing[ClientConnection] = Outgoing(self.now)
        self.pages = FairSemaphore(PAGES_MAX, READS_MAX)
        self.indexing = IndexingState()
        self.writer = environment.make_writer(store, directory, sequencer, on_fenced, self._reloaded, wall_ms)
        self._disk_looks = environment.make_pool(1, "disk", 1)
        self._storage = StorageState(config)
        self.promise = LeasePromise(config.standby)
        self.core.closed.disk_full = self._storage.disk_full
        self.tasks = BackgroundTasks()
        self._disk_files = environment.make_pool(transfer_limits.THREADS, "files", transfer_limits.WAITING_MAX)
        self.context = self._make_context(config, store, keys, directory, sequencer, environment)
        self.driver = CoreDriver(self.context, self._storage)
        clock = ClockWatch(environment.clock)
        self._figures = self._make_figures(shown_database, clock)
        self._next_session = 0
        self._housekeeping = self._make_housekeeping(clock, environment.housekeeping_interval)
        self._housekeeper = self.background(run_housekeeping(self._housekeeping))
        self._nightly: asyncio.Task[None] | None = None
        if config.backup_folder is not None:
            nightly = run_nightly(self.context, config.backup_folder, self._disk_looks, self.count)
            self._nightly = self.background(nightly)

    def _make_context(
        self,
        config: ServerConfig,
        store: Store,
        keys: ServerKeys,
        directory: Directory,
        sequencer: Sequencer,
        environment: Environment,
    ) -> RequestContext:
        wall_ms, entropy = environment.clock.wall_ms, environment.entropy
        statements = StatementIssuer(keys.log_key, directory)
        notices = EventNotifier(self.core, directory, sequencer, statements, self.now)
        readers = environment.make_pool(READERS, "reader", READS_MAX)
        return RequestContext(
            transfers=self._make_transfers(config, store, directory, readers, environment),
            config=config,
            store=store,
            keys=keys,
            log_public_key=public_octets(keys.log_key),
            directory=directory,
            core=self.core,
            sequencer=sequencer,
            notices=notices,
            statements=statements,
            writer=self.writer,
            room_keys=RoomKeys(directory, self.writer, notices, wall_ms, entropy),
            connections=self.connections,
            credentials=_credentials(config, entropy),
            metrics=Metrics(),
            entropy=entropy,
            now=self.now,
            wall_ms=wall_ms,
            work=BackgroundWork(
                tasks=self.tasks,
                readers=readers,
                # One at a time; a stop does not wait for it.
                backups=BackupRunner(environment.make_pool(1, "backup", BACKUPS_WAITING_MAX)),
                to_erase=asyncio.Event(),
            ),
            status=self.status,
        )

    def _make_transfers(
        self,
        config: ServerConfig,
        store: Store,
        directory: Directory,
        readers: ThreadPool,
        environment: Environment,
    ) -> Transfers:
        parts = TransferParts(
            config=config,
            store=store,
            directory=directory,
            writer=self.writer,
            threads=self._disk_files,
            entropy=environment.entropy,
            read=readers.run,
            background=self.background,
            count=self.count,
            now=self.now,
            wall_ms=environment.clock.wall_ms,
        )
        return Transfers(parts)

    def _make_figures(self, shown_database: str, clock: ClockWatch) -> FigureSources:
        context = self.context
        return FigureSources(
            config=context.config,
            shown_database=shown_database,
            directory=context.directory,
            core=self.core,
            connections=self.connections,
            writer=self.writer,
            storage=self._storage,
            promise=self.promise,
            clock=clock.report,
            indexing=self.indexing,
            metrics=context.metrics,
            counters=self.counters,
            started=self.now(),
            now=self.now,
            wall_ms=context.wall_ms,
            setup=context.credentials.setup,
        )

    def _make_housekeeping(self, clock: ClockWatch, interval: float) -> HousekeepingContext:
        context = self.context
        return HousekeepingContext(
            core=self.core,
            directory=context.directory,
            store=context.store,
            writer=self.writer,
            connections=self.connections,
            throttle=context.credentials.throttle,
            storage=self._storage,
            promise=self.promise,
            clock=clock,
            tasks=self.tasks,
            disk_looks=self._disk_looks,
            now=self.now,
            wall_ms=context.wall_ms,
            count=self.count,
            wake=self.wake,
            publish=partial(figures.publish, self._figures) if context.config.metrics_port else None,
            interval=interval,
        )

    # --- Time and counting ---------------------------------------------------------------------------------------

    def now(self) -> float:
        """Steady seconds."""
        return self._loop.time()

    def count(self, reason: str, number: int = 1) -> None:
        """So many more of these."""
        count_label(self.counters, reason, number)

    def background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run beside; errors are logged."""
        return self.tasks.run(work)

    def wake(self) -> None:
        """As `CoreDriver.wake`."""
        self.driver.wake()

    def _reloaded(self, heads: dict[int, Head], changes: Differences) -> None:
        """The database was read anew: what it has and nobody was told."""
        self.context.notices.reloaded(changes)
        if changes.deleted:
            self.context.work.to_erase.set()
        self.connections.end_changed(changes)
        self.core.reload_heads(heads, self.now())
        self.wake()

    # --- Connections and sessions --------------------------------------------------------------------------------

    def connect(self, address: str) -> ClientConnection:
        """The protocol object of a new connection."""
        self._next_session += 1
        return ClientConnection(self, self._next_session, address, self._limits)

    def connected(self, connection: ClientConnection) -> None:
        """TLS is up."""
        self.connections.add(connection)

    def drained(self, connection: ClientConnection) -> None:
        """What waited for a slow reader was written: it may have records again."""
        session = self.core.sessions.get(connection.session)
        if session is not None:
            session.tls_queued = connection.queued

    def hand_over(self, connection: ClientConnection, transport: asyncio.Transport) -> None:
        """Its place before the log-in is free when its ticket was used, or it ends."""
        bulk = BulkConnection(
            self.context.transfers, connection.address, lambda: self.connections.on_settled(connection)
        )
        transport.set_protocol(bulk)
        bulk.connection_made(transport)

    def disconnected(self, connection: ClientConnection) -> None:
        """The connection is gone, and with it its session."""
        self.connections.remove(connection)
        self.context.transfers.session_ended(connection.session)
        self.wake()

    def ended(self, connection: ClientConnection) -> None:
        """Its session is over, though the client has not hung up yet."""
        self.connections.end_session(connection)
        self.context.transfers.session_ended(connection.session)
        self.wake()

    def over_rate(self, connection: ClientConnection, operation: Any) -> float:
        """Seconds until this connection may ask for this; 0: it may, and it counts."""
        session = self.core.sessions.get(connection.session)
        if session is None:
            return 0.0
        cost = cost_of(operation, session.user, self.context.directory, len(self.core.sessions))
        return session.requests.take(self.now(), cost)

    async def answer(self, connection: ClientConnection, operation: Any) -> wire.Result:
        """The result of a request; raises Refused or StoreError."""
        session = self.core.sessions.get(connection.session)
        if session is None or not isinstance(operation, LISTS):
            return await perform_request(self.context, connection, operation)
        if wait := session.pages.wait(self.now()):
            raise Refused(Code.BUSY, "too many lists", wait)
        page = await perform_request(self.context, connection, operation)
        session.pages.spend(entries_of(page))
        return page

    def status(self, rooms_above: int | None = None) -> wire.StatusReport:
        """Figures for administrators; `rooms_above` as in wire.Status."""
        return figures.status(self._figures, rooms_above)

    async def close(self, patience: float = CLOSE_PATIENCE) -> bool:
        """Finish what was taken, say goodbye, save, end the threads. False when the database did not answer within
        `patience` seconds: then it must be left alone, as threads still wait for it. Nobody was told of anything that
        is not stored."""
        end = self._loop.time() + patience

        def left() -> float:
            return max(0.0, end - self._loop.time())

        self._housekeeper.cancel()
        if self._nightly is not None:
            self._nightly.cancel()
        self.context.work.backups.give_up()
        self.core.stop()
        while not self.core.finished and left():
            self.driver.step()
            await asyncio.sleep(0.005)
        self.driver.close()
        for connection in self.connections.all():
            connection.end(None, "the server is stopping")
        self.context.transfers.close()
        await asyncio.sleep(0)
        pending = [task for task in self.tasks.all() if task is not self._housekeeper]
        if pending:
            await asyncio.wait(pending, timeout=min(5.0, left()))
        self.driver.step()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._save_at_end()
        self.driver.cancel()
        ended = [await threads.close(left()) for threads in (self.writer, self.context.work.readers)]
        await self._disk_looks.close(min(0.1, left()))
        await self._disk_files.close(min(2.0, left()))
        await self.context.work.backups.close(min(2.0, left()))
        self.context.credentials.hasher.close()
        await asyncio.to_thread(self.context.credentials.mailer.close, 2.0)
        for connection in self.connections.all():
            connection.abort()
        if not all(ended):
            log.error(
                "the database does not answer: the server stops without it; clients offer again what is undecided"
            )
        return all(ended)

    async def _save_at_end(self) -> None:
        try:
            await save(self._housekeeping)
        except StoreError as error:
            log.warning("receipts could not be saved: %s", error)


def _credentials(config: ServerConfig, entropy: Entropy) -> Credentials:
    argon2 = config.argon2
    return Credentials(
        hasher=PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, argon2.workers),
        throttle=LoginThrottle(),
        accounts_tried=Daily[str](config.accounts_per_day),
        mailer=Mailer(config.smtp),
        setup=SetupCode(entropy.token_bytes(SETUP_RANDOM_OCTETS)),
    )


def _core_config(limits: CoreConfig, config: ServerConfig) -> CoreConfig:
    return replace(
        limits,
        message_rate=config.message_rate,
        message_burst=config.message_burst,
        total_rate=config.total_rate,
        edits_per_message=config.edits_per_message,
        reactions_per_message=config.reactions_per_message,
        user_octets_per_day=config.user_octets_per_day,
        log_octets=config.log_octets,
    )
