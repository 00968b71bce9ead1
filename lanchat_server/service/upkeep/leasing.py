"""Keeps the lease of the database while a standby waits to take over: renewed often, and no serving once it may have
run out (store/transactions/claiming.py has the rule)."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.ports import StoreError, Transaction
from lanchat_server.maintenance import last_lease
from lanchat_server.service.work.tasks import BackgroundTasks
from lanchat_server.service.work.writer import Writer
from lanchat_server.store import SqlStore
from lanchat_server.store.transactions.claiming import SERVES, ServerTerms

# Seconds. Each transaction counts as a sign of life; one of its own is made when there was none for so long.
RENEWAL = 0.5
_LOOK = 0.25
# Between two notes of how far the lease has come.
REMEMBERED = 60.0

log = logging.getLogger(__name__)


class LeasePromise:
    """Whether this server has promised to stop serving without the lease. Once given it holds until the server ends."""

    def __init__(self, given: bool) -> None:
        """`given`: from the beginning, as by a server that is one of two."""
        self.given = given
        # Who waits to take over, as of the last renewal; empty: nobody.
        self.standby = ""

    @property
    def serves_ms(self) -> int:
        """As it stands in the lease."""
        return round(SERVES * 1000) if self.given else 0

    def terms(self, identity: bytes) -> ServerTerms:
        """For the lease that a server with these keys takes."""
        return ServerTerms(identity, self.serves_ms)

    def renew(self, tx: Transaction) -> DirectoryChange[int]:
        """A job of the writer; its result is how many octets the log has."""
        standby = tx.renew_lease(self.serves_ms)
        if standby and not self.given:
            # Before the commit: it holds even when nobody knows whether that was carried out.
            self.given = True
            standby = tx.renew_lease(self.serves_ms)
        self.standby = standby
        return together(tx.log_octets())


async def remember_lease(data_dir: Path, store: SqlStore) -> None:
    """Until cancelled: notes how far the lease has come, for the next start of a server that is killed."""
    while True:
        await asyncio.to_thread(last_lease.remember, data_dir, store)
        await asyncio.sleep(REMEMBERED)


async def keep_lease(
    promise: LeasePromise,
    writer: Writer,
    tasks: BackgroundTasks,
    now: Callable[[], float],
    on_expired: Callable[[], None],
) -> None:
    """Until cancelled, or the promise falls due: then `on_expired` is called. `now`: the steady clock of `writer`."""

    async def renew() -> None:
        try:
            await writer.transact(promise.renew)
        except StoreError as error:
            log.warning("the lease of the database was not renewed: %s", error)

    renewing: asyncio.Task[None] | None = None
    while True:
        silent = now() - writer.proven
        if promise.given and silent >= SERVES:
            on_expired()
            return
        if promise.given and silent >= RENEWAL and (renewing is None or renewing.done()):
            renewing = tasks.run(renew())
        await asyncio.sleep(min(_LOOK, max(0.001, SERVES - silent)))
