"""Who may what, told by the tables of the database alone: what the server must keep to, written down a second time.

`may_commit` judges a change at the moment of its commit, `may_know` an answer or event at the moment when it is sent.
Nothing here looks at the server's own memory of sessions and passwords.
"""

from collections.abc import Callable
from typing import Any, get_args

from lanchat.protocol import wire
from lanchat.protocol.codes import Role, RoomKind
from lanchat.protocol.log.certificates import open_certificate_untrusted
from lanchat.protocol.log.messages import Kind, decode_header_untrusted
from lanchat.protocol.log.statements import RoomBody, Statement, read_statement_untrusted
from lanchat_server.core.accounts.accounts import invite_id
from lanchat_server.core.accounts.recovery import invite_hash, is_right
from lanchat_server.core.model import InviteRow
from tests.explorer.cases import Actor
from tests.explorer.harness import LOUNGE, WALL_MS, typed
from tests.support.memory_store import MemoryDatabase as Db
from tests.support.rig import LOG_ID, LOG_PUBLIC

Rule = Callable[[Db, Actor, Any], bool]


def active(db: Db, user: int) -> bool:
    return not db.users[user].disabled


def enrolled(db: Db, device: bytes) -> bool:
    return device in db.devices and not db.devices[device].revoked_ms


def session(db: Db, actor: Actor) -> bool:
    """Whether what this session asks for may be done: it began with the present password, on a device in force."""
    in_force = active(db, actor.user) and enrolled(db, actor.device)
    return in_force and typed(db.users[actor.user].password_hash) == actor.client.password


def member(db: Db, user: int, room: int) -> bool:
    return room in db.rooms and (room, user) in db.memberships


def sees(db: Db, user: int, room: int) -> bool:
    return member(db, user, room) or (is_open(db, room) and db.rooms[room].kind is RoomKind.PUBLIC)


def is_open(db: Db, room: int) -> bool:
    """Whether something may be said and changed there."""
    return room in db.rooms and not db.rooms[room].archived


def manages(db: Db, user: int, room: int) -> bool:
    return member(db, user, room) and (db.users[user].role >= Role.MODERATOR or db.rooms[room].creator == user)


def has_role(db: Db, user: int, role: Role) -> bool:
    return db.users[user].role >= role


def named(db: Db, name: str) -> int:
    return next((user.id for user in db.users.values() if user.name == name), 0)


def knows_password(db: Db, actor: Actor, password: str) -> bool:
    """A session that began with the password just now need not give it again."""
    return (actor.fresh and not password) or password == typed(db.users[actor.user].password_hash)


def _any(_db: Db, _actor: Actor, _operation: Any) -> bool:
    """What changes nothing that anybody has a right to, or nothing at all."""
    return True


def _in_session(*rules: Rule) -> Rule:
    return lambda db, actor, operation: session(db, actor) and all(rule(db, actor, operation) for rule in rules)


def _member(db: Db, actor: Actor, operation: Any) -> bool:
    return member(db, actor.user, operation.room)


def _administers(db: Db, actor: Actor, operation: Any) -> bool:
    return has_role(db, actor.user, Role.ADMINISTRATOR) and knows_password(db, actor, operation.password)


def _governs(db: Db, actor: Actor, operation: Any) -> bool:
    administrator = has_role(db, actor.user, Role.ADMINISTRATOR)
    return all(room in db.rooms and (administrator or manages(db, actor.user, room)) for room in operation.rooms)


def _changes(db: Db, actor: Actor, operation: wire.ChangeRoom) -> bool:
    return has_role(db, actor.user, Role.ADMINISTRATOR) or manages(db, actor.user, operation.room)


def _delete(db: Db, actor: Actor, operation: wire.DeleteRooms) -> bool:
    return _governs(db, actor, operation) and knows_password(db, actor, operation.password)


def _open(db: Db, _actor: Actor, operation: Any) -> bool:
    return is_open(db, operation.room)


def _revoke(db: Db, actor: Actor, operation: wire.RevokeDevice) -> bool:
    own = db.devices[operation.device].user == actor.user or has_role(db, actor.user, Role.ADMINISTRATOR)
    return own and (operation.device == actor.device or knows_password(db, actor, operation.password))


def _set_profile(db: Db, actor: Actor, operation: wire.SetProfile) -> bool:
    present = db.users[actor.user].email
    return operation.email in (None, present) or knows_password(db, actor, operation.password)


def _void(db: Db, actor: Actor, operation: wire.VoidInvite) -> bool:
    mine = {invite_id(InviteRow(code, *values)): values[2] for code, values in db.invites.items()}
    administrator = has_role(db, actor.user, Role.ADMINISTRATOR)
    return has_role(db, actor.user, Role.MODERATOR) and (administrator or mine.get(operation.id) == actor.user)


