"""A lost device that is logged in: what its finder cannot change, and how the owner revokes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role, RoomKind
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal, server_with_admin

NEW = "battery staple"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from server_with_admin(tmp_path_factory.mktemp("server"))


def finder_of(server: ServerProcess, lost: RawClient) -> RawClient:
    """A session with the key of this device."""
    finder = RawClient(server.port, key=lost.key)
    assert isinstance(finder.log_in_by_key(), wire.LoggedIn)
    return finder


def test_address_and_other_devices_need_the_password(server: ServerProcess) -> None:
    with RawClient(server.port) as lost, RawClient(server.port) as desk:
        lost.register("paula", email="paula@example.org")
        desk.log_in("paula")
        with finder_of(server, lost) as finder:
            for password, answer in (("", Code.PASSWORD_NEEDED), ("not the password", Code.BAD_CREDENTIALS)):
                change = wire.SetProfile(None, "finder@example.org", password)
                assert refusal(finder.request(change)) is answer
                assert refusal(finder.request(wire.RevokeDevice(desk.device, password))) is answer
                # Nothing is learnt of a device that does not exist.
                assert refusal(finder.request(wire.RevokeDevice(bytes(16), password))) is answer
            assert finder.request(wire.GetProfile()).email == "paula@example.org"
            assert finder.request(wire.SetProfile("Paula", None)) == wire.Done()
            right = wire.SetProfile(None, "new@example.org", "correct horse")
            assert finder.request(right) == wire.Done()
            assert finder.request(wire.RevokeDevice(desk.device, "correct horse")) == wire.Done()


def test_password_login_replaces_a_session_when_all_are_in_use(server: ServerProcess) -> None:
    with RawClient(server.port) as lost:
        lost.register("quentin")
        finders = [finder_of(server, lost) for _ in range(4)]
        with RawClient(server.port, key=lost.key) as sixth:
            assert refusal(sixth.log_in_by_key()) is Code.TOO_MANY_SESSIONS
        with RawClient(server.port) as owner:
            assert isinstance(owner.log_in("quentin"), wire.LoggedIn)
            assert lost.wait_for(wire.Goodbye).code == Code.TOO_MANY_SESSIONS
            # Without the password again, as the log-in was just now.
            assert owner.request(wire.RevokeDevice(lost.device)) == wire.Done()
            for finder in finders:
                assert finder.wait_for(wire.Goodbye).code == Code.DEVICE_REVOKED
                finder.close()


def test_change_password_revokes_other_devices_on_request(server: ServerProcess) -> None:
    with RawClient(server.port) as lost, RawClient(server.port) as owner:
        lost.register("rachel")
        owner.log_in("rachel")
        assert owner.request(wire.ChangePassword("correct horse", NEW, revoke_others=True)) == wire.Done()
        assert owner.request(wire.SetProfile("Rachel", None)) == wire.Done()
        with RawClient(server.port, key=lost.key) as finder:
            assert refusal(finder.log_in_by_key()) is Code.DEVICE_REVOKED


def test_administrator_lists_and_revokes_devices_of_any_user(server: ServerProcess) -> None:
    with RawClient(server.port) as lost, RawClient(server.port) as admin:
        user = lost.register("sybil").user.id
        admin.log_in("admin")
        assert refusal(lost.request(wire.ListDevices(user=admin.user_id))) is Code.NOT_ALLOWED
        assert refusal(lost.request(wire.RevokeDevice(admin.device))) is Code.NOT_FOUND
        assert [device.id for device in admin.request(wire.ListDevices(user=user)).devices] == [lost.device]
        assert admin.request(wire.RevokeDevice(lost.device)) == wire.Done()
        assert lost.wait_for(wire.Goodbye).code == Code.DEVICE_REVOKED


def test_name_conflict_does_not_reveal_private_rooms(server: ServerProcess) -> None:
    with RawClient(server.port) as owner, RawClient(server.port) as other:
        owner.register("trent")
        other.register("ursula")
        create = wire.CreateRoom("Mergers", RoomKind.PRIVATE, wire.HistoryPolicy.EVERYTHING)
        assert isinstance(owner.request(create), wire.RoomResult)
        assert refusal(owner.request(create)) is Code.NAME_TAKEN
        assert isinstance(other.request(create), wire.RoomResult)
        public = wire.CreateRoom("mergers", RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING)
        with RawClient(server.port) as third:
            third.register("victor")
            assert isinstance(third.request(public), wire.RoomResult)
            assert refusal(third.request(public)) is Code.NAME_TAKEN


def test_registration_codes_are_listed_and_voided(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('registration = "invite"\n')
    with (
        ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as server,
        RawClient(server.port) as admin,
        RawClient(server.port) as guest,
        RawClient(server.port) as late,
    ):
        assert admin.register("admin").user.role is Role.ADMINISTRATOR
        kept, gone = (admin.request(wire.CreateInvite(1, 3600)).code for _ in range(2))
        listed = admin.request(wire.ListInvites()).invites
        assert [(one.creator, one.uses_left) for one in listed] == [(admin.user_id, 1)] * 2
        ends = {one.id for one in listed}
        for one in listed:
            assert admin.request(wire.VoidInvite(one.id)) == wire.Done()
            assert refusal(admin.request(wire.VoidInvite(one.id))) is Code.NOT_FOUND
        assert len(ends) == 2
        assert admin.request(wire.ListInvites()).invites == []
        assert refusal(guest.register("guest", invite_code=kept)) is Code.INVITE_INVALID
        assert refusal(late.register("late", invite_code=gone)) is Code.INVITE_INVALID
