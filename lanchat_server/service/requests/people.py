"""People: who there is, who is in a room, who received what, whose a device is; figures and invitations for those in
charge."""

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat_server.core import accounts, recovery
from lanchat_server.core.accounts import DirectoryChange, together
from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import InviteRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.service.requests.acting import spend_daily, transact

if TYPE_CHECKING:
    from lanchat_server.service.net.connection import ClientConnection
    from lanchat_server.service.service import Service

# Later than any time of the clock (`Invite.not_after_ms`).
_LATEST_MS = 2**63 - 1


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


async def status(service: "Service", connection: "ClientConnection", operation: wire.Status) -> wire.StatusReport:
    """Figures, for administrators."""
    _check_role(service, connection, Role.ADMINISTRATOR)
    return wire.StatusReport(json.dumps(service.status(operation.rooms_above), ensure_ascii=False))


async def create_invite(
    service: "Service", connection: "ClientConnection", operation: wire.CreateInvite
) -> wire.InviteCode:
    """A registration code, for moderators and administrators."""
    user = _check_role(service, connection, Role.MODERATOR)
    code = recovery.make_invite_code(secrets.token_bytes(recovery.INVITE_RANDOM_OCTETS))
    not_after = service.wall_ms() + min(operation.lifetime_s, recovery.INVITE_LIFETIME_MAX) * 1000

    def job(tx: Transaction) -> DirectoryChange[None]:
        _check_role(service, connection, Role.MODERATOR)
        spend_daily(tx, by_user(AllowanceKind.INVITES, user), service.config.invites_per_day, service.wall_ms())
        return accounts.add_invite(tx, service.directory, code, operation.uses, not_after, user)

    await transact(service, connection, job)
    return wire.InviteCode(code, not_after)


async def list_invites(
    service: "Service", connection: "ClientConnection", operation: wire.ListInvites
) -> wire.InviteList:
    """Registration codes that are good: a moderator's own, for administrators everybody's."""
    rows = await transact(service, connection, lambda tx: together(_invites_for(service, connection, tx)))
    # The role may have been taken meanwhile.
    return wire.InviteList(*listed(_seen_by(service, connection, rows), _place_of_invite, _invite, operation.after))


def _place_of_invite(row: InviteRow) -> bytes:
    return place_of(_LATEST_MS - row.not_after_ms) + accounts.invite_id(row)


def _invite(row: InviteRow) -> wire.Invite:
    return wire.Invite(accounts.invite_id(row), row.creator, row.uses_left, row.not_after_ms)


async def void_invite(service: "Service", connection: "ClientConnection", operation: wire.VoidInvite) -> wire.Done:
    """One of `list_invites` lets nobody register any more."""

    def job(tx: Transaction) -> DirectoryChange[None]:
        for row in _invites_for(service, connection, tx):
            if accounts.invite_id(row) == operation.id:
                tx.void_invites(code_hash=row.code_hash)
                return together(None)
        raise Refused(Code.NOT_FOUND, "no such code")

    await transact(service, connection, job)
    return wire.Done()


def _invites_for(service: "Service", connection: "ClientConnection", tx: Transaction) -> list[InviteRow]:
    return _seen_by(service, connection, tx.invites(service.wall_ms()))


def _seen_by(service: "Service", connection: "ClientConnection", rows: list[InviteRow]) -> list[InviteRow]:
    user = _check_role(service, connection, Role.MODERATOR)
    everybody = service.directory.users[user].role is Role.ADMINISTRATOR
    return [row for row in rows if everybody or row.creator == user]


def _check_member(service: "Service", connection: "ClientConnection", room: int) -> None:
    if service.directory.membership(room, connection.user or 0) is None:
        raise Refused(Code.NOT_FOUND, "no such room")


def _check_role(service: "Service", connection: "ClientConnection", role: Role) -> int:
    user = service.directory.users[connection.user or 0]
    if user.role < role:
        raise Refused(Code.NOT_ALLOWED, f"for those with the role {role.name.lower()}")
    return user.id
