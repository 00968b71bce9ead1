"""People: who there is, who is in a room, who received what, whose a device is."""

from functools import partial

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.refusals import Refused
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection


async def list_users(
    context: RequestContext, _connection: ClientConnection, operation: wire.ListUsers
) -> wire.UserList:
    """Everybody with an account that is not disabled."""
    users = [user.id for user in context.directory.users.values() if not user.disabled]
    return wire.UserList(*listed(users, place_of, context.core.user_view, operation.after))


async def list_members(
    context: RequestContext, connection: ClientConnection, operation: wire.ListMembers
) -> wire.MemberList:
    """Who is in a room of this user."""
    _check_member(context, connection, operation.room)
    members = context.directory.members(operation.room)

    def view(user: int) -> wire.Member:
        return wire.Member(user, members[user].first_seq)

    return wire.MemberList(*listed(members, place_of, view, operation.after))


async def list_statements(
    context: RequestContext, connection: ClientConnection, operation: wire.ListStatements
) -> wire.StatementList:
    """What the log says that this user may see."""
    directory, statements, user = context.directory, context.statements, connection.user or 0
    # What is numbered while the list is made may be missing in it.
    number = directory.number

    def prepare() -> dict[int, int]:
        newer = operation.above < directory.deletions_number
        deleted = context.store.deleted_rooms(user, operation.above) if newer else {}
        # Signs what was not wanted before; what the user may see is looked up anew when that is done.
        statements.visible(user, operation.above, operation.after, deleted)
        return deleted

    deleted = await context.read(prepare) if operation.above < number else {}
    found, following = statements.visible(user, operation.above, operation.after, deleted)
    return wire.StatementList(found, number, following)


async def list_revoked(
    context: RequestContext, _connection: ClientConnection, operation: wire.ListRevoked
) -> wire.RevokedList:
    """Devices that sign no more, as ids; whose they were is not told."""
    return wire.RevokedList(*listed(context.directory.revoked(), bytes, bytes, operation.after))


async def list_cursors(
    context: RequestContext, connection: ClientConnection, operation: wire.ListCursors
) -> wire.CursorList:
    """How far everybody has received and read a room."""
    _check_member(context, connection, operation.room)
    cursor_of = partial(context.core.receipts.member_cursor, operation.room)
    return wire.CursorList(*listed(context.directory.members(operation.room), place_of, cursor_of, operation.after))


async def get_certificates(
    context: RequestContext, _connection: ClientConnection, operation: wire.GetCertificates
) -> wire.Certificates:
    """Certificates of devices, also of revoked ones."""
    devices = context.directory.devices
    return wire.Certificates([devices[device].certificate for device in operation.devices if device in devices])


def _check_member(context: RequestContext, connection: ClientConnection, room: int) -> None:
    if context.directory.membership(room, connection.user or 0) is None:
        raise Refused(Code.NOT_FOUND, "no such room")
