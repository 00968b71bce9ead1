"""Virtual time: the order of everything that happens, and the trace of it."""

import hashlib
import heapq
import struct
from collections.abc import Callable
from typing import Any

_STAMP = struct.Struct("<dI")


class Clock:
    """One event after the other; what is due at the same time comes in the order in which it was asked for. `trace` is
    a hash over every event's time and number, and over what `note` is told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._order = 0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._trace = hashlib.blake2b(digest_size=16)

    def at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        """Call `what` at a time, or now when that is over."""
        self._order += 1
        heapq.heappush(self._due, (max(when, self.now), self._order, what, arguments))

    def after(self, delay: float, what: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now + delay, what, *arguments)

    def note(self, octets: bytes) -> None:
        """Something that the trace has to show."""
        self._trace.update(octets)

    @property
    def trace(self) -> str:
        return self._trace.hexdigest()

    @property
    def idle(self) -> bool:
        return not self._due

    @property
    def next_at(self) -> float:
        """When the next event is due."""
        return self._due[0][0]

    def step(self) -> None:
        """The next thing happens."""
        self.now, number, what, arguments = heapq.heappop(self._due)
        self.events += 1
        self._trace.update(_STAMP.pack(self.now, number))
        what(*arguments)
