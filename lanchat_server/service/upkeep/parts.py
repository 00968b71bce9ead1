"""Long work on the database beside the serving: a part, then as long a pause, so that messages never wait for long."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from lanchat_server.core.accounts.changes import together
from lanchat_server.core.ports import StoreError, Transaction
from lanchat_server.service.work.writer import Writer

# Rows in a part: some 10 ms of the writer.
PART = 200
# Seconds after the database failed.
RETRY = 10.0

T = TypeVar("T")

log = logging.getLogger(__name__)


async def transact_part(writer: Writer, now: Callable[[], float], part: Callable[[Transaction], T], failure: str) -> T:
    """What `part` returned in a transaction of its own, after the pause. It is tried again while the database fails,
    each time with a warning that begins with `failure`."""
    while True:
        began = now()
        try:
            result = await writer.transact(lambda tx: together(part(tx)))
        except StoreError as error:
            log.warning("%s: %s", failure, error)
            await asyncio.sleep(RETRY)
            continue
        await asyncio.sleep(now() - began)
        return result
