"""Erases what deleted rooms held, beside the serving (see parts.py)."""

from typing import TYPE_CHECKING

from lanchat_server.service.upkeep.parts import PART, transact_part

if TYPE_CHECKING:
    from lanchat_server.service.service import Service


async def erase_deleted(service: "Service") -> None:
    """Until cancelled; at the next start it goes on."""
    while True:
        service.to_erase.clear()
        if await transact_part(service, lambda tx: tx.erase_more(PART), "what deleted rooms held could not be erased"):
            service.to_erase.set()
        await service.to_erase.wait()
