"""Messages that are carried for others until the server has decided them: bounded, and compared by name.

What two ends hold of a room is compared by a digest first: the exclusive or of a hash of each name. Names are dense
numbers of a run, so that what differs fits a few bit masks. Bodies are never compared: of two messages under one name
the first that came is kept.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from lanchat.core.ports import CarriedStore
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Header, Message, MessageKey, decode_header_untrusted
from lanchat.protocol.wire.peers import MASK_OCTETS

# A day of an office; in memory and on disk.
ITEMS_MAX = 10_000
OCTETS_MAX = 8 << 20
# Of one author, so that nobody pushes the others out.
AUTHOR_MAX = 500
# Names that are not taken again: decided, or pushed out. 100 octets each.
LEFT_MAX = 20_000


class Carried(msgspec.Struct, frozen=True):
    """`author`: the user."""

    header: Header
    message: Message
    author: int

    @property
    def octets(self) -> int:
        """About what it takes."""
        return len(self.message.header) + len(self.message.body) + 300


def _mark(key: MessageKey) -> int:
    return int.from_bytes(sha256(encode(key))[:8], "big") >> 1


class CarriedMessages:
    """What is carried, oldest first. Changes are written at once; LocalStoreError leaves things as they were."""

    def __init__(self, store: CarriedStore) -> None:
        """Reads what an earlier start carried; whose each is must be said by `adopt`. Raises LocalStoreError."""
        self._store = store
        self._items: OrderedDict[MessageKey, Carried] = OrderedDict()
        self._rooms: dict[int, OrderedDict[MessageKey, Carried]] = {}
        self._marks: dict[int, int] = {}
        self._of_author: dict[int, OrderedDict[MessageKey, None]] = {}
        self._octets = 0
        self._left: OrderedDict[MessageKey, None] = OrderedDict()
        self._pushed_out: list[Carried] = []

    def __len__(self) -> int:
        """How many."""
        return len(self._items)

    def adopt(self, message: Message, author: int) -> None:
        """One that the store had."""
        try:
            self._put(Carried(decode_header_untrusted(message.header), message, author))
        except ProtocolError:
            return

    def all(self) -> list[Carried]:
        """In the order of coming."""
        return list(self._items.values())

    def get(self, key: MessageKey) -> Carried | None:
        """None: not carried."""
        return self._items.get(key)

    def in_room(self, room: int) -> list[Carried]:
        """In the order of coming."""
        return list(self._rooms.get(room, {}).values())

    def note_stored(self, key: MessageKey) -> bool:
        """It is in the log, and not taken again; whether it is carried here."""
        self._left[key] = None
        if len(self._left) > LEFT_MAX:
            self._left.popitem(last=False)
        return key in self._items

    def note_decided(self, keys: Iterable[MessageKey]) -> None:
        """They are in the log: not taken again."""
        for key in keys:
            self._left[key] = None
        while len(self._left) > LEFT_MAX:
            self._left.popitem(last=False)

    def wants(self, key: MessageKey) -> bool:
        """Whether it is neither here nor was it."""
        return key not in self._items and key not in self._left

    def add(self, items: Sequence[Carried]) -> list[Carried]:
        """Keep those that are wanted; returns them. Raises LocalStoreError; then none is kept."""
        fresh = list({item.header.key: item for item in items if self.wants(item.header.key)}.values())
        if fresh:
            self._store.add_carried([(item.header.key, item.message) for item in fresh])
        for item in fresh:
            self._put(item)
        if self._is_too_much({item.author for item in fresh}):
            self._pushed_out += self.remove(self._too_many())
        return fresh

    def take_pushed_out(self) -> list[Carried]:
        """Those that gave way to others; each is told once."""
        pushed_out, self._pushed_out = self._pushed_out, []
        return pushed_out

    def _is_too_much(self, authors: Iterable[int]) -> bool:
        total = len(self._items) > ITEMS_MAX or self._octets > OCTETS_MAX
        return total or any(len(self._of_author[author]) > AUTHOR_MAX for author in authors)

    def _put(self, item: Carried) -> None:
        key = item.header.key
        self._items[key] = item
        self._rooms.setdefault(key.room, OrderedDict())[key] = item
        self._marks[key.room] = self._marks.get(key.room, 0) ^ _mark(key)
        self._of_author.setdefault(item.author, OrderedDict())[key] = None
        self._octets += item.octets

    def _too_many(self) -> list[MessageKey]:
        """The oldest of those who have most."""
        gone: dict[MessageKey, None] = {}
        counts = {author: len(keys) for author, keys in self._of_author.items()}
        octets, total = self._octets, len(self._items)
        oldest = {author: iter(list(keys)) for author, keys in self._of_author.items()}
        while counts and (total > ITEMS_MAX or octets > OCTETS_MAX or max(counts.values()) > AUTHOR_MAX):
            greediest = max(counts, key=lambda author: counts[author])
            key = next(oldest[greediest])
            gone[key] = None
            counts[greediest] -= 1
            total -= 1
            octets -= self._items[key].octets
        return list(gone)

    def remove(self, keys: Iterable[MessageKey]) -> list[Carried]:
        """Decided, or no longer of use; they are not taken again. Returns those that were here. Raises
        LocalStoreError."""
        wanted = list(keys)
        here = [key for key in wanted if key in self._items]
        if here:
            self._store.remove_carried(here)
        self.note_decided(wanted)
        return [self._pop(key) for key in here]

    def remove_room(self, room: int) -> None:
        """Nothing of it is carried any more. Raises LocalStoreError."""
        self.remove(list(self._rooms.get(room, ())))

    def _pop(self, key: MessageKey) -> Carried:
        item = self._items.pop(key)
        room = self._rooms[key.room]
        del room[key]
        self._marks[key.room] ^= _mark(key)
        if not room:
            del self._rooms[key.room], self._marks[key.room]
        author = self._of_author[item.author]
        del author[key]
        if not author:
            del self._of_author[item.author]
        self._octets -= item.octets
        return item

    # --- Comparing ----------------------------------------------------------------------------------------------------

    def rooms(self) -> Collection[int]:
        """Rooms of which something is carried."""
        return self._rooms.keys()

    def digest(self, room: int) -> int:
        """Of the names in a room; 0 for none."""
        return self._marks.get(room, 0)

    def held(self, room: int) -> list[wire.HeldRun]:
        """Bit masks of the names in a room."""
        runs: dict[tuple[bytes, int], list[int]] = {}
        for key in self._rooms.get(room, ()):
            runs.setdefault((key.device, key.run), []).append(key.n)
        return [part for (device, run), numbers in sorted(runs.items()) for part in _masks(device, run, numbers)]

    def missing(self, room: int, runs: Iterable[wire.HeldRun]) -> list[MessageKey]:
        """Names in these masks that are wanted here."""
        names = (
            MessageKey(room, held.device, held.run, held.first + place)
            for held in runs
            for place in range(8 * len(held.mask))
            if held.mask[place // 8] >> (place % 8) & 1 and held.first + place < 2**63
        )
        return [key for key in names if self.wants(key)]


def _masks(device: bytes, run: int, numbers: list[int]) -> list[wire.HeldRun]:
    found: list[wire.HeldRun] = []
    numbers = sorted(numbers)
    while numbers:
        first = numbers[0]
        inside = [number - first for number in numbers if number < first + 8 * MASK_OCTETS]
        mask = bytearray(inside[-1] // 8 + 1)
        for place in inside:
            mask[place // 8] |= 1 << (place % 8)
        found.append(wire.HeldRun(device, run, first, bytes(mask)))
        numbers = numbers[len(inside) :]
    return found
