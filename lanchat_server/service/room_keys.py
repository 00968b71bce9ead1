"""Keys for traffic between the peers of a room while the server is away: who gets which, and when they change."""

from collections.abc import Callable, Iterable, Sequence

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import RoomKeyRow
from lanchat_server.core.ports import Transaction
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.wall_clock import TOLERANCE_MS
from lanchat_server.service.work.writer import Writer

# A key with less life than this left is replaced: the server may go away the next moment.
LIFE_LEFT_MS = 3_600_000


class RoomKeys:
    """The newest key of each room, made when somebody needs it. `wall_ms`: milliseconds UTC."""

    def __init__(
        self,
        directory: Directory,
        writer: Writer,
        notices: EventNotifier,
        wall_ms: Callable[[], int],
        entropy: Entropy,
    ) -> None:
        """`notices` tells members of the keys that `present` replaces."""
        self._directory = directory
        self._writer = writer
        self._notices = notices
        self._wall_ms = wall_ms
        self._entropy = entropy

    async def present(self, rooms: Sequence[int]) -> list[wire.RoomKey]:
        """The keys of these rooms. Raises StoreError."""
        wanting = self._wanting(rooms)
        if wanting:
            replaced = [room for room in wanting if room in self._directory.room_keys]
            # Looked at again inside the transaction: another request may have been quicker.
            await self._writer.transact(lambda tx: self._fresh(tx, self._wanting(wanting)))
            self._notices.room_keys_changed(replaced)
        keys = self._directory.room_keys
        return [wire.RoomKey(room, key.number, key.key, key.not_after_ms) for room in rooms if (key := keys.get(room))]

    def rotation(self, tx: Transaction, user: int) -> DirectoryChange[list[RoomKeyRow]]:
        """New keys for all rooms of a user who, or whose device, must not read on."""
        return self._fresh(tx, self._directory.rooms_of(user))

    def _wanting(self, rooms: Iterable[int]) -> list[int]:
        soon = self._wall_ms() + LIFE_LEFT_MS
        # One that ends later was made while the clock was ahead.
        latest = self._wall_ms() + int(accounts.ROOM_KEY_LIFETIME * 1000) + TOLERANCE_MS
        present = self._directory.room_keys
        there = [room for room in rooms if room in self._directory.rooms]
        return [room for room in there if room not in present or not soon <= present[room].not_after_ms <= latest]

    def _fresh(self, tx: Transaction, rooms: Iterable[int]) -> DirectoryChange[list[RoomKeyRow]]:
        fresh = {room: self._entropy.token_bytes(32) for room in rooms}
        return accounts.rotate_room_keys(tx, self._directory, fresh, self._wall_ms())
