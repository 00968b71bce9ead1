"""Erases what deleted rooms held, beside the serving: a part, then as long a pause; so messages never wait for long."""

import asyncio
import logging
from typing import TYPE_CHECKING

from lanchat_server.accounts import together
from lanchat_server.core.ports import StoreError

if TYPE_CHECKING:
    from lanchat_server.service.service import Service

# Records in a part: some 10 ms of the writer.
PART = 200
# Seconds after the database failed.
RETRY = 10.0

log = logging.getLogger(__name__)


async def erase_deleted(service: "Service") -> None:
    """Until cancelled; at the next start it goes on."""
    while True:
        service.to_erase.clear()
        if await _erase_part(service):
            service.to_erase.set()
        await service.to_erase.wait()


async def _erase_part(service: "Service") -> bool:
    """Whether more may be left."""
    began = service.now()
    try:
        more = await service.writer.transact(lambda tx: together(tx.erase_more(PART)))
    except StoreError as error:
        log.warning("what deleted rooms held could not be erased: %s", error)
        await asyncio.sleep(RETRY)
        return True
    await asyncio.sleep(service.now() - began)
    return more
