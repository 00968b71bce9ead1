"""When rooms say again where they stand, so that a lost last record is noticed.

After a room's last record: at the steps of the config (0.25 s, doubling), then with everybody's heartbeat. The steps
are per room; the heartbeat is one for the whole server, so that what goes to one session then is one datagram.
"""

import heapq

from lanchat_server.core.config import CoreConfig


class HeartbeatTimer:
    """Keeps times only; what is sent is the hub's business."""

    def __init__(self, config: CoreConfig, now: float) -> None:
        """Begins with all rooms quiet. `now`: seconds of a steady clock, as in all methods."""
        self._config = config
        self._next_beat = now + config.heartbeat
        self._last: dict[int, float] = {}
        # One entry of a room counts, that of `_entry`: a busy room must not wake the server for each of its records.
        self._due: list[tuple[float, int, int]] = []
        self._entry: dict[int, float] = {}

    def recorded(self, room: int, now: float) -> None:
        """A room has a new last record."""
        self._last[room] = now
        due = now + self._config.head_steps[0]
        if self._entry.get(room, due + 1.0) > due:
            self._put(room, due, 0)

    def forget(self, room: int) -> None:
        """A room was deleted."""
        self._last.pop(room, None)
        self._entry.pop(room, None)

    def _put(self, room: int, due: float, step: int) -> None:
        self._entry[room] = due
        heapq.heappush(self._due, (due, room, step))

    def timer(self) -> float:
        """When `due` has something."""
        return min(self._next_beat, self._due[0][0]) if self._due else self._next_beat

    def due(self, now: float) -> list[int]:
        """Rooms whose head is to be sent now because of their steps."""
        steps = self._config.head_steps
        rooms: list[int] = []
        while self._due and self._due[0][0] <= now:
            when, room, step = heapq.heappop(self._due)
            if self._entry.get(room) != when:
                continue  # An earlier entry took its place.
            del self._entry[room]
            last = self._last.get(room, when)
            if last + steps[step] > when + 1e-9:
                self._put(room, last + steps[0], 0)  # There was a newer record: its own steps.
                continue
            rooms.append(room)
            if step + 1 < len(steps):
                self._put(room, last + steps[step + 1], step + 1)
        return rooms

    def beat(self, now: float) -> set[int] | None:
        """The rooms that belong into the heartbeat when it is time for one, else None."""
        if now < self._next_beat:
            return None
        self._next_beat = now + self._config.heartbeat
        self._last = {room: last for room, last in self._last.items() if now - last < self._config.heartbeat_rooms}
        return set(self._last)
