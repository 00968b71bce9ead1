"""Tries within a day, counted in memory: so many at once, then as evenly as the day goes on. What was made is counted
in the database (allowance.py).
"""

from collections import OrderedDict
from typing import Generic, TypeVar

from lanchat.protocol.datagram.token_bucket import TokenBucket

K = TypeVar("K")
DAY = 24 * 3600.0
# Users or addresses that tried something within the last day, 300 octets each: 5 MiB. Beyond it the longest unused is
# forgotten, which takes as many other users or addresses.
KEYS_MAX = 16_384


class Daily(Generic[K]):
    """`most` a day for each key. Times are seconds of a steady clock."""

    def __init__(self, most: int, keys_max: int = KEYS_MAX) -> None:
        """`keys_max`: keys that are remembered at a time."""
        self._most = most
        self._keys_max = keys_max
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._buckets)

    def take(self, key: K, now: float) -> float:
        """One more: 0 when it may be, else the seconds until it may."""
        bucket = self._buckets.get(key)
        if bucket is None:
            self._expire(now)
            bucket = self._buckets[key] = TokenBucket(self._most / DAY, self._most)
        self._buckets.move_to_end(key)
        return bucket.take(now)

    def _expire(self, now: float) -> None:
        """Make room for one: those that are as good as new go, and the longest unused where the map is full."""
        while self._buckets:
            key, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) < self._keys_max and not bucket.full(now):
                return
            del self._buckets[key]
