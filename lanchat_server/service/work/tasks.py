"""Work that goes on beside the serving."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class BackgroundTasks:
    """Tasks and futures of one event loop that a stop waits for."""

    def __init__(self) -> None:
        """Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._under_way: set[asyncio.Future[Any]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run beside; errors are logged."""
        task = self._loop.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    async def carry_to_end(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which goes on when whoever waits for it is cancelled."""
        task = self._loop.create_task(work)
        self.keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # Nobody else hears how it ends.
            task.add_done_callback(self._ended)
            raise

    def keep(self, future: "asyncio.Future[Any]") -> None:
        """Hold a future until it is done; whoever made it looks at its result."""
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)

    def all(self) -> "list[asyncio.Future[Any]]":
        """Those that are under way."""
        return list(self._under_way)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())
