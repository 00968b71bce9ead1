"""Every request that the server takes, as somebody makes it: those of the wire, live frames, commands.

`tests/unit/test_explorer.py::test_every_request_of_the_wire_has_a_case_and_a_rule` fails when one is missing here.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Role, RoomKind
from lanchat.protocol.limits import PROTOCOL_VERSION
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.peers import PeerBody, PeerInfo, sign_peer
from lanchat.protocol.log.records import Head
from lanchat.protocol.transport import Transport
from lanchat_server.admin.context import LocalActor
from lanchat_server.admin.operations import perform
from lanchat_server.core.accounts.accounts import invite_id
from lanchat_server.core.accounts.recovery import invite_hash
from lanchat_server.core.model import InviteRow
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.upkeep.housekeeping import save
from tests.explorer.harness import (
    ADMINISTRATOR,
    CODE,
    GENERAL,
    INVITE,
    LOUNGE,
    MEMBER,
    NEWCOMER,
    NOW,
    OWNER,
    ROOM,
    TABLET,
    THIRD,
    Client,
    ServerHarness,
    message,
    password_of,
)
from tests.support.rig import LOG_ID, make_author


class Actor:
    """Who makes a request: `user` with `device`, and against whom. `fresh`: the password was given at the log-in just
    now. `coded`: people register with a code."""

    def __init__(self, client: Client, user: int, device: bytes, other: int, other_device: bytes) -> None:
        self.client = client
        self.user = user
        self.device = device
        self.other = other
        self.other_device = other_device
        self.fresh = False
        self.coded = True


class Case(NamedTuple):
    """`type`: of the operation or frame, or the name of a command. `make` gives the operation or the frame. `enters`:
    it is made by who is not logged in. Names with a comma are variants of another case: pairs with them are left to
    the whole run."""

    name: str
    type: Any
    make: Callable[[Actor], Any]
    enters: bool = False


def _enrol(number: int = 0) -> wire.Enrolment:
    author = make_author(number) if number else NEWCOMER
    return wire.Enrolment(public_octets(author.key), "new", bytes(64))


def _own(actor: Actor) -> str:
    return password_of(actor.user)


def _name(user: int) -> str:
    return f"user{user}"


def _announcement(actor: Actor) -> wire.AnnouncePeer:
    return wire.AnnouncePeer(_peer_info(actor.device), 5000, [bytes([10, 0, 0, 9])])


@functools.cache
def _peer_info(device: bytes) -> PeerInfo:
    # Also of a device that logged in with the request before.
    (author,) = (author for author in map(make_author, range(1, 13)) if author.device == device)
    return sign_peer(author.key, PeerBody(LOG_ID, device, 1, bytes([9]) * 32, 0))


_INVITE_ID = invite_id(InviteRow(invite_hash(LOG_ID, INVITE), 1, 10**9, MEMBER))
_REGISTER = wire.Register("new", "a password", _enrol(), "", "", INVITE)
_OTHER = replace(_REGISTER, user="nova", enrolment=_enrol(12))
_CONFIRM = wire.RecoverConfirm(_name(MEMBER), CODE, "of the code")
_EVERYTHING, _SINCE_JOINING = HistoryPolicy.EVERYTHING, HistoryPolicy.SINCE_JOINING
_QUARANTINED = [wire.MessageName(ROOM, bytes(16), 1, 1)]

_WIRE = (
    # Before log-in.
    Case("hello", wire.Hello, lambda _: wire.Hello([PROTOCOL_VERSION], "test"), True),
    Case("register", wire.Register, lambda _: _REGISTER, True),
    Case("register, other", wire.Register, lambda _: _OTHER, True),
    Case("log in", wire.LoginPassword, lambda a: wire.LoginPassword(_name(a.user), _own(a), _enrol()), True),
    Case(
        "log in, again", wire.LoginPassword, lambda a: wire.LoginPassword(_name(a.user), _own(a), _enrol(a.user)), True
    ),
    Case("log in, wrongly", wire.LoginPassword, lambda a: wire.LoginPassword(_name(a.user), "wrong", _enrol()), True),
    Case("log in by key", wire.LoginDevice, lambda a: wire.LoginDevice(make_author(a.user).device, bytes(64)), True),
    Case("log in by old key", wire.LoginDevice, lambda _: wire.LoginDevice(TABLET.device, bytes(64)), True),
    Case("recover", wire.Recover, lambda _: wire.Recover(_name(MEMBER)), True),
    Case("confirm", wire.RecoverConfirm, lambda _: _CONFIRM, True),
    Case(
        "confirm, wrongly", wire.RecoverConfirm, lambda _: wire.RecoverConfirm(_name(MEMBER), "1", "a password"), True
    ),
    Case("confirm, alone", wire.RecoverConfirm, lambda _: replace(_CONFIRM, revoke_devices=True), True),
    # Rooms.
    Case("subscribe", wire.Subscribe, lambda _: wire.Subscribe([GENERAL, ROOM])),
    Case("history", wire.History, lambda _: wire.History(ROOM, 1, True, 10)),
    Case("search", wire.Search, lambda _: wire.Search(0, "needle", 0, 10)),
    Case("search, one room", wire.Search, lambda _: wire.Search(ROOM, "needle", 0, 10)),
    Case("list rooms", wire.ListRooms, lambda _: wire.ListRooms()),
    Case("create room", wire.CreateRoom, lambda _: wire.CreateRoom("new", RoomKind.PUBLIC, _EVERYTHING)),
    Case("create room, private", wire.CreateRoom, lambda _: wire.CreateRoom("new", RoomKind.PRIVATE, _EVERYTHING)),
    Case("join room, public", wire.JoinRoom, lambda _: wire.JoinRoom(LOUNGE)),
    Case("join room", wire.JoinRoom, lambda _: wire.JoinRoom(ROOM)),
    Case("leave room, public", wire.LeaveRoom, lambda _: wire.LeaveRoom(LOUNGE)),
    Case("leave room", wire.LeaveRoom, lambda _: wire.LeaveRoom(ROOM)),
    Case("invite, third", wire.InviteUser, lambda _: wire.InviteUser(ROOM, THIRD)),
    Case("invite", wire.InviteUser, lambda a: wire.InviteUser(ROOM, a.other)),
    Case("remove other", wire.RemoveUser, lambda a: wire.RemoveUser(ROOM, a.other)),
    Case("open direct", wire.OpenDirect, lambda a: wire.OpenDirect(a.other)),
    Case("open direct, third", wire.OpenDirect, lambda _: wire.OpenDirect(THIRD)),
    Case("set history", wire.SetHistoryPolicy, lambda _: wire.SetHistoryPolicy(ROOM, _SINCE_JOINING)),
    Case("archive", wire.ArchiveRooms, lambda _: wire.ArchiveRooms([ROOM], True)),
    Case("archive, public", wire.ArchiveRooms, lambda _: wire.ArchiveRooms([LOUNGE], True)),
    Case("delete room", wire.DeleteRooms, lambda a: wire.DeleteRooms([ROOM], _own(a))),
    Case("delete room, public", wire.DeleteRooms, lambda a: wire.DeleteRooms([LOUNGE], _own(a))),
    Case("delete room, unproven", wire.DeleteRooms, lambda _: wire.DeleteRooms([ROOM])),
    # People.
    Case("list users", wire.ListUsers, lambda _: wire.ListUsers()),
    Case("list members", wire.ListMembers, lambda _: wire.ListMembers(ROOM)),
    Case("list statements", wire.ListStatements, lambda _: wire.ListStatements(0)),
    Case("announce peer", wire.AnnouncePeer, _announcement),
    Case("give statements", wire.GiveStatements, lambda _: wire.GiveStatements([])),
    Case("offer records", wire.OfferRecords, lambda _: wire.OfferRecords(Head(1, ROOM, 9, bytes(32), 0, bytes(64)), 1)),
    Case("give records", wire.GiveRecords, lambda _: wire.GiveRecords(ROOM, [])),
    Case("open transfers", wire.OpenTransfers, lambda _: wire.OpenTransfers()),
    Case("list revoked", wire.ListRevoked, lambda _: wire.ListRevoked()),
    Case("list cursors", wire.ListCursors, lambda _: wire.ListCursors(ROOM)),
    Case("certificates", wire.GetCertificates, lambda a: wire.GetCertificates([a.device, a.other_device])),
    Case("status", wire.Status, lambda _: wire.Status()),
    Case("create invite", wire.CreateInvite, lambda _: wire.CreateInvite(1, 60)),
    Case("list invites", wire.ListInvites, lambda _: wire.ListInvites()),
    Case("void invite", wire.VoidInvite, lambda _: wire.VoidInvite(_INVITE_ID)),
    # The account.
    Case("list devices", wire.ListDevices, lambda _: wire.ListDevices()),
    Case("list devices, other", wire.ListDevices, lambda a: wire.ListDevices(user=a.other)),
    Case("revoke own", wire.RevokeDevice, lambda a: wire.RevokeDevice(a.device)),
    Case("revoke other", wire.RevokeDevice, lambda a: wire.RevokeDevice(a.other_device, _own(a))),
    Case("revoke other, unproven", wire.RevokeDevice, lambda a: wire.RevokeDevice(a.other_device)),
    Case("revoke other, third", wire.RevokeDevice, lambda a: wire.RevokeDevice(TABLET.device, _own(a))),
    Case("log out", wire.Logout, lambda _: wire.Logout()),
    Case("new password", wire.ChangePassword, lambda a: wire.ChangePassword(_own(a), "of the owner")),
    Case("new password, alone", wire.ChangePassword, lambda a: wire.ChangePassword(_own(a), "of the owner", True)),
    Case("profile", wire.GetProfile, lambda _: wire.GetProfile()),
    Case("set name", wire.SetProfile, lambda _: wire.SetProfile("New Name")),
    Case("set email", wire.SetProfile, lambda a: wire.SetProfile(None, "new@example.org", _own(a))),
    Case("set email, none", wire.SetProfile, lambda a: wire.SetProfile(None, "", _own(a))),
    Case("set email, unproven", wire.SetProfile, lambda _: wire.SetProfile(None, "new@example.org")),
    Case("renew", wire.Renew, lambda _: wire.Renew()),
    # Administrators.
    Case("list accounts", wire.ListAccounts, lambda _: wire.ListAccounts()),
    Case("find account", wire.FindAccount, lambda a: wire.FindAccount(_name(a.other))),
    Case("add account", wire.AddAccount, lambda a: wire.AddAccount("new", "a password", password=_own(a))),
    Case("disable account", wire.DisableAccount, lambda a: wire.DisableAccount(a.other, True, _own(a))),
    Case("disable account, unproven", wire.DisableAccount, lambda a: wire.DisableAccount(a.other, True)),
    Case("set role", wire.SetRole, lambda a: wire.SetRole(a.other, Role.MEMBER, _own(a))),
    Case("set role, higher", wire.SetRole, lambda a: wire.SetRole(a.other, Role.ADMINISTRATOR, _own(a))),
    Case("reset password", wire.ResetPassword, lambda a: wire.ResetPassword(a.other, _own(a))),
    Case("end sessions", wire.EndSessions, lambda a: wire.EndSessions(a.other, _own(a))),
    Case("set display name", wire.SetDisplayName, lambda a: wire.SetDisplayName(a.other, "Other", _own(a))),
    Case("delete account", wire.DeleteAccount, lambda a: wire.DeleteAccount(a.other, _own(a))),
    Case("change room", wire.ChangeRoom, lambda _: wire.ChangeRoom(ROOM, "renamed", HistoryPolicy.SINCE_JOINING)),
    Case("list sessions", wire.ListSessions, lambda _: wire.ListSessions()),
    Case("list all rooms", wire.ListAllRooms, lambda _: wire.ListAllRooms()),
    Case("create backup", wire.CreateBackup, lambda a: wire.CreateBackup(_own(a))),
    Case("list quarantine", wire.ListQuarantine, lambda _: wire.ListQuarantine()),
    Case("judge quarantined", wire.JudgeQuarantined, lambda a: wire.JudgeQuarantined(_QUARANTINED, True, _own(a))),
)
_LIVE = (
    Case("say", wire.Submit, lambda a: wire.Submit([message(a.user, "hay", ROOM)])),
    Case("say, reaction", wire.Submit, lambda a: wire.Submit([message(a.user, "👍", ROOM, Kind.REACTION, 1)])),
    Case("say, deletion", wire.Submit, lambda a: wire.Submit([message(a.user, "", ROOM, Kind.DELETE, 1)])),
    Case("repair", wire.Nack, lambda _: wire.Nack(ROOM, [1])),
    Case("ping", wire.Ping, lambda _: wire.Ping(1)),
    Case("cursors", wire.Cursors, lambda _: wire.Cursors([wire.Cursor(ROOM, 1, 1)])),
    Case("activity", wire.Activity, lambda _: wire.Activity(PresenceState.AWAY)),
)
# Of the administrator on the server's computer, and of the server itself; against the other.
_COMMANDS = (
    Case("list accounts", "ListAccounts", lambda _: wire.ListAccounts()),
    Case("find account", "FindAccount", lambda a: wire.FindAccount(_name(a.other))),
    Case("add account", "AddAccount", lambda _: wire.AddAccount("new", "a password")),
    Case("disable account", "DisableAccount", lambda a: wire.DisableAccount(a.other, True)),
    Case("disable account, owner", "DisableAccount", lambda _: wire.DisableAccount(OWNER, True)),
    Case("disable account, not", "DisableAccount", lambda a: wire.DisableAccount(a.other, False)),
    Case("set role", "SetRole", lambda a: wire.SetRole(a.other, Role.MEMBER)),
    Case("set role, administrator", "SetRole", lambda _: wire.SetRole(ADMINISTRATOR, Role.MEMBER)),
    Case("reset password", "ResetPassword", lambda a: wire.ResetPassword(a.other)),
    Case("set display name", "SetDisplayName", lambda a: wire.SetDisplayName(a.other, "Other")),
    Case("delete account", "DeleteAccount", lambda a: wire.DeleteAccount(a.other)),
    Case("change room", "ChangeRoom", lambda _: wire.ChangeRoom(LOUNGE, "renamed")),
    Case("end sessions", "EndSessions", lambda a: wire.EndSessions(a.other)),
    Case("create invite", "CreateInvite", lambda _: wire.CreateInvite(1, 60)),
    Case("list invites", "ListInvites", lambda _: wire.ListInvites()),
    Case("void invite", "VoidInvite", lambda _: wire.VoidInvite(_INVITE_ID)),
    Case("list devices", "ListDevices", lambda a: wire.ListDevices(user=a.other)),
    Case("revoke device", "RevokeDevice", lambda a: wire.RevokeDevice(a.other_device)),
    Case("list sessions", "ListSessions", lambda _: wire.ListSessions()),
    Case("list all rooms", "ListAllRooms", lambda _: wire.ListAllRooms()),
    Case("archive", "ArchiveRooms", lambda _: wire.ArchiveRooms([ROOM], True)),
    Case("archive, public", "ArchiveRooms", lambda _: wire.ArchiveRooms([LOUNGE], True)),
    Case("delete rooms", "DeleteRooms", lambda _: wire.DeleteRooms([ROOM])),
    Case("delete rooms, public", "DeleteRooms", lambda _: wire.DeleteRooms([LOUNGE, ROOM])),
    Case("status", "Status", lambda _: wire.Status()),
    Case("create backup", "CreateBackup", lambda _: wire.CreateBackup()),
    Case("list quarantine", "ListQuarantine", lambda _: wire.ListQuarantine()),
    Case("judge quarantined", "JudgeQuarantined", lambda _: wire.JudgeQuarantined(_QUARANTINED, True)),
    Case("save", "save", lambda _: None),
)
CASES: dict[str, Case] = {case.name: case for case in (*_WIRE, *_LIVE)}
COMMANDS: dict[str, Case] = {f"command {case.name}": case for case in _COMMANDS}


async def carry_out(harness: ServerHarness, case: Case, actor: Actor) -> Any:
    """Make the request; what a command came to, of others None: the client hears it."""
    made = case.make(actor)
    if isinstance(case.type, str):
        if case.type == "save":
            return await save(harness.service)
        return await perform(ServiceHost(harness.service), LocalActor(), made)
    if case.type is wire.Submit:
        return await harness.service.submit(actor.client.session, made.messages)
    if issubclass(case.type, wire.LiveFromClient):
        return harness.service.core.receive(actor.client.session, made, Transport.TLS, NOW)
    return await actor.client.carry_out(wire.Request(1, made))
