"""Commands about rooms and people: rooms, create-room, join, leave, invite, remove, online."""

from lanchat.cli.lines import person_row, person_text, room_name, room_row, room_text
from lanchat.cli.output import shown
from lanchat.cli.session import Session
from lanchat.i18n import _
from lanchat.net import api
from lanchat.protocol.wire import HistoryPolicy, PresenceState


async def rooms(session: Session) -> None:
    """This user's rooms and public ones; while the server is away those that this computer knows."""
    live = await session.go_live_or_away()
    if not live:
        session.note_away()
    people = await session.people()
    for room in await session.call(api.ListRooms(counted=True, certain=live)):
        session.output.row(room_row(room, people), room_text(room, people))


async def create_room(session: Session) -> None:
    """Create a room and be in it."""
    await session.go_live()
    policy = HistoryPolicy.SINCE_JOINING if session.options.since_joining else HistoryPolicy.EVERYTHING
    room = await session.call(api.CreateRoom(session.options.name, session.options.private, policy))
    session.output.row(room_row(room, {}), _("The room {room} was created").format(room=shown(room.name)))


async def join(session: Session) -> None:
    """Join a public room."""
    await session.go_live()
    found = await session.call(api.FindRoom(session.options.room))
    room = found if found.joined else await session.call(api.JoinRoom(found.room))
    people = await session.people()
    name = room_name(room, people)
    session.output.row(room_row(room, people), _("You are in {room} now").format(room=shown(name)))


async def leave(session: Session) -> None:
    """Leave a room."""
    await session.go_live()
    room = await session.room(session.options.room)
    name = room_name(room, await session.people())
    await session.call(api.LeaveRoom(room.room))
    session.output.row({"room": name, "joined": False}, _("You have left {room}").format(room=shown(name)))


async def invite(session: Session) -> None:
    """Make somebody a member."""
    await session.go_live()
    room, user = await session.room(session.options.room), _user(session)
    await session.call(api.InviteUser(room.room, user))
    text = _("{user} is in {room} now").format(user=shown(user), room=shown(room.name))
    session.output.row({"room": room.name, "user": user, "member": True}, text)


async def remove(session: Session) -> None:
    """End a membership."""
    await session.go_live()
    room, user = await session.call(api.FindRoom(session.options.room)), _user(session)
    await session.call(api.RemoveUser(room.room, user))
    text = _("{user} is no longer in {room}").format(user=shown(user), room=shown(room.name))
    session.output.row({"room": room.name, "user": user, "member": False}, text)


def _user(session: Session) -> str:
    """The user name, also when it was typed as `@name`."""
    return str(session.options.member).removeprefix("@")


async def online(session: Session) -> None:
    """Who is at a computer now."""
    await session.go_live()
    for person in await session.call(api.ListPeople(certain=True)):
        if session.options.all or person.state is not PresenceState.OFFLINE:
            session.output.row(person_row(person), person_text(person))
