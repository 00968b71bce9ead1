"""A standby: a second server on the same database and with the same keys, which takes over when the first is gone.

It opens no port but the administrator's, and looks at the lease twice a second. When that may be taken
(store/transactions/claiming.py) the server starts as any other; when it loses the lease, it stands by again.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from lanchat import __version__
from lanchat.i18n import _
from lanchat.platform.disk.files import make_private_folder
from lanchat.protocol import wire
from lanchat.protocol.log.keys import public_octets
from lanchat_server.admin.channel import AdminChannel
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import ServerKeys, has_keys, load_or_create
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.connection.url import parse_url
from lanchat_server.store.sqlstore import this_process
from lanchat_server.store.transactions.claiming import STANDBY_SIGN, LeaseHolder, StandbyWatch

# Seconds between two looks.
LOOK = 0.5
# The holder is written into messages and figures.
_HOLDER_MAX = 255

log = logging.getLogger(__name__)


class StandbyReady(msgspec.Struct, frozen=True):
    """What a standby says when it begins to wait. `holder`: the computer and process that serve."""

    name: str
    holder: str
    fingerprint: str


class FreeLease(msgspec.Struct, frozen=True):
    """An open database whose lease may be taken, as `is_free` says of it at that moment."""

    store: SqlStore
    is_free: Callable[[LeaseHolder], bool]


def identity_of(keys: ServerKeys) -> bytes:
    """What both servers of a pair have in common: a digest of their certificate and of the log's public key."""
    return hashlib.sha256(bytes.fromhex(keys.fingerprint) + public_octets(keys.log_key)).digest()


async def stand_by(
    config: ServerConfig,
    stopped: asyncio.Event,
    begun: Callable[[], Awaitable[None]],
    on_standby: Callable[[StandbyReady], None],
    *,
    again: bool,
) -> FreeLease | None:
    """Wait until the lease may be taken; None: `stopped` was set before. `begun` is awaited, and then `on_standby`
    called, when there is a server to wait for. `again`: after having served, so a database that is away is waited for.
    Raises StartError."""
    async with contextlib.AsyncExitStack() as stack:
        standby = _Standby(config, stopped, begun, on_standby, stack)
        store = await standby.open(again)
        if store is None:
            return None
        try:
            if await standby.watch(store):
                return FreeLease(store, standby.is_free)
        except BaseException:
            store.close()
            raise
        store.close()
        return None


