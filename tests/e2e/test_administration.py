"""Administration by a session over TLS and by the local port of the server's computer: the same requests have the same
answers; refusals of moderators, members and demoted administrators. On SQLite and MariaDB.
"""

import itertools
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.session.requests import RESULTS
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat_server.admin.backups import FOLDER, KEPT
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.admin.run import Administration
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.refusals import Refused
from tests.support.administration import PASSWORD, accounts, ask
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal
from tests.support.waiting import patient, wait_until

PATIENCE = patient(10.0)
UNKNOWN_ID = 4711
_numbers = itertools.count()


class AdministeredServer:
    """A server with an administrator, a moderator and a member, each with a session."""

    def __init__(self, server: ServerProcess, stack: ExitStack) -> None:
        self.server = server
        self.config: ServerConfig = load({"data_dir": server.data_dir}, environment={})
        self._stack = stack
        self.sessions = {name: self.client(name) for name in ("anna", "boris", "clara")}

    def client(self, name: str, password: str = PASSWORD) -> RawClient:
        """A session of its own, begun with the password."""
        client = self._stack.enter_context(RawClient(self.server.port, timeout=PATIENCE))
        logged_in = client.log_in(name, password)
        assert isinstance(logged_in, wire.LoggedIn), logged_in
        return client

    def locally(self, request: Any) -> Any:
        """As a command on the server's computer."""
        try:
            return ask(self.config, request, RESULTS.get(type(request), wire.Done))
        except Refused as refused:
            return wire.Failure(1, refused.code, refused.text)

    def over_tls(self, name: str) -> Callable[[Any], Any]:
        """As a session over TLS."""
        return lambda request: self.sessions[name].request(request, PATIENCE)

    def administered_state(self) -> tuple[Any, ...]:
        """What requests change, but for when people were here last."""
        with Administration(self.config) as admin:
            people = admin.all_of(wire.ListAccounts(), wire.AccountList)
            rooms = admin.all_of(wire.ListAllRooms(), wire.RoomSummaryList)
            invites = admin.all_of(wire.ListInvites(), wire.InviteList)
        return [replace(account, last_seen_ms=0) for account in people], rooms, invites, backups(self.config.data_dir)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def administered_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AdministeredServer]:
    url = request.getfixturevalue("mariadb_url") if request.param == "mariadb" else None
    with ServerProcess(tmp_path / "data", database=url, timeout=60) as server, ExitStack() as stack:
        for name in ("anna", "boris", "clara"):
            server.add_account(name)
        made = load({"data_dir": server.data_dir}, environment={})
        ask(made, wire.SetRole(accounts(made)["boris"].id, Role.MODERATOR), wire.AccountResult)
        yield AdministeredServer(server, stack)


def backups(data_dir: Path) -> list[str]:
    folder = data_dir / FOLDER
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def room_of(client: RawClient) -> int:
    made = client.request(wire.CreateRoom(f"room{next(_numbers)}", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING))
    assert isinstance(made, wire.RoomResult), made
    return int(made.room.id)


