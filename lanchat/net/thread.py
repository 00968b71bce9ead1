"""The client in a thread of its own, for programs whose main thread belongs to somebody else (a window)."""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable
from typing import Any

from lanchat.i18n import _
from lanchat.net.api import Command, CommandError, Event, Trouble
from lanchat.net.client import Client
from lanchat.store.profile import Profile

log = logging.getLogger(__name__)


class ClientThread:
    """`start`, then `call` from any thread, `stop` at the end. `on_event` is called on the network's thread; it must
    not block. Options are those of `Client`."""

    def __init__(self, profile: Profile, on_event: Callable[[Event], None], **options: Any) -> None:
        self._profile = profile
        self._on_event = on_event
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._client: Client | None = None
        self._ready = threading.Event()
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
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _begin(self) -> None:
        self._client = Client(self._profile, self._on_event, **self._options)
        self._ready.set()

    def call(self, command: Command) -> "concurrent.futures.Future[Any]":
        """The command's result, later; the future's exception is a CommandError. Any thread."""
        client = self._client
        if client is None or self._loop.is_closed() or not self._thread.is_alive():
            gone: concurrent.futures.Future[Any] = concurrent.futures.Future()
            gone.set_exception(CommandError(Trouble.OFFLINE, _("The program is ending")))
            return gone
        return asyncio.run_coroutine_threadsafe(client.call(command), self._loop)

    def stop(self, timeout: float = 5.0) -> None:
        """End the session and the thread; after `timeout` seconds without waiting for them. Commands that are under
        way are cancelled."""
        if not self._thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            done.result(timeout)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            log.warning("the network did not end in time")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout)

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
