"""Requests of an account that is disabled, demoted, or removed while they wait for the hash or the writer."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.transport import Transport
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange, transact
from lanchat_server.core.accounts.deleted_accounts import delete_account
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.service.context import RequestContext
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.requests import account, login, rooms
from lanchat_server.service.requests.table import administer, perform_request
from tests.support.rig import LOG_ID, LOG_KEY, Rig, make_author

OWNER, MEMBER = 1, 2
ROOM = Rig.PRIVATE
Job = Callable[[Transaction], DirectoryChange[Any]]

DAILY = {"rooms_total": 100, "rooms_per_day": 100, "invites_per_day": 100}


class LateWriter:
    """Jobs in `first` are done before the next job that is submitted."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.first: list[Job] = []

    async def transact(self, job: Job) -> Any:
        return self.transact_now(job)

    def transact_now(self, job: Job) -> Any:
        while self.first:
            transact(self._rig.store, self.first.pop(0))
        return transact(self._rig.store, job)


class Hasher:
    """Every password is right, and a hash is the password."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None

    async def verify(self, _password: str, _stored: str) -> bool:
        return True

    async def hash(self, password: str) -> str:
        self.meanwhile()
        return password

    def needs_rehash(self, _stored: str) -> bool:
        return False


class Mailer:
    enabled = True

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send_code(self, email: str, *_more: object) -> None:
        self.sent.append(email)


class RequestHarness:
    """The rig's users, a service around them, and what happens to MEMBER meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_challenge", "_check_enrolment", "_throttle"):
            monkeypatch.setattr(login, name, lambda *_: b"")
        rig = self.rig = Rig()
        for user in (OWNER, MEMBER):
            rig.core.add_session(user, user, rig.authors[user].device, 0.0)
        self.writer, self.hasher, self.mailer = LateWriter(rig), Hasher(), Mailer()
        self.wall = 1000
        throttle = SimpleNamespace(delay=lambda *_: 0.0, failed=_nothing, succeeded=_nothing, seen=_nothing)
        self.service: Any = SimpleNamespace(
            directory=rig.directory,
            core=rig.core,
            store=rig.store,
            sequencer=rig.sequencer,
            writer=self.writer,
            credentials=SimpleNamespace(hasher=self.hasher, mailer=self.mailer, throttle=throttle),
            keys=SimpleNamespace(log_key=LOG_KEY),
            config=SimpleNamespace(name="Test", sessions_per_user=5, sessions_total=5, **DAILY),
            metrics=SimpleNamespace(login_failures=0),
            notices=EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: 1.0),
            now=lambda: 1.0,
            wall_ms=lambda: self.wall,
            entropy=SYSTEM_ENTROPY,
            certificate_is_fresh=lambda _device: False,
            send_event=_nothing,
            connections=SimpleNamespace(end_sessions=_nothing),
            check_place=_nothing,
            check_disk=_nothing,
            open_session=lambda _connection, user, _device: user,
            read=self.read,
        )
        self.while_reading: Callable[[], object] = lambda: None

    async def read(self, work: Callable[[], Any]) -> Any:
        found = work()
        self.while_reading()
        return found

    def change(self, **changes: Any) -> Job:
        return lambda tx: accounts.update_user(tx, self.rig.directory, MEMBER, **changes)

    def revoke(self) -> Job:
        return lambda tx: accounts.revoke_devices(tx, self.rig.directory, [make_author(MEMBER).device], 1)

    def remove(self) -> Job:
        return lambda tx: accounts.remove_member(tx, self.rig.directory, ROOM, MEMBER)

    @property
    def member(self) -> Any:
        return self.rig.directory.users[MEMBER]


def _nothing(*_arguments: object, **_named: object) -> None:
    """For arguments that do not matter."""


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> RequestHarness:
    return RequestHarness(monkeypatch)


