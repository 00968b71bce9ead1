"""Operations on whole rooms: for their creators, moderators in them, and administrators."""

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import clean_room_name, tidy_name
from lanchat_server.admin.context import AdminContext
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.accounts.room_changes import change_room as change_room_row
from lanchat_server.core.directory.directory import DIRECT_PREFIX
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import DeletedRoom, RoomRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused


async def list_all_rooms(context: AdminContext, request: wire.ListAllRooms) -> wire.RoomSummaryList:
    """All rooms of the server, the oldest first."""
    rooms = context.directory.rooms.values()
    return wire.RoomSummaryList(*listed(rooms, _place, lambda room: _view(context, room), request.after))


def _place(room: RoomRow) -> bytes:
    return place_of(room.created_ms) + place_of(room.id)


def _view(context: AdminContext, room: RoomRow) -> wire.RoomSummary:
    members, messages = len(context.directory.members(room.id)), context.host.messages(room)
    made = (room.creator, room.created_ms)
    return wire.RoomSummary(room.id, room.name, room.kind, *made, members, messages, room.archived, room.history)


async def change_room(context: AdminContext, request: wire.ChangeRoom) -> wire.Done:
    """Another name, or what those who join from now on may read."""
    name = _cleaned_name(request.name)

    def job(tx: Transaction) -> DirectoryChange[RoomRow]:
        _governed(context, request.room)
        return change_room_row(tx, context.directory, request.room, context.actor.user, name, request.history)

    await context.transact(job)
    context.host.room_changed(request.room)
    return wire.Done()


def _cleaned_name(name: str | None) -> str | None:
    try:
        cleaned = None if name is None else clean_room_name(tidy_name(name))
    except ProtocolError as error:
        raise Refused(Code.NAME_INVALID, str(error)) from error
    if cleaned is not None and cleaned.casefold().startswith(DIRECT_PREFIX):
        raise Refused(Code.NAME_INVALID, "this name is for direct rooms")
    return cleaned


async def archive_rooms(context: AdminContext, request: wire.ArchiveRooms) -> wire.Done:
    """Let rooms be read and nothing else, or take them back."""
    rooms = list(dict.fromkeys(request.rooms))
    _check_governs(context, rooms)

    def job(tx: Transaction) -> DirectoryChange[list[bool]]:
        _check_governs(context, rooms)
        changes = [accounts.set_archived(tx, context.directory, room, request.archived) for room in rooms]
        return together([change.value for change in changes], *changes)

    done = await context.transact(job)
    for room, changed in zip(rooms, done, strict=True):
        if changed:
            context.host.archived(room)
    return wire.Done()


async def delete_rooms(context: AdminContext, request: wire.DeleteRooms) -> wire.Done:
    """End rooms, for everybody and for good."""
    rooms = list(dict.fromkeys(request.rooms))

    def check() -> None:
        for row in _check_governs(context, rooms):
            direct = row.kind is RoomKind.DIRECT
            if row.id == context.directory.general().id or (direct and context.actor.role is not Role.ADMINISTRATOR):
                raise Refused(Code.NOT_ALLOWED, "this room cannot be deleted")

    check()
    await context.actor.check_owner(request.password)

    def job(tx: Transaction) -> DirectoryChange[list[DeletedRoom]]:
        check()
        return accounts.delete_rooms(tx, context.directory, rooms)

    await context.host.deleted(await context.transact(job))
    return wire.Done()


def _check_governs(context: AdminContext, rooms: list[int]) -> list[RoomRow]:
    """The rooms; raises Refused unless whoever asks made each of them, or is a moderator in it, or an administrator."""
    return [_governed(context, room) for room in rooms]


def _governed(context: AdminContext, room: int) -> RoomRow:
    row, actor = context.directory.rooms.get(room), context.actor
    administrator = actor.role is Role.ADMINISTRATOR
    if row is None or not (administrator or context.directory.membership(room, actor.user) is not None):
        # A room that is not his does not exist for him.
        raise Refused(Code.NOT_FOUND, "no such room")
    if row.creator != actor.user and actor.role < Role.MODERATOR:
        raise Refused(Code.NOT_ALLOWED, "for the room's creator and moderators")
    return row
