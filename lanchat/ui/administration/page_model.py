"""`PageModel`: what all pages have in common. One request at a time; what it came to; a question before what cannot be
taken back; the own password when the server wants it. No Tk."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from lanchat.i18n import _
from lanchat.ui.administration.port import AdminFailure, Reply

T = TypeVar("T")


class Question(msgspec.Struct, frozen=True):
    """What is asked before something is done. `button`: the words of a yes. `secret`: the own password is asked for, as
    the answer. `danger`: it cannot be taken back."""

    text: str
    button: str
    secret: bool = False
    danger: bool = False


class PageModel:
    """`problem`: why the last request failed; `done`: what it came to; empty: nothing to say. Main thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when something that is shown has changed."""
        self._changed = changed
        self.problem = ""
        self.done = ""
        self.question: Question | None = None
        self._yes: Callable[[str], None] = lambda password: None
        self._acting = False
        self._reading = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a change is under way; until its answer no other one begins."""
        return self._acting

    @property
    def reading(self) -> bool:
        """Whether a list is on its way."""
        return self._reading

    def close(self) -> None:
        """The page is gone: answers are ignored."""
        self._closed = True

    def ask(self, question: Question, yes: Callable[[str], None]) -> None:
        """Shows a question; `yes` gets the password, empty unless the question wants it."""
        self.problem = self.done = ""
        self.question, self._yes = question, yes
        self._changed()

    def answer(self, password: str = "") -> None:
        """Yes to the question."""
        if self.question is not None:
            yes, self.question = self._yes, None
            yes(password)
            self._changed()

    def cancel(self) -> None:
        """No to the question."""
        self.question = None
        self._changed()

    def _act(self, send: Callable[[str, Reply[T]], None], then: Callable[[T], str], password: str = "") -> None:
        """Sends a request; `then` says what it came to. Again with the password, when the server wants that."""
        if self._acting:
            return
        self._acting, self.problem, self.done = True, "", ""

        def done(result: T) -> None:
            if self._ended():
                self.done = then(result)
                self._changed()

        def failed(failure: AdminFailure) -> None:
            if not self._ended():
                return
            if failure.needs_password:
                text = _("For this your password is needed once more.")
                again = Question(text, _("Continue"), secret=True)
                self.ask(again, lambda typed: self._act(send, then, typed))
                return
            self.problem = failure.text
            self._changed()

        send(password, Reply(done, failed))
        self._changed()

    def _ended(self) -> bool:
        """Whether an answer is still wanted."""
        self._acting = False
        return not self._closed

    def _read(self, send: Callable[[Reply[T]], None], then: Callable[[T], None]) -> None:
        """Asks for a list, unless one is on its way."""
        if self._reading or self._closed:
            return
        self._reading = True

        def done(result: T) -> None:
            self._reading = False
            if not self._closed:
                then(result)
                self._changed()

        def failed(failure: AdminFailure) -> None:
            self._reading = False
            if not self._closed:
                self.problem = failure.text
                self._changed()

        send(Reply(done, failed))
