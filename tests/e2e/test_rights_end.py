"""Withdrawn rights on a real server: codes end with password and role, queued requests with the device; a display name
that two users have is shown with the user name.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from tests.support.procs import ServerProcess, run_client
from tests.support.raw import RawClient, refusal

PASSWORD, NEW = "correct horse", "battery staple"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "server.toml"
    config.write_text('registration = "invite"\n')
    with ServerProcess(folder / "data", host="127.0.0.1", extra=["--config", str(config)]) as process:
        with RawClient(process.port) as admin:
            assert isinstance(admin.register("admin"), wire.LoggedIn)
        yield process


def users_command(server: ServerProcess, *args: str) -> dict[str, str]:
    """The row that a command `lanchat-server users …` prints."""
    argv = [sys.executable, "-m", "lanchat_server", "--data-dir", str(server.data_dir), "users", *args, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    answer: dict[str, str] = json.loads(done.stdout.splitlines()[0])
    return answer


def register(server: ServerProcess, client: RawClient, name: str) -> int:
    code = users_command(server, "invite-code")["code"]
    user: int = client.register(name, invite_code=code).user.id
    return user


@pytest.mark.parametrize("how", ["disable", "set-role"])
def test_invite_codes_end_with_the_moderators_role(server: ServerProcess, how: str) -> None:
    name = f"moderator-{how}"
    with RawClient(server.port) as moderator, RawClient(server.port) as guest, RawClient(server.port) as late:
        register(server, moderator, name)
        users_command(server, "set-role", name, "moderator")
        code = moderator.request(wire.CreateInvite(5, 3600)).code
        assert isinstance(guest.register(f"guest-{how}", invite_code=code), wire.LoggedIn)
        users_command(server, how, name, *(["member"] if how == "set-role" else []))
        assert refusal(late.register(f"late-{how}", invite_code=code)) is Code.INVITE_INVALID


def test_revoking_a_device_voids_the_accounts_invite_codes(server: ServerProcess) -> None:
    """The finder of a revoked device may have made codes; a log-out voids none."""
    with RawClient(server.port) as lost, RawClient(server.port) as owner, RawClient(server.port) as desk:
        register(server, lost, "xenia")
        users_command(server, "set-role", "xenia", "moderator")
        desk.log_in("xenia")
        kept = lost.request(wire.CreateInvite(5, 3600)).code
        assert desk.request(wire.Logout()) == wire.Done()
        with RawClient(server.port) as guest:
            assert isinstance(guest.register("guest-of-xenia", invite_code=kept), wire.LoggedIn)
        owner.log_in("xenia")
        assert owner.request(wire.RevokeDevice(lost.device)) == wire.Done()
        assert owner.request(wire.ListInvites()).invites == []
        with RawClient(server.port) as accomplice:
            assert refusal(accomplice.register("accomplice", invite_code=kept)) is Code.INVITE_INVALID


def test_password_change_voids_recovery_codes(server: ServerProcess) -> None:
    with RawClient(server.port) as owner, RawClient(server.port) as finder:
        register(server, owner, "walter")
        code = users_command(server, "reset-password", "walter")["code"]
        assert owner.request(wire.ChangePassword(PASSWORD, NEW)) == wire.Done()
        finder.hello()
        assert refusal(finder.request(wire.RecoverConfirm("walter", code, "of the finder"))) is Code.RECOVERY_INVALID
        with RawClient(server.port) as again:
            assert isinstance(again.log_in("walter", NEW), wire.LoggedIn)


def test_queued_requests_are_dropped_after_device_revocation(server: ServerProcess) -> None:
    with RawClient(server.port) as lost, RawClient(server.port) as owner, RawClient(server.port) as accomplice:
        register(server, lost, "yvonne")
        friend = register(server, accomplice, "zoe")
        owner.log_in("yvonne")
        created = owner.request(wire.CreateRoom("secret", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING))
        room = created.room.id
        for number in range(40):
            wanted = wire.InviteUser(room, friend) if number % 2 else wire.SetProfile(f"Yvonne {number}")
            lost.send(wire.Request(1000 + number, wanted))
        assert owner.request(wire.RevokeDevice(lost.device)) == wire.Done()

        def seen() -> tuple[list[int], str]:
            return owner.request(wire.ListMembers(room)).members, owner.request(wire.GetProfile()).user.display_name

        before = seen()
        # It passes the writer behind everything that was handed in.
        assert owner.request(wire.Renew()) == wire.Done()
        assert seen() == before
        assert lost.wait_for(wire.Goodbye).code == Code.DEVICE_REVOKED


def test_duplicate_display_name_is_shown_with_the_user_name(server: ServerProcess, tmp_path: Path) -> None:
    address = f"127.0.0.1:{server.port}"
    with RawClient(server.port) as anna, RawClient(server.port) as mallory:
        register(server, anna, "anna")
        assert anna.request(wire.SetProfile("Anna Lind")) == wire.Done()
        register(server, mallory, "mallory")
        assert mallory.request(wire.SetProfile("Anna Lind")) == wire.Done()
        general = mallory.request(wire.ListRooms()).rooms[0].id
        mallory.say(general, "pay to my new account")
        environment = {"LANCHAT_PASSWORD": PASSWORD}
        code = users_command(server, "invite-code")["code"]
        arguments = ["register", "--user", "reader", "--server", address, "--accept-new", "--invite-code", code]
        assert run_client(arguments, tmp_path, env=environment).returncode == 0

        def said(*args: str) -> str:
            done = run_client(["--server", address, *args], tmp_path, env=environment)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "mallory (Anna Lind)" in said("online")
        for command in (["history", "general"], ["search", "account"], ["export", "general", "-"]):
            line = next(line for line in said(*command).splitlines() if "pay to my new account" in line)
            assert "mallory" in line
            assert "Anna Lind:" not in line
