"""What a dialog asks of the network, and what it says about that. No Tk."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from lanchat.app import api
from lanchat.app.api import CommandError
from lanchat.i18n import _
from lanchat.wording.problems import error_text

T = TypeVar("T")
Then = Callable[[Any], None]
Ask = Callable[[api.Command[Any], Then, Callable[[CommandError], None]], None]


class _Action(NamedTuple):
    command: api.Command[Any]
    then: Then


class DialogRequests:
    """Actions that a person chose run one after the other, in their order; what the dialog reads runs beside them.
    After `close` nothing is asked and no answer is handed on. Main thread.

    `busy`: what is under way, empty for nothing. `problem`: why the last action failed, or the last reading.
    """

    def __init__(self, ask: Ask, changed: Callable[[], None]) -> None:
        """`ask(command, then, failed)` runs a command. `changed` is called when the properties may have changed, before
        an answer is handed on."""
        self._ask = ask
        self._changed = changed
        self._actions: list[_Action] = []  # the first one is under way
        self._reading: list[str] = []
        self._failed = self._unread = ""
        self._closed = False

    @property
    def acts(self) -> bool:
        """Whether an action is under way."""
        return bool(self._actions)

    @property
    def busy(self) -> str:
        """What is said while something is under way; of what is read only when there is no problem to be said."""
        if self._actions:
            return _("Loading…")
        return "" if self.problem else next((text for text in self._reading if text), "")

    @property
    def problem(self) -> str:
        """What is said when nothing is under way."""
        return self._failed or self._unread

    @problem.setter
    def problem(self, text: str) -> None:
        self._failed = text
        self._changed()

    def act(self, command: api.Command[T], then: Callable[[T], None]) -> None:
        """Runs a command, after those that were chosen before. One that is under way or waits is not run twice."""
        if self._closed or any(command == action.command for action in self._actions):
            return
        self._actions.append(_Action(command, then))
        if len(self._actions) == 1:
            self._begin()

    def _begin(self) -> None:
        self._failed = ""
        self._changed()
        self._ask(self._actions[0].command, self._done, self._refused)

    def _done(self, result: Any) -> None:
        if not self._closed:
            then = self._next().then
            then(result)
            self._go_on()

    def _refused(self, error: CommandError) -> None:
        if not self._closed:
            self._next()
            self.problem = error_text(error)
            self._go_on()

    def _next(self) -> _Action:
        action = self._actions.pop(0)
        self._changed()
        return action

    def _go_on(self) -> None:
        if self._actions and not self._closed:
            self._begin()

    def read(
        self,
        command: api.Command[T],
        then: Callable[[T], None],
        *,
        busy: str = "",
        ended: Callable[[], None] | None = None,
    ) -> None:
        """Runs a command beside everything else. `busy`: what is said meanwhile, empty for nothing. `ended` is called
        after `then`, or when the command failed."""
        if self._closed:
            return
        self._reading.append(busy)
        self._changed()

        def end(problem: str, hand_on: Callable[[], None]) -> None:
            if self._closed:
                return
            self._reading.remove(busy)
            self._unread = problem
            self._changed()
            hand_on()
            if ended and not self._closed:
                ended()

        self._ask(
            command, lambda result: end("", lambda: then(result)), lambda error: end(error_text(error), lambda: None)
        )

    def close(self) -> None:
        """The dialog is gone."""
        self._closed = True
        self._actions.clear()
