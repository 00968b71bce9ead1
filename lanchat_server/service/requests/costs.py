"""What a request counts as, of those that a session may make."""

from typing import Any

from lanchat.protocol import wire
from lanchat_server.core.directory.directory import Directory

# Changes that are told to all members of a room: a member could else make the server send 50 a second to each of a
# thousand people, which takes all of a processor. So many people as one request.
TOLD = (
    wire.InviteUser,
    wire.JoinRoom,
    wire.LeaveRoom,
    wire.RemoveUser,
    wire.SetHistoryPolicy,
)
TOLD_AT_ONCE = 100

# Each entry takes some microseconds of the event loop, and the shortest of these requests brings thousands: they are
# taken from what a user may have of history.
LISTS = (
    wire.ListRooms,
    wire.ListUsers,
    wire.ListMembers,
    wire.ListCursors,
    wire.ListStatements,
    wire.ListRevoked,
    wire.ListDevices,
    wire.ListInvites,
    wire.ListAccounts,
    wire.ListAllRooms,
    wire.ListSessions,
    wire.ListQuarantine,
)


def entries_of(page: Any) -> int:
    """Of a list."""
    return len(getattr(page, page.__struct_fields__[0]))


def cost_of(operation: Any, user: int, directory: Directory, sessions: int) -> int:
    """1, or for a change of a room as much as there are hundreds of people to tell of it; `sessions`: how many there
    are in all. Nothing that `user` may not know goes into it."""
    if isinstance(operation, wire.DeleteRooms):
        return max(1, len(operation.rooms))
    if isinstance(operation, wire.ArchiveRooms):
        return max(1, sum(_cost_of_room(room, user, directory, sessions) for room in operation.rooms))
    if isinstance(operation, wire.ChangeRoom):
        return _cost_of_room(operation.room, user, directory, sessions)
    return _cost_of_room(operation.room, user, directory) if isinstance(operation, TOLD) else 1


def _cost_of_room(number: int, user: int, directory: Directory, others: int = 0) -> int:
    """`others`: people outside the room that hear of it, too."""
    room = directory.rooms.get(number)
    if room is None:
        return 1
    members = directory.members(room.id)
    told = len(members) if user in members or room.kind is wire.RoomKind.PUBLIC else 0
    return 1 + (max(told, others) if told else 0) // TOLD_AT_ONCE
