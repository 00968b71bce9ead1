"""Requests under way on the TLS channel, and who waits for their answers."""

from collections.abc import Callable

from lanchat.protocol.client.events import Output, Path
from lanchat.protocol.wire import AfterLogin, Failure, Request, Result

# None: the connection ended first, or no answer came in time.
Answer = Result | Failure | None
Handler = Callable[[Answer], None]


class Requests:
    """Numbers run on over all sessions of a client, so that a late answer never meets another question."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._last = 0
        self._waiting: dict[int, tuple[Handler, float]] = {}

    def ask(self, operation: AfterLogin, handler: Handler, now: float) -> tuple[int, Output]:
        """The request's number and the frame to send; `handler` is called exactly once."""
        self._last = self._last % (2**32 - 1) + 1
        self._waiting[self._last] = (handler, now + self._timeout)
        return self._last, Output(Path.TLS, Request(self._last, operation))

    def answered(self, number: int, answer: Answer) -> bool:
        """False when nobody waits for this number."""
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return False
        waiting[0](answer)
        return True

    def abandon(self) -> None:
        """The connection ended."""
        waiting, self._waiting = self._waiting, {}
        for handler, _ in waiting.values():
            handler(None)

    def timer(self) -> float | None:
        return min((until for _, until in self._waiting.values()), default=None)

    def expire(self, now: float) -> None:
        for number in [number for number, (_, until) in self._waiting.items() if until <= now]:
            self.answered(number, None)
