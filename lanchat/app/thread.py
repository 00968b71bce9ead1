"""The client in a thread of its own, for programs whose main thread belongs to somebody else (a window)."""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from lanchat.app.api import Command, Event
from lanchat.app.client import Client
from lanchat.app.command_errors import ending
from lanchat.store.profile import ProfileStore

log = logging.getLogger(__name__)
T = TypeVar("T")
Future = concurrent.futures.Future[Any]


class ClientThread:
    """`start`, then `call` from any thread, `stop` at the end. `on_event` is called on the network's thread; it must
    not block. Options are those of `Client`.

    A command's future is done in the same step in which its handler returns: what is called when it is done hears of
    results and events in the order in which they came about. Every future ends, also when the thread does.
    """

    def __init__(self, profile: ProfileStore, on_event: Callable[[Event], None], **options: Any) -> None:
        """Nothing runs before `start`."""
        self._profile = profile
        self._on_event = on_event
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._stopping = asyncio.Event()
        self._main_task: asyncio.Task[None] | None = None
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
        # The runner's end cancels the tasks that are left, in whichever state `stop` interrupted them.
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    runner.run(self._main())
            finally:
                self._end_commands()
                self._ready.set()

    async def _main(self) -> None:
        self._main_task = asyncio.current_task()
        self._client = Client(self._profile, self._on_event, **self._options)
        self._ready.set()
        await self._stopping.wait()
        await self._client.close()

    # --- Commands -------------------------------------------------------------------------------------------------

    def call(self, command: Command[T]) -> "concurrent.futures.Future[T]":
        """The command's result, later; the future's exception is a CommandError. Any thread."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if self._loop is not None and self._client is not None and self._open is not None:
                self._open.add(future)
                self._loop.call_soon_threadsafe(self._begin_command, command, future)
                return future
        future.set_exception(ending())
        return future

    def _begin_command(self, command: Command[Any], future: Future) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(command, future))
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, command: Command[Any], future: Future) -> None:
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
        """End the session and the thread. What is not done after `timeout` seconds is cancelled, and after as much
        again it is left behind. Commands that are under way fail."""
        if self._loop is None or not self._thread.is_alive():
            return
        self._call_soon(self._stopping.set)
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("the network did not end in time")
            assert self._main_task is not None
            self._call_soon(self._main_task.cancel)
            self._thread.join(timeout)
        self._end_commands()

    def _call_soon(self, callback: Callable[[], object]) -> None:
        assert self._loop is not None
        # The loop may be closed by now: the thread has ended, or is about to.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)
