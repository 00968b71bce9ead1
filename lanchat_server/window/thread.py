"""The service beside the window: a thread with an event loop of its own, and the events that it tells the window.

Nothing here knows Tk. The events are posted to the window, which takes them in its own thread.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.refusal_text import refusal_text
from lanchat_server.service.errors import StartError
from lanchat_server.service.lifecycle.server import ServerReady

_log = logging.getLogger(__name__)

# Seconds between two looks at the figures.
REFRESH = 1.0


class ServiceRunner(Protocol):
    """The service: returns after `stop` was set and everybody was told goodbye."""

    def __call__(
        self, config: ServerConfig, *, on_ready: Callable[[ServerReady], None], stop: asyncio.Event
    ) -> Awaitable[None]:
        """`on_ready` is called each time when it begins to serve, in the same thread. Raises StartError and
        StoreError."""


class ServiceRunning(msgspec.Struct, frozen=True):
    """It serves."""

    ready: ServerReady


class ServiceFigures(msgspec.Struct, frozen=True):
    """How it stands now."""

    status: Mapping[str, Any]


class FirstAccountResult(msgspec.Struct, frozen=True):
    """How the making of the first account ended. `problem`: one line for a person; empty when `user` is the
    administrator now. `open`: there is still no account."""

    user: str
    problem: str = ""
    open: bool = False


class ServiceEnded(msgspec.Struct, frozen=True):
    """It does not serve any more. `problem`: one line for a person; empty after an orderly stop."""

    problem: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What a request of the window came to; `deliver` hands it on, in the window's thread."""

    deliver: Callable[[], None]


Event = ServiceRunning | ServiceFigures | FirstAccountResult | Answer | ServiceEnded
Outcome = wire.Result | Refused | StoreError


class ServerThread:
    """One run of the service. Its events: ServiceRunning, then ServiceFigures each second while somebody watches, and
    ServiceEnded as the last in any case."""

    def __init__(self, config: ServerConfig, post: Callable[[Event], None], serve: ServiceRunner) -> None:
        """Nothing runs before `start`. `serve` is awaited in the new thread; `post` is called there and must not
        wait."""
        self._config = config
        self._post = post
        self._serve = serve
        self._watched = True
        self._watch: asyncio.Event | None = None
        self._lock = threading.Lock()
        self._stop_asked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready: ServerReady | None = None
        # A daemon: should the goodbye hang, the window may still be closed.
        self._thread = threading.Thread(target=self._main, name="service", daemon=True)

    def start(self) -> None:
        """Once; another run needs another object."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to say goodbye and end; returns at once, safe at any time and from any thread."""
        with self._lock:
            self._stop_asked = True
            if self._loop is not None and self._stop is not None:
                with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                    self._loop.call_soon_threadsafe(self._stop.set)

    def watch(self, watched: bool) -> None:
        """Whether figures are wanted: not for a window that is hidden. At once, from any thread."""
        with self._lock:
            self._watched = watched
            if self._loop is not None and self._watch is not None:
                change = self._watch.set if watched else self._watch.clear
                with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                    self._loop.call_soon_threadsafe(change)

    def ask(self, request: Any, then: Callable[[Outcome], None]) -> None:
        """Carry out an administrator's request: an Answer brings what it came to. Returns at once, from any thread."""
        with self._lock:
            if self._loop is not None and self._ready is not None:
                work = self._administer(self._ready, request, then)
                try:
                    asyncio.run_coroutine_threadsafe(work, self._loop)
                    return
                except RuntimeError:  # the loop ended meanwhile
                    work.close()
        self._answer(then, StoreError(_("The server does not run.")))

    async def _administer(self, ready: ServerReady, request: Any, then: Callable[[Outcome], None]) -> None:
        outcome: Outcome
        try:
            outcome = await ready.administer(request)
        except (Refused, StoreError) as error:
            outcome = error
        except Exception:
            _log.exception("a request of the window failed: %s", type(request).__name__)
            outcome = StoreError(_("Something went wrong inside the server: see its log"))
        self._answer(then, outcome)

    def _answer(self, then: Callable[[Outcome], None], outcome: Outcome) -> None:
        self._post(Answer(lambda: then(outcome)))

    def run_beside(self, work: Callable[[], str], then: Callable[[str], None]) -> None:
        """Run what waits for others in a thread of its own: an Answer brings its result. From any thread."""

        def run() -> None:
            try:
                result = work()
            except Exception:
                _log.exception("work of the window failed")
                result = _("Something went wrong inside the server: see its log")
            self._post(Answer(lambda: then(result)))

        threading.Thread(target=run, name="window-work", daemon=True).start()

    def make_first(self, user: str, password: str) -> None:
        """Ask it to make the administrator's account, while there is none: a FirstAccountResult tells how that ended.
        Returns at once, from any thread."""
        with self._lock:
            if self._loop is not None and self._ready is not None:
                work = self._make_first(self._ready, user, password)
                try:
                    asyncio.run_coroutine_threadsafe(work, self._loop)
                except RuntimeError:  # the loop ended meanwhile
                    work.close()

    async def _make_first(self, ready: ServerReady, user: str, password: str) -> None:
        request = wire.AddAccount(user, password, Role.ADMINISTRATOR, only_first=True)
        try:
            made = await ready.administer(request)
        except Refused as refused:
            problem = refusal_text(refused, user)
        except StoreError as error:
            problem = str(error)
        except Exception:
            _log.exception("the first account was not made")
            problem = _("The account was not made because of an error in the server. The log below says where.")
        else:
            assert isinstance(made, wire.AccountResult)
            self._post(FirstAccountResult(made.account.name))
            return
        self._post(FirstAccountResult(user, problem, bool(ready.status().get("setup_code"))))

    def join(self, timeout: float) -> bool:
        """Whether it ended within `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _main(self) -> None:
        self._post(ServiceEnded(self._problem_of_run()))

    def _problem_of_run(self) -> str:
        try:
            asyncio.run(self._run())
        except (StartError, StoreError) as error:
            return str(error)
        except OSError as error:
            _log.exception("the service ended")
            return _("The operating system refused something: {reason}.").format(reason=os_error_text(error))
        except Exception:
            _log.exception("the service ended")
            return _("The server stopped because of an error in it. The log below says where; please report it.")
        return ""

    async def _run(self) -> None:
        stop, watch = asyncio.Event(), asyncio.Event()
        with self._lock:
            self._loop, self._stop, self._watch = asyncio.get_running_loop(), stop, watch
            if self._watched:
                watch.set()
            if self._stop_asked:
                stop.set()
        looking: list[asyncio.Task[None]] = []

        def on_ready(ready: ServerReady) -> None:
            with self._lock:
                self._ready = ready
            self._post(ServiceRunning(ready))
            while looking:  # it served before, and stood by meanwhile
                looking.pop().cancel()
            looking.append(asyncio.create_task(self._look(ready, watch)))

        try:
            await self._serve(self._config, on_ready=on_ready, stop=stop)
        finally:
            for task in looking:
                task.cancel()

    async def _look(self, ready: ServerReady, watch: asyncio.Event) -> None:
        while True:
            await watch.wait()
            self._post(ServiceFigures(ready.status()))
            await asyncio.sleep(REFRESH)
