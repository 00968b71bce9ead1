"""What the server does every few seconds: ends dead sessions, renews keys, saves receipts, fills the search, looks
after its lease."""

import asyncio
import gc
import logging
from collections.abc import Callable
from functools import partial

import msgspec

from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.limits.throttle import LoginThrottle
from lanchat_server.core.ports import CommitUnknown, Store, StoreError, Transaction
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.reporting.figures import behind_newest_ms
from lanchat_server.service.upkeep.filling import index_appended
from lanchat_server.service.upkeep.leasing import LeasePromise
from lanchat_server.service.upkeep.memory import free_pages
from lanchat_server.service.upkeep.storage import StorageState, free_octets
from lanchat_server.service.wall_clock import TOLERANCE_MS, ClockWatch, UnknownMove
from lanchat_server.service.work.tasks import BackgroundTasks
from lanchat_server.service.work.threads import ThreadPool
from lanchat_server.service.work.writer import Writer

INTERVAL = 2.0
# Its lease is renewed this often, for commands that would change the database behind its back (store/sqlstore.py); an
# idle server sees by it whether a newer one has taken the database.
LEASE_RENEWAL = 4.0
# How often those who used nothing of their allowances for a day are forgotten.
FORGETTING = 3600.0
# How often cycles of objects that nobody uses are freed, and free pages given back.
COLLECTION = 300.0
# A session that was silent for this long on both ways is dead: a client pings when it heard nothing for 7.5 s.
SILENCE_MAX = 75.0
# Keys are renewed when this much of their life or of their packets is used.
KEY_USED = 0.8

log = logging.getLogger(__name__)


class HousekeepingContext(msgspec.Struct, eq=False, kw_only=True):
    """What housekeeping looks after. `disk_looks`: a thread for work that a disk may keep waiting, so that nothing else
    waits, nor the process when it ends; `now`: steady seconds; `wall_ms`: milliseconds UTC; `publish` brings the
    metrics up to date, None: nobody reads them; `interval`: seconds between two rounds."""

    core: ServerCore
    directory: Directory
    store: Store
    writer: Writer
    connections: ConnectionTable
    throttle: LoginThrottle
    storage: StorageState
    promise: LeasePromise
    clock: ClockWatch
    tasks: BackgroundTasks
    disk_looks: ThreadPool
    now: Callable[[], float]
    wall_ms: Callable[[], int]
    count: Callable[[str], None]
    wake: Callable[[], None]
    publish: Callable[[], None] | None
    interval: float = INTERVAL


async def run_housekeeping(context: HousekeepingContext) -> None:
    """Until cancelled. A trouble is logged and tried again next time. What needs the database goes on beside the rest,
    which must not wait when the database hangs."""
    renewed = forgotten = collected = context.now()
    compare_with_log(context)
    written = context.tasks.run(_write(context, renew_lease=True, forget=True))
    looked: asyncio.Task[None] | None = None
    while True:
        await asyncio.sleep(context.interval)
        try:
            watch_clock(context)
            _end_silent(context)
            _renew_keys(context)
            context.throttle.expire(context.now())
            if context.now() - collected >= COLLECTION:
                collected = context.now()
                # Whatever is large frees itself; asyncio's transports, 2 KiB each, hold themselves. For 50 people it
                # takes a millisecond, for 1,000 some 10.
                gc.collect()
                context.tasks.run(asyncio.to_thread(free_pages))
            if context.publish is not None:
                context.publish()
        except Exception:
            log.exception("housekeeping failed")
        if looked is None or looked.done():
            looked = context.tasks.run(_look_at_disk(context))
        if written.done():
            renew = context.now() - renewed >= LEASE_RENEWAL
            if renew:
                renewed = context.now()
            forget = context.now() - forgotten >= FORGETTING
            if forget:
                forgotten = context.now()
            written = context.tasks.run(_write(context, renew_lease=renew, forget=forget))
        context.wake()


async def _write(context: HousekeepingContext, *, renew_lease: bool, forget: bool) -> None:
    try:
        if renew_lease:
            context.storage.octets = await context.writer.transact(context.promise.renew)
        await save(context)
        await index_appended(context.writer, context.store)
        await settle_clock(context)
        await settle_emails(context)
        if forget:
            await context.writer.transact(partial(_forget_allowances, context.wall_ms()))
    except StoreError as error:
        log.warning("the database is away: %s", error)


