"""Users, devices, rooms and members in memory: what every decision needs without asking the database.

Changed by the writer thread alone, right after the commit that made the change durable, so that the next batch is
judged by it. Other threads only read. Values are immutable, and no map that a reader may be iterating changes its size:
one that grows is replaced by a larger copy. So a reader sees the state before or after, nothing between.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from lanchat.protocol.codes import Role, RoomKind
from lanchat.protocol.text.names import name_key, shape_key
from lanchat_server.core.model import (
    DeviceRow,
    DirectorySnapshot,
    LogState,
    MembershipRow,
    RoomKeyRow,
    RoomRow,
    UserRow,
)

K = TypeVar("K")
V = TypeVar("V")

_NOBODY: Mapping[int, MembershipRow] = MappingProxyType({})


# A statement's number is that of the log's epoch, shifted so far, and a count: 2^40 changes in each of 2^22 restores.
EPOCH_SHIFT = 40

# Names of direct rooms begin so; no other room's may.
DIRECT_PREFIX = "direct:"


def is_open_to_all(room: RoomRow) -> bool:
    """Whether everybody sees it and may join."""
    return room.kind is RoomKind.PUBLIC and not room.archived


def direct_name(one: int, other: int) -> str:
    """The name of the direct room of two users."""
    low, high = sorted((one, other))
    return f"{DIRECT_PREFIX}{low}:{high}"


class UserSubject(NamedTuple):
    """The account that a statement is about."""

    user: int


class RoomSubject(NamedTuple):
    """The room that a statement is about."""

    room: int


class Directory:
    """The accounts and rooms of one log."""

    def __init__(self, snapshot: DirectorySnapshot) -> None:
        """The accounts and rooms of `snapshot`; no password counts as changed yet."""
        self.log: LogState = snapshot.log
        self._password_numbers: dict[int, int] = {}
        # Revoked devices of which nothing else is known here: the database that knew them is lost.
        self.revoked_unknown: frozenset[bytes] = frozenset()
        # Since when the log comes back from clients, in wall time; 0: it is whole.
        self.reopened_ms = 0
        self.users: dict[int, UserRow] = {}
        self.load(snapshot)

    def load(self, snapshot: DirectorySnapshot) -> None:
        """Replace everything: each map as a whole, so that no reader finds an empty one."""
        grouped: dict[int, dict[int, MembershipRow]] = {}
        rooms_of: dict[int, set[int]] = {}
        for row in snapshot.memberships:
            grouped.setdefault(row.room, {})[row.user] = row
            rooms_of.setdefault(row.user, set()).add(row.room)
        self.log = snapshot.log
        for user in snapshot.users:
            known = self.users.get(user.id)
            if known is not None and known.password_hash != user.password_hash:
                self.password_changed(user.id)
        self.users = {user.id: user for user in snapshot.users}
        self._user_names = {name_key(user.name): user.id for user in snapshot.users}
        self._user_shapes = {shape_key(user.name) for user in snapshot.users}
        self.devices: dict[bytes, DeviceRow] = {device.id: device for device in snapshot.devices}
        self.rooms: dict[int, RoomRow] = {room.id: room for room in snapshot.rooms}
        self._room_names = {
            name_key(room.name): room.id for room in snapshot.rooms if room.kind is not RoomKind.PRIVATE
        }
        self._room_shapes = {
            shape_key(room.name): room.id for room in snapshot.rooms if room.kind is not RoomKind.PRIVATE
        }
        self.room_keys: dict[int, RoomKeyRow] = {key.room: key for key in snapshot.room_keys}
        self.number = snapshot.number
        self.deletions_number = snapshot.deletions_number
        self.quarantined = snapshot.quarantined
        # Accounts and rooms that new statements are about, None for the revoked devices, until they are sent. Filled
        # by the writer's thread, emptied by another.
        self.stated: deque[UserSubject | RoomSubject | None] = deque()
        self.revocations_number = max((device.revoked_number for device in snapshot.devices), default=0)
        self._members: dict[int, Mapping[int, MembershipRow]] = dict(grouped)
        self._rooms_of: dict[int, frozenset[int]] = {user: frozenset(rooms) for user, rooms in rooms_of.items()}

    def snapshot(self) -> DirectorySnapshot:
        """Everything, as `load` takes it. Writer thread."""
        return DirectorySnapshot(
            self.log,
            list(self.users.values()),
            list(self.devices.values()),
            list(self.rooms.values()),
            [row for members in self._members.values() for row in members.values()],
            list(self.room_keys.values()),
            self.number,
            self.deletions_number,
            self.quarantined,
        )

    # Looking up

    @property
    def next_number(self) -> int:
        """Of statements that the present transaction changes: higher than any before, over restores of the log too."""
        return max(self.number + 1, self.log.epoch << EPOCH_SHIFT)

    def user_named(self, name: str) -> UserRow | None:
        """The account with this name, however it is written."""
        return self.users.get(self._user_names.get(name_key(name), 0))

    def is_like_a_user(self, name: str) -> bool:
        """Whether an account has this name or one that people may take for it."""
        return self.user_named(name) is not None or shape_key(name) in self._user_shapes

    def password_number(self, user: int) -> int:
        """How often this account's password was changed since the start of the process."""
        return self._password_numbers.get(user, 0)

    def room_named(self, name: str) -> RoomRow | None:
        """The room with this name that is not private."""
        return self.rooms.get(self._room_names.get(name_key(name), 0))

    def members(self, room: int) -> Mapping[int, MembershipRow]:
        """User id to membership; do not change it."""
        return self._members.get(room, _NOBODY)

    def sees_room_named(self, user: int, name: str, apart: int = -1) -> bool:
        """Whether a room that the user is in or may join has this name, or one that people may take for it; the room
        `apart` does not count."""
        key, shape = name_key(name), shape_key(name)
        own = [self.rooms[room].name for room in self.rooms_of(user) if room != apart]
        return (
            self._room_names.get(key, apart) != apart
            or self._room_shapes.get(shape, apart) != apart
            or any(name_key(other) == key or shape_key(other) == shape for other in own)
        )

    def membership(self, room: int, user: int) -> MembershipRow | None:
        """None for who is no member, and for a room that does not exist."""
        return self.members(room).get(user)

    def rooms_of(self, user: int) -> frozenset[int]:
        """Ids of the rooms, direct ones included, that the user is a member of; empty for an unknown user."""
        return self._rooms_of.get(user, frozenset())

    def first_seqs(self, user: int) -> dict[int, int]:
        """The user's rooms with the lowest number that may be read in each."""
        found = {room: self.membership(room, user) for room in self.rooms_of(user)}
        return {room: member.first_seq for room, member in found.items() if member is not None}

    def devices_of(self, user: int) -> list[DeviceRow]:
        """The account's devices, also revoked ones, oldest first."""
        found = [device for device in self.devices.values() if device.user == user]
        return sorted(found, key=lambda device: device.created_ms)

    def revoked(self) -> list[bytes]:
        """Ids of all devices that were revoked, but for those that the log made itself (imported messages)."""
        return [*(device.id for device in self.devices.values() if device.revoked_number), *self.revoked_unknown]

    def general(self) -> RoomRow:
        """The room that everybody is in: the public one that the server made itself."""
        for room in self.rooms.values():
            if room.creator == 0 and room.kind is RoomKind.PUBLIC:
                return room
        raise LookupError("the database has no general room")

    def active_administrators(self) -> list[UserRow]:
        """Those that are not disabled; one of them always stays (`accounts.update_user`)."""
        return [user for user in self.users.values() if user.role is Role.ADMINISTRATOR and not user.disabled]

    # Changing (writer thread)

    def put_user(self, user: UserRow) -> None:
        """Insert or replace an account under its id. The name of an account never changes."""
        self.users = _put(self.users, user.id, user)
        self._user_names[name_key(user.name)] = user.id
        self._user_shapes.add(shape_key(user.name))

    def password_changed(self, user: int) -> None:
        """Sessions that began before have no right to act any more."""
        self._password_numbers = _put(self._password_numbers, user, self.password_number(user) + 1)

    def put_device(self, device: DeviceRow) -> None:
        """Insert or replace a device under its id."""
        self.devices = _put(self.devices, device.id, device)

    def revoke_devices(self, devices: Iterable[bytes], now_ms: int) -> None:
        """They stay listed, with the time of their revocation. Raises KeyError for an unknown one."""
        for device in devices:
            self.devices[device] = replace(self.devices[device], revoked_ms=now_ms)

    def put_room(self, room: RoomRow) -> None:
        """Insert or replace a room under its id; unless it is private, it is found by its name."""
        known = self.rooms.get(room.id)
        if known is not None and known.name != room.name and room.kind is not RoomKind.PRIVATE:
            self._room_names = {name: of for name, of in self._room_names.items() if of != room.id}
            self._room_shapes = {name: of for name, of in self._room_shapes.items() if of != room.id}
        self.rooms = _put(self.rooms, room.id, room)
        if room.kind is not RoomKind.PRIVATE:
            self._room_names[name_key(room.name)] = room.id
            self._room_shapes[shape_key(room.name)] = room.id

    def drop_rooms(self, rooms: Collection[int]) -> None:
        """They were deleted."""
        gone = set(rooms)
        for user in {user for room in gone for user in self.members(room)}:
            self._rooms_of[user] = self.rooms_of(user) - gone
        self.rooms = {room: row for room, row in self.rooms.items() if room not in gone}
        self._room_names = {name: room for name, room in self._room_names.items() if room not in gone}
        self._room_shapes = {name: room for name, room in self._room_shapes.items() if room not in gone}
        self.room_keys = {room: key for room, key in self.room_keys.items() if room not in gone}
        self._members = {room: members for room, members in self._members.items() if room not in gone}

    def put_members(self, members: Iterable[MembershipRow]) -> None:
        """Insert or replace memberships, each under its room and user."""
        for row in members:
            self._members[row.room] = {**self.members(row.room), row.user: row}
            self._rooms_of[row.user] = self.rooms_of(row.user) | {row.room}

    def drop_members(self, room: int, users: Iterable[int]) -> None:
        """Take users out of a room; those who are no members of it change nothing."""
        gone = set(users)
        self._members[room] = {user: row for user, row in self.members(room).items() if user not in gone}
        for user in gone:
            self._rooms_of[user] = self.rooms_of(user) - {room}

    def number_statements(
        self, number: int, *, users: Collection[int] = (), rooms: Collection[int] = (), devices: Collection[bytes] = ()
    ) -> None:
        """See `Transaction.number_statements`. A room that is not here was deleted."""
        for user in users:
            self.users[user] = replace(self.users[user], number=number)
        for room in rooms:
            if room in self.rooms:
                self.rooms[room] = replace(self.rooms[room], number=number)
            else:
                self.deletions_number = number
        for device in devices:
            self.devices[device] = replace(self.devices[device], revoked_number=number)
            self.revocations_number = number
        self.number = max(self.number, number)
        self.stated += [*map(UserSubject, users), *map(RoomSubject, rooms), *([None] if devices else [])]

    def know_revoked(self, devices: Collection[bytes], number: int) -> None:
        """These are in the list of revoked devices with this number; none of them is here."""
        self.revoked_unknown |= frozenset(devices)
        self.revocations_number = max(self.revocations_number, number)
        self.number = max(self.number, number)

    def put_room_key(self, key: RoomKeyRow) -> None:
        """The newest key of its room replaces the one before."""
        self.room_keys = _put(self.room_keys, key.room, key)

    def touch(self, users: Mapping[int, int], devices: Mapping[bytes, int]) -> None:
        """Last-seen times in milliseconds."""
        for user, seen_ms in users.items():
            self.users[user] = replace(self.users[user], last_seen_ms=seen_ms)
        for device, seen_ms in devices.items():
            self.devices[device] = replace(self.devices[device], last_seen_ms=seen_ms)


def _put(table: dict[K, V], key: K, value: V) -> dict[K, V]:
    """The map with this entry: a copy when it is new, 10 ns for each of the others. Another value under a known key
    does not disturb who iterates."""
    if key not in table:
        return {**table, key: value}
    table[key] = value
    return table
