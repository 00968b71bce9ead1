"""Stored records whose lines cannot be shown yet, because the server has not said whose they are.

That takes a round trip, or as long as the way to the server is cut. They keep their order within a room; what comes
after them in the same room waits behind them.
"""

from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.core.core import ClientCore
from lanchat.core.events import RecordsStored


class DeferredRecords:
    """Event loop's thread only."""

    def __init__(self, core: ClientCore, limits: ClientLimits = CLIENT_LIMITS) -> None:
        """Nothing waits. `core` knows whose devices are being asked about."""
        self._limits = limits
        self._core = core
        self._rooms: dict[int, list[RecordsStored]] = {}
        self._batches = 0
        self._octets = 0

    def __contains__(self, room: int) -> bool:
        """Whether records of the room wait."""
        return room in self._rooms

    def add(self, event: RecordsStored) -> None:
        """Puts stored records behind those of the same room; `take_ready` gives them back, at once when nothing is
        missing."""
        self._rooms.setdefault(event.room, []).append(event)
        self._count(event, 1)

    def _count(self, event: RecordsStored, sign: int) -> None:
        self._batches += sign
        self._octets += sign * event.octets

    def forget(self, room: int) -> None:
        """The user is no longer in it."""
        for event in self._rooms.pop(room, []):
            self._count(event, -1)

    def take_ready(self) -> list[RecordsStored]:
        """What waits no longer: everything is known, or the server does not know it either."""
        ready: list[RecordsStored] = []
        for room, events in list(self._rooms.items()):
            while events and (not self.waits(events[0]) or self._too_many):
                ready.append(events.pop(0))
                self._count(ready[-1], -1)
            if not events:
                del self._rooms[room]
        return ready

    def waits(self, event: RecordsStored) -> bool:
        """Whether the server is still to say whose some of these are."""
        return self._core.awaits_certificates([held.header.device for held in event.held])

    @property
    def _too_many(self) -> bool:
        return self._batches > self._limits.deferred_max or self._octets > self._limits.deferred_octets_max
