"""Indexes an old log anew beside the serving (see parts.py)."""

import logging
from collections.abc import Callable

import msgspec

from lanchat_server.core.model import IndexProgress
from lanchat_server.service.upkeep.parts import PART, transact_part
from lanchat_server.service.work.writer import Writer

# Seconds between two lines in the log.
LOGGED_EVERY = 5.0

log = logging.getLogger(__name__)


class IndexingState(msgspec.Struct):
    """`progress`: of indexing anew, None when the index is current."""

    progress: IndexProgress | None = None


async def index_anew(writer: Writer, now: Callable[[], float], state: IndexingState) -> None:
    """Until everything is indexed by the present rules, or cancelled; at the next start it goes on."""
    logged = now() - LOGGED_EVERY
    while True:
        progress = await transact_part(writer, now, lambda tx: tx.index_more(PART), "the search could not be indexed")
        if progress is None:
            break
        state.progress = progress
        if now() - logged >= LOGGED_EVERY:
            logged = now()
            log.info("indexing the search anew: %d of %d messages", *progress)
    if state.progress is not None:
        log.info("the search is indexed: %d messages", state.progress.total)
        state.progress = None
