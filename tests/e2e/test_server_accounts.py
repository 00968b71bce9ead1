"""Accounts on a real server process, by wire requests: registration, log-in, devices, passwords, roles."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import open_certificate_untrusted
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal, server_with_admin
from tests.support.waiting import patient


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from server_with_admin(tmp_path_factory.mktemp("server"))


def test_the_first_account_is_administrator_and_the_next_is_not(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, RawClient(server.port) as first, RawClient(server.port) as second:
        assert first.register("anna").user.role is Role.ADMINISTRATOR
        assert second.register("bob").user.role is Role.MEMBER


def test_registration_returns_room_general_and_a_certificate(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        session = client.register("carol", display_name="Carol Ünal")
        body = open_certificate_untrusted(client.welcome.log_key, client.welcome.log_id, session.certificate)
        assert (body.user, body.user_name, body.display_name) == (session.user.id, "carol", "Carol Ünal")
        assert body.device == client.device == session.device
        assert 70 < (body.not_after_ms / 1000 - time.time()) / 3600 < 73
        assert [room.name for room in session.rooms if room.joined] == ["general"]


@pytest.mark.parametrize(
    ("user", "password", "more", "expected"),
    [
        ("ADMIN", "correct horse", {}, Code.NAME_TAKEN),
        ("\u0430dmin", "correct horse", {}, Code.NAME_TAKEN),  # Cyrillic a
        ("adm\u0456n", "correct horse", {}, Code.NAME_TAKEN),  # Ukrainian i
        ("with space", "correct horse", {}, Code.NAME_INVALID),
        ("", "correct horse", {}, Code.NAME_INVALID),
        ("x" * 33, "correct horse", {}, Code.NAME_INVALID),
        ("ev\u202eil", "correct horse", {}, Code.NAME_INVALID),
        ("dave", "short", {}, Code.PASSWORD_INVALID),
        ("dave", "correct horse", {"email": "no address"}, Code.EMAIL_INVALID),
        ("dave", "correct horse", {"display_name": "two\nlines"}, Code.NAME_INVALID),
    ],
)
def test_invalid_registrations_are_refused(
    server: ServerProcess, user: str, password: str, more: dict[str, str], expected: Code
) -> None:
    with RawClient(server.port) as client:
        assert refusal(client.register(user, password, **more)) is expected


def test_wrong_passwords_and_unknown_names_get_the_same_answer(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        wrong = client.log_in("admin", "a guess of somebody")
        unknown = client.log_in("nobody-here", "a guess of somebody")
    assert isinstance(wrong, wire.Failure)
    assert isinstance(unknown, wire.Failure)
    assert (wrong.code, wrong.text) == (unknown.code, unknown.text) == (Code.BAD_CREDENTIALS, wrong.text)


def test_failed_login_keeps_the_connection_open(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        client.register("erin")
    with RawClient(server.port) as client:
        assert refusal(client.log_in("erin", "not this one")) is Code.BAD_CREDENTIALS
        assert isinstance(client.log_in("Erin"), wire.LoggedIn)


def test_password_guesses_are_throttled(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, RawClient(server.port) as client:
        client.register("victim")
        with RawClient(server.port) as guesser:
            codes = [refusal(guesser.log_in("victim", f"guess {i:05}")) for i in range(7)]
        assert codes[:5] == [Code.BAD_CREDENTIALS] * 5
        assert Code.TOO_MANY_TRIES in codes[5:]
        # Her device key is not slowed down by it.
        with RawClient(server.port, key=client.key) as again:
            assert isinstance(again.log_in_by_key(), wire.LoggedIn)


def test_device_key_logs_in_and_a_replayed_signature_does_not(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        client.register("frank")
    with RawClient(server.port, key=client.key) as again:
        assert isinstance(again.log_in_by_key(), wire.LoggedIn)
        proof = again.proof(keys.LOGIN_CONTEXT)
    with RawClient(server.port, key=client.key) as replay:
        replay.hello()
        # A signature over another connection's challenge.
        assert refusal(replay.request(wire.LoginDevice(replay.device, proof))) is Code.BAD_CREDENTIALS
    with RawClient(server.port) as stranger:
        stranger.hello()
        other = wire.LoginDevice(client.device, stranger.proof(keys.LOGIN_CONTEXT))
        assert refusal(stranger.request(other)) is Code.BAD_CREDENTIALS
        assert refusal(stranger.log_in_by_key()) is Code.DEVICE_REVOKED


def test_challenge_is_valid_once(server: ServerProcess) -> None:
    with RawClient(server.port) as client:
        client.hello()
        enrolment = client.enrolment()
        assert (
            refusal(client.request(wire.LoginPassword("admin", "a guess of somebody", enrolment)))
            is Code.BAD_CREDENTIALS
        )
        again = wire.LoginPassword("admin", "correct horse", enrolment)
        assert refusal(client.request(again)) is Code.BAD_REQUEST


def test_revoked_device_is_disconnected_at_once(server: ServerProcess) -> None:
    with RawClient(server.port) as laptop, RawClient(server.port) as phone:
        laptop.register("grace")
        phone.log_in("grace")
        devices = laptop.request(wire.ListDevices()).devices
        assert {device.id for device in devices} == {laptop.device, phone.device}
        assert all(device.online and not device.revoked for device in devices)
        assert isinstance(laptop.request(wire.RevokeDevice(phone.device)), wire.Done)
        goodbye = phone.wait_for(wire.Goodbye)
        assert goodbye.code == Code.DEVICE_REVOKED
        with pytest.raises(EOFError):
            phone.receive()
        with RawClient(server.port, key=phone.key) as again:
            assert refusal(again.log_in_by_key()) is Code.DEVICE_REVOKED
            # Its key is burnt: not even the password enrols it again.
            assert refusal(again.log_in("grace")) is Code.DEVICE_REVOKED
        assert refusal(laptop.request(wire.RevokeDevice(bytes(16)))) is Code.NOT_FOUND


def test_a_new_password_ends_other_sessions(server: ServerProcess) -> None:
    with RawClient(server.port) as here, RawClient(server.port) as there:
        here.register("heidi")
        there.log_in("heidi")
        assert refusal(here.request(wire.ChangePassword("not it at all", "another one"))) is Code.BAD_CREDENTIALS
        assert refusal(here.request(wire.ChangePassword("correct horse", "short"))) is Code.PASSWORD_INVALID
        assert isinstance(here.request(wire.ChangePassword("correct horse", "another one")), wire.Done)
        assert there.wait_for(wire.Goodbye).code == 0
    with RawClient(server.port) as client:
        assert refusal(client.log_in("heidi")) is Code.BAD_CREDENTIALS
        assert isinstance(client.log_in("heidi", "another one"), wire.LoggedIn)


def test_display_name_reaches_other_users_and_the_certificate(server: ServerProcess) -> None:
    with RawClient(server.port) as client, RawClient(server.port) as other:
        other.register("ivan")
        user = client.register("judy").user.id
        assert isinstance(client.request(wire.SetProfile("Judy Ж", "judy@example.org")), wire.Done)
        renewed = client.wait_for(wire.NewCertificate).certificate
        body = open_certificate_untrusted(client.welcome.log_key, client.welcome.log_id, renewed)
        assert body.display_name == "Judy Ж"
        assert client.request(wire.GetProfile()).email == "judy@example.org"
        end = time.monotonic() + patient(5)
        names: set[str] = set()
        while "Judy Ж" not in names and time.monotonic() < end:
            names |= {person.display_name for person in other.wait_for(wire.Users).users if person.id == user}
        assert "Judy Ж" in names


def test_status_and_invites_need_a_role(server: ServerProcess) -> None:
    with RawClient(server.port) as member:
        member.register("mallory")
        assert refusal(member.request(wire.Status())) is Code.NOT_ALLOWED
        assert refusal(member.request(wire.CreateInvite(1, 60))) is Code.NOT_ALLOWED
    with RawClient(server.port) as admin:
        admin.log_in("admin")
        status = wire.status_document(admin.request(wire.Status()))
        assert "admin" in status["users_online"]
        assert {"name", "version", "uptime_s", "rooms", "queues", "database", "counters"} <= set(status)


def test_registration_by_invite_needs_an_unused_code(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('registration = "invite"\n')
    with ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as server:
        with RawClient(server.port) as admin, RawClient(server.port) as guest:
            admin.register("admin")
            invite = admin.request(wire.CreateInvite(1, 3600)).code
            assert refusal(guest.register("guest")) is Code.INVITE_INVALID
            assert refusal(guest.register("guest", invite_code="0000-0000-0000-0000")) is Code.INVITE_INVALID
            assert isinstance(guest.register("guest", invite_code=invite.lower()), wire.LoggedIn)
        with RawClient(server.port) as late:
            assert refusal(late.register("late", invite_code=invite)) is Code.INVITE_INVALID


def test_closed_registration_admits_only_the_first_account(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('registration = "closed"\n')
    with (
        ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as server,
        RawClient(server.port) as admin,
        RawClient(server.port) as guest,
    ):
        assert isinstance(admin.register("admin"), wire.LoggedIn)
        assert refusal(guest.register("guest")) is Code.REGISTRATION_CLOSED


def test_too_many_sessions_of_a_user_are_refused(server: ServerProcess) -> None:
    clients = [RawClient(server.port)]
    try:
        clients[0].register("olivia")
        clients += [RawClient(server.port, key=clients[0].key) for _ in range(5)]
        results = [client.log_in_by_key() for client in clients[1:]]
        assert all(isinstance(result, wire.LoggedIn) for result in results[:4])
        assert refusal(results[4]) is Code.TOO_MANY_SESSIONS
    finally:
        for client in clients:
            client.close()
