"""What an administrator does: one function for each request, the same on a running server and on a database at rest,
for a session over TLS and for a command on the server's computer."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat_server.admin import accounts, invites, quarantine, rooms
from lanchat_server.admin.context import Actor, AdminContext, Host
from lanchat_server.core.lists import listed, place_of

log = logging.getLogger(__name__)


class Operation(NamedTuple):
    """`role`: the lowest that may. `confirms`: the request's `password` is checked (as in RevokeDevice). `long`: it may
    take many minutes, and others of the same connection are answered meanwhile."""

    run: Callable[[AdminContext, Any], Awaitable[wire.Result]]
    role: Role = Role.ADMINISTRATOR
    confirms: bool = False
    long: bool = False


async def status(context: AdminContext, request: wire.Status) -> wire.StatusReport:
    """Figures of the server."""
    return context.host.status(request.rooms_above)


async def list_sessions(context: AdminContext, request: wire.ListSessions) -> wire.SessionList:
    """Who is connected now."""
    sessions = context.host.sessions()
    return wire.SessionList(*listed(sessions.items(), _place, lambda entry: entry[1], request.after))


def _place(entry: tuple[int, wire.SessionDetails]) -> bytes:
    number, session = entry
    return place_of(session.since_ms) + place_of(number)


async def create_backup(context: AdminContext, _request: wire.CreateBackup) -> wire.BackupMade:
    """Keys and database in a file."""
    made = await context.host.backup(claimed=context.actor.claims)
    context.check()
    return made


OPERATIONS: dict[type, Operation] = {
    wire.ListAccounts: Operation(accounts.list_accounts),
    wire.FindAccount: Operation(accounts.find_account),
    wire.AddAccount: Operation(accounts.add_account, confirms=True),
    wire.DisableAccount: Operation(accounts.disable_account, confirms=True),
    wire.SetRole: Operation(accounts.set_role, confirms=True),
    wire.ResetPassword: Operation(accounts.reset_password, confirms=True),
    wire.SetDisplayName: Operation(accounts.set_display_name, confirms=True),
    wire.DeleteAccount: Operation(accounts.delete_account, confirms=True),
    wire.EndSessions: Operation(accounts.end_sessions, confirms=True),
    # The owner of a device or room may, too: the operations look at it.
    wire.ListDevices: Operation(accounts.list_devices, Role.MEMBER),
    wire.RevokeDevice: Operation(accounts.revoke_device, Role.MEMBER),
    wire.CreateInvite: Operation(invites.create_invite, Role.MODERATOR),
    wire.ListInvites: Operation(invites.list_invites, Role.MODERATOR),
    wire.VoidInvite: Operation(invites.void_invite, Role.MODERATOR),
    wire.ListAllRooms: Operation(rooms.list_all_rooms),
    wire.ChangeRoom: Operation(rooms.change_room, Role.MEMBER),
    wire.ArchiveRooms: Operation(rooms.archive_rooms, Role.MEMBER),
    wire.DeleteRooms: Operation(rooms.delete_rooms, Role.MEMBER),
    wire.ListQuarantine: Operation(quarantine.list_quarantine),
    wire.JudgeQuarantined: Operation(quarantine.judge_quarantined, confirms=True),
    wire.Status: Operation(status),
    wire.ListSessions: Operation(list_sessions),
    wire.CreateBackup: Operation(create_backup, confirms=True, long=True),
}


async def perform(host: Host, actor: Actor, request: Any) -> wire.Result:
    """What a request of `OPERATIONS` comes to. Raises Refused and StoreError."""
    operation = OPERATIONS[type(request)]
    context = AdminContext(host, actor, operation.role)
    context.check()
    if operation.confirms:
        await actor.check_owner(request.password)
        context.check()
    result = await operation.run(context, request)
    if operation.confirms:
        log.info("%s%s by %s", type(request).__name__, _about(context, request), _asker(context))
    return result


def _about(context: AdminContext, request: Any) -> str:
    user = context.directory.users.get(getattr(request, "user", 0))
    return f" of {user.name}" if user is not None else ""


def _asker(context: AdminContext) -> str:
    user = context.directory.users.get(context.actor.user)
    return user.name if user is not None else "a command on this computer"
