"""The local copies of rooms without a session: what of them can be shown to other clients, and what these bring."""

from collections.abc import Callable, Iterable

from lanchat.core.ports import LogStore
from lanchat.core.rooms.chain import Contradiction
from lanchat.core.rooms.room import RoomReceiver
from lanchat.protocol import wire
from lanchat.protocol.log.records import Head, Record


class RoomCopies:
    """Of the rooms that have a receiver. Raises LocalStoreError."""

    def __init__(
        self,
        store: LogStore,
        receivers: dict[int, RoomReceiver],
        make: Callable[[int], RoomReceiver],
        stored: Callable[[RoomReceiver], None],
    ) -> None:
        """`receivers`: by room, of those that the core knows; `make`: another one; `stored`: stores what is proven in
        it, and says so."""
        self._store = store
        self._receivers = receivers
        self._make = make
        self._stored = stored
        # The highest of the heads in the rooms that were read, 0: there is none.
        self.epoch = 0

    def read(self, rooms: Iterable[wire.Room]) -> None:
        """There is no session to read these rooms in: as the local copy has them."""
        for room in rooms:
            if room.id not in self._receivers:
                receiver = self._make(room.id)
                receiver.attach(room.first_seq)
                receiver.detach()
                self._receivers[room.id] = receiver
                head = self._store.head(room.id)
                self.epoch = max(self.epoch, head.epoch if head is not None else 0)

    def cursors(self) -> dict[int, int]:
        """How far each room is stored, 0: it was empty; those aside of which nothing is known."""
        return {room: receiver.cursor for room, receiver in self._receivers.items() if receiver.chain is not None}

    def head(self, room: int) -> Head | None:
        """The newest one that was stored, when the records up to it are here."""
        head, receiver = self._store.head(room), self._receivers.get(room)
        return head if head is not None and receiver is not None and head.seq <= receiver.cursor else None

    def records(self, room: int, first: int, last: int) -> list[Record]:
        """Consecutive ones from `first` on; none when that one is not here."""
        records = self._store.records(room, first, last)
        return records if records and records[0].seq == first else []

    def hash_at_cursor(self, room: int) -> bytes | None:
        """The chain hash of the last stored record, to go on from; None when nothing of the room is stored."""
        receiver = self._receivers.get(room)
        chain = receiver.chain if receiver is not None else None
        return chain.hash_at(chain.cursor) if chain is not None else None

    def take(self, room: int, records: list[Record], head: Head) -> bool:
        """Store what follows on the cursor and ends in the hash of a signed head; whether it still does follow."""
        receiver = self._receivers.get(room)
        if receiver is None or receiver.chain is None or not receiver.takes:
            return False
        receiver.drop_aside()
        try:
            receiver.chain.add_page_untrusted(records)
            receiver.take_head(head)
            self._stored(receiver)
        except Contradiction:
            return False
        finally:
            receiver.drop_aside()
        return receiver.cursor >= head.seq
