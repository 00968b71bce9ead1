"""Backups of a running server: one at a time, in a thread beside the writer."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lanchat_server.maintenance.reserve import DiskReserve
from lanchat_server.service.work.threads import ThreadPool

T = TypeVar("T")


class BackupRunner:
    """Those under way and those that wait. For one event loop."""

    def __init__(self, threads: ThreadPool) -> None:
        """Owns `threads` until `close`."""
        self._threads = threads
        self._reserves: list[DiskReserve] = []

    async def run(self, work: Callable[[], T], reserve: DiskReserve) -> T:
        """The result of `work`, which writes as `reserve` allows and is given up when whoever waits for it is
        cancelled. Raises StoreError, also when too many wait."""
        self._reserves.append(reserve)
        try:
            return await self._threads.run(work)
        except asyncio.CancelledError:
            reserve.give_up()
            raise
        finally:
            # Another one with the same figures may wait.
            self._reserves = [other for other in self._reserves if other is not reserve]

    def give_up(self) -> None:
        """All end soon, with StoreError and without a file."""
        for reserve in self._reserves:
            reserve.give_up()

    async def close(self, patience: float) -> None:
        """Wait until they have ended, so many seconds at most."""
        await self._threads.close(patience)