def _register(db: Db, actor: Actor, operation: wire.Register) -> bool:
    return not actor.coded or bool(db.invites.get(invite_hash(LOG_ID, operation.invite_code), [0])[0])


def _log_in(db: Db, _actor: Actor, operation: wire.LoginPassword) -> bool:
    user = named(db, operation.user)
    return active(db, user) and operation.password == typed(db.users[user].password_hash)


def _log_in_by_key(db: Db, _actor: Actor, operation: wire.LoginDevice) -> bool:
    return enrolled(db, operation.device) and active(db, db.devices[operation.device].user)


def _recover(db: Db, _actor: Actor, operation: wire.Recover) -> bool:
    user = named(db, operation.user)
    return active(db, user) and bool(db.users[user].email)


def _confirm(db: Db, _actor: Actor, operation: wire.RecoverConfirm) -> bool:
    return is_right(db.recoveries.get(named(db, operation.user)), LOG_ID, operation.code, WALL_MS)


def _say(db: Db, _actor: Actor, operation: wire.Submit) -> bool:
    for message in operation.messages:
        header = decode_header_untrusted(message.header)
        author = db.devices[header.device].user
        in_force = active(db, author) and enrolled(db, header.device)
        if not (in_force and member(db, author, header.room) and is_open(db, header.room)):
            return False
        if header.kind is Kind.DELETE and not has_role(db, author, Role.MODERATOR):
            return False
    return True


def _nothing(_db: Db, _actor: Actor, _operation: Any) -> bool:
    """What may not be changed by this: no commit at all."""
    return False


RULES: dict[Any, Rule] = {
    wire.Hello: _nothing,
    wire.Register: _register,
    wire.LoginPassword: _log_in,
    wire.LoginDevice: _log_in_by_key,
    wire.Recover: _recover,
    wire.RecoverConfirm: _confirm,
    # Keys of rooms, which whoever asks gets only as a member.
    wire.Subscribe: _any,
    wire.History: _nothing,
    wire.Search: _nothing,
    wire.ListRooms: _nothing,
    wire.CreateRoom: _in_session(),
    wire.ArchiveRooms: _in_session(_governs),
    wire.DeleteRooms: _in_session(_delete),
    wire.JoinRoom: _in_session(lambda db, actor, operation: sees(db, actor.user, operation.room)),
    wire.LeaveRoom: _in_session(_member),
    wire.InviteUser: _in_session(_member, _open),
    wire.RemoveUser: _in_session(lambda db, actor, operation: manages(db, actor.user, operation.room)),
    wire.OpenDirect: _in_session(),
    wire.SetHistoryPolicy: _in_session(_open, lambda db, actor, operation: manages(db, actor.user, operation.room)),
    wire.ListUsers: _nothing,
    wire.ListMembers: _nothing,
    wire.ListCursors: _nothing,
    wire.ListStatements: _nothing,
    wire.ListRevoked: _nothing,
    wire.AnnouncePeer: _nothing,
    # The log is whole.
    wire.GiveStatements: _nothing,
    wire.OfferRecords: _nothing,
    wire.GiveRecords: _nothing,
    wire.OpenTransfers: _nothing,
    wire.GetCertificates: _nothing,
    wire.Status: _nothing,
    wire.CreateInvite: _in_session(lambda db, actor, _: has_role(db, actor.user, Role.MODERATOR)),
    wire.ListInvites: _nothing,
    wire.VoidInvite: _in_session(_void),
    wire.ListDevices: _nothing,
    wire.RevokeDevice: _in_session(_revoke),
    wire.Logout: _in_session(),
    wire.ChangePassword: _in_session(lambda db, actor, operation: knows_password(db, actor, operation.old)),
    wire.GetProfile: _nothing,
    wire.SetProfile: _in_session(_set_profile),
    wire.Renew: _in_session(),
    wire.ListAccounts: _nothing,
    wire.FindAccount: _nothing,
    wire.AddAccount: _in_session(_administers),
    wire.DisableAccount: _in_session(_administers),
    wire.SetRole: _in_session(_administers),
    wire.ResetPassword: _in_session(_administers),
    wire.EndSessions: _nothing,
    wire.SetDisplayName: _in_session(_administers),
    wire.DeleteAccount: _in_session(_administers),
    wire.ChangeRoom: _in_session(_open, _changes),
    wire.ListAllRooms: _nothing,
    wire.ListSessions: _nothing,
    wire.CreateBackup: _nothing,
    wire.ListQuarantine: _nothing,
    wire.JudgeQuarantined: _in_session(_administers),
    wire.Submit: _say,
    wire.Nack: _nothing,
    wire.Ping: _nothing,
    wire.Cursors: _nothing,
    wire.Activity: _nothing,
}
# What rests on the right; a try that fails is written down too, and rests on none.
_RESTS = {wire.RecoverConfirm: "update_user", wire.Submit: "append"}


