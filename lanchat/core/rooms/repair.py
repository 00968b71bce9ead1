"""When a room asks for what it misses: a short wait, then NACKs at growing intervals, then a page.

The wait lets datagrams that overtook each other arrive, and its random part keeps a thousand clients that lost the
same datagram from asking in one millisecond.
"""

from collections.abc import Callable

from lanchat.core.config import ClientConfig


class Repair:
    """Times only; what is missing is the room's business."""

    def __init__(self, config: ClientConfig, random: Callable[[], float]) -> None:
        """Nothing is missing. `random` returns values from 0 to below 1; `ask_at` is when to ask next, None while
        nothing is missing."""
        self._config = config
        self._random = random
        self._since = 0.0
        self._position = -1
        self._interval = 0.0
        self.ask_at: float | None = None

    def note(self, needy: bool, position: int, now: float) -> None:
        """Something is missing, or not; `position` is the last contiguous number. Progress starts the wait anew."""
        if not needy:
            self.ask_at = None
        elif self.ask_at is None or position != self._position:
            self._position = position
            self._since = now
            self._interval = self._config.nack_first
            self.ask_at = now + self._config.gap_wait + self._random() * self._config.gap_jitter

    def progressed(self, position: int) -> None:
        """Where the room stands while a page is under way: what helps is asked for again soon."""
        if position != self._position:
            self._position = position
            self._interval = self._config.nack_first

    def due(self, now: float) -> bool:
        """Whether what is missing is to be asked for now."""
        return self.ask_at is not None and now >= self.ask_at

    def overdue(self, now: float) -> bool:
        """NACKs did not help for long enough."""
        return now - self._since >= self._config.pull_after

    def asked(self, now: float) -> None:
        """A NACK goes out now."""
        self.ask_at = now + self._interval
        self._interval = min(self._config.nack_growth * self._interval, self._config.nack_longest)

    def retry_soon(self, now: float) -> None:
        """As if nothing had been asked for."""
        if self.ask_at is not None:
            self._since = now
            self._interval = self._config.nack_first
            self.ask_at = min(self.ask_at, now)

    def postpone(self, until: float) -> None:
        """The server would not answer before."""
        self.ask_at = until
