"""The latest records of each room in memory, for repair without asking the database."""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable

from lanchat.protocol.log.messages import Header, Kind, decode_header_untrusted
from lanchat.protocol.log.records import Record, blanked
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import record_size

# What Python needs around a record's octets.
RECORD_OCTETS = 500


class RecentRecords:
    """Bounded per room and in octets; the room that was quiet longest gives way first."""

    def __init__(self, config: CoreConfig) -> None:
        """Begins empty: records from before the start have to be read from the store."""
        self._config = config
        self._rooms: OrderedDict[int, deque[Record]] = OrderedDict()
        self._octets = 0

    def add(self, room: int, records: Iterable[Record]) -> None:
        """Records that were just committed."""
        kept = self._rooms.setdefault(room, deque())
        self._rooms.move_to_end(room)
        for record in records:
            if kept and record.seq != kept[-1].seq + 1:
                # A commit of unknown outcome was stored after all: what is here counts places, so no hole may be in it.
                self._octets -= sum(_size(old) for old in kept)
                kept.clear()
            kept.append(record)
            self._octets += _size(record)
            if len(kept) > self._config.recent_per_room:
                self._octets -= _size(kept.popleft())
        while self._octets > self._config.recent_octets:
            oldest = next(iter(self._rooms))
            self._octets -= _size(self._rooms[oldest].popleft())
            if not self._rooms[oldest]:
                del self._rooms[oldest]

    def forget(self, room: int) -> None:
        """Nobody knows whether these are still as they were."""
        self._octets -= sum(_size(old) for old in self._rooms.pop(room, ()))

    def erase(self, room: int, seqs: Collection[int]) -> None:
        """These were deleted: whoever repairs now gets them, and their edits, without bodies."""
        kept = self._rooms.get(room)
        if not kept or not seqs:
            return
        for index, old in enumerate(kept):
            header: Header = decode_header_untrusted(old.header)
            if old.seq in seqs or (header.kind is Kind.EDIT and header.ref in seqs):
                kept[index] = blanked(old)
                self._octets += _size(kept[index]) - _size(old)

    def find(self, room: int, seqs: Iterable[int]) -> tuple[list[Record], list[int]]:
        """The records that are here, ascending, and the numbers that are not."""
        kept = self._rooms.get(room)
        wanted = sorted(set(seqs))
        if not kept:
            return [], wanted
        first = kept[0].seq
        found = [kept[seq - first] for seq in wanted if 0 <= seq - first < len(kept)]
        return found, [seq for seq in wanted if not 0 <= seq - first < len(kept)]


def _size(record: Record) -> int:
    """Octets of memory that a record takes."""
    return RECORD_OCTETS + record_size(record)
