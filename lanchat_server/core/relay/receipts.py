"""Receipts: how far each member has received and read each room; told to the room and to the store in batches."""

from collections.abc import Set

from lanchat.protocol.wire import Cursor, MemberCursor
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory


class ReceiptCollector:
    """Numbers only grow. What changed is collected until it is due: per room for the members, in all for the store."""

    def __init__(self, config: CoreConfig, directory: Directory) -> None:
        """`directory` has the receipts of members from whom nothing was heard since the start."""
        self._config = config
        self._directory = directory
        self._cursors: dict[int, dict[int, tuple[int, int]]] = {}
        self._changed: dict[int, set[int]] = {}
        self._due: dict[int, float] = {}
        self._unsaved: dict[int, dict[int, Cursor]] = {}

    def cursor(self, room: int, user: int) -> tuple[int, int]:
        """(received, read) of a member."""
        known = self._cursors.get(room, {}).get(user)
        if known is not None:
            return known
        row = self._directory.membership(room, user)
        return (row.received, row.read) if row else (0, 0)

    def member_cursor(self, room: int, user: int) -> MemberCursor:
        """A member's cursor as others are told it in a list."""
        row = self._directory.membership(room, user)
        return MemberCursor(user, *self.cursor(room, user), row.joined_ms if row else 0)

    def advance(self, user: int, cursor: Cursor, head: int, now: float) -> None:
        """A member says how far it is; never beyond the head."""
        old = self.cursor(cursor.room, user)
        read = max(old[1], min(cursor.read, head))
        new = (max(old[0], min(cursor.received, head), read), read)
        if new == old:
            return
        room = cursor.room
        self._cursors.setdefault(room, {})[user] = new
        self._changed.setdefault(room, set()).add(user)
        self._unsaved.setdefault(user, {})[room] = Cursor(room, *new)
        # In a room of n members each receipt goes to n: less often there, so that the sum stays linear in n.
        spread = max(self._config.cursor_interval, len(self._directory.members(room)) / 100)
        self._due.setdefault(room, now + spread)

    def forget(self, room: int, user: int) -> None:
        """Somebody left."""
        self._cursors.get(room, {}).pop(user, None)
        self._changed.get(room, set()).discard(user)
        self._unsaved.get(user, {}).pop(room, None)

    def forget_rooms(self, rooms: Set[int]) -> None:
        """They were deleted."""
        for room in rooms:
            for places in (self._cursors, self._changed, self._due):
                places.pop(room, None)
        for unsaved in self._unsaved.values():
            for room in unsaved.keys() & rooms:
                del unsaved[room]

    def timer(self) -> float | None:
        """When `due` has the next ones, in seconds of the core's clock; None: nothing has changed."""
        return min(self._due.values()) if self._due else None

    def due(self, now: float) -> dict[int, list[MemberCursor]]:
        """Room to changed cursors, for the rooms whose time has come."""
        rooms = [room for room, when in self._due.items() if when <= now]
        changed: dict[int, list[MemberCursor]] = {}
        for room in rooms:
            del self._due[room]
            users = self._changed.pop(room, set())
            changed[room] = [MemberCursor(user, *self.cursor(room, user)) for user in sorted(users)]
        return changed

    def take_unsaved(self) -> dict[int, list[Cursor]]:
        """User to cursors that the store does not have yet."""
        unsaved = {user: list(rooms.values()) for user, rooms in self._unsaved.items() if rooms}
        self._unsaved = {}
        return unsaved

    def restore_unsaved(self, unsaved: dict[int, list[Cursor]]) -> None:
        """Saving failed: keep them for the next time, unless something newer is here."""
        for user, cursors in unsaved.items():
            for cursor in cursors:
                self._unsaved.setdefault(user, {}).setdefault(cursor.room, cursor)
