"""Erases what deleted rooms held, beside the serving (see parts.py)."""

import asyncio
from collections.abc import Callable

from lanchat_server.service.upkeep.parts import PART, transact_part
from lanchat_server.service.work.writer import Writer


async def erase_deleted(writer: Writer, now: Callable[[], float], to_erase: asyncio.Event) -> None:
    """Until cancelled; at the next start it goes on."""
    while True:
        to_erase.clear()
        if await transact_part(
            writer, now, lambda tx: tx.erase_more(PART), "what deleted rooms held could not be erased"
        ):
            to_erase.set()
        await to_erase.wait()