def watch_clock(context: HousekeepingContext) -> None:
    """A warning when somebody set the wall clock."""
    jump_ms = context.clock.look()
    if jump_ms:
        log.warning("the clock was set by %+.1f s; messages carry what it shows", jump_ms / 1000)


async def settle_clock(context: HousekeepingContext) -> None:
    """What is stored with an end goes along with the wall clock. Raises StoreError; then that is still to do."""
    clock, now_ms = context.clock, context.wall_ms()
    by_ms, clock.unsettled_ms = clock.unsettled_ms, None
    before, clock.unknown_move = clock.unknown_move, None
    if by_ms is None and before is None:
        return
    moved_ms = by_ms or 0

    def job(tx: Transaction) -> DirectoryChange[None]:
        nonlocal moved_ms
        # The writer has looked at the database since the commit of unknown outcome.
        moved_ms = (by_ms or 0) + (before.by_ms if before is not None and not before.error.stored else 0)
        tx.move_deadlines(moved_ms, now_ms)
        return accounts.move_emails(tx, context.directory, moved_ms, now_ms)

    try:
        await context.writer.transact(job)
    except CommitUnknown as error:
        clock.unknown_move = UnknownMove(moved_ms, error)
        raise
    except BaseException:
        if by_ms is not None:
            clock.unsettled_ms = by_ms + (clock.unsettled_ms or 0)
        clock.unknown_move = before
        raise


async def settle_emails(context: HousekeepingContext) -> None:
    """Addresses that have waited long enough take the place of the old ones. Raises StoreError."""
    now_ms, directory = context.wall_ms(), context.directory
    due = [user.id for user in directory.users.values() if 0 < user.email_from_ms <= now_ms]
    for user in due:
        await context.writer.transact(partial(accounts.settle_email, directory=directory, user_id=user, now_ms=now_ms))


def compare_with_log(context: HousekeepingContext) -> None:
    """A warning when the newest message is later than the clock."""
    behind_ms = behind_newest_ms(context.core, context.wall_ms())
    if behind_ms > TOLERANCE_MS:
        text = "the clock is %.1f s behind the newest message: it was ahead before, or is wrong now"
        log.warning(text, behind_ms / 1000)


async def _look_at_disk(context: HousekeepingContext) -> None:
    storage = context.storage
    storage.look_at(await context.disk_looks.run(lambda: free_octets(storage.folders)))
    context.core.closed.disk_full = storage.disk_full
    storage.warn(context.now())


def _forget_allowances(now_ms: int, tx: Transaction) -> DirectoryChange[None]:
    tx.forget_allowances(now_ms)
    return together(None)


def _end_silent(context: HousekeepingContext) -> None:
    now = context.now()
    for connection in context.connections.all():
        if connection.user is not None and now - connection.heard > SILENCE_MAX:
            context.count("session_silent")
            connection.abort()


def _renew_keys(context: HousekeepingContext) -> None:
    for connection in context.connections.all():
        if context.connections.keys_worn(connection.session, KEY_USED):
            context.connections.send_keys(connection)


async def save(context: HousekeepingContext) -> None:
    """Receipts and last-seen times that the database does not have yet; kept when it is away. Raises StoreError."""
    unsaved = context.core.receipts.take_unsaved()
    users, context.connections.seen_users = context.connections.seen_users, {}
    devices, context.connections.seen_devices = context.connections.seen_devices, {}
    if not (unsaved or users or devices):
        return

    def job(tx: Transaction) -> DirectoryChange[None]:
        if unsaved:
            tx.set_cursors(unsaved)
        if users or devices:
            tx.touch(users, devices)
        return DirectoryChange(None, lambda: context.directory.touch(users, devices))

    try:
        await context.writer.transact(job)
    except StoreError:
        context.core.receipts.restore_unsaved(unsaved)
        context.connections.seen_users = users | context.connections.seen_users
        context.connections.seen_devices = devices | context.connections.seen_devices
        raise
