"""Commands about rooms and people."""

from typing import TYPE_CHECKING, Any

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind
from lanchat.app.command_errors import offline, unreadable
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text.names import clean_room_name, inert, name_key

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState


# Of a server's rooms, a thousand each. Honest need: two.
ROOM_PAGES_MAX = 100


def _unknown_room(name: str) -> CommandError:
    return CommandError(ErrorKind.INVALID, Problem.UNKNOWN_ROOM, name=inert(name))


def _several_rooms(member: "AccountSession", name: str, rooms: list[wire.Room]) -> CommandError:
    """None of them is taken: what is meant for one must not be said in another, which somebody may have named so."""
    users = member.core.directory.users
    told = [
        ProblemDetails.of(Problem.ROOM_WITH_CREATOR, number=room.id, name=inert(users[room.creator].name))
        if room.creator in users
        else str(room.id)
        for room in rooms[:8]
    ]
    return CommandError(ErrorKind.INVALID, Problem.SEVERAL_ROOMS, name=inert(name), rooms=tuple(told))


def _unknown_user(name: str) -> CommandError:
    return CommandError(ErrorKind.INVALID, Problem.UNKNOWN_USER, name=inert(name))


def joined_room(member: "AccountSession", room: int) -> wire.Room:
    """A room that the user is in; raises CommandError."""
    known = member.core.directory.rooms.get(room)
    if known is None or not known.joined:
        raise CommandError(ErrorKind.INVALID, Problem.NOT_IN_ROOM)
    return known


async def list_rooms(client: "ClientState", command: api.ListRoomsCommand) -> list[api.RoomView]:
    """Asks the server first while there is a session, as public rooms that others made may not be known here."""
    member = client.logged_in()
    if command.certain:
        await member.ask(wire.ListRooms())
    elif member.in_session:
        await _refresh(member, wire.ListRooms())
    if command.counted:
        await member.count_unread()
    return [member.book.view(room) for room in member.core.directory.rooms.values()]


async def _refresh(member: "AccountSession", listing: wire.ListRooms | wire.ListUsers) -> None:
    """Brings the directory up to date by asking; it stays as it is when the server goes away meanwhile. Rooms and
    people are announced to sessions, but asking is certain. Raises CommandError for a refusal."""
    try:
        await member.ask(listing)
    except CommandError as error:
        if error.kind is not ErrorKind.OFFLINE:
            raise


async def find_room(client: "ClientState", command: api.FindRoomCommand) -> api.RoomView:
    """A room that is known here is watched from now on: its history is told line by line. Raises CommandError INVALID
    for no room, no user, or several rooms of the name."""
    member = client.logged_in()
    name = command.name.strip()
    if name.startswith("@"):
        return await _find_direct(member, name)
    rooms = member.book.rooms_named(name)
    if not rooms and member.in_session:
        await _refresh(member, wire.ListRooms())
        rooms = member.book.rooms_named(name)
    if not rooms:
        raise _unknown_room(name)
    if len(rooms) > 1:
        raise _several_rooms(member, name, rooms)
    room = rooms[0]
    member.book.watch(room.id)
    return member.book.view(room)


async def _find_direct(member: "AccountSession", name: str) -> api.RoomView:
    user = await _find_user(member, name)
    room = member.book.direct_room(user.id)
    if room is not None and room.joined:
        member.book.watch(room.id)
        return member.book.view(room)
    view = await _room_result(member, wire.OpenDirect(user.id))
    member.book.watch(view.room)
    return view


async def _find_user(member: "AccountSession", name: str) -> wire.User:
    """By name; somebody new may not be known here yet. Raises CommandError."""
    user = member.book.find_user(name)
    if user is None and member.in_session:
        await member.ask(wire.ListUsers())
        user = member.book.find_user(name)
    if user is None:
        raise _unknown_user(name)
    return user


async def _room_result(member: "AccountSession", operation: wire.AfterLogin) -> api.RoomView:
    return member.book.view((await member.ask(operation)).room)


async def create_room(client: "ClientState", command: api.CreateRoomCommand) -> api.RoomView:
    """Raises CommandError INVALID for a name that no server takes, before anything is sent."""
    try:
        name = clean_room_name(command.name)
    except ProtocolError:
        raise CommandError(ErrorKind.INVALID, wire.Code.NAME_INVALID) from None
    kind = wire.RoomKind.PRIVATE if command.private else wire.RoomKind.PUBLIC
    return await _room_result(client.logged_in(), wire.CreateRoom(name, kind, command.history))


async def join_room(client: "ClientState", command: api.JoinRoomCommand) -> api.RoomView:
    """The room as it is for a member; for who is one already nothing changes."""
    return await _room_result(client.logged_in(), wire.JoinRoom(command.room))


async def leave_room(client: "ClientState", command: api.LeaveRoomCommand) -> None:
    """The local copy of the room stays, for when the user comes back."""
    await client.logged_in().ask(wire.LeaveRoom(command.room))


async def invite_user(client: "ClientState", command: api.InviteUserCommand) -> None:
    """The server is asked for its users when the name is not known here. CommandError INVALID for an unknown one."""
    member = client.logged_in()
    user = await _find_user(member, command.user)
    await member.ask(wire.InviteUser(command.room, user.id))


