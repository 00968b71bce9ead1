"""Indexes an old log anew beside the serving (see parts.py)."""

import logging
from typing import TYPE_CHECKING

from lanchat_server.service.upkeep.parts import PART, transact_part

if TYPE_CHECKING:
    from lanchat_server.service.service import Service

# Seconds between two lines in the log.
LOGGED_EVERY = 5.0

log = logging.getLogger(__name__)


async def index_anew(service: "Service") -> None:
    """Until everything is indexed by the present rules, or cancelled; at the next start it goes on."""
    logged = service.now() - LOGGED_EVERY
    while True:
        progress = await transact_part(service, lambda tx: tx.index_more(PART), "the search could not be indexed")
        if progress is None:
            break
        service.indexing = progress
        if service.now() - logged >= LOGGED_EVERY:
            logged = service.now()
            log.info("indexing the search anew: %d of %d messages", *progress)
    if service.indexing is not None:
        log.info("the search is indexed: %d messages", service.indexing.total)
        service.indexing = None
