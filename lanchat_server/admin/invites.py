"""Operations on registration codes, for moderators and administrators."""

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat_server.admin.context import AdminContext
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.limits.spending import spend_daily
from lanchat_server.core.lists import listed, place_of
from lanchat_server.core.model import InviteRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused

# Later than any time of the clock (`Invite.not_after_ms`).
_LATEST_MS = 2**63 - 1


async def create_invite(context: AdminContext, request: wire.CreateInvite) -> wire.InviteCode:
    """A registration code."""
    host, user = context.host, context.actor.user
    code = recovery.make_invite_code(host.entropy.token_bytes(recovery.INVITE_RANDOM_OCTETS))
    not_after_ms = host.wall_ms() + min(request.lifetime_s, recovery.INVITE_LIFETIME_MAX) * 1000

    def job(tx: Transaction) -> DirectoryChange[None]:
        if user:
            spend_daily(tx, by_user(AllowanceKind.INVITES, user), host.config.invites_per_day, host.wall_ms())
        return accounts.add_invite(tx, context.directory, code, request.uses, not_after_ms, user)

    await context.transact(job)
    return wire.InviteCode(code, not_after_ms)


async def list_invites(context: AdminContext, request: wire.ListInvites) -> wire.InviteList:
    """Registration codes that are good: a moderator's own, for administrators everybody's."""
    rows = await context.transact(lambda tx: together(_invites_for(context, tx)))
    # The role may have been taken meanwhile.
    return wire.InviteList(*listed(_seen_by(context, rows), _place, _view, request.after))


def _place(row: InviteRow) -> bytes:
    return place_of(_LATEST_MS - row.not_after_ms) + accounts.invite_id(row)


def _view(row: InviteRow) -> wire.Invite:
    return wire.Invite(accounts.invite_id(row), row.creator, row.uses_left, row.not_after_ms)


async def void_invite(context: AdminContext, request: wire.VoidInvite) -> wire.Done:
    """One of `list_invites` lets nobody register any more."""

    def job(tx: Transaction) -> DirectoryChange[None]:
        for row in _invites_for(context, tx):
            if accounts.invite_id(row) == request.id:
                tx.void_invites(code_hash=row.code_hash)
                return together(None)
        raise Refused(Code.NOT_FOUND, "no such code")

    await context.transact(job)
    return wire.Done()


def _invites_for(context: AdminContext, tx: Transaction) -> list[InviteRow]:
    return _seen_by(context, tx.invites(context.host.wall_ms()))


def _seen_by(context: AdminContext, rows: list[InviteRow]) -> list[InviteRow]:
    context.check_role(Role.MODERATOR)
    everybody, user = context.actor.role is Role.ADMINISTRATOR, context.actor.user
    return [row for row in rows if everybody or row.creator == user]