def connection_of(user: int | None = MEMBER) -> Any:
    device = make_author(MEMBER).device
    known = {"user": user, "session": MEMBER, "device": device, "address": "10.0.0.9", "proven": 1.0}
    return SimpleNamespace(**known, challenge=b"c", open=True, password_number=0)


def refusal(request: Any) -> Code:
    with pytest.raises(Refused) as refused:
        asyncio.run(request)
    return Code(refused.value.code)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "create_room": lambda s: rooms.create_room(
        s, connection_of(), wire.CreateRoom("new room", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)
    ),
    "open_direct": lambda s: rooms.open_direct(s, connection_of(), wire.OpenDirect(3)),
    "invite_user": lambda s: rooms.invite_user(s, connection_of(), wire.InviteUser(ROOM, 3)),
    "leave_room": lambda s: rooms.leave_room(s, connection_of(), wire.LeaveRoom(ROOM)),
    "set_profile": lambda s: account.set_profile(s, connection_of(), wire.SetProfile("Thief", "thief@example.org")),
    "change_password": lambda s: account.change_password(
        s, connection_of(), wire.ChangePassword("old", "new password")
    ),
    "renew": lambda s: account.renew(s, connection_of(), wire.Renew()),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(("how", "code"), [("disabled", Code.ACCOUNT_DISABLED), ("revoked", Code.DEVICE_REVOKED)])
def test_request_behind_disabling_or_revocation_changes_nothing(
    harness: RequestHarness, name: str, how: str, code: Code
) -> None:
    harness.writer.first.append(harness.change(disabled=True) if how == "disabled" else harness.revoke())
    before = replace(harness.rig.directory.snapshot(), users=[], devices=[], number=0)
    assert refusal(CHANGES[name](harness.service)) is code
    assert replace(harness.rig.directory.snapshot(), users=[], devices=[], number=0) == before
    assert (harness.member.email, harness.member.display_name, harness.member.password_hash) == ("", "user2", "")


def test_reader_deleted_meanwhile_is_told_that_the_account_has_ended(harness: RequestHarness) -> None:
    """Not that there is no such room: the account's memberships end with it."""
    delete: Job = lambda tx: delete_account(tx, harness.rig.directory, MEMBER)  # noqa: E731
    harness.while_reading = lambda: harness.writer.transact_now(delete)
    request = perform_request(harness.service, connection_of(), wire.History(ROOM, 1, True, 10))
    assert refusal(request) is Code.ACCOUNT_DISABLED


def test_private_room_is_not_shown_to_who_left_it_meanwhile(harness: RequestHarness) -> None:
    def shown() -> bool:
        harness.rig.core.take_outputs()
        harness.service.notices.room_created(harness.rig.directory.rooms[ROOM], [MEMBER])
        return any(MEMBER in getattr(output, "sessions", ()) for output in harness.rig.core.take_outputs())

    assert shown()
    harness.writer.transact_now(harness.remove())
    assert not shown()


def test_moderator_demoted_meanwhile_creates_no_invitation(harness: RequestHarness) -> None:
    harness.writer.transact_now(harness.change(role=Role.MODERATOR))
    harness.writer.first.append(harness.change(role=Role.MEMBER))
    assert refusal(administer(harness.service, connection_of(), wire.CreateInvite(1, 60))) is Code.NOT_ALLOWED
    assert not harness.rig.database.invites


def test_login_behind_disabling_enrols_no_device(harness: RequestHarness) -> None:
    other_author = make_author(9)
    enrolment = wire.Enrolment(public_octets(other_author.key), "new", bytes(64))
    harness.writer.first.append(harness.change(disabled=True))
    request = login.login_password(harness.service, connection_of(None), wire.LoginPassword("user2", "x", enrolment))
    assert refusal(request) is Code.ACCOUNT_DISABLED
    assert other_author.device not in harness.rig.directory.devices


