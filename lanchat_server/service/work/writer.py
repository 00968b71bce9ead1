"""The writer: one thread, one job after the other; everything that changes the database passes here.

A batch of messages and a change of accounts or rooms are both jobs, so what one decided is in force for the next. A
job that changes something returns a function that brings the directory in memory up to date; it runs on this thread
right after the commit. After a commit whose outcome is unknown the directory and the heads are read anew before the
next job.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from lanchat.protocol.log.records import Head
from lanchat_server.core.accounts.changes import DirectoryChange, transact
from lanchat_server.core.directory.differences import Differences, differences
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.ports import CommitConflict, CommitUnknown, Fenced, Store, StoreError, Transaction
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Sequencer, Submission
from lanchat_server.service.errors import overloaded
from lanchat_server.service.work.checking import Checker

T = TypeVar("T")
Job = Callable[[], Any]
# Takes what a job returned, or else its error; called on the event loop.
Answer = Callable[[Any, BaseException | None], None]
# Requests that wait for the writer, all sessions together; each is one small transaction.
JOBS_MAX = 1024
# So often a job is done again when a transaction of somebody else came first.
CONFLICTS_MAX = 9

log = logging.getLogger(__name__)


class Writer:
    """Owns the store's writing side. `on_fenced` (with one line for a person) and `on_reloaded` are called on the event
    loop; `wall_ms` is the time that records get, in milliseconds UTC. `latency`: seconds that the last job took;
    `proven`: when the last transaction that was committed had not begun yet, in seconds of the loop's clock."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        sequencer: Sequencer,
        on_fenced: Callable[[str], None],
        on_reloaded: Callable[[dict[int, Head], Differences], None],
        wall_ms: Callable[[], int],
    ) -> None:
        """Needs a running event loop; starts its thread and that of the checker."""
        self._store = store
        self._directory = directory
        self._sequencer = sequencer
        self._on_fenced = on_fenced
        self._on_reloaded = on_reloaded
        self._wall_ms = wall_ms
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[Job, Answer] | None] = queue.SimpleQueue()
        self._stale = False
        self._checker = Checker(directory)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        self.latency = 0.0
        self.proven = self._loop.time()

    async def transact(self, job: Callable[[Transaction], DirectoryChange[T]]) -> T:
        """Run `job` in a transaction and, after the commit, apply its change. Raises StoreError and what `job` raises;
        then nothing was changed."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._submit(partial(transact, self._store, job), partial(_set_answer, future))
        return await future

    def commit(
        self, batch: list[Submission], answer: Callable[[BatchOutcome | None, BaseException | None], None]
    ) -> None:
        """Decide and store a batch of messages. `answer` is called on the event loop, later, with the outcome or else
        with the error, a StoreError in general: a future would need another turn of the loop for each batch."""
        try:
            self._submit(lambda: self._sequencer.commit(self._store, batch, self._wall_ms()), answer, batch)
        except StoreError as error:
            self._loop.call_soon(answer, None, error)

    async def close(self, patience: float) -> bool:
        """Finish what is queued, then end the thread. False when it was not done after so many seconds: the database
        does not answer, and the thread is left alone with it."""
        await asyncio.to_thread(self._checker.close)
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, patience)
        return not self._thread.is_alive()

    def _submit(self, work: Job, answer: Answer, batch: Sequence[Submission] = ()) -> None:
        if self._jobs.qsize() >= JOBS_MAX:
            raise overloaded()
        if batch:
            self._checker.check(batch, lambda: self._jobs.put((work, answer)))
        else:
            self._jobs.put((work, answer))

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            started = self._loop.time()
            self._do(*item)
            self.latency = self._loop.time() - started

    def _do(self, job: Job, answer: Answer) -> None:
        started = self._loop.time()
        try:
            result = self._carry_out(job)
            # Each job is a transaction, which had the lease.
            self.proven = started
        except BaseException as error:  # the waiting caller gets whatever it was
            self._failed(error)
            self._call(answer, None, error)
        else:
            self._call(answer, result, None)

    def _carry_out(self, job: Job) -> Any:
        """The result of a job. Where somebody else changes the same rows, as in a cluster, it is done again."""
        for _attempt in range(CONFLICTS_MAX):
            with contextlib.suppress(CommitConflict):
                self._refresh()
                return job()
        self._refresh()
        return job()

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("the event loop is gone; an answer of the writer was dropped")

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, Fenced):
            self._call(self._on_fenced, str(error))
        elif isinstance(error, CommitUnknown):
            self._stale = True

    def _refresh(self) -> None:
        """After an unknown outcome: see what the database says now."""
        if not self._stale:
            return
        before, snapshot = self._directory.snapshot(), self._store.snapshot()
        self._directory.load(snapshot)
        heads = {room.id: self._sequencer.sign(room.id, room.head) for room in snapshot.rooms}
        self._stale = False
        self._call(self._on_reloaded, heads, differences(before, snapshot))


def _set_answer(future: "asyncio.Future[T]", result: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
