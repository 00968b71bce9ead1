"""Removes contents of files that no message names, and what a crash left of others."""

import asyncio
import logging
from collections.abc import Callable

from lanchat_server.core.ports import StoreError
from lanchat_server.service.transfers.transfers import Transfers

# How often; in a round at most so many.
INTERVAL = 60.0
PART = 100
# Contents may be without a name for so long: less than an hour with what one round takes.
UNNAMED_S = 55 * 60.0

log = logging.getLogger(__name__)


async def erase_unnamed(transfers: Transfers, wall_ms: Callable[[], int], wanted: Callable[[], bool]) -> None:
    """Until cancelled. `wanted`: whether contents that the database does not know may go; not while clients still give
    the log back."""
    while True:
        try:
            before_ms = wall_ms() - int(UNNAMED_S * 1000)
            await transfers.forget_unnamed(before_ms, PART)
            if wanted():
                await transfers.sweep(before_ms / 1000)
        except (StoreError, OSError) as error:
            log.warning("the database is away: %s", error)
        await asyncio.sleep(INTERVAL)
