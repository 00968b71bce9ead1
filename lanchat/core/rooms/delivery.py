"""How far the watcher of this process was told of each room.

Several processes may use one profile. While this one has no session, another may store records; the next session then
begins after them. They are told first, so that whoever watches this process misses nothing.
"""

from collections.abc import Iterable, Iterator

from lanchat.core.events import LinkedRecord, RecordsStored
from lanchat.core.ports import LogReader, StoredSpan
from lanchat.core.rooms.chain import link_untrusted, records_stored
from lanchat.protocol.errors import ProtocolError

# Records that are told at once.
_PART = 200


class DeliveryCursor:
    """Begins with what is stored when the process starts: that is read from the store, not told. Raises
    LocalStoreError, also on creation."""

    def __init__(self, log_id: bytes, store: LogReader, rooms: Iterable[int]) -> None:
        """`rooms`: those whose stored records count as told; of another room everything is told."""
        self._log_id = log_id
        self._store = store
        # Room to number and chain hash.
        self._last: dict[int, tuple[int, bytes]] = {}
        for room in rooms:
            span = store.span(room)
            if span is not None:
                self._last[room] = span.cursor, span.cursor_hash

    def note(self, event: RecordsStored) -> None:
        """This was told."""
        last = event.held[-1]
        self._last[event.room] = last.record.seq, last.link.hash

    def missed(self, room: int, span: StoredSpan | None) -> list[RecordsStored]:
        """What `span` has and was not told, in order. Empty when what was told is not in it: of a log with another
        history the room itself will speak."""
        if span is None:
            return []
        seq, before = self._last.get(room, (0, b""))
        if seq < span.base or not before:
            seq, before = span.base, span.base_hash
        try:
            held = list(self._read(room, seq, before, span.cursor))
        except ProtocolError:
            return []
        if not held or held[-1].link.hash != span.cursor_hash:
            return []
        return [records_stored(room, tuple(held[i : i + _PART]), live=False) for i in range(0, len(held), _PART)]

    def _read(self, room: int, seq: int, before: bytes, last: int) -> Iterator[LinkedRecord]:
        for record in self._store.records(room, seq + 1, last):
            held = link_untrusted(self._log_id, room, before, record)
            yield held
            before = held.link.hash
