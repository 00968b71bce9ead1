"""The client in a thread of its own, for programs whose main thread belongs to somebody else (a window)."""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from lanchat.net.api import Command, Event
from lanchat.net.client import Client
from lanchat.net.words import ending
from lanchat.store.profile import Profile

log = logging.getLogger(__name__)
Future = concurrent.futures.Future[Any]


class ClientThread:
    """`start`, then `call` from any thread, `stop` at the end. `on_event` is called on the network's thread; it must
    not block. Options are those of `Client`.

    A command's future is done in the same step in which its handler returns: what is called when it is done hears of
    results and events in the order in which they came about. Every future ends, also when the thread does.
    """

    def __init__(self, profile: Profile, on_event: Callable[[Event], None], **options: Any) -> None:
        self._profile = profile
        self._on_event = on_event
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._client: Client | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()
        # Commands that are not answered; None once no command is taken any more.
        self._open: set[Future] | None = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="lanchat-net", daemon=True)

    def start(self) -> None:
        """Returns when commands can be called."""
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._begin)
        try:
            self._loop.run_forever()
        finally:
            self._end_commands()
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _begin(self) -> None:
        self._client = Client(self._profile, self._on_event, **self._options)
        self._ready.set()

    # --- Commands -------------------------------------------------------------------------------------------------

    def call(self, command: Command) -> Future:
        """The command's result, later; the future's exception is a CommandError. Any thread."""
        future: Future = concurrent.futures.Future()
        with self._lock:
            if self._client is not None and self._open is not None:
                self._open.add(future)
                self._loop.call_soon_threadsafe(self._begin_command, command, future)
                return future
        future.set_exception(ending())
        return future

    def _begin_command(self, command: Command, future: Future) -> None:
        task = self._loop.create_task(self._answer(command, future))
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, command: Command, future: Future) -> None:
        assert self._client is not None
        try:
            result = await self._client.call(command)
        except asyncio.CancelledError:
            self._finish(future, ending())
            raise
        except Exception as error:
            self._finish(future, error)
        else:
            self._finish(future, None, result)

    def _finish(self, future: Future, error: Exception | None, result: Any = None) -> None:
        with self._lock:
            if self._open is not None:
                self._open.discard(future)
        # Whoever asked may have cancelled it; and at the end it may be finished already.
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _end_commands(self) -> None:
        """No command is taken any more, and those that are under way have failed."""
        with self._lock:
            unanswered, self._open = self._open or set(), None
        for future in unanswered:
            self._finish(future, ending())

    # --- The end --------------------------------------------------------------------------------------------------

    def stop(self, timeout: float = 5.0) -> None:
        """End the session and the thread; after `timeout` seconds without waiting for them. Commands that are under
        way fail."""
        if not self._thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            done.result(timeout)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            log.warning("the network did not end in time")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)
        self._end_commands()

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
