"""A server whose log is to come back from its clients: what it remembers of that over its restarts."""

import asyncio
import logging

from lanchat_server.core.reseeding.reseeding import HOLD, Reseeding
from lanchat_server.maintenance import lost_log
from lanchat_server.service.context import RequestContext

# New messages are not held back again after so long.
_SETTLED = 2 * HOLD

log = logging.getLogger(__name__)


def begin_reseeding(context: RequestContext) -> None:
    """Before the server serves: whether clients are asked."""
    directory, data_dir = context.directory, context.config.data_dir
    lost_log.remember_log(data_dir, directory)
    mark = lost_log.mark_of(data_dir, directory.log, context.wall_ms())
    if mark is None:
        return
    directory.reopened_ms = mark.since_ms
    directory.know_revoked([bytes.fromhex(device) for device in mark.revoked], 0)
    context.core.reseeding = Reseeding(True, not mark.settled, context.now())
    context.background(_settle(context))
    log.warning("the log may lack something: clients are asked for what they have")


async def _settle(context: RequestContext) -> None:
    """After the beginning: a restart keeps no message back any more."""
    await asyncio.sleep(_SETTLED)
    await keep_revoked(context)


async def keep_revoked(context: RequestContext) -> None:
    """Make durable which devices are revoked that the database has no row of."""
    directory, data_dir = context.directory, context.config.data_dir
    mark = lost_log.mark_of(data_dir, directory.log, context.wall_ms())
    if mark is None:
        return
    settled = mark.settled or context.now() >= context.core.reseeding.holds_until
    try:
        await asyncio.to_thread(
            lambda: lost_log.keep_revoked(data_dir, mark, directory.revoked_unknown, settled=settled)
        )
    except OSError as error:
        log.error("what is known of revoked devices cannot be kept: %s", error)
