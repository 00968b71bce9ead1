"""A thread of one transfer: everything that waits for the disk, or hashes, one after the other.

It is a daemon: a read that never ends (a pipe that nobody writes to) does not hold up the end of the program.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class DiskWorker:
    """Event loop's thread only; ends with `close`."""

    def __init__(self) -> None:
        """Starts the thread."""
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="lanchat-files", daemon=True).start()

    def begin(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """The result of `work`, which is done after what was begun before it."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((work, future))
        return future

    async def run(self, work: Callable[[], T]) -> T:
        """As `begin`; cancelling leaves `work` to end by itself."""
        return await self.begin(work)

    def close(self) -> None:
        """What was begun is done; then the thread ends."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                try:
                    result = work()
                except BaseException as error:
                    self._loop.call_soon_threadsafe(_settle, future.set_exception, future, error)
                else:
                    self._loop.call_soon_threadsafe(_settle, future.set_result, future, result)


def _settle(setter: Callable[[Any], None], future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        setter(value)
