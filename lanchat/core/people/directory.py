"""Rooms and people as the server told them, kept in the local store for the time when it is away; and how far this user
has read each room, which the server may not know yet.
"""

from collections.abc import Container, Iterable
from functools import lru_cache

from msgspec.structs import replace

from lanchat.core.config import DEFAULT_CONFIG, ClientConfig
from lanchat.core.ports import DirectoryStore
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.text.names import name_key, shape_key
from lanchat.protocol.wire import Room, User

# Answers about names that are kept, some 400 octets each.
_ALIKE_MAX = 1_000


@lru_cache(maxsize=20_000)  # the names of 10,000 people, 800 octets each: 16 MiB
def _keys(name: str) -> frozenset[bytes]:
    """Names that have one of these in common are one, or look the same. Digests, because normalisation makes some names
    eighteen times as long."""
    return frozenset(sha256(key(name).encode())[:16] for key in (name_key, shape_key))


def _room_keys(room: Room | None) -> frozenset[bytes]:
    """Of a room's name; none for a direct room, which is known by the partner."""
    return frozenset() if room is None or room.kind is RoomKind.DIRECT else _keys(room.name)


class ClientDirectory:
    """Rooms include public ones that the user has not joined; `marks`: room to the last number that was read. Changes
    are saved by `save` and `save_marks`; only these and the creation raise LocalStoreError."""

    def __init__(self, store: DirectoryStore, config: ClientConfig = DEFAULT_CONFIG) -> None:
        """Reads rooms, users and read marks from the store."""
        self._config = config
        self._store = store
        self.rooms: dict[int, Room] = {room.id: room for room in store.rooms()}
        self.users: dict[int, User] = {user.id: user for user in store.users()}
        self.marks: dict[int, int] = {room.id: room.read for room in self.rooms.values() if room.read}
        self._rooms_changed = False
        self._marks_changed = False
        self._users_changed: dict[int, User] = {}
        # Keys of names to those who have it, as user name or for others to see; made when it is asked for.
        self._named: dict[bytes, set[int]] | None = None
        # Answers of `is_alike`, until somebody's name changes: the same few authors write most lines.
        self._alike: dict[tuple[str, int, str], bool] = {}
        # Keys of names to the rooms that have it.
        self._rooms_named: dict[bytes, set[int]] = {}
        # Those keys that several rooms have.
        self._shared: set[bytes] = set()
        self._retitled: set[int] = set()
        for room in self.rooms.values():
            self._rename_room(None, room)
        self._retitled.clear()

    def drop_unlisted(self, listed: Container[int]) -> list[Room]:
        """The server told of all rooms that this user is in or may join; returns the others that were known."""
        gone = [room for room in self.rooms.values() if room.id not in listed]
        for room in gone:
            self._rename_room(self.rooms.pop(room.id), None)
        self._rooms_changed = True
        return gone

    def put_room(self, room: Room) -> None:
        """Raises ProtocolError when there are too many."""
        if room.id not in self.rooms and len(self.rooms) >= self._config.rooms_max:
            raise ProtocolError("more rooms than a client takes")
        self._rename_room(self.rooms.get(room.id), room)
        self.rooms[room.id] = room
        self._rooms_changed = True

    def mark(self, room: int, read: int) -> bool:
        """This user has read up to `read`; False when that is no news."""
        if read <= self.marks.get(room, 0):
            return False
        self.marks[room] = read
        self._marks_changed = True
        return True

    def drop_room(self, room: int) -> bool:
        """False when it was not known."""
        self._rooms_changed = True
        known = self.rooms.pop(room, None)
        self._rename_room(known, None)
        return known is not None

    def _rename_room(self, before: Room | None, after: Room | None) -> None:
        old, new = _room_keys(before), _room_keys(after)
        if before is not None and old != new:
            for key in old:
                named = self._rooms_named[key]
                named.discard(before.id)
                if len(named) == 1:
                    self._retitled |= named
                    self._shared.discard(key)
                if not named:
                    del self._rooms_named[key]
        if after is not None:
            for key in new - old if before is not None else new:
                named = self._rooms_named.setdefault(key, set())
                if len(named) == 1:
                    self._retitled |= named
                    self._shared.add(key)
                named.add(after.id)

    def is_alike_room(self, room: Room) -> bool:
        """Whether another room has the same name, or one that looks the same."""
        return bool(self._shared) and not self._shared.isdisjoint(_room_keys(room))

    def take_retitled(self) -> list[Room]:
        """Rooms that got, or lost, another room with their name since the last time."""
        retitled, self._retitled = self._retitled, set()
        return [self.rooms[room] for room in retitled if room in self.rooms]

    def put_users(self, users: Iterable[User]) -> None:
        """Raises ProtocolError when there are too many."""
        fresh = {user.id: user for user in users}
        most = self._config.users_max
        if len(self.users) + len(fresh) > most and len(self.users.keys() | fresh.keys()) > most:
            raise ProtocolError("more people than a client takes")
        for user in fresh.values():
            self._rename(self.users.get(user.id), user)
        self.users.update(fresh)
        self._users_changed.update(fresh)

    def _rename(self, before: User | None, after: User) -> None:
        if self._named is None or (before is not None and _names(before) == _names(after)):
            return
        self._alike.clear()
        for name in _names(before) if before is not None else ():
            self._named.get(name, set()).discard(after.id)
        for name in _names(after):
            self._named.setdefault(name, set()).add(after.id)

    def is_alike(self, shown: str, user: int, user_name: str) -> bool:
        """Whether people may take `shown`, by which this user is known to others, for somebody else's name."""
        names = shown, user, user_name
        known = self._alike.get(names)
        if known is None:
            if len(self._alike) >= _ALIKE_MAX:
                self._alike.clear()
            known = self._alike[names] = self._is_alike(shown, user, user_name)
        return known

    def _is_alike(self, shown: str, user: int, user_name: str) -> bool:
        if name_key(shown) == name_key(user_name):
            return False
        if self._named is None:
            self._named = {}
            for known in self.users.values():
                self._rename(None, known)
        # With a sign of what marks such names it would look like a marked one.
        return "@" in shown or any(self._named.get(key, set()) - {user} for key in _keys(shown))

    def save(self) -> None:
        """Write what changed. Raises LocalStoreError; the next call tries again."""
        if self._rooms_changed:
            self._save_rooms()
        if self._users_changed:
            self._store.save_users(list(self._users_changed.values()))
            self._users_changed.clear()

    def save_marks(self) -> None:
        """Write what was read since the last time. Raises LocalStoreError; the next call tries again."""
        if self._marks_changed:
            self._save_rooms()

    def _save_rooms(self) -> None:
        for stored in self._store.rooms():
            # Another process of the profile may know of more.
            self.marks[stored.id] = max(self.marks.get(stored.id, 0), stored.read)
        rooms = self.rooms.values()
        self._store.save_rooms([replace(room, read=max(room.read, self.marks.get(room.id, 0))) for room in rooms])
        self._rooms_changed = self._marks_changed = False


def _names(user: User) -> frozenset[bytes]:
    return _keys(user.name) | _keys(user.display_name or user.name)
