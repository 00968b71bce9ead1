"""How far this user has received and read: told to the server at most once a second, only what grew."""

from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.wire import Cursor, Room

# One frame; more rooms follow a second later.
_CURSORS_MAX = 256


class Receipts:
    """What the server knows is in `_told`; a reading position set while it is away is told later."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._received: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._told: dict[int, tuple[int, int]] = {}
        self._dirty: dict[int, None] = {}
        self._next = 0.0

    def told(self, room: Room) -> None:
        """What the server said that it knows."""
        received, read = self._told.get(room.id, (0, 0))
        self._told[room.id] = (max(received, room.received), max(read, room.read))
        self._received[room.id] = max(self._received.get(room.id, 0), room.received)
        self._read[room.id] = max(self._read.get(room.id, 0), room.read)
        self._note(room.id)

    def forget_told(self) -> None:
        """A new session: what was under way may be lost."""
        self._told.clear()

    def received(self, room: int, seq: int) -> None:
        self._received[room] = max(self._received.get(room, 0), seq)
        self._note(room)

    def read(self, room: int, seq: int) -> None:
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
        return self._next if self._dirty else None

    def take_due(self, now: float) -> list[Cursor]:
        """What to tell now."""
        if not self._dirty or now < self._next:
            return []
        self._next = now + self._config.cursors_every
        rooms = list(self._dirty)[:_CURSORS_MAX]
        cursors = [Cursor(room, *self._position(room)) for room in rooms]
        for cursor in cursors:
            self._told[cursor.room] = (cursor.received, cursor.read)
            del self._dirty[cursor.room]
        return cursors
