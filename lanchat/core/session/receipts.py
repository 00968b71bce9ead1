"""How far this user has received and read: told to the server about once a second for each room, only what grew.

All members of a room receive a message at the same moment. What they say of it must not reach the server at the same
moment too, second after second: a hundred of them would keep the next message waiting for 25 ms. So the intervals
differ; in a room of n members, of whom each hears of each, they grow with n, as the server's own do.
"""

from collections.abc import Callable

from lanchat.core.config import ClientConfig
from lanchat.core.timers import earliest
from lanchat.protocol.limits import ROOMS_PER_SUBSCRIPTION
from lanchat.protocol.wire import Cursor, Room

# A room of more members is told of less often, so that the sum for all of them stays the same.
_CROWD = 100


class ReceiptTracker:
    """What the server knows is in `_told`; a reading position set while it is away is told later."""

    def __init__(self, config: ClientConfig, random: Callable[[], float]) -> None:
        """`random`: from 0 to below 1."""
        self._config = config
        self._random = random
        self._received: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._told: dict[int, tuple[int, int]] = {}
        self._members: dict[int, int] = {}
        self._dirty: dict[int, None] = {}
        # When it may be told again.
        self._next: dict[int, float] = {}

    def told(self, room: Room) -> None:
        """What the server said that it knows."""
        self._members[room.id] = room.members
        received, read = self._told.get(room.id, (0, 0))
        self._told[room.id] = (max(received, room.received), max(read, room.read))
        self._received[room.id] = max(self._received.get(room.id, 0), room.received)
        self._read[room.id] = max(self._read.get(room.id, 0), room.read)
        self._note(room.id)

    def forget_reported(self) -> None:
        """A new session: what was under way may be lost."""
        self._told.clear()

    def received(self, room: int, seq: int) -> None:
        """Everything up to `seq` is stored here; a lower number than before is no news."""
        self._received[room] = max(self._received.get(room, 0), seq)
        self._note(room)

    def read(self, room: int, seq: int) -> None:
        """This user has read up to `seq`, which may be above what is stored here: what is told ends at what is
        stored."""
        self._read[room] = max(self._read.get(room, 0), seq)
        self._note(room)

    def read_up_to(self, room: int) -> int:
        """The last number that this user has read."""
        return self._read.get(room, 0)

    def _position(self, room: int) -> tuple[int, int]:
        received = self._received.get(room, 0)
        return received, min(self._read.get(room, 0), received)

    def _note(self, room: int) -> None:
        told, position = self._told.get(room, (0, 0)), self._position(room)
        if position[0] > told[0] or position[1] > told[1]:
            self._dirty[room] = None
        else:
            self._dirty.pop(room, None)

    def timer(self) -> float | None:
        """When `take_due` has something; None when the server knows all of it."""
        return earliest(*[self._next.get(room, 0.0) for room in self._dirty]) if self._dirty else None

    def take_due(self, now: float) -> list[Cursor]:
        """What to tell now."""
        if not self._dirty:
            return []
        rooms = [room for room in self._dirty if self._next.get(room, 0.0) <= now][:ROOMS_PER_SUBSCRIPTION]
        cursors = [Cursor(room, *self._position(room)) for room in rooms]
        for cursor in cursors:
            self._told[cursor.room] = (cursor.received, cursor.read)
            del self._dirty[cursor.room]
            crowd = max(1.0, self._members.get(cursor.room, 0) / _CROWD)
            self._next[cursor.room] = now + self._config.cursors_every * crowd * (0.5 + self._random())
        return cursors
