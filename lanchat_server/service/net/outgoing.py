"""What waits to be written to clients: measured where it lies, and one budget for all of them together.

A session that does not read may hold some MiB (connection.py); a thousand of them may not hold a thousand times as
much. Above half of the budget a session for which something waits gets no further answer until that was read; above all
of it the sessions that have not read for longest end.
"""

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

# A page for each of 300 sessions at once.
OUTGOING_MAX = 256 << 20
# How often all connections for which something waits are looked at, in seconds.
_LOOK = 0.05


class OutgoingReader(Hashable, Protocol):
    """A connection. `read_at`: when something that waited was last read, in seconds of any steady clock."""

    read_at: float

    @property
    def queued(self) -> int:
        """Octets that wait to be written to it."""

    def too_slow(self) -> None:
        """End it."""


R = TypeVar("R", bound=OutgoingReader)


class Outgoing(Generic[R]):
    """What waits for each connection, as far as it was told; looked at anew when the sum seems too large."""

    def __init__(self, now: Callable[[], float], most: int = OUTGOING_MAX) -> None:
        """`now`: any steady clock, in seconds."""
        self._most = most
        self._now = now
        self._looked_at = -_LOOK
        self._waiting: dict[R, int] = {}
        self.total = 0

    def note(self, connection: R, waiting: int) -> None:
        """So many octets wait for this connection now; 0 when it ended."""
        self.total += waiting - self._waiting.pop(connection, 0)
        if waiting:
            self._waiting[connection] = waiting
        if self.total > self._most:
            self._relieve()

    @property
    def busy(self) -> bool:
        """Whether who has not read everything must wait for further answers. Others get theirs: sessions that read
        nothing must not keep them out."""
        if self.total > self._most // 2 and self._now() - self._looked_at >= _LOOK:
            self._look()
        return self.total > self._most // 2

    def _look(self) -> None:
        self._looked_at = self._now()
        self._waiting = {connection: queued for connection in self._waiting if (queued := connection.queued)}
        self.total = sum(self._waiting.values())

    def _relieve(self) -> None:
        self._look()
        for connection in sorted(self._waiting, key=lambda connection: connection.read_at):
            if self.total <= self._most:
                return
            self.total -= self._waiting.pop(connection)
            connection.too_slow()