@pytest.mark.parametrize(("how", "code"), [("disabled", Code.ACCOUNT_DISABLED), ("revoked", Code.DEVICE_REVOKED)])
def test_device_login_behind_a_revocation_gets_no_certificate(
    harness: RequestHarness, monkeypatch: pytest.MonkeyPatch, how: str, code: Code
) -> None:
    monkeypatch.setattr(login, "_bound", lambda *_: b"")
    monkeypatch.setattr("lanchat.protocol.log.keys.check_signature", _nothing)
    device = make_author(MEMBER).device
    before = harness.rig.directory.devices[device].certificate
    harness.writer.first.append(harness.change(disabled=True) if how == "disabled" else harness.revoke())
    assert (
        refusal(login.login_device(harness.service, connection_of(None), wire.LoginDevice(device, bytes(64)))) is code
    )
    assert harness.rig.directory.devices[device].certificate == before


def test_login_without_a_free_slot_enrols_no_device(harness: RequestHarness) -> None:
    def full(_user: int, **_by_password: bool) -> None:
        raise Refused(Code.TOO_MANY_SESSIONS, "full")

    harness.service.check_place = full
    other_author = make_author(9)
    enrolment = wire.Enrolment(public_octets(other_author.key), "new", bytes(64))
    request = login.login_password(harness.service, connection_of(None), wire.LoginPassword("user2", "x", enrolment))
    assert refusal(request) is Code.TOO_MANY_SESSIONS
    assert other_author.device not in harness.rig.directory.devices


def test_check_place_counts_sessions_of_user_and_server() -> None:
    rig = Rig()
    for session in (1, 2):
        rig.core.add_session(session, MEMBER, rig.authors[MEMBER].device, 0.0)
    heard = {number: SimpleNamespace(heard=100.0) for number in (1, 2)}
    config = SimpleNamespace(sessions_per_user=2, sessions_total=2)
    heard_of = lambda session: heard[session].heard  # noqa: E731
    service: Any = SimpleNamespace(core=rig.core, config=config, _heard=heard_of, now=lambda: 101.0)
    with pytest.raises(Refused):
        RequestContext.check_place(service, MEMBER)
    heard[1].heard = 0.0
    assert RequestContext.check_place(service, MEMBER) == 1


def test_full_server_closes_a_session_of_the_user_with_most() -> None:
    rig = Rig()
    for session, user in ((1, OWNER), (2, MEMBER), (3, MEMBER), (4, MEMBER)):
        rig.core.add_session(session, user, rig.authors[user].device, 0.0)
    config = SimpleNamespace(sessions_per_user=5, sessions_total=4)
    service: Any = SimpleNamespace(core=rig.core, config=config, now=lambda: 101.0)
    assert RequestContext.check_place(service, 0) == RequestContext.check_place(service, OWNER) == 2
    # Nobody takes one of whoever would then have fewer than he, nor a second one of his own.
    with pytest.raises(Refused):
        RequestContext.check_place(service, MEMBER)
    rig.core.remove_session(2, 1.0)
    config.sessions_total = 3
    with pytest.raises(Refused):
        RequestContext.check_place(service, OWNER)
    rig.core.remove_session(3, 1.0)
    config.sessions_total = 2
    with pytest.raises(Refused):
        RequestContext.check_place(service, 0)


# --- Memberships ------------------------------------------------------------------------------------------------------


def test_members_added_by_a_user_per_day_are_limited(harness: RequestHarness) -> None:
    harness.service.core.config = CoreConfig(members_per_day=2)
    harness.service.room_keys = SimpleNamespace()

    def invite() -> Any:
        return rooms.invite_user(harness.service, connection_of(), wire.InviteUser(ROOM, 3))

    def leave() -> None:
        harness.writer.transact_now(lambda tx: accounts.remove_member(tx, harness.rig.directory, ROOM, 3))

    for _ in range(2):
        asyncio.run(invite())
        # Who is in it already costs nothing.
        asyncio.run(invite())
        leave()
    assert refusal(invite()) is Code.LIMIT_REACHED
    assert harness.rig.directory.membership(ROOM, 3) is None


