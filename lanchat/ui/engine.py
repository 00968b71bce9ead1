"""The window's side of the network: commands go out, answers and events come back on the main thread.

An answer belongs to whoever asked. When that view is gone (another room, another page, log-out) it drops its `Desk`,
and what still arrives for it is ignored.
"""

import concurrent.futures
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lanchat.i18n import _
from lanchat.net.api import Command, CommandError, Event, Trouble

log = logging.getLogger(__name__)

Then = Callable[[Any], None]
Failed = Callable[[CommandError], None]


class Engine(Protocol):
    """What the window needs of the network's thread."""

    def start(self) -> None: ...

    def call(self, command: Command) -> "concurrent.futures.Future[Any]": ...

    def stop(self, timeout: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to: carried to the main thread and `deliver`ed there."""

    deliver: Callable[[], None]


Item = Event | Answer
Post = Callable[[Item], None]


class Desk:
    """Sends commands and hands answers to those who asked. Main thread."""

    def __init__(self, engine: Engine, post: Post) -> None:
        self._engine = engine
        self._post = post
        self._open = True

    def ask(self, command: Command, then: Then | None = None, failed: Failed | None = None) -> None:
        """Runs a command. `then` gets its result, `failed` its error; each on the main thread, later."""
        try:
            future = self._engine.call(command)
        except (CommandError, RuntimeError) as error:
            problem = error if isinstance(error, CommandError) else CommandError(Trouble.LOCAL, str(error))
            self._post(Answer(lambda: self._fail(problem, failed)))
            return
        future.add_done_callback(lambda done: self._post(Answer(lambda: self._deliver(done, then, failed))))

    def _deliver(self, done: "concurrent.futures.Future[Any]", then: Then | None, failed: Failed | None) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            if self._open and then:
                then(done.result())
        elif isinstance(error, CommandError):
            self._fail(error, failed)
        else:
            log.error("a command failed unexpectedly", exc_info=error)
            self._fail(CommandError(Trouble.LOCAL, _("Something went wrong inside the program.")), failed)

    def _fail(self, error: CommandError, failed: Failed | None) -> None:
        if not self._open:
            return
        if failed:
            failed(error)
        else:
            log.info("a command failed: %s", error.text)

    def close(self) -> None:
        """No answer is delivered any more."""
        self._open = False
