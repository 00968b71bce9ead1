"""People: who there is, who is in a room, who received what, whose a device is."""

from functools import partial
from typing import TYPE_CHECKING

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.refusals import Refused

if TYPE_CHECKING:
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.service import Service


async def list_users(service: "Service", _connection: "ClientConnection", operation: wire.ListUsers) -> wire.UserList:
    """Everybody with an account that is not disabled."""
    users = [user.id for user in service.directory.users.values() if not user.disabled]
    return wire.UserList(*listed(users, place_of, service.core.user_view, operation.after))


async def list_members(
    service: "Service", connection: "ClientConnection", operation: wire.ListMembers
) -> wire.MemberList:
    """Who is in a room of this user."""
    _check_member(service, connection, operation.room)
    return wire.MemberList(*listed(service.directory.members(operation.room), place_of, int, operation.after))


async def list_cursors(
    service: "Service", connection: "ClientConnection", operation: wire.ListCursors
) -> wire.CursorList:
    """How far everybody has received and read a room."""
    _check_member(service, connection, operation.room)
    cursor_of = partial(service.core.receipts.member_cursor, operation.room)
    return wire.CursorList(*listed(service.directory.members(operation.room), place_of, cursor_of, operation.after))


async def get_certificates(
    service: "Service", _connection: "ClientConnection", operation: wire.GetCertificates
) -> wire.Certificates:
    """Certificates of devices, also of revoked ones."""
    devices = service.directory.devices
    return wire.Certificates([devices[device].certificate for device in operation.devices if device in devices])


def _check_member(service: "Service", connection: "ClientConnection", room: int) -> None:
    if service.directory.membership(room, connection.user or 0) is None:
        raise Refused(Code.NOT_FOUND, "no such room")
