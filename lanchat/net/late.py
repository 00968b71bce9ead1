"""Stored records whose lines cannot be shown yet, because the server has not said whose they are.

That takes a round trip, or as long as the way to the server is cut. They keep their order within a room; what comes
after them in the same room waits behind them.
"""

from lanchat.protocol.client.core import ClientCore
from lanchat.protocol.client.events import RecordsStored

# Batches that wait, over all rooms. Against a server that never says; a cut connection ends after ten seconds.
WAITING_MAX = 1000


class LateRecords:
    """Event loop's thread only."""

    def __init__(self, core: ClientCore) -> None:
        self._core = core
        self._rooms: dict[int, list[RecordsStored]] = {}

    def __contains__(self, room: int) -> bool:
        return room in self._rooms

    def add(self, event: RecordsStored) -> None:
        self._rooms.setdefault(event.room, []).append(event)

    def forget(self, room: int) -> None:
        """The user is no longer in it."""
        self._rooms.pop(room, None)

    def take_ready(self) -> list[RecordsStored]:
        """What waits no longer: everything is known, or the server does not know it either."""
        ready: list[RecordsStored] = []
        for room, events in list(self._rooms.items()):
            while events and (not self.waits(events[0]) or self._too_many):
                ready.append(events.pop(0))
            if not events:
                del self._rooms[room]
        return ready

    def waits(self, event: RecordsStored) -> bool:
        """Whether the server is still to say whose some of these are."""
        return self._core.awaits_certificates([held.header.device for held in event.held])

    @property
    def _too_many(self) -> bool:
        return sum(map(len, self._rooms.values())) > WAITING_MAX
