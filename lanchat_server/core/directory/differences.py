"""What became another between two readings of the database.

After a commit whose outcome nobody knew, the directory is read anew. A change of accounts or rooms that was stored
after all was never told to anybody: whoever was removed would go on getting records. So what differs is told now.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from lanchat_server.core.model import DeletedRoom, DirectorySnapshot, RoomRow


class Differences(msgspec.Struct, frozen=True):
    """`joined`, `left`: (room, user), new and deleted rooms aside. `rooms`: new ones with their members. `deleted`:
    rooms that are no more, with theirs. `changed`: rooms with another name or policy, `archived`: those that were
    archived or taken back. `keys`: rooms with another key for peers. `passwords`: users with another one. `people`: new
    users, and those who look otherwise to others."""

    rooms: tuple[tuple[RoomRow, tuple[int, ...]], ...]
    deleted: tuple[DeletedRoom, ...]
    changed: tuple[int, ...]
    archived: tuple[int, ...]
    joined: tuple[tuple[int, int], ...]
    left: tuple[tuple[int, int], ...]
    keys: tuple[int, ...]
    revoked: frozenset[bytes]
    disabled: frozenset[int]
    passwords: frozenset[int]
    people: tuple[int, ...]


def differences(before: DirectorySnapshot, after: DirectorySnapshot) -> Differences:
    """From one reading to a later one, in the order of the later one."""
    old_rooms = {room.id: room for room in before.rooms}
    new_rooms = [room for room in after.rooms if room.id not in old_rooms]
    old_members, members = _members(before), _members(after)
    created = {room.id for room in new_rooms}
    rooms = {room.id for room in after.rooms}
    # Which number each deletion has is not in memory; a higher one says the same.
    deleted = [replace(room, number=after.deletions_number) for room in before.rooms if room.id not in rooms]
    return Differences(
        rooms=tuple((room, tuple(user for of, user in members if of == room.id)) for room in new_rooms),
        deleted=tuple(DeletedRoom(room, tuple(user for of, user in old_members if of == room.id)) for room in deleted),
        archived=tuple(
            room.id for room in after.rooms if room.id in old_rooms and room.archived != old_rooms[room.id].archived
        ),
        changed=tuple(room.id for room in after.rooms if room.id in old_rooms and _looks(room, old_rooms[room.id])),
        joined=tuple(
            place for place in members if old_members.get(place) != members[place] and place[0] not in created
        ),
        left=tuple(place for place in old_members if members.get(place) != old_members[place] and place[0] in rooms),
        keys=_other_keys(before, after),
        revoked=_revoked(after) - _revoked(before),
        disabled=_disabled(after) - _disabled(before),
        passwords=_other_passwords(before, after),
        people=_other_people(before, after),
    )


def _members(snapshot: DirectorySnapshot) -> dict[tuple[int, int], int]:
    """With the number from which on each may read: at another one a membership begins anew."""
    return {(row.room, row.user): row.first_seq for row in snapshot.memberships}


def _looks(one: RoomRow, other: RoomRow) -> bool:
    """Whether members see another room."""
    return (one.name, one.kind, one.history) != (other.name, other.kind, other.history)


def _other_keys(before: DirectorySnapshot, after: DirectorySnapshot) -> tuple[int, ...]:
    old = {key.room: key.number for key in before.room_keys}
    return tuple(key.room for key in after.room_keys if key.room in old and old[key.room] != key.number)


def _revoked(snapshot: DirectorySnapshot) -> frozenset[bytes]:
    return frozenset(device.id for device in snapshot.devices if device.revoked_ms)


def _other_passwords(before: DirectorySnapshot, after: DirectorySnapshot) -> frozenset[int]:
    old = {user.id: user.password_hash for user in before.users}
    return frozenset(user.id for user in after.users if old.get(user.id, user.password_hash) != user.password_hash)


def _other_people(before: DirectorySnapshot, after: DirectorySnapshot) -> tuple[int, ...]:
    old = {user.id: (user.name, user.display_name, user.role) for user in before.users}
    return tuple(user.id for user in after.users if old.get(user.id) != (user.name, user.display_name, user.role))


def _disabled(snapshot: DirectorySnapshot) -> frozenset[int]:
    users: Iterable[int] = (user.id for user in snapshot.users if user.disabled)
    return frozenset(users)
