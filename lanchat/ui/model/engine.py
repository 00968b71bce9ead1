"""The window's side of the network: commands go out, answers and events come back on the main thread.

An answer belongs to whoever asked. When that view is gone (another room, another page, log-out) it drops its
`CommandDispatcher`, and what still arrives for it is ignored.
"""

import collections
import concurrent.futures
import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec

from lanchat.app import api
from lanchat.app.api import Command, CommandError, ErrorKind, Event
from lanchat.app.cleaning import cleaned
from lanchat.app.command_errors import broken, ending
from lanchat.protocol.problems import Problem

log = logging.getLogger(__name__)

T = TypeVar("T")
Failed = Callable[[CommandError], None]


class Engine(Protocol):
    """What the window needs of the network's thread."""

    def start(self) -> None:
        """Begins; called once."""

    def call(self, command: Command[T]) -> "concurrent.futures.Future[T]":
        """The command's result, later; the future's exception is a CommandError. Its callbacks may run on the network's
        thread."""

    def stop(self, timeout: float) -> None:
        """Ends session and thread; commands under way fail. Each of its waits takes `timeout` seconds at most."""


class CommandResult(msgspec.Struct, frozen=True):
    """What a command came to: carried to the main thread and `deliver`ed there."""

    deliver: Callable[[], None]


class EventsDropped(msgspec.Struct, frozen=True):
    """Events that can be read again were dropped: what the window shows must be read again."""


class WindowCall(msgspec.Struct, frozen=True):
    """A further start, or a click on a notification, asks for the window to be seen: with a link to show, or a room (0:
    the one that is open)."""

    link: str = ""
    room: int = 0


Item = Event | CommandResult | EventsDropped | WindowCall
Post = Callable[[Item], None]

# Events that only say what a list or a page of lines says, too.
_READ_AGAIN = (
    api.LineAdded,
    api.LineChanged,
    api.LineStored,
    api.LineWithdrawn,
    api.PeopleChanged,
    api.ReceiptsChanged,
    api.RoomLive,
    api.RoomUpdated,
)


def can_be_read_again(item: Item) -> bool:
    """Whether dropping an item loses nothing that `EventsDropped` does not bring back."""
    return isinstance(item, _READ_AGAIN)


class CommandDispatcher:
    """Sends commands and hands answers to those who asked. Main thread."""

    def __init__(self, engine: Engine, post: Post) -> None:
        """`post` takes a CommandResult from any thread; it is delivered on the main thread."""
        self._engine = engine
        self._post = post
        self._open = True

    def ask(self, command: Command[T], then: Callable[[T], None] | None = None, failed: Failed | None = None) -> None:
        """Runs a command. `then` gets its result, `failed` its error; each on the main thread, later."""
        try:
            future = self._engine.call(cleaned(command))
        except Exception as error:
            problem = _as_command_error(error)
            self._post(CommandResult(lambda: self._fail(problem, failed)))
            return
        future.add_done_callback(lambda done: self._post(CommandResult(lambda: self._deliver(done, then, failed))))

    def _deliver(
        self, done: "concurrent.futures.Future[T]", then: Callable[[T], None] | None, failed: Failed | None
    ) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            if self._open and then:
                then(done.result())
        else:
            self._fail(_as_command_error(error), failed)

    def _fail(self, error: CommandError, failed: Failed | None) -> None:
        if not self._open:
            return
        if failed:
            failed(error)
        else:
            log.info("a command failed: %s", error)

    def close(self) -> None:
        """No answer is delivered any more."""
        self._open = False


class LateEngine:
    """An engine that is made in a thread after the first page is painted: loading the network takes longer than Tk.

    Commands that come before are kept and run in order, before any that comes later. `make` may fail; then every
    command fails with its reason.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        """`make` is called once, in a thread of its own, after `start`."""
        self._make = make
        # Reentrant: an early command that ends at once may be followed by another one within its answer.
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._failure: CommandError | None = None
        self._early: collections.deque[tuple[Command[Any], concurrent.futures.Future[Any]]] = collections.deque()
        self._maker = threading.Thread(target=self._run, name="make-network", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._maker.start()

    def _run(self) -> None:
        try:
            engine = self._make()
            engine.start()
        except Exception as error:
            log.error("the network could not be started", exc_info=error)
            self._give_up(_no_network(error))
            return
        with self._lock:
            if self._failure is None:
                while self._early:
                    _hand_on(engine, *self._early.popleft())
                self._engine = engine
                return
        engine.stop(0.0)

    def _give_up(self, error: CommandError) -> None:
        with self._lock:
            self._failure = self._failure or error
            early, self._early = self._early, collections.deque()
        for _command, future in early:
            future.set_exception(error)

    def call(self, command: Command[T]) -> "concurrent.futures.Future[T]":
        """As ClientThread.call."""
        with self._lock:
            if self._engine is None:
                future: concurrent.futures.Future[T] = concurrent.futures.Future()
                if self._failure is None:
                    self._early.append((command, future))
                else:
                    future.set_exception(self._failure)
                return future
        return self._engine.call(command)

    def stop(self, timeout: float) -> None:
        """Ends the network, when there is one already; else every command fails, and it ends when it is there."""
        if self._maker.ident is not None:
            self._maker.join(timeout)
        with self._lock:
            engine = self._engine
            if engine is None:
                self._give_up(ending())
        if engine is not None:
            engine.stop(timeout)


def _as_command_error(error: BaseException) -> CommandError:
    """The error itself, or what is said of a mistake of this program, which goes to the log."""
    if isinstance(error, CommandError):
        return error
    log.error("a command failed unexpectedly", exc_info=error)
    return broken()


def _no_network(error: Exception) -> CommandError:
    return CommandError(ErrorKind.LOCAL, Problem.NETWORK_FAILED, reason=str(error))


def _hand_on(engine: Engine, command: Command[Any], future: "concurrent.futures.Future[Any]") -> None:
    try:
        _chain(engine.call(command), future)
    except Exception as error:
        future.set_exception(error)


def _chain(source: "concurrent.futures.Future[Any]", target: "concurrent.futures.Future[Any]") -> None:
    """`target` ends as `source` does."""

    def done(finished: "concurrent.futures.Future[Any]") -> None:
        if finished.cancelled():
            target.cancel()
        elif (error := finished.exception()) is not None:
            target.set_exception(error)
        else:
            target.set_result(finished.result())

    source.add_done_callback(done)
