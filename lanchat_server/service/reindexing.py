"""Indexes an old log anew beside the serving: a part, then as long a pause, so that messages never wait for long."""

import asyncio
import logging
from typing import TYPE_CHECKING

from lanchat_server.accounts import together
from lanchat_server.core.ports import StoreError

if TYPE_CHECKING:
    from lanchat_server.service.service import Service

# Messages in a part: some 10 ms of the writer.
PART = 200
# Seconds after the database failed.
RETRY = 10.0
# Seconds between two lines in the log.
TOLD_EVERY = 5.0

log = logging.getLogger(__name__)


async def index_anew(service: "Service") -> None:
    """Until everything is indexed by the present rules, or cancelled; at the next start it goes on."""
    told = service.now() - TOLD_EVERY
    while True:
        began = service.now()
        try:
            progress = await service.writer.transact(lambda tx: together(tx.index_more(PART)))
        except StoreError as error:
            log.warning("the search could not be indexed: %s", error)
            await asyncio.sleep(RETRY)
            continue
        if progress is None:
            break
        service.indexing = progress
        if service.now() - told >= TOLD_EVERY:
            told = service.now()
            log.info("indexing the search anew: %d of %d messages", *progress)
        await asyncio.sleep(service.now() - began)
    if service.indexing is not None:
        log.info("the search is indexed: %d messages", service.indexing.total)
        service.indexing = None
