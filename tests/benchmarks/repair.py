"""What a light client does about lost datagrams: the rules of docs/PROTOCOL.md, "Receiving", and nothing else.

It keeps numbers, not records: which one is next, and which ones have come before their turn.
"""

from collections.abc import Callable, Sequence
from random import Random

from lanchat.protocol import wire
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.tokens import Tokens
from lanchat.protocol.limits import NACK_MAX


class Repair:
    """One room of one client. `show(seq)` is called for each record in its turn."""

    def __init__(self, room: int, random: Random, show: Callable[[int], None]) -> None:
        self._config = ClientConfig()
        self._room = room
        self._random = random
        self._show = show
        self._early: set[int] = set()
        self._cursor: int | None = None
        self._head = 0
        self._due: float | None = None
        self._wait = 0.0
        self._tokens = Tokens(self._config.nack_rate, self._config.nack_burst)

    def took(self, seqs: Sequence[int], head: int, now: float) -> None:
        """Records that came, and where the room stands, as far as the datagram said."""
        if self._cursor is None:
            self._cursor = (seqs[0] if seqs else head + 1) - 1
        self._head = max(self._head, head, *seqs) if seqs else max(self._head, head)
        self._early.update(seq for seq in seqs if seq > self._cursor)
        while self._cursor + 1 in self._early:
            self._cursor += 1
            self._early.discard(self._cursor)
            self._show(self._cursor)
        if self._cursor >= self._head:
            self._due = None
        elif self._due is None:
            self._due = now + self._config.gap_wait + self._random.random() * self._config.gap_jitter
            self._wait = self._config.nack_first

    def nack(self, now: float) -> wire.Nack | None:
        """What to ask for now."""
        if self._due is None or now < self._due or self._cursor is None:
            return None
        if not self._tokens.take(now):
            self._due = now + self._tokens.wait(now)
            return None
        self._due = now + self._wait
        self._wait = min(2 * self._wait, self._config.nack_longest)
        missing = (seq for seq in range(self._cursor + 1, self._head + 1) if seq not in self._early)
        return wire.Nack(self._room, [seq for seq, _ in zip(missing, range(NACK_MAX), strict=False)])