@pytest.mark.parametrize("how", ["locally", "over TLS"])
def test_administrator_may_send_each_administration_request(administered_server: AdministeredServer, how: str) -> None:
    do = administered_server.locally if how == "locally" else administered_server.over_tls("anna")
    done: set[type] = set()

    def get(request: Any) -> Any:
        result = do(request)
        assert isinstance(result, RESULTS.get(type(request), wire.Done)), (request, result)
        done.add(type(request))
        return result

    made = get(wire.AddAccount("dora", PASSWORD, Role.MEMBER, "Dora D.", "dora@example.org")).account
    assert (made.name, made.display_name, made.email, made.role) == ("dora", "Dora D.", "dora@example.org", Role.MEMBER)
    assert get(wire.FindAccount("DORA")).account == made
    assert made in get(wire.ListAccounts()).accounts
    dora = administered_server.client("dora")
    (device,) = get(wire.ListDevices(user=made.id)).devices
    assert (device.id, device.online, device.revoked) == (dora.device, True, False)
    assert get(wire.SetRole(made.id, Role.MODERATOR)).account.role is Role.MODERATOR
    assert isinstance(dora.request(wire.CreateInvite(1, 60)), wire.InviteCode)
    assert get(wire.SetRole(made.id, Role.MEMBER)).account.role is Role.MEMBER
    assert refusal(dora.request(wire.CreateInvite(1, 60))) is Code.NOT_ALLOWED
    assert get(wire.EndSessions(made.id)).number == 1
    assert dora.wait_for(wire.Goodbye, PATIENCE).code == 0
    again = RawClient(administered_server.server.port, key=dora.key, timeout=PATIENCE)
    with again:
        assert isinstance(again.log_in_by_key(), wire.LoggedIn)
        get(wire.RevokeDevice(dora.device))
        assert again.wait_for(wire.Goodbye, PATIENCE).code == Code.DEVICE_REVOKED
    dora = administered_server.client("dora")
    assert get(wire.DisableAccount(made.id, True)).account.disabled
    assert dora.wait_for(wire.Goodbye, PATIENCE).code == Code.ACCOUNT_DISABLED
    assert not get(wire.DisableAccount(made.id, False)).account.disabled
    code = get(wire.ResetPassword(made.id)).code
    with RawClient(administered_server.server.port, timeout=PATIENCE) as stranger:
        stranger.hello()
        confirmed = stranger.request(wire.RecoverConfirm("dora", code, "another password"), PATIENCE)
        assert confirmed == wire.Done()

    assert get(wire.SetDisplayName(made.id, "Dora the Second")).account.display_name == "Dora the Second"

    get(wire.CreateInvite(3, 3600))
    (invite,) = get(wire.ListInvites()).invites
    get(wire.VoidInvite(invite.id))
    assert get(wire.ListInvites()).invites == []

    rooms = [room_of(administered_server.sessions["clara"]) for _ in range(2)]
    get(wire.ArchiveRooms(rooms, True))
    assert {room.id for room in get(wire.ListAllRooms()).rooms if room.archived} == set(rooms)
    get(wire.ArchiveRooms(rooms, False))
    get(wire.ChangeRoom(rooms[0], f"renamed {how}", HistoryPolicy.SINCE_JOINING))
    changed = next(room for room in get(wire.ListAllRooms()).rooms if room.id == rooms[0])
    assert (changed.name, changed.history) == (f"renamed {how}", HistoryPolicy.SINCE_JOINING)
    get(wire.DeleteRooms(rooms))
    assert [room.name for room in get(wire.ListAllRooms()).rooms] == ["general"]

    connected = {session.user: session for session in get(wire.ListSessions()).sessions}
    assert all(session.address.startswith("127.") for session in connected.values())
    assert all(session.since_ms > 0 for session in connected.values())
    assert "anna" in {name.casefold() for name in get(wire.Status()).users_online}
    assert get(wire.ListQuarantine()).messages == []
    assert get(wire.JudgeQuarantined([wire.MessageName(1, bytes(16), 1, 1)], True)).messages == []
    backup = get(wire.CreateBackup())
    assert backup.users == 4
    file = administered_server.config.data_dir / (backup.file if how == "locally" else f"{FOLDER}/{backup.file}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    dora = administered_server.client("dora", "another password")
    get(wire.DeleteAccount(made.id))
    assert dora.wait_for(wire.Goodbye, PATIENCE).code == Code.ACCOUNT_DISABLED
    assert made.id not in {account.id for account in get(wire.ListAccounts()).accounts}
    assert refusal(do(wire.FindAccount("dora"))) is refusal(do(wire.DeleteAccount(made.id))) is Code.NOT_FOUND
    assert refusal(do(wire.AddAccount("dora", PASSWORD))) is Code.NAME_TAKEN
    assert done == OPERATIONS.keys()


# What everybody may ask for, about what is not theirs; a moderator may do something with codes.
def administration_requests(administered_server: AdministeredServer) -> dict[Any, dict[Role, Code | None]]:
    """Each request of administrators about others, and with what those of lower roles are refused."""
    victim = accounts(administered_server.config)["anna"].id
    room, device = room_of(administered_server.sessions["anna"]), administered_server.sessions["anna"].device
    for_nobody = {Role.MEMBER: Code.NOT_ALLOWED, Role.MODERATOR: Code.NOT_ALLOWED}
    for_owners = {Role.MEMBER: Code.NOT_FOUND, Role.MODERATOR: Code.NOT_FOUND}
    for_moderators = {Role.MEMBER: Code.NOT_ALLOWED, Role.MODERATOR: None}
    return {
        wire.ListAccounts(): for_nobody,
        wire.FindAccount("anna"): for_nobody,
        wire.FindAccount("nobody"): for_nobody,
        wire.AddAccount("eve", PASSWORD, Role.ADMINISTRATOR, password=PASSWORD): for_nobody,
        wire.DisableAccount(victim, True, PASSWORD): for_nobody,
        wire.DisableAccount(UNKNOWN_ID, True, PASSWORD): for_nobody,
        wire.SetRole(victim, Role.MEMBER, PASSWORD): for_nobody,
        wire.ResetPassword(victim, PASSWORD): for_nobody,
        wire.EndSessions(victim, PASSWORD): for_nobody,
        wire.SetDisplayName(victim, "Victim", PASSWORD): for_nobody,
        wire.DeleteAccount(victim, PASSWORD): for_nobody,
        wire.ChangeRoom(room, "mine now"): for_owners,
        wire.ListDevices(user=victim): for_nobody,
        wire.ListDevices(user=UNKNOWN_ID): for_nobody,
        wire.RevokeDevice(device, PASSWORD): for_owners,
        wire.ListAllRooms(): for_nobody,
        wire.ListSessions(): for_nobody,
        wire.ListQuarantine(): for_nobody,
        _RoomsRequest(wire.JudgeQuarantined([wire.MessageName(room, device, 1, 1)], True, PASSWORD)): for_nobody,
        wire.Status(): for_nobody,
        wire.CreateBackup(PASSWORD): for_nobody,
        wire.CreateInvite(1, 60): for_moderators,
        wire.ListInvites(): for_moderators,
        wire.VoidInvite(bytes(16)): {Role.MEMBER: Code.NOT_ALLOWED, Role.MODERATOR: Code.NOT_FOUND},
        _RoomsRequest(wire.ArchiveRooms([room], True)): for_owners,
        _RoomsRequest(wire.DeleteRooms([room], PASSWORD)): for_owners,
    }


class _RoomsRequest:
    """A request with a list, which has no hash."""

    def __init__(self, request: Any) -> None:
        self.request = request


def test_lower_roles_are_refused_and_change_nothing(administered_server: AdministeredServer) -> None:
    asked = administration_requests(administered_server)
    assert {type(getattr(one, "request", one)) for one in asked} == OPERATIONS.keys()
    before = administered_server.administered_state()
    for name, role in (("clara", Role.MEMBER), ("boris", Role.MODERATOR)):
        for request, refusals in asked.items():
            if (code := refusals[role]) is not None:
                assert refusal(administered_server.over_tls(name)(getattr(request, "request", request))) is code, (
                    name,
                    request,
                )
    assert administered_server.administered_state() == before
    assert administered_server.sessions["anna"].request(wire.GetProfile()).user.name == "anna"


def test_demoted_administrator_is_refused_at_once(administered_server: AdministeredServer) -> None:
    anna = accounts(administered_server.config)["anna"].id
    administered_server.locally(wire.AddAccount("olga", PASSWORD, Role.ADMINISTRATOR))
    administered_server.sessions["olga"] = administered_server.client("olga")
    assert isinstance(administered_server.over_tls("olga")(wire.SetRole(anna, Role.MEMBER)), wire.AccountResult)
    before = administered_server.administered_state()
    for request in (
        wire.ListAccounts(), wire.ListAllRooms(), wire.Status(), wire.AddAccount("eve", PASSWORD),
        wire.SetRole(anna, Role.ADMINISTRATOR), wire.ResetPassword(anna), wire.CreateBackup(), wire.CreateInvite(1, 60),
    ):  # fmt: skip
        assert refusal(administered_server.over_tls("anna")(request)) is Code.NOT_ALLOWED, request
    assert administered_server.administered_state() == before


def test_changes_by_a_device_key_session_need_the_password(administered_server: AdministeredServer) -> None:
    """Of a session that began with the device key."""
    client = administered_server.sessions["anna"]
    clara = accounts(administered_server.config)["clara"].id
    changes = [
        wire.AddAccount("eve", PASSWORD), wire.DisableAccount(clara, True), wire.SetRole(clara, Role.ADMINISTRATOR),
        wire.ResetPassword(clara), wire.EndSessions(clara), wire.CreateBackup(), wire.SetDisplayName(clara, "Clara"),
        wire.DeleteAccount(clara),
        wire.JudgeQuarantined([], False),
        wire.RevokeDevice(administered_server.sessions["clara"].device),
    ]  # fmt: skip
    confirmed = {kind for kind, operation in OPERATIONS.items() if operation.confirms}
    assert confirmed | {wire.RevokeDevice} == {type(change) for change in changes}
    with RawClient(administered_server.server.port, key=client.key, timeout=PATIENCE) as found:
        assert isinstance(found.log_in_by_key(), wire.LoggedIn)
        before = administered_server.administered_state()
        for change in changes:
            assert refusal(found.request(change, PATIENCE)) is Code.PASSWORD_NEEDED, change
        wrong = replace(changes[0], password="not the password")
        assert refusal(found.request(wrong, PATIENCE)) is Code.BAD_CREDENTIALS
        assert administered_server.administered_state() == before
        made = found.request(replace(changes[0], password=PASSWORD), PATIENCE)
        assert isinstance(made, wire.AccountResult), made


@pytest.mark.parametrize("request_", [wire.SetRole(UNKNOWN_ID, Role.MEMBER), wire.ResetPassword(UNKNOWN_ID)])
@pytest.mark.parametrize("how", ["locally", "over TLS"])
def test_refusals_are_equal_locally_and_over_tls(
    administered_server: AdministeredServer, how: str, request_: Any
) -> None:
    do = administered_server.locally if how == "locally" else administered_server.over_tls("anna")
    anna = accounts(administered_server.config)["anna"].id
    general = next(room.id for room in do(wire.ListAllRooms()).rooms)
    assert refusal(do(request_)) is Code.NOT_FOUND
    assert refusal(do(wire.FindAccount("nobody"))) is Code.NOT_FOUND
    assert refusal(do(wire.AddAccount("Clara", PASSWORD))) is Code.NAME_TAKEN
    assert refusal(do(wire.AddAccount("a b", PASSWORD))) is Code.NAME_INVALID
    assert refusal(do(wire.AddAccount("eve", "short"))) is Code.PASSWORD_INVALID
    assert refusal(do(wire.AddAccount("eve", PASSWORD, email="nowhere"))) is Code.EMAIL_INVALID
    assert refusal(do(wire.AddAccount("eve", PASSWORD, only_first=True))) is Code.SETUP_INVALID
    assert refusal(do(wire.SetRole(anna, Role.MEMBER))) is Code.LAST_ADMINISTRATOR
    assert refusal(do(wire.DisableAccount(anna, True))) is Code.LAST_ADMINISTRATOR
    assert refusal(do(wire.DeleteRooms([general]))) is Code.NOT_ALLOWED
    assert refusal(do(wire.ArchiveRooms([general], True))) is Code.NOT_ALLOWED
    # All of them or none.
    kept = room_of(administered_server.sessions["clara"])
    assert refusal(do(wire.DeleteRooms([kept, general]))) is Code.NOT_ALLOWED
    assert refusal(do(wire.ArchiveRooms([kept, UNKNOWN_ID], True))) is Code.NOT_FOUND
    assert [(room.id, room.archived) for room in do(wire.ListAllRooms()).rooms][1:] == [(kept, False)]


def test_administrator_may_end_own_sessions_and_account(administered_server: AdministeredServer) -> None:
    """The session that asks gets its answer first."""
    administered_server.locally(wire.AddAccount("olga", PASSWORD, Role.ADMINISTRATOR))
    anna = accounts(administered_server.config)["anna"].id
    first, second = administered_server.sessions["anna"], administered_server.client("anna")
    assert first.request(wire.EndSessions(anna), PATIENCE) == wire.SessionsEnded(2)
    for client in (first, second):
        assert client.wait_for(wire.Goodbye, PATIENCE).code == 0
    last = administered_server.client("anna")
    assert isinstance(last.request(wire.DisableAccount(anna, True), PATIENCE), wire.AccountResult)
    assert last.wait_for(wire.Goodbye, PATIENCE).code == Code.ACCOUNT_DISABLED


def test_number_of_requested_backups_is_bounded_other_files_stay(administered_server: AdministeredServer) -> None:
    folder = administered_server.config.data_dir / FOLDER
    made = [administered_server.over_tls("anna")(wire.CreateBackup())]
    (folder / "mine.backup").write_text("keep")
    made += [administered_server.over_tls("anna")(wire.CreateBackup()) for _ in range(KEPT + 1)]
    names = [backup.file for backup in made]
    assert len(set(names)) == KEPT + 2
    assert names[-1] in backups(administered_server.config.data_dir)
    assert len(backups(administered_server.config.data_dir)) == KEPT + 1
    assert (folder / "mine.backup").read_text() == "keep"
    assert not (administered_server.config.data_dir / "unclaimed.backup").exists()


def test_other_requests_are_answered_while_a_backup_is_written(administered_server: AdministeredServer) -> None:
    client = administered_server.sessions["anna"]
    for number, operation in enumerate((wire.CreateBackup(), wire.GetProfile()), start=900):
        client.send(wire.Request(number, operation))
    answers = [client.wait_for(wire.Response, PATIENCE) for _ in range(2)]
    assert {answer.id for answer in answers} == {900, 901}


def test_log_names_operation_user_and_actor_without_secrets(administered_server: AdministeredServer) -> None:
    administered_server.over_tls("anna")(
        wire.AddAccount("dora", "a secret of dora", Role.MEMBER, "Dora", "dora@example.org")
    )
    code = administered_server.over_tls("anna")(
        wire.ResetPassword(accounts(administered_server.config)["dora"].id)
    ).code
    said = "ResetPassword of dora by anna"
    wait_until(
        lambda: any(said in line for line in list(administered_server.server.stderr)), 10, "the log says who did it"
    )
    text = "\n".join(administered_server.server.stderr)
    assert "a secret of dora" not in text
    assert code not in text
    assert "dora@example.org" not in text
