"""Who may what: which rights a request rests on, and which rights another one ends.

What a request does after the commit that ended its right is a finding: a transaction of its own that is committed, or
something to read that is given. A request may rest on several transactions; those before the end stand.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, NamedTuple

from lanchat.protocol import wire
from lanchat.protocol.keys import public_octets
from lanchat.protocol.wire import HistoryPolicy, Role, RoomKind
from lanchat_server import accounts
from lanchat_server.core.directory import Directory
from lanchat_server.service.handlers import account, login, people, rooms
from tests.explorer.orders import Run, every_order
from tests.explorer.stage import CODE, MEMBER, NEWCOMER, OTHER, OWNER, PHONE, ROOM, Stage, stranger, without_proofs
from tests.support.rig import make_author

Make = Callable[[Stage], Coroutine[Any, Any, Any]]
DEVICE = make_author(MEMBER).device


class Request(NamedTuple):
    """`needs`: all of these rights. `reads`: the result shows what is in the room."""

    make: Make
    needs: frozenset[str]
    reads: bool = False


def _acts(handler: Any, operation: Any, *needs: str, reads: bool = False) -> Request:
    def make(stage: Stage) -> Coroutine[Any, Any, Any]:
        return handler(stage.service, stage.connection(MEMBER), operation)  # type: ignore[no-any-return]

    return Request(make, frozenset(("account", "device", "password", *needs) if not reads else needs), reads)


def _enters(handler: Any, operation: Any, *needs: str) -> Request:
    return Request(lambda stage: handler(stage.service, stranger(), operation), frozenset(("account", *needs)))


_ENROLMENT = wire.Enrolment(public_octets(NEWCOMER.key), "new", bytes(64))
# MEMBER's requests, of his first session, and log-ins in his name.
REQUESTS = {
    "create_room": _acts(rooms.create_room, wire.CreateRoom("new", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)),
    "open_direct": _acts(rooms.open_direct, wire.OpenDirect(OTHER)),
    "invite_user": _acts(rooms.invite_user, wire.InviteUser(ROOM, OTHER), "member", "open"),
    "leave_room": _acts(rooms.leave_room, wire.LeaveRoom(ROOM), "member"),
    "join_private": _acts(rooms.join_room, wire.JoinRoom(ROOM), "member"),
    "remove_user": _acts(rooms.remove_user, wire.RemoveUser(ROOM, OWNER), "member", "moderator"),
    "set_history": _acts(
        rooms.set_history_policy,
        wire.SetHistoryPolicy(ROOM, HistoryPolicy.SINCE_JOINING),
        "member",
        "moderator",
        "open",
    ),
    "archive_room": _acts(rooms.archive_room, wire.ArchiveRoom(ROOM, True), "member", "moderator"),
    "delete_room": _acts(rooms.delete_room, wire.DeleteRoom(ROOM, "right"), "member", "moderator"),
    "set_profile": _acts(account.set_profile, wire.SetProfile("Name", "new@example.org", "right")),
    "fresh_profile": _acts(account.set_profile, wire.SetProfile(None, "new@example.org")),
    "change_password": _acts(account.change_password, wire.ChangePassword("right", "a new password", True)),
    "revoke_device": _acts(account.revoke_device, wire.RevokeDevice(PHONE.device, "right")),
    "logout": _acts(account.logout, wire.Logout()),
    "renew": _acts(account.renew, wire.Renew()),
    "create_invite": _acts(people.create_invite, wire.CreateInvite(1, 60), "moderator"),
    "list_invites": _acts(people.list_invites, wire.ListInvites(), "moderator"),
    "history": _acts(rooms.history, wire.History(ROOM, 1, True, 10), "member", reads=True),
    "search": _acts(rooms.search, wire.Search(0, "needle", 0, 10), "member", reads=True),
    "list_members": _acts(people.list_members, wire.ListMembers(ROOM), "member", reads=True),
    "list_cursors": _acts(people.list_cursors, wire.ListCursors(ROOM), "member", reads=True),
    "subscribe": _acts(rooms.subscribe, wire.Subscribe([ROOM]), "member", reads=True),
    "login_password": _enters(login.login_password, wire.LoginPassword("user2", "right", _ENROLMENT), "password"),
    "login_device": _enters(login.login_device, wire.LoginDevice(DEVICE, bytes(64)), "device"),
}


class Ending(NamedTuple):
    """`ends`: these rights of MEMBER and his first device."""

    make: Make
    ends: frozenset[str]


async def _demote(stage: Stage) -> None:
    directory: Directory = stage.service.directory
    await stage.transact(lambda tx: accounts.update_user(tx, directory, MEMBER, role=Role.MEMBER))


def _second(handler: Any, operation: Any) -> Make:
    return lambda stage: handler(stage.service, stage.connection(4), operation)


_NEW = "the owner's new one"
# By the administrator (another user), by MEMBER's second session, by a code.
ENDINGS = {
    "disable": Ending(lambda stage: stage.service.set_disabled(MEMBER, True), frozenset({"account"})),
    "demote": Ending(_demote, frozenset({"moderator"})),
    "revoke by administrator": Ending(lambda stage: stage.service.revoke([DEVICE], MEMBER), frozenset({"device"})),
    "remove": Ending(
        lambda stage: rooms.remove_user(stage.service, stage.connection(OWNER), wire.RemoveUser(ROOM, MEMBER)),
        frozenset({"member"}),
    ),
    "delete room": Ending(
        lambda stage: rooms.delete_room(stage.service, stage.connection(OWNER), wire.DeleteRoom(ROOM)),
        frozenset({"member"}),
    ),
    "archive": Ending(
        lambda stage: rooms.archive_room(stage.service, stage.connection(OWNER), wire.ArchiveRoom(ROOM, True)),
        frozenset({"open"}),
    ),
    "leave": Ending(_second(rooms.leave_room, wire.LeaveRoom(ROOM)), frozenset({"member"})),
    "revoke": Ending(_second(account.revoke_device, wire.RevokeDevice(DEVICE, "right")), frozenset({"device"})),
    "new password": Ending(
        _second(account.change_password, wire.ChangePassword("right", _NEW)), frozenset({"password"})
    ),
    "new password alone": Ending(
        _second(account.change_password, wire.ChangePassword("right", _NEW, True)), frozenset({"password", "device"})
    ),
    "code": Ending(
        lambda stage: login.recover_confirm(stage.service, stranger(), wire.RecoverConfirm("user2", CODE, _NEW)),
        frozenset({"password"}),
    ),
}


class Finding(NamedTuple):
    request: str
    ending: str
    trace: tuple[tuple[str, str], ...]


def explore(
    requests: Iterable[str] = REQUESTS, endings: Iterable[str] = ENDINGS
) -> Iterator[tuple[str, str, int, list[Finding]]]:
    """For each pair: how many orders there are, and what was found."""
    with without_proofs():
        for name in requests:
            for ending in endings:
                orders, found = 0, []
                for run, stage in every_order(lambda name=name, ending=ending: _set(name, ending)):  # type: ignore[misc]
                    orders += 1
                    if _breaks(run, stage, REQUESTS[name], ENDINGS[ending]):
                        found.append(Finding(name, ending, tuple(run.trace)))
                yield name, ending, orders, found


def _set(name: str, ending: str) -> tuple[Run, Stage]:
    stage = Stage()
    stage.run = Run({"R": lambda: REQUESTS[name].make(stage), "E": lambda: ENDINGS[ending].make(stage)})
    return stage.run, stage


def _breaks(run: Run, stage: Stage, request: Request, ending: Ending) -> bool:
    if not request.needs & ending.ends or "E" not in stage.commits:
        return False
    if isinstance(run.results["E"], Exception):
        # Refused: it has ended nothing, as a code that was void already.
        return False
    if request.reads:
        return _shown(run.results["R"]) and _ended_before_answer(run)
    return "R" in stage.commits[stage.commits.index("E") :]


def _ended_before_answer(run: Run) -> bool:
    """Whether the ending's transaction was done before the request's last step."""
    did = [place for place, (name, what) in enumerate(run.trace) if (name, what) == ("E", "do")]
    answered = max(place for place, (name, what) in enumerate(run.trace) if name == "R" and what != "do")
    return bool(did) and did[-1] < answered


def _shown(result: Any) -> bool:
    if isinstance(result, wire.Found):
        return bool(result.hits)
    if isinstance(result, wire.Subscribed):
        return bool(result.heads or result.keys)
    return isinstance(result, (wire.Page, wire.MemberList, wire.CursorList))