class _Standby:
    """One time of waiting."""

    def __init__(
        self,
        config: ServerConfig,
        stopped: asyncio.Event,
        begun: Callable[[], Awaitable[None]],
        on_standby: Callable[[StandbyReady], None],
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self._config = config
        self._stopped = stopped
        self._begun = begun
        self._on_standby = on_standby
        self._stack = stack
        self._listens = False
        self._pool = ThreadPool(1, "standby", 1)
        stack.push_async_callback(self._pool.close, 0.1)
        self._watch = StandbyWatch()
        # Read in other threads too.
        self._now = asyncio.get_running_loop().time
        self._started = self._now()
        self._signed: float | None = None
        self._holder: LeaseHolder | None = None
        self._latency = 0.0
        self._url = ""

    def is_free(self, held: LeaseHolder) -> bool:
        """Whether the lease may be taken as it is found now."""
        return self._watch.look(held, self._now())

    async def open(self, again: bool) -> SqlStore | None:
        """The database; None when the server is to stop. Raises StartError unless it is `again`."""
        if again:
            await self._listen()
        while not self._stopped.is_set():
            try:
                return await self._pool.run(self._open)
            except StoreError as error:
                if not again:
                    raise StartError(str(error)) from error
                log.warning("the database is away: %s", error)
            await self._pause(2 * LOOK)
        return None

    def _open(self) -> SqlStore:
        config = self._config
        if parse_url(config.database, config.data_dir).is_sqlite:
            raise StartError(
                _("A standby needs a MySQL or MariaDB server that both servers use: give its --database URL")
            )
        make_private_folder(config.data_dir, strict=False)
        # Tables of an older version are left to a server that is alone.
        store = open_store(config.database, config.data_dir, command=True)
        self._url = str(store.address)
        return store

    async def watch(self, store: SqlStore) -> bool:
        """Until the lease may be taken; False when the server is to stop."""
        while not self._stopped.is_set():
            begun = self._now()
            try:
                held = await self._pool.run(store.lease_holder)
                self._latency = self._now() - begun
                if self._watch.look(held, begun):
                    self._check_keys(held)
                    self._say_why(held)
                    return True
                await self._meet(held)
                await self._sign(store)
            except StoreError as error:
                self._watch.failed()
                log.warning("the database is away: %s", error)
            await self._pause(LOOK)
        return False

    def _say_why(self, held: LeaseHolder) -> None:
        if self._holder is not None:
            silent = self._now() - self._watch.since
            reason = f"silent for {silent:.1f} s" if held.renewed_ms else "has ended"
            log.warning("%s is %s: this server takes over", held.holder, reason)

    async def _meet(self, held: LeaseHolder) -> None:
        """A server that was not there before. Raises StartError when it has other keys."""
        if self._holder is not None and held.incarnation == self._holder.incarnation:
            return
        first, self._holder = self._holder is None, held
        fingerprint = self._check_keys(held)
        log.info("standing by: %s serves", held.holder)
        if first:
            await self._listen()
            await self._begun()
            self._on_standby(StandbyReady(self._config.name, held.holder, fingerprint))

    async def _listen(self) -> None:
        """For commands on this computer."""
        if not self._listens:
            self._listens = True
            admin = AdminChannel(self._config.data_dir, self._administer, stop=self._stopped.set)
            await admin.start()
            self._stack.callback(admin.close)

    def _check_keys(self, held: LeaseHolder) -> str:
        """The fingerprint; empty as long as no server had the database. Raises StartError when the last one that had it
        has other keys: its clients would take this one for an impostor."""
        if not held.identity:
            return ""
        folder = self._config.data_dir / "keys"
        if not has_keys(self._config.data_dir):
            text = _("A standby needs the keys of the server that has the database: copy its folder keys to {folder}")
            raise StartError(text.format(folder=folder))
        keys = load_or_create(self._config.data_dir)
        if held.identity != identity_of(keys):
            text = _("The keys in {folder} are not those of the server that has the database: copy its folder keys")
            raise StartError(text.format(folder=folder))
        return keys.fingerprint

    async def _sign(self, store: SqlStore) -> None:
        """Let the other server know, which then promises to stop without its lease."""
        now = self._now()
        if self._signed is None or now - self._signed >= STANDBY_SIGN:
            await self._pool.run(partial(store.stand_by, this_process()))
            self._signed = now

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _administer(self, request: Any) -> wire.Result:
        """The request of an administrator on this computer. Raises StoreError for all that the other server does."""
        holder = self._holder.holder if self._holder is not None else ""
        if not isinstance(request, wire.Status):
            text = _("This server stands by while {holder} serves: give the command there")
            raise StoreError(text.format(holder=holder) if holder else _("This server waits for its database"))
        return wire.StatusReport(
            name=self._config.name,
            version=__version__,
            uptime_ms=round((self._now() - self._started) * 1000),
            users_online=[],
            sessions=0,
            rooms_total=0,
            rooms=[],
            queues=wire.QueueFigures(0, 0, 0, 0),
            database=wire.DatabaseFigures(self._url, round(self._latency * 1_000_000)),
            clock=wire.ClockFigures(0, 0, 0),
            storage=wire.StorageFigures("", None, 0, None, 0, False, 0, []),
            counters=[],
            standing_by=True,
            other_server=holder[:_HOLDER_MAX],
        )
