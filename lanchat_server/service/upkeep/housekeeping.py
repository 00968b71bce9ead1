"""What the server does every few seconds: ends dead sessions, renews keys, saves receipts, looks after its lease."""

import asyncio
import gc
import logging
from functools import partial
from typing import TYPE_CHECKING

from lanchat_server.core import accounts
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.ports import StoreError, Transaction
from lanchat_server.service import figures
from lanchat_server.service.upkeep.memory import free_pages
from lanchat_server.service.upkeep.storage import free_octets
from lanchat_server.service.wall_clock import TOLERANCE_MS

if TYPE_CHECKING:
    from lanchat_server.service.service import Service

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


async def keep_house(service: "Service") -> None:
    """Until cancelled. A trouble is logged and tried again next time. What needs the database goes on beside the rest,
    which must not wait when the database hangs."""
    renewed = forgotten = collected = service.now()
    compare_with_log(service)
    written = service.background(_write(service, renew_lease=True, forget=True))
    looked: asyncio.Task[None] | None = None
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            watch_clock(service)
            _end_silent(service)
            _renew_keys(service)
            service.throttle.expire(service.now())
            if service.now() - collected >= COLLECTION:
                collected = service.now()
                # Whatever is large frees itself; asyncio's transports, 2 KiB each, hold themselves. For 50 people it
                # takes a millisecond, for 1,000 some 10.
                gc.collect()
                service.background(asyncio.to_thread(free_pages))
            if service.config.metrics_port:
                figures.publish(service)
        except Exception:
            log.exception("housekeeping failed")
        if looked is None or looked.done():
            looked = service.background(_look_at_disk(service))
        if written.done():
            renew = service.now() - renewed >= LEASE_RENEWAL
            if renew:
                renewed = service.now()
            forget = service.now() - forgotten >= FORGETTING
            if forget:
                forgotten = service.now()
            written = service.background(_write(service, renew_lease=renew, forget=forget))
        service.wake()


async def _write(service: "Service", *, renew_lease: bool, forget: bool) -> None:
    try:
        if renew_lease:
            service.storage.octets = await service.writer.transact(_renew_lease)
        await save(service)
        await settle_clock(service)
        await settle_emails(service)
        if forget:
            await service.writer.transact(partial(_forget_allowances, service.wall_ms()))
    except StoreError as error:
        log.warning("the database is away: %s", error)


def watch_clock(service: "Service") -> None:
    """A warning when somebody set the wall clock."""
    jump_ms = service.clock.look()
    if jump_ms:
        log.warning("the clock was set by %+.1f s; messages carry what it shows", jump_ms / 1000)


async def settle_clock(service: "Service") -> None:
    """What is stored with an end goes along with the wall clock. Raises StoreError; then that is still to do."""
    clock, now_ms = service.clock, service.wall_ms()
    by_ms, clock.unsettled_ms = clock.unsettled_ms, None
    if by_ms is None:
        return

    def job(tx: Transaction) -> DirectoryChange[None]:
        tx.move_deadlines(by_ms, now_ms)
        return accounts.move_emails(tx, service.directory, by_ms, now_ms)

    try:
        await service.writer.transact(job)
    except BaseException:
        clock.unsettled_ms = by_ms + (clock.unsettled_ms or 0)
        raise


async def settle_emails(service: "Service") -> None:
    """Addresses that have waited long enough take the place of the old ones. Raises StoreError."""
    now_ms, directory = service.wall_ms(), service.directory
    due = [user.id for user in directory.users.values() if 0 < user.email_from_ms <= now_ms]
    for user in due:
        await service.writer.transact(partial(accounts.settle_email, directory=directory, user_id=user, now_ms=now_ms))


def compare_with_log(service: "Service") -> None:
    """A warning when the newest message is later than the clock."""
    behind_ms = figures.behind_newest_ms(service)
    if behind_ms > TOLERANCE_MS:
        text = "the clock is %.1f s behind the newest message: it was ahead before, or is wrong now"
        log.warning(text, behind_ms / 1000)


async def _look_at_disk(service: "Service") -> None:
    storage = service.storage
    storage.look_at(await service.ask_disk(lambda: free_octets(storage.folders)))
    service.core.closed.disk_full = storage.disk_full
    storage.warn(service.now())


def _renew_lease(tx: Transaction) -> DirectoryChange[int]:
    tx.renew_lease()
    return together(tx.log_octets())


def _forget_allowances(now_ms: int, tx: Transaction) -> DirectoryChange[None]:
    tx.forget_allowances(now_ms)
    return together(None)


def _end_silent(service: "Service") -> None:
    now = service.now()
    for connection in service.connections():
        if connection.user is not None and now - connection.heard > SILENCE_MAX:
            service.count("session_silent")
            connection.abort()


def _renew_keys(service: "Service") -> None:
    if service.relay is None:
        return
    now = service.now()
    for connection in service.connections():
        given = service.keys_given.get(connection.session)
        if given is None:
            continue
        limits = service.limits.seal
        worn = service.relay.packets_left(connection.session) < limits.packets_per_key * (1 - KEY_USED)
        if worn or now - given > limits.key_lifetime * KEY_USED:
            service.send_session_keys(connection)


async def save(service: "Service") -> None:
    """Receipts and last-seen times that the database does not have yet; kept when it is away. Raises StoreError."""
    unsaved = service.core.receipts.take_unsaved()
    users, service.seen_users = service.seen_users, {}
    devices, service.seen_devices = service.seen_devices, {}
    if not (unsaved or users or devices):
        return

    def job(tx: Transaction) -> DirectoryChange[None]:
        if unsaved:
            tx.set_cursors(unsaved)
        if users or devices:
            tx.touch(users, devices)
        return DirectoryChange(None, lambda: service.directory.touch(users, devices))

    try:
        await service.writer.transact(job)
    except StoreError:
        service.core.receipts.restore_unsaved(unsaved)
        service.seen_users = users | service.seen_users
        service.seen_devices = devices | service.seen_devices
        raise
