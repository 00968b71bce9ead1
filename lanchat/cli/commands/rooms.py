"""Commands about rooms and people: rooms, create-room, join, leave, invite, remove, online."""

from collections.abc import Awaitable, Callable

from lanchat.app import api
from lanchat.cli.lines import person_row, person_text, room_name, room_row, room_text
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState
from lanchat.terminal.output import shown
from lanchat.terminal.prompts import PasswordSource


async def rooms(session: CliSession) -> None:
    """This user's rooms and public ones, while the server is away those that this computer knows; or archive or delete
    some."""
    action = session.options.action
    if action == "delete":
        await _each(session, RoomDeletion(session).delete, {"deleted": True}, _("Room {room} was deleted"))
        return
    if action in ("archive", "unarchive"):
        archived = action == "archive"
        text = _("Room {room} is archived") if archived else _("Room {room} is no longer archived")
        await _each(
            session, lambda room: session.call(api.ArchiveRoomCommand(room, archived)), {"archived": archived}, text
        )
        return
    await _list(session)


async def _each(
    session: CliSession, act: Callable[[int], Awaitable[object]], values: dict[str, object], text: str
) -> None:
    """Find each room that was named, do it, say so."""
    await session.go_live()
    for name in session.options.rooms:
        await act(await session.call(api.FindAnyRoomCommand(name)))
        session.output.row({"room": name.removeprefix("#"), **values}, text.format(room=shown(name)))


class RoomDeletion:
    """Deletes rooms; asks for the password once, when it is needed."""

    def __init__(self, session: CliSession) -> None:
        """No password is taken before the server asks for one."""
        self._session = session
        self._password = ""

    async def delete(self, room: int) -> None:
        """Deletes a room, by number. Raises CommandError; CliError when a password is needed and there is none."""
        try:
            await self._session.call(api.DeleteRoomCommand(room, self._password))
        except api.CommandError as error:
            if error.code is not Code.PASSWORD_NEEDED or self._password:
                raise
            self._password = await PasswordSource(self._session.options.password_file).password()
            await self._session.call(api.DeleteRoomCommand(room, self._password))


async def _list(session: CliSession) -> None:
    live = await session.go_live_or_away()
    if not live:
        session.note_away()
    people = await session.people()
    for room in await session.call(api.ListRoomsCommand(counted=True, certain=live)):
        session.output.row(room_row(room, people), room_text(room, people))


async def create_room(session: CliSession) -> None:
    """Create a room and be in it."""
    await session.go_live()
    policy = HistoryPolicy.SINCE_JOINING if session.options.since_joining else HistoryPolicy.EVERYTHING
    room = await session.call(api.CreateRoomCommand(session.options.name, session.options.private, policy))
    session.output.row(room_row(room, {}), _("The room {room} was created").format(room=shown(room.name)))


async def join(session: CliSession) -> None:
    """Join a public room."""
    await session.go_live()
    found = await session.call(api.FindRoomCommand(session.options.room))
    room = found if found.joined else await session.call(api.JoinRoomCommand(found.room))
    people = await session.people()
    name = room_name(room, people)
    session.output.row(room_row(room, people), _("You are in {room} now").format(room=shown(name)))


async def leave(session: CliSession) -> None:
    """Leave a room."""
    await session.go_live()
    room = await session.room(session.options.room)
    name = room_name(room, await session.people())
    await session.call(api.LeaveRoomCommand(room.room))
    session.output.row({"room": name, "joined": False}, _("You have left {room}").format(room=shown(name)))


async def invite(session: CliSession) -> None:
    """Make somebody a member."""
    await session.go_live()
    room, user = await session.room(session.options.room), _user(session)
    await session.call(api.InviteUserCommand(room.room, user))
    text = _("{user} is in {room} now").format(user=shown(user), room=shown(room.name))
    session.output.row({"room": room.name, "user": user, "member": True}, text)


async def remove(session: CliSession) -> None:
    """End a membership."""
    await session.go_live()
    room, user = await session.call(api.FindRoomCommand(session.options.room)), _user(session)
    await session.call(api.RemoveUserCommand(room.room, user))
    text = _("{user} is no longer in {room}").format(user=shown(user), room=shown(room.name))
    session.output.row({"room": room.name, "user": user, "member": False}, text)


def _user(session: CliSession) -> str:
    """The user name, also when it was typed as `@name`."""
    return str(session.options.member).removeprefix("@")


async def online(session: CliSession) -> None:
    """Who is at a computer now."""
    await session.go_live()
    for person in await session.call(api.ListPeopleCommand(certain=True)):
        if session.options.all or person.state is not PresenceState.OFFLINE:
            session.output.row(person_row(person), person_text(person))
