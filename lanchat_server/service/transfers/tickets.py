"""Tickets: each lets a session open one connection for files."""

from collections.abc import Callable
from typing import NamedTuple

from lanchat.platform.entropy import Entropy

LIFETIME = 30.0
TICKET_OCTETS = 32
# Of one session that are good at a time: the oldest gives way. A thousand sessions: 2 MiB.
PER_SESSION_MAX = 8


class TicketHolder(NamedTuple):
    """Whose connection it will be."""

    session: int
    user: int


class Tickets:
    """For one event loop."""

    def __init__(self, now: Callable[[], float], entropy: Entropy) -> None:
        """`now`: steady seconds."""
        self._now = now
        self._entropy = entropy
        # In the order in which they end.
        self._good: dict[bytes, tuple[TicketHolder, float]] = {}
        self._of_session: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._good)

    def issue(self, holder: TicketHolder) -> bytes:
        """A ticket that is good for LIFETIME, once."""
        self._expire()
        mine = self._of_session.setdefault(holder.session, [])
        if len(mine) >= PER_SESSION_MAX:
            del self._good[mine.pop(0)]
        ticket = self._entropy.token_bytes(TICKET_OCTETS)
        self._good[ticket] = holder, self._now() + LIFETIME
        mine.append(ticket)
        return ticket

    def use(self, ticket: bytes) -> TicketHolder | None:
        """Whose it is; None when it is not good, or was used."""
        self._expire()
        if ticket not in self._good:
            return None
        holder = self._good[ticket][0]
        self._remove(ticket)
        return holder

    def end_session(self, session: int) -> None:
        """Its tickets are good no more."""
        for ticket in self._of_session.pop(session, ()):
            del self._good[ticket]

    def _expire(self) -> None:
        now = self._now()
        while self._good:
            ticket = next(iter(self._good))
            if self._good[ticket][1] > now:
                return
            self._remove(ticket)

    def _remove(self, ticket: bytes) -> None:
        holder, _until = self._good.pop(ticket)
        mine = self._of_session[holder.session]
        mine.remove(ticket)
        if not mine:
            del self._of_session[holder.session]