def may_commit(db: Db, actor: Actor, kind: Any, operation: Any, touched: set[str]) -> bool:
    """Whether this change may be committed now. A command is the administrator's: it may do everything."""
    if isinstance(kind, str) or (kind in _RESTS and _RESTS[kind] not in touched):
        return True
    return RULES[kind](db, actor, operation)


# --- What one may know ------------------------------------------------------------------------------------------------


def may_know(db: Db, user: int | None, operation: Any, frame: Any) -> bool:
    """Whether this user may be told that now."""
    if isinstance(frame, wire.Response):
        return _may_have(db, user or 0, operation, frame.result)
    if isinstance(frame, wire.RoomChanged):
        return sees(db, user or 0, frame.room.id)
    if isinstance(frame, wire.Records):
        return _may_read(db, user or 0, frame.room, frame.records)
    if isinstance(frame, (wire.RoomKey, wire.RoomCursors, wire.MembersChanged)):
        return member(db, user or 0, frame.room)
    if isinstance(frame, wire.Statements):
        return all(_may_see(db, user or 0, statement) for statement in frame.statements)
    if isinstance(frame, wire.PeersChanged):
        return _in_force(db, frame.peers)
    if isinstance(frame, wire.Heads):
        return all(member(db, user or 0, head.room) for head in frame.heads)
    return True


def _may_have(db: Db, user: int, operation: Any, result: Any) -> bool:
    if isinstance(result, wire.LoggedIn):
        user = result.user.id
        device = result.device
        return active(db, user) and enrolled(db, device) and all(sees(db, user, room.id) for room in result.rooms)
    if isinstance(result, wire.RoomResult):
        return sees(db, user, result.room.id)
    if isinstance(result, wire.RoomList):
        return all(sees(db, user, room.id) for room in result.rooms)
    if isinstance(result, wire.Page):
        return _may_read(db, user, result.room, result.records)
    if isinstance(result, wire.Found):
        return all(_may_read(db, user, hit.room, [hit.record, *hit.changes]) for hit in result.hits)
    if isinstance(result, (wire.MemberList, wire.CursorList)):
        return member(db, user, operation.room)
    if isinstance(result, wire.Roster):
        return _in_force(db, result.peers)
    if isinstance(result, wire.StatementList):
        return all(_may_see(db, user, statement) for statement in result.statements)
    if isinstance(result, wire.Subscribed):
        return all(member(db, user, one.room) for one in (*result.heads, *result.keys))
    if isinstance(result, wire.AccountResult) and _is_public(result.account):
        return True
    if isinstance(result, (wire.StatusReport, *get_args(wire.AdministratorResult))):
        return has_role(db, user, Role.ADMINISTRATOR)
    if isinstance(result, wire.DeviceList):
        others = any(db.devices[device.id].user != user for device in result.devices)
        return not others or has_role(db, user, Role.ADMINISTRATOR)
    if isinstance(result, wire.InviteList):
        others = any(invite.creator != user for invite in result.invites)
        return has_role(db, user, Role.ADMINISTRATOR if others else Role.MODERATOR)
    if isinstance(result, wire.Profile):
        return result.user.id == user
    return True


def _is_public(account: wire.AccountDetails) -> bool:
    """Whether it shows what everybody may see of an account, and nothing else."""
    return not (account.email or account.created_ms or account.last_seen_ms or account.devices)


def _in_force(db: Db, peers: list[wire.Peer]) -> bool:
    """Whether all of them are devices that may log in; everybody is in a room with everybody."""
    owners = [open_certificate_untrusted(LOG_PUBLIC, LOG_ID, peer.certificate) for peer in peers]
    return all(active(db, owner.user) and enrolled(db, owner.device) for owner in owners)


def _may_see(db: Db, user: int, statement: Statement) -> bool:
    body = read_statement_untrusted(statement)
    if not isinstance(body, RoomBody):
        return True
    if body.deleted:
        # That a public room was deleted is told to everybody.
        return body.room in db.deleted and (body.room == LOUNGE or (body.room, user) in db.memberships)
    return sees(db, user, body.room)


def _may_read(db: Db, user: int, room: int, records: list[Any]) -> bool:
    row = db.memberships.get((room, user)) if room in db.rooms else None
    return row is not None and all(record.seq >= row.first_seq for record in records)
