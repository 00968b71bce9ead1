"""What a light client does about lost datagrams: it asks when the real client would (its own module of times, its own
rates), and keeps numbers instead of records: which one is next, and which ones have come before their turn.

Where the real client would fetch a page after two seconds, it goes on asking.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from random import Random

from lanchat.core.config import ClientConfig
from lanchat.core.rooms.repair import Repair
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.limits import NACK_MAX


class Gaps:
    """One room of one client, subscribed at `cursor`. `show(seq)` is called for each record after it in its turn."""

    def __init__(self, room: int, cursor: int, random: Random, show: Callable[[int], None]) -> None:
        config = ClientConfig()
        self._room = room
        self._show = show
        self._early: set[int] = set()
        self._cursor = cursor
        self._head = cursor
        self._times = Repair(config, random.random)
        self._tokens = TokenBucket(config.nack_rate, config.nack_burst)

    def took(self, seqs: Sequence[int], head: int, now: float) -> None:
        """Records that came, and where the room stands, as far as the datagram said."""
        self._head = max(self._head, head, *seqs)
        self._early.update(seq for seq in seqs if seq > self._cursor)
        while self._cursor + 1 in self._early:
            self._cursor += 1
            self._early.discard(self._cursor)
            self._show(self._cursor)
        self._times.note(self._cursor < self._head, self._cursor, now)

    def nack(self, now: float) -> wire.Nack | None:
        """What to ask for now."""
        if not self._times.due(now):
            return None
        if self._tokens.take(now):
            self._times.postpone(now + self._tokens.wait(now))
            return None
        self._times.asked(now)
        missing = (seq for seq in range(self._cursor + 1, self._head + 1) if seq not in self._early)
        return wire.Nack(self._room, list(islice(missing, NACK_MAX)))
