"""When rooms say again where they stand, so that a lost last record is noticed.

After a room's last record: at the steps of the config (0.25 s, doubling), then with everybody's heartbeat. The steps
are per room; the heartbeat is one for the whole server, so that what goes to one session then is one datagram.
"""

import heapq

from lanchat_server.core.config import CoreConfig


class Heartbeat:
    """Keeps times only; what is sent is the hub's business."""

    def __init__(self, config: CoreConfig, now: float) -> None:
        self._config = config
        self._next_beat = now + config.heartbeat
        self._last: dict[int, float] = {}
        self._due: list[tuple[float, int, int]] = []

    def recorded(self, room: int, now: float) -> None:
        """A room has a new last record."""
        fresh = self._last.get(room) != now
        self._last[room] = now
        if fresh:
            heapq.heappush(self._due, (now + self._config.head_steps[0], room, 0))

    def timer(self) -> float:
        """When `due` has something."""
        return min(self._next_beat, self._due[0][0]) if self._due else self._next_beat

    def due(self, now: float) -> list[int]:
        """Rooms whose head is to be sent now because of their steps."""
        steps = self._config.head_steps
        rooms: list[int] = []
        while self._due and self._due[0][0] <= now:
            when, room, step = heapq.heappop(self._due)
            if self._last.get(room, when) + steps[step] > when + 1e-9:
                continue  # A newer record started its own steps.
            rooms.append(room)
            if step + 1 < len(steps):
                heapq.heappush(self._due, (self._last[room] + steps[step + 1], room, step + 1))
        return rooms

    def beat(self, now: float) -> set[int] | None:
        """The rooms that belong into the heartbeat when it is time for one, else None."""
        if now < self._next_beat:
            return None
        self._next_beat = now + self._config.heartbeat
        self._last = {room: last for room, last in self._last.items() if now - last < self._config.heartbeat_rooms}
        return set(self._last)