async def remove_user(client: "ClientState", command: api.RemoveUserCommand) -> None:
    """The server is asked for its users when the name is not known here. CommandError INVALID for an unknown one."""
    member = client.logged_in()
    user = await _find_user(member, command.user)
    await member.ask(wire.RemoveUser(command.room, user.id))


async def set_history_policy(client: "ClientState", command: api.SetHistoryPolicyCommand) -> api.RoomView:
    """For those who join from now on; what members may read already stays."""
    return await _room_result(client.logged_in(), wire.SetHistoryPolicy(command.room, command.history))


async def archive_room(client: "ClientState", command: api.ArchiveRoomCommand) -> None:
    """Archives the room, or opens it again; the server decides whether this user may."""
    await client.logged_in().ask(wire.ArchiveRooms([command.room], command.archived))


async def delete_room(client: "ClientState", command: api.DeleteRoomCommand) -> None:
    """`RoomRemoved` follows without the notice that others get. The local copy is erased once the server has said that
    the room was deleted."""
    member = client.logged_in()
    # Whoever deletes a room need not be told that it was deleted.
    member.deletes.add(command.room)
    try:
        await member.ask(wire.DeleteRooms([command.room], command.password))
    except CommandError:
        member.deletes.discard(command.room)
        raise


async def find_any_room(client: "ClientState", command: api.FindAnyRoomCommand) -> int:
    """Administrators find rooms by name that are not listed for them; a number is taken from them as it is. Raises
    CommandError INVALID for no room or several."""
    member = client.logged_in()
    await _refresh(member, wire.ListRooms())
    name, rooms = command.name, member.core.directory.rooms.values()
    known = [(room.id, room.name) for room in rooms if room.kind is not wire.RoomKind.DIRECT]
    found = _called(name, known)
    rules = member.account().role is wire.Role.ADMINISTRATOR
    if not found and name.isascii() and name.isdecimal() and (rules or int(name) in member.core.directory.rooms):
        return min(int(name), 2**63 - 1)
    if not found and rules:
        found = _called(name, await _all_rooms(member))
    if len(found) > 1:
        ids = tuple(map(str, found[:5]))
        raise CommandError(ErrorKind.INVALID, Problem.SEVERAL_ROOM_IDS, name=inert(name), ids=ids)
    if not found:
        raise _unknown_room(name)
    return found[0]


async def _all_rooms(member: "AccountSession") -> list[tuple[int, str]]:
    """Id and name of every room of the server that is not direct, for an administrator. Raises CommandError."""
    found, above = list[tuple[int, str]](), 0
    for _page in range(ROOM_PAGES_MAX):
        report = await member.ask(wire.Status(above))
        fresh = [(room.id, room.name) for room in report.rooms if room.id > above]
        if not fresh:
            return found
        found += fresh
        above = max(number for number, _name in fresh)
    raise unreadable()


def _called(name: str, rooms: list[tuple[int, str]]) -> list[int]:
    """Those of these rooms (id and name) that have this name."""
    wanted = name_key(name.removeprefix("#").strip())
    return [room for room, called in rooms if name_key(called) == wanted]


async def list_people(client: "ClientState", command: api.ListPeopleCommand) -> list[api.Person]:
    """Asks the server first while there is a session; without one everybody counts as offline."""
    member = client.logged_in()
    if command.certain:
        await member.ask(wire.ListUsers())
    elif member.in_session:
        await _refresh(member, wire.ListUsers())
    users = member.core.directory.users.values()
    return [member.book.person(user, connected=member.in_session) for user in users]


async def list_members(client: "ClientState", command: api.ListMembersCommand) -> list[api.Person]:
    """Members whose account is not known here are left out. Raises CommandError INVALID for a room that the user is not
    in, OFFLINE when the server must be asked and is away."""
    member = client.logged_in()
    users = [member.core.directory.users.get(user) for user in await room_members(member, command.room)]
    return [member.book.person(user, connected=member.in_session) for user in users if user is not None]


async def room_members(member: "AccountSession", room: int) -> tuple[int, ...]:
    """User ids; from memory when the server is away. Raises CommandError."""
    state = member.book.state(joined_room(member, room).id)
    if state.members is None:
        if not member.in_session:
            raise offline()
        state.members = tuple(row.user for row in (await member.ask(wire.ListMembers(room))).members)
    if any(user not in member.core.directory.users for user in state.members) and member.in_session:
        await _refresh(member, wire.ListUsers())
    return state.members


HANDLERS: dict[type, Any] = {
    api.ListRoomsCommand: list_rooms,
    api.FindRoomCommand: find_room,
    api.CreateRoomCommand: create_room,
    api.JoinRoomCommand: join_room,
    api.LeaveRoomCommand: leave_room,
    api.InviteUserCommand: invite_user,
    api.RemoveUserCommand: remove_user,
    api.SetHistoryPolicyCommand: set_history_policy,
    api.ArchiveRoomCommand: archive_room,
    api.DeleteRoomCommand: delete_room,
    api.FindAnyRoomCommand: find_any_room,
    api.ListPeopleCommand: list_people,
    api.ListMembersCommand: list_members,
}