# --- Recovery codes ---------------------------------------------------------------------------------------------------


def code_for(harness: RequestHarness, code: str = "12345678") -> None:
    row = recovery.new_recovery(LOG_ID, MEMBER, code, harness.wall)
    harness.writer.transact_now(lambda tx: DirectoryChange(tx.set_recovery(row, MEMBER), _nothing))


def confirm(harness: RequestHarness, password: str = "a new password") -> Any:
    return login.recover_confirm(
        harness.service, connection_of(None), wire.RecoverConfirm("user2", "1234 5678", password)
    )


def test_recovery_code_that_expires_during_the_hash_is_refused(harness: RequestHarness) -> None:
    code_for(harness)

    def late() -> None:
        harness.wall += recovery.CODE_MINUTES * 60_000

    harness.hasher.meanwhile = late
    assert refusal(confirm(harness)) is Code.RECOVERY_INVALID
    assert harness.member.password_hash == ""


def test_recovery_code_used_twice_at_once_sets_one_password(harness: RequestHarness) -> None:
    code_for(harness)
    arrived = asyncio.Event()
    waiting = 0

    async def both() -> list[Any]:
        async def hash_together(password: str) -> str:
            nonlocal waiting
            waiting += 1
            if waiting == 2:
                arrived.set()
            await arrived.wait()
            return password

        harness.hasher.hash = hash_together  # type: ignore[method-assign]
        tries = (confirm(harness, "of the first one"), confirm(harness, "of the second one"))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    answers = asyncio.run(both())
    assert sum(isinstance(answer, wire.Done) for answer in answers) == 1
    assert sum(isinstance(answer, Refused) and answer.code is Code.RECOVERY_INVALID for answer in answers) == 1


@pytest.mark.parametrize(
    ("changes", "sent"),
    [({"email": "new@example.org"}, ["new@example.org"]), ({"disabled": True}, []), ({"email": ""}, [])],
)
def test_recovery_mail_goes_to_the_current_address(
    harness: RequestHarness, changes: dict[str, Any], sent: list[str]
) -> None:
    harness.writer.transact_now(harness.change(email="old@example.org"))
    user = harness.member
    harness.writer.first.append(harness.change(**changes))
    asyncio.run(login._send_code(harness.service, user))
    assert harness.mailer.sent == sent
    assert bool(harness.rig.database.recoveries) is bool(sent)


@pytest.mark.parametrize("name", ["set_profile", "change_password"])
def test_changed_address_or_password_voids_the_recovery_code(harness: RequestHarness, name: str) -> None:
    code_for(harness)
    asyncio.run(CHANGES[name](harness.service))
    assert not harness.rig.database.recoveries


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_page_read_while_the_member_was_removed_is_refused(harness: RequestHarness) -> None:
    harness.while_reading = lambda: harness.writer.transact_now(harness.remove())
    request = wire.History(ROOM, 1, True, 10)
    assert refusal(rooms.history(harness.service, connection_of(), request)) is Code.NOT_FOUND


def test_search_hits_of_a_room_left_meanwhile_are_dropped(
    harness: RequestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    needle = harness.rig.authors[OWNER].message("needle", room=ROOM)
    harness.rig.core.receive(OWNER, wire.Submit([needle]), Transport.TLS, 1.0)
    harness.rig.run_batches(1.0)
    record = harness.rig.database.records[ROOM][0].record
    found = wire.Found([wire.Hit(ROOM, record, [])], [])
    monkeypatch.setattr("lanchat_server.core.relay.pages.search_rooms", lambda *_: found)
    request = wire.Search(0, "needle", 0, 10)
    assert asyncio.run(rooms.search(harness.service, connection_of(), request)).hits
    harness.while_reading = lambda: harness.writer.transact_now(harness.remove())
    assert not asyncio.run(rooms.search(harness.service, connection_of(), request)).hits
