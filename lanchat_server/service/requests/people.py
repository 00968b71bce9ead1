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
    return wire.MemberList(*listed(context.directory.members(operation.room), place_of, int, operation.after))


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
