"""Requests and what answers them: one table, one function per operation.

Each handler takes (context, connection, operation) and returns the result or raises Refused.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from lanchat.protocol import wire
from lanchat_server.admin.operations import OPERATIONS, perform
from lanchat_server.core.refusals import Refused
from lanchat_server.service.context import RequestContext
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests import account, files, login, peers, people, reseeding, rooms
from lanchat_server.service.requests.acting import SessionActor, check_session

Handler = Callable[[RequestContext, ClientConnection, Any], Awaitable[wire.Result]]


async def administer(context: RequestContext, connection: ClientConnection, operation: Any) -> wire.Result:
    """What administrators do; some of it moderators and owners of rooms and devices, too."""
    return await perform(ServiceHost(context), SessionActor(context, connection), operation)


HANDLERS: dict[type, Handler] = {
    wire.Hello: login.hello,
    wire.Register: login.register,
    wire.LoginPassword: login.login_password,
    wire.LoginDevice: login.login_device,
    wire.Recover: login.recover,
    wire.RecoverConfirm: login.recover_confirm,
    wire.Subscribe: rooms.subscribe,
    wire.History: rooms.history,
    wire.Search: rooms.search,
    wire.ListRooms: rooms.list_rooms,
    wire.CreateRoom: rooms.create_room,
    wire.JoinRoom: rooms.join_room,
    wire.LeaveRoom: rooms.leave_room,
    wire.InviteUser: rooms.invite_user,
    wire.RemoveUser: rooms.remove_user,
    wire.OpenDirect: rooms.open_direct,
    wire.SetHistoryPolicy: rooms.set_history_policy,
    wire.ListUsers: people.list_users,
    wire.ListMembers: people.list_members,
    wire.GetCertificates: people.get_certificates,
    wire.ListCursors: people.list_cursors,
    wire.ListStatements: people.list_statements,
    wire.ListRevoked: people.list_revoked,
    wire.AnnouncePeer: peers.announce_peer,
    wire.OpenTransfers: files.open_transfers,
    wire.GiveStatements: reseeding.give_statements,
    wire.OfferRecords: reseeding.offer_records,
    wire.GiveRecords: reseeding.give_records,
    wire.Logout: account.logout,
    wire.ChangePassword: account.change_password,
    wire.GetProfile: account.get_profile,
    wire.SetProfile: account.set_profile,
    wire.Renew: account.renew,
    **dict.fromkeys(OPERATIONS, administer),
}


async def perform_request(context: RequestContext, connection: ClientConnection, operation: Any) -> wire.Result:
    """The result of a request; raises Refused or StoreError. What is refused because the session lost its right
    meanwhile is refused with that reason."""
    if connection.user is not None:
        check_session(context.directory, connection)
    try:
        return await HANDLERS[type(operation)](context, connection, operation)
    except Refused:
        if connection.user is not None:
            check_session(context.directory, connection)
        raise
