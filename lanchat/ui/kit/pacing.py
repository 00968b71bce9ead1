"""Drawing no oftener than people can see: the first time at once, what comes soon after together with the rest."""

from collections.abc import Callable

EVERY_MS = 200


class Pacer:
    """`run` is called at most five times a second, however often `soon` is. Main thread."""

    def __init__(self, run: Callable[[], None], later: Callable[[int, Callable[[], None]], object]) -> None:
        """`later` calls something after some milliseconds."""
        self._run = run
        self._later = later
        self._resting = self._wanted = False

    def soon(self) -> None:
        """Runs now, or when the last time is long enough ago."""
        if self._resting:
            self._wanted = True
        else:
            self.now()

    def now(self) -> None:
        """Runs at once: somebody waits for it."""
        self._wanted = False
        self._run()
        if not self._resting:
            self._resting = True
            self._later(EVERY_MS, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._wanted:
            self.now()
