"""Threads that wait for the database beside the writer, and turns to hold its large answers: few, with bounded lines.

They are daemons: a database that hangs must not keep the process from ending, as the threads of the standard library's
pools would.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from lanchat_server.service.errors import overloaded

T = TypeVar("T")


class ThreadPool:
    """At most `count` of them, made when there is work. For the thread of one event loop."""

    def __init__(self, count: int, name: str, waiting_max: int) -> None:
        """`name`: what the names of the threads begin with. `waiting_max`: jobs beside those under way."""
        self._count = count
        self._name = name
        self._waiting_max = waiting_max
        # What is waiting or being done.
        self._unfinished = 0
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`. Raises what it raises, and StoreError when too much waits already."""
        if self._unfinished >= self._waiting_max + self._count:
            raise overloaded()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._unfinished += 1
        if len(self._threads) < min(self._count, self._unfinished):
            self._start()
        self._jobs.put((work, future))
        return await future

    async def close(self, patience: float) -> bool:
        """End them; False when some were still at work after so many seconds, and are left alone."""
        for _ in self._threads:
            self._jobs.put(None)
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        for thread in self._threads:
            await asyncio.to_thread(thread.join, max(0.0, end - loop.time()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            result: Any = None
            failure: BaseException | None = None
            try:
                result = work()
            except BaseException as error:  # the waiting caller gets whatever it was
                failure = error
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                future.get_loop().call_soon_threadsafe(self._finished, future, result, failure)

    def _finished(self, future: "asyncio.Future[Any]", result: Any, failure: BaseException | None) -> None:
        self._unfinished -= 1
        if future.done():
            return
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(result)


class FairSemaphore:
    """`async with`: at most `count` are within at a time, the others wait in the order in which they came. Raises
    StoreError when `waiting_max` wait already. For one event loop."""

    def __init__(self, count: int, waiting_max: int) -> None:
        """All places are free."""
        self._free = asyncio.Semaphore(count)
        self._waiting_max = waiting_max
        self._waiting = 0

    async def __aenter__(self) -> None:
        """Wait for a place. A caller that is cancelled takes none."""
        if self._waiting >= self._waiting_max:
            raise overloaded()
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        """Free the place; what the block raised goes on."""
        self._free.release()
