"""Requests that wait for the writer behind a change of a membership or password that they depend on."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log.keys import public_octets
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, transact
from lanchat_server.core.refusals import Refused
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.requests import account, login, rooms
from tests.support.rig import LOG_KEY, Rig, make_author

OWNER, MEMBER, NON_MEMBER = 1, 2, 3
ROOM = Rig.PRIVATE


class BusyWriter:
    """Before the job that is submitted, MEMBER is removed and gets another password."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def transact(self, job: Any) -> Any:
        rig = self._rig
        if rig.directory.membership(ROOM, MEMBER) is not None:
            transact(rig.store, lambda tx: accounts.remove_member(tx, rig.directory, ROOM, MEMBER))
            transact(
                rig.store, lambda tx: accounts.update_user(tx, rig.directory, MEMBER, password_hash="of the new one")
            )
        return transact(rig.store, job)


class Keys:
    """Peer keys that take a moment to load, in which MEMBER is removed."""

    def __init__(self, writer: BusyWriter) -> None:
        self._writer = writer

    async def present(self, wanted: list[int]) -> list[wire.RoomKey]:
        await self._writer.transact(lambda tx: DirectoryChange(None, lambda: None))
        return [wire.RoomKey(room, 1, bytes(32), 0) for room in wanted]


@pytest.fixture
def service() -> Any:
    rig = Rig()
    for user in (OWNER, MEMBER):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
    writer = BusyWriter(rig)
    return SimpleNamespace(
        directory=rig.directory,
        core=rig.core,
        writer=writer,
        notices=EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: 0.0),
        room_keys=Keys(writer),
        now=lambda: 0.0,
        wall_ms=lambda: 1000,
        entropy=SYSTEM_ENTROPY,
    )


def connection(user: int) -> Any:
    return SimpleNamespace(user=user, session=user, device=make_author(user).device, password_number=0)


def refusal(request: Any) -> Code:
    with pytest.raises(Refused) as refused:
        asyncio.run(request)
    return Code(refused.value.code)


def test_member_removed_meanwhile_cannot_rejoin(service: Any) -> None:
    assert refusal(rooms.join_room(service, connection(MEMBER), wire.JoinRoom(ROOM))) is Code.NOT_FOUND
    assert service.directory.membership(ROOM, MEMBER) is None


def test_member_removed_meanwhile_cannot_invite(service: Any) -> None:
    request = rooms.invite_user(service, connection(MEMBER), wire.InviteUser(ROOM, NON_MEMBER))
    assert refusal(request) is Code.NOT_FOUND
    assert service.directory.membership(ROOM, NON_MEMBER) is None


def test_member_removed_and_invited_meanwhile_is_notified(service: Any) -> None:
    notified: list[tuple[int, int]] = []
    service.notices.member_joined = lambda room, user: notified.append((room, user))
    asyncio.run(rooms.invite_user(service, connection(OWNER), wire.InviteUser(ROOM, MEMBER)))
    assert service.directory.membership(ROOM, MEMBER) is not None
    assert notified == [(ROOM, MEMBER)]


def test_member_removed_meanwhile_gets_neither_head_nor_key(service: Any) -> None:
    answer = asyncio.run(rooms.subscribe(service, connection(MEMBER), wire.Subscribe([1, ROOM])))
    assert [head.room for head in answer.heads] == [1]
    assert [key.room for key in answer.keys] == [1]


class Hasher:
    """Every password is right."""

    async def verify(self, _password: str, _stored: str) -> bool:
        return True

    async def hash(self, _password: str) -> str:
        return "of his own choice"

    def needs_rehash(self, _stored: str) -> bool:
        return True


class PasswordChangingHasher(Hasher):
    """MEMBER gets another password while the one that was sent is verified."""

    def __init__(self, writer: BusyWriter) -> None:
        self._writer = writer

    async def verify(self, _password: str, _stored: str) -> bool:
        await self._writer.transact(lambda tx: DirectoryChange(None, lambda: None))
        return True

    def needs_rehash(self, _stored: str) -> bool:
        return False


@pytest.fixture
def login_service(service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """For requests with a password: every other check passes."""
    for name in ("_challenge", "_check_enrolment", "_throttle"):
        monkeypatch.setattr(login, name, lambda *_: b"")
    throttle = SimpleNamespace(
        delay=lambda *_: 0.0, failed=lambda *_: None, succeeded=lambda *_: None, seen=lambda *_: None
    )
    service.credentials = SimpleNamespace(hasher=Hasher(), throttle=throttle)
    service.keys = SimpleNamespace(log_key=LOG_KEY)
    service.now = lambda: 1.0
    service.check_place = lambda _user, **_named: None
    return service


def test_login_during_a_password_change_enrols_no_device(login_service: Any) -> None:
    other_author = make_author(9)
    enrolment = wire.Enrolment(public_octets(other_author.key), "stolen", bytes(64))
    client = SimpleNamespace(user=None, session=9, address="10.0.0.9")
    request = login.login_password(login_service, client, wire.LoginPassword("user2", "the old one", enrolment))  # type: ignore[arg-type]
    assert refusal(request) is Code.BUSY
    assert other_author.device not in login_service.directory.devices
    assert login_service.directory.users[MEMBER].password_hash == "of the new one"


def test_login_on_own_device_during_a_password_change_is_refused(login_service: Any) -> None:
    mine = make_author(MEMBER)
    login_service.certificate_is_fresh = lambda _device: True
    login_service.credentials.hasher = PasswordChangingHasher(login_service.writer)
    enrolment = wire.Enrolment(public_octets(mine.key), "mine", bytes(64))
    client = SimpleNamespace(user=None, session=9, address="10.0.0.9")
    request = login.login_password(login_service, client, wire.LoginPassword("user2", "the old one", enrolment))  # type: ignore[arg-type]
    assert mine.device in login_service.directory.devices
    assert refusal(request) is Code.BUSY


def test_simultaneous_password_change_is_refused(login_service: Any) -> None:
    client = connection(MEMBER)
    client.address = "10.0.0.9"
    change = wire.ChangePassword("the old one", "what I would like to have", False)
    assert refusal(account.change_password(login_service, client, change)) is Code.BUSY  # type: ignore[arg-type]
    assert login_service.directory.users[MEMBER].password_hash == "of the new one"
