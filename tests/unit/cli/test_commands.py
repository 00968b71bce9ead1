"""The client's commands against a scripted network: what they request and print, and their exit codes."""

import io
import json
import sys
from pathlib import Path

import msgspec
import pytest

from lanchat.app import api
from lanchat.protocol.codes import Code, HistoryPolicy, Registration, Setup
from lanchat.terminal import prompts
from tests.support.fake_client import (
    ACCOUNT,
    FINGERPRINT,
    GENERAL,
    KITCHEN,
    SERVER,
    FakeClient,
    fake,
    line,
    refusal,
    rows,
    run,
    unknown_profile,
)

NEW_SERVER = msgspec.structs.replace(SERVER, trust=api.Trust.NEW)


@pytest.fixture(autouse=True)
def no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal and no password, unless a test gives one."""
    monkeypatch.delenv("LANCHAT_PASSWORD", raising=False)
    monkeypatch.delenv("LANCHAT_NEW_PASSWORD", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers of a user at a terminal, in order; passwords too."""
    answers: list[str] = []

    async def ask(question: str) -> str:
        return answers.pop(0)

    monkeypatch.setattr(prompts, "has_terminal", lambda: True)
    monkeypatch.setattr("lanchat.cli.session.has_terminal", lambda: True)
    monkeypatch.setattr(prompts, "ask", ask)
    monkeypatch.setattr(prompts.getpass, "getpass", lambda question: answers.pop(0))
    return answers


# --- Exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refusal(api.ErrorKind.NO_SERVER), 3),
        (refusal(api.ErrorKind.OFFLINE), 3),
        (refusal(api.ErrorKind.REFUSED, code=Code.BAD_CREDENTIALS), 4),
        (refusal(api.ErrorKind.REFUSED, code=Code.NOT_ALLOWED), 4),
        (refusal(api.ErrorKind.INVALID, code=Code.NAME_TAKEN), 4),
        (refusal(api.ErrorKind.INVALID, code=Code.PASSWORD_INVALID), 1),
        (refusal(api.ErrorKind.REFUSED, code=Code.UNAVAILABLE), 1),
        (refusal(api.ErrorKind.IDENTITY), 5),
        (refusal(api.ErrorKind.TIMEOUT), 1),
        (refusal(api.ErrorKind.LOCAL), 1),
        (refusal(api.ErrorKind.INVALID), 1),
    ],
)
def test_each_error_kind_has_its_exit_code_and_one_line(
    error: api.CommandError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    client = fake({api.ConnectCommand: error})
    assert run(client, "online", "--json") == code
    assert capsys.readouterr() == ("", "lanchat: no\n")
    assert client.closed == 1


def test_error_of_several_lines_is_printed_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    run(fake({api.ConnectCommand: refusal(api.ErrorKind.LOCAL, "disk\nfull")}), "online")
    assert capsys.readouterr().err == "lanchat: disk full\n"


def test_broken_pipe_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys.stdout, "write", broken)
    client = fake()
    assert run(client, "rooms") == 0
    assert client.closed == 1
    assert capsys.readouterr().err == ""


def test_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.stdout, "write", full)
    assert run(fake(), "rooms") == 1
    assert capsys.readouterr().err == "lanchat: No space left on device\n"


# --- Connecting -------------------------------------------------------------------------------------------------------


def test_common_options_work_before_and_after_the_command() -> None:
    common = ["--server", "h:1", "--fingerprint", FINGERPRINT, "--accept-new", "--timeout", "3"]
    for argv in ([*common, "online"], ["online", *common], [*common[:2], "online", *common[2:]]):
        client = fake({api.ConnectCommand: SERVER})
        assert run(client, *argv) == 0
        (connect,) = client.commands(api.ConnectCommand)
        assert connect.address == "h:1"
        assert (connect.fingerprint, connect.accept_new) == (FINGERPRINT, True)
        assert 2.0 < connect.timeout <= 3.0


def test_new_server_without_a_terminal_is_not_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake({api.ConnectCommand: NEW_SERVER})
    assert run(client, "online") == 5
    printed = capsys.readouterr().err
    assert FINGERPRINT in printed
    assert "--accept-new" in printed
    assert printed.count("\n") == 1
    assert not client.commands(api.AcceptIdentityCommand)
    assert not client.commands(api.GetOfferCommand)


def test_user_accepts_a_new_server_by_its_words(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    typed.append("yes")
    client = fake({api.ConnectCommand: NEW_SERVER, api.AcceptIdentityCommand: None})
    assert run(client, "online") == 0
    assert client.commands(api.AcceptIdentityCommand) == [api.AcceptIdentityCommand(FINGERPRINT)]
    assert "one two three" in capsys.readouterr().err


def test_user_declines_a_new_server(typed: list[str]) -> None:
    typed.append("")
    client = fake({api.ConnectCommand: NEW_SERVER})
    assert run(client, "online") == 5
    assert not client.commands(api.GetOfferCommand)


def test_command_without_account_is_refused_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake(unknown_profile())
    assert run(client, "send", "general", "hi") == 4
    assert "lanchat login" in capsys.readouterr().err
    assert not client.commands(api.SendCommand)


def test_user_and_password_log_in_for_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "pass word")
    client = fake(unknown_profile() | {api.LoginCommand: ACCOUNT})
    assert run(client, "--user", "anna", "online") == 0
    assert client.commands(api.LoginCommand) == [api.LoginCommand("anna", "pass word", remember=False)]


def test_user_other_than_the_profile_owner_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake()
    assert run(client, "--user", "boris", "online") == 4
    assert "anna" in capsys.readouterr().err
    assert run(fake(), "--user", "ANNA", "online") == 0


# --- Passwords and accounts ------------------------------------------------------------------------------------------


def test_missing_password_without_terminal_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake(unknown_profile())
    assert run(client, "register", "--user", "anna") == 2
    assert client.asked == []
    printed = capsys.readouterr().err
    assert "--password-file" in printed
    assert printed.count("\n") == 1


def test_register_prints_user_and_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "password"
    file.write_text("long enough\r\nnot this\n")
    client = fake(unknown_profile() | {api.RegisterCommand: ACCOUNT})
    argv = ["register", "--user", "anna", "--email", "a@b", "--display-name", "Anna P", "--password-file", str(file)]
    assert run(client, *argv, "--json") == 0
    assert client.commands(api.RegisterCommand) == [api.RegisterCommand("anna", "long enough", "a@b", "Anna P")]
    (row,) = rows(capsys.readouterr().out)
    assert row == {
        "user": "anna",
        "display_name": "Anna P",
        "role": "administrator",
        "server": "Office",
        "fingerprint": FINGERPRINT,
    }


def test_new_password_is_typed_twice(typed: list[str]) -> None:
    typed += ["first one", "another", "third time", "third time"]
    client = fake(unknown_profile() | {api.RegisterCommand: ACCOUNT})
    assert run(client, "register", "--user", "anna") == 0
    assert client.commands(api.RegisterCommand)[0].password == "third time"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_password_file_without_password_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    assert run(fake(), "register", "--user", "anna", "--password-file", str(file)) == 2
    assert run(fake(), "register", "--user", "anna", "--password-file", str(tmp_path / "none")) == 2


def test_remote_first_account_requires_the_setup_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "long enough")
    offer = api.ServerOffer(SERVER, Registration.CLOSED, False, "", Setup.CODE)
    client = fake({api.GetOfferCommand: offer, api.RegisterCommand: ACCOUNT})
    assert run(client, "register", "--user", "anna") == 4
    assert "--setup-code" in capsys.readouterr().err
    assert not client.commands(api.RegisterCommand)
    assert run(client, "register", "--user", "anna", "--setup-code", "ab cd") == 0
    assert client.commands(api.RegisterCommand)[0].setup_code == "ab cd"


@pytest.mark.parametrize("command", ["register", "login", "recover"])
def test_user_option_is_required(command: str) -> None:
    assert run(fake(), command) == 2


def test_login_enrols_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "pass word")
    client = fake(unknown_profile() | {api.LoginCommand: ACCOUNT})
    assert run(client, "login", "--user", "anna") == 0
    assert client.commands(api.LoginCommand) == [api.LoginCommand("anna", "pass word", remember=True)]


def test_login_of_an_enrolled_profile_needs_no_password() -> None:
    client = fake()
    assert run(client, "login", "--user", "anna") == 0
    assert not client.commands(api.LoginCommand)


def test_login_replaces_a_revoked_device_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "pass word")
    revoked = refusal(api.ErrorKind.REFUSED, code=Code.DEVICE_REVOKED)
    client = fake({api.WaitLiveCommand: revoked, api.LoginCommand: ACCOUNT})
    assert run(client, "login", "--user", "anna") == 0
    assert len(client.commands(api.LoginCommand)) == 1


def test_logout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake({api.LogoutCommand: None}), "logout", "--json") == 0
    assert rows(capsys.readouterr().out) == [{"user": "anna", "logged_out": True}]
    assert run(fake(unknown_profile()), "logout") == 4


def test_recover_requests_a_code_and_then_sets_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake({api.RecoverCommand: None})
    assert run(client, "recover", "--user", "anna") == 0
    assert client.commands(api.RecoverCommand) == [api.RecoverCommand("anna")]
    monkeypatch.setenv("LANCHAT_PASSWORD", "brand new")
    client = fake({api.RecoverConfirmCommand: None})
    assert run(client, "recover", "--user", "anna", "--code", "123") == 0
    assert client.commands(api.RecoverConfirmCommand) == [api.RecoverConfirmCommand("anna", "123", "brand new")]


def test_recover_on_a_server_without_mail_fails(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake({api.GetOfferCommand: api.ServerOffer(SERVER, Registration.OPEN, False, "")})
    assert run(client, "recover", "--user", "anna") == 1
    assert "administrator" in capsys.readouterr().err


def test_password_command_takes_old_and_new_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "old one")
    client = fake({api.ChangePasswordCommand: None})
    assert run(client, "password") == 2
    assert "--new-password-file or LANCHAT_NEW_PASSWORD" in capsys.readouterr().err
    assert client.asked == []
    new = tmp_path / "new"
    new.write_text("new one")
    assert run(client, "password", "--new-password-file", str(new)) == 0
    assert client.commands(api.ChangePasswordCommand) == [api.ChangePasswordCommand("old one", "new one")]


def test_devices_are_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    device = api.DeviceInfo(bytes(range(16)).hex(), "laptop", 1.0, 0.0, False, True)
    assert run(fake({api.ListDevicesCommand: [device]}), "devices", "--json") == 0
    assert rows(capsys.readouterr().out) == [
        {
            "id": bytes(range(16)).hex(),
            "name": "laptop",
            "created_at": "1970-01-01T00:00:01.000Z",
            "last_seen": None,
            "revoked": False,
            "online": True,
        }
    ]
    client = fake({api.RevokeDeviceCommand: None})
    assert run(client, "--json", "devices", "revoke", "00010203", "--user", "anna") == 0
    assert client.commands(api.RevokeDeviceCommand) == [api.RevokeDeviceCommand("00010203")]


def test_revoking_a_device_sends_the_password_if_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "correct horse")
    client = fake({api.RevokeDeviceCommand: refusal(api.ErrorKind.REFUSED, code=Code.PASSWORD_NEEDED)})
    assert run(client, "devices", "revoke", "00010203", "--user", "anna") != 0
    assert client.commands(api.RevokeDeviceCommand) == [
        api.RevokeDeviceCommand("00010203"),
        api.RevokeDeviceCommand("00010203", "correct horse"),
    ]


def test_registration_codes_are_listed_and_voided(capsys: pytest.CaptureFixture[str]) -> None:
    invite = api.RegistrationCode(bytes(range(16)).hex(), 7, 3, 2.0)
    assert run(fake({api.ListInvitesCommand: [invite]}), "invite-codes", "--json") == 0
    (row,) = rows(capsys.readouterr().out)
    assert (row["id"], row["uses_left"], row["creator"]) == (bytes(range(16)).hex(), 3, 7)
    client = fake({api.VoidInviteCommand: None})
    assert run(client, "invite-codes", "void", "00010203") == 0
    assert client.commands(api.VoidInviteCommand) == [api.VoidInviteCommand("00010203")]


# --- Rooms and people -------------------------------------------------------------------------------------------------


def test_rooms_are_listed_with_the_names_that_commands_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake(), "rooms", "--json") == 0
    found = rows(capsys.readouterr().out)
    assert [room["room"] for room in found] == ["general", "@boris", "kitchen"]
    assert found[0] == {
        "room": "general",
        "title": "general",
        "kind": "public",
        "joined": True,
        "members": 2,
        "head": 3,
        "unread": 1,
    }
    assert run(fake(), "rooms") == 0
    assert capsys.readouterr().out.splitlines()[0] == "general  public, 2 members, 1 unread"


def test_rooms_are_listed_from_the_profile_while_disconnected(capsys: pytest.CaptureFixture[str]) -> None:
    away = {api.ConnectCommand: refusal(api.ErrorKind.NO_SERVER)}
    assert run(fake(away), "rooms") == 0
    assert "away" in capsys.readouterr().err
    assert run(fake(away | {api.ListRoomsCommand: []}), "rooms") == 3
    assert run(fake(away | {api.ListRoomsCommand: refusal(api.ErrorKind.OFFLINE)}), "rooms") == 3


def test_rooms_are_created_joined_and_left() -> None:
    client = fake({api.CreateRoomCommand: GENERAL, api.JoinRoomCommand: KITCHEN, api.LeaveRoomCommand: None})
    assert run(client, "create-room", "tea", "--private", "--since-joining") == 0
    assert client.commands(api.CreateRoomCommand) == [api.CreateRoomCommand("tea", True, HistoryPolicy.SINCE_JOINING)]
    assert run(client, "join", "kitchen") == 0
    assert run(client, "join", "general") == 0
    assert client.commands(api.JoinRoomCommand) == [api.JoinRoomCommand(8)]
    assert run(client, "leave", "general") == 0
    assert client.commands(api.LeaveRoomCommand) == [api.LeaveRoomCommand(7)]
    assert run(client, "leave", "kitchen") == 4
    assert run(client, "join", "nowhere") == 1


def test_users_are_invited_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake({api.InviteUserCommand: None, api.RemoveUserCommand: None})
    assert run(client, "invite", "general", "@boris", "--json") == 0
    assert run(client, "remove", "general", "boris", "--json") == 0
    assert client.commands(api.InviteUserCommand) == [api.InviteUserCommand(7, "boris")]
    assert client.commands(api.RemoveUserCommand) == [api.RemoveUserCommand(7, "boris")]
    assert [row["member"] for row in rows(capsys.readouterr().out)] == [True, False]


def test_online_lists_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake(), "online", "--json") == 0
    assert rows(capsys.readouterr().out) == [
        {"user": "anna", "display_name": "Anna P", "state": "online", "last_seen": "2023-11-14T22:13:20.500Z"}
    ]
    assert run(fake(), "online", "--all") == 0
    assert capsys.readouterr().out == "anna (Anna P)  online\nboris  offline\n"


# --- Messages -------------------------------------------------------------------------------------------------------


def test_send_ends_when_the_message_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake()
    assert run(client, "send", "general", "hi", "--reply-to", "5", "--json") == 0
    assert client.commands(api.SendCommand) == [api.SendCommand(7, "hi", 5)]
    assert rows(capsys.readouterr().out) == [{"id": "idhi", "room": "general", "seq": 12}]


def test_send_to_a_user(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake()
    assert run(client, "send", "@boris", "hi", "--json") == 0
    assert client.commands(api.SendCommand) == [api.SendCommand(9, "hi")]
    assert rows(capsys.readouterr().out)[0]["room"] == "@boris"


@pytest.mark.parametrize(
    ("argv", "text"),
    [(["-"], "from stdin\nzwei"), (["--", "-x"], "-x"), (["-5"], "-5"), (["- a"], "- a"), (["--", "--json"], "--json")],
)
def test_texts_that_resemble_options_are_sent(monkeypatch: pytest.MonkeyPatch, argv: list[str], text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from stdin\nzwei\n"))
    client = fake()
    assert run(client, "send", "general", *argv) == 0
    assert [command.text for command in client.commands(api.SendCommand)] == [text]


def test_undecodable_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\xff"), encoding="utf-8"))
    client = fake()
    assert run(client, "send", "general", "-") == 1
    assert client.asked == []
    assert "UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [api.ErrorKind.TIMEOUT, api.ErrorKind.OFFLINE])
def test_message_not_stored_in_time_exits_with_6(kind: api.ErrorKind, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = {api.WaitDecidedCommand: refusal(kind)}
    assert run(fake(waiting), "send", "general", "hi", "--json") == 6
    assert capsys.readouterr().out == ""
    assert run(fake(waiting), "send", "general", "hi", "--json", "--allow-pending") == 0
    assert rows(capsys.readouterr().out) == [{"id": "idhi", "room": "general", "stored": False}]


def test_refused_message_exits_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    refused = {api.WaitDecidedCommand: refusal(api.ErrorKind.REFUSED, "not a member", Code.NOT_A_MEMBER)}
    assert run(fake(refused), "send", "general", "hi", "--allow-pending") == 4
    assert capsys.readouterr().err == "lanchat: not a member\n"


def test_message_sent_while_disconnected_is_kept() -> None:
    away = {
        api.ConnectCommand: refusal(api.ErrorKind.NO_SERVER),
        api.WaitDecidedCommand: refusal(api.ErrorKind.TIMEOUT),
    }
    client = fake(away)
    assert run(client, "send", "general", "hi", "--timeout", "0.5") == 6
    assert client.commands(api.SendCommand) == [api.SendCommand(7, "hi")]
    assert run(fake(away), "send", "general", "hi", "--allow-pending") == 0
    new_profile = fake(away | {api.ListRoomsCommand: []})
    assert run(new_profile, "send", "general", "hi", "--allow-pending") == 3
    assert not new_profile.commands(api.SendCommand)


def test_changed_identity_blocks_sending() -> None:
    client = fake({api.ConnectCommand: refusal(api.ErrorKind.IDENTITY)})
    assert run(client, "send", "general", "hi", "--allow-pending") == 5
    assert not client.commands(api.SendCommand)


def test_edit_delete_and_react_send_their_commands(capsys: pytest.CaptureFixture[str]) -> None:
    client = fake({api.EditCommand: "e", api.DeleteCommand: "d", api.ReactCommand: "r"})
    assert run(client, "edit", "general", "3", "new", "--json") == 0
    assert run(client, "delete", "general", "3", "--json") == 0
    assert run(client, "react", "general", "3", "👍", "--remove", "--json") == 0
    assert client.commands(api.EditCommand) == [api.EditCommand(7, 3, "new")]
    assert client.commands(api.DeleteCommand) == [api.DeleteCommand(7, 3)]
    assert client.commands(api.ReactCommand) == [api.ReactCommand(7, 3, "👍", remove=True)]
    assert rows(capsys.readouterr().out) == [
        {"id": id, "room": "general", "seq": 12, "target": 3} for id in ("e", "d", "r")
    ]


def test_search_continues_until_the_limit_is_reached(capsys: pytest.CaptureFixture[str]) -> None:
    """The server and the local copy return at most 50, whatever the limit is."""

    def found(command: api.SearchCommand) -> list[api.Line]:
        top = min(command.before or 121, 121) - 1
        return [line(seq, "apple") for seq in range(top, max(top - min(command.limit, 50), 0), -1)]

    for limit, first in ((120, 1), (500, 1), (70, 51)):
        arguments = ("history", "general", "--search", "apple", "--limit", str(limit), "--json")
        assert run(fake({api.SearchCommand: found}), *arguments) == 0
        assert [row["seq"] for row in rows(capsys.readouterr().out)] == list(range(first, 121))


def test_history_prints_all_fields_of_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        line(1, "one", edited=True, reactions=(api.Reaction("👍", (1, 2)), api.Reaction("🎉", (99,)))),
        line(2, "gone", deleted=True),
        line(3, "three", reply_to=1),
        line(None, "four"),
    ]
    assert run(fake({api.LoadLinesCommand: lines}), "history", "general", "--json") == 0
    found = rows(capsys.readouterr().out)
    assert found[0] == {
        "room": "general",
        "seq": 1,
        "id": "id1",
        "author": "boris",
        "text": "one",
        "sent_at": "2023-11-14T22:13:20.123Z",
        "stored_at": "2023-11-14T22:13:21.000Z",
        "stored": True,
        "edited": True,
        "deleted": False,
        "reactions": {"👍": ["anna", "boris"], "🎉": ["#99"]},
        "reply_to": None,
    }
    assert [(row["seq"], row["stored"], row["deleted"], row["reply_to"]) for row in found[1:]] == [
        (2, True, True, None),
        (3, True, False, 1),
        (None, False, False, None),
    ]
    assert found[1]["text"] == ""


def pages(stored: int) -> FakeClient:
    """A room with so many messages."""

    def load(command: api.LoadLinesCommand) -> list[api.Line]:
        last = command.before - 1 if command.before else stored
        return [line(seq) for seq in range(max(1, last - command.limit + 1), last + 1)]

    return fake({api.LoadLinesCommand: load})


@pytest.mark.parametrize(
    ("argv", "first", "last"),
    [
        (["--limit", "3"], 448, 450),
        (["--limit", "430"], 21, 450),
        (["--limit", "1000"], 1, 450),
        (["--limit", "2", "--before", "10"], 8, 9),
        ([], 401, 450),
    ],
)
def test_history_reads_page_by_page(argv: list[str], first: int, last: int, capsys: pytest.CaptureFixture[str]) -> None:
    client = pages(450)
    assert run(client, "history", "general", "--json", *argv) == 0
    assert [row["seq"] for row in rows(capsys.readouterr().out)] == list(range(first, last + 1))
    assert all(command.limit <= 200 for command in client.commands(api.LoadLinesCommand))


def test_search_shows_the_oldest_first(capsys: pytest.CaptureFixture[str]) -> None:
    def search(command: api.SearchCommand) -> list[api.Line]:
        below = command.before or 500
        return [line(seq) for seq in range(below - 1, 0, -1)][: command.limit]

    client = fake({api.SearchCommand: search})
    assert run(client, "history", "general", "--search", "two words", "--limit", "250", "--json") == 0
    assert [row["seq"] for row in rows(capsys.readouterr().out)] == list(range(250, 500))
    assert client.commands(api.SearchCommand)[0] == api.SearchCommand(7, "two words", 0, 200)
    assert client.commands(api.SearchCommand)[1] == api.SearchCommand(7, "two words", 300, 50)


def test_receipts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    members = [api.MemberReceipt(2, "boris", "Boris", True, False), api.MemberReceipt(3, "vera", "Vera", False, False)]
    assert run(fake({api.ReceiptsCommand: members}), "receipts", "general", "3", "--json") == 0
    assert rows(capsys.readouterr().out) == [
        {"user": "boris", "display_name": "Boris", "received": True, "read": False},
        {"user": "vera", "display_name": "Vera", "received": False, "read": False},
    ]
    assert run(fake({api.ReceiptsCommand: members}), "receipts", "general", "3") == 0
    assert capsys.readouterr().out == "boris  received\nvera  not received\n"


# --- Export -----------------------------------------------------------------------------------------------------------


def archive(stored: int, missing: int = 0) -> FakeClient:
    """A room of so many messages, of which one number is not a message of its own."""

    def load(command: api.LoadLinesFromCommand) -> list[api.Line]:
        found = [line(seq, f"text {seq}") for seq in range(command.first, stored + 1) if seq != missing]
        return found[: command.limit]

    return fake({api.LoadLinesFromCommand: load})


def test_export_writes_all_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "room.JSONL"
    assert run(archive(450, missing=200), "export", "general", str(file), "--json") == 0
    found = [json.loads(item) for item in file.read_text(encoding="utf-8").splitlines()]
    assert [row["seq"] for row in found] == [seq for seq in range(1, 451) if seq != 200]
    assert set(found[0]) >= {"edited", "deleted", "reactions", "reply_to"}
    assert rows(capsys.readouterr().out) == [{"room": "general", "file": str(file), "messages": 449}]


def test_export_writes_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "room.txt"
    assert run(archive(2), "export", "general", str(file)) == 0
    assert [item.partition("#")[2] for item in file.read_text().splitlines()] == ["1 boris: text 1", "2 boris: text 2"]
    captured = capsys.readouterr()
    assert captured.out.startswith("2 messages written")
    assert "2 of" in captured.err


def test_export_writes_a_web_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "room.html"
    assert run(archive(2), "export", "general", str(file)) == 0
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<article") == 2
    assert page.endswith("</html>\n")


def test_failed_export_leaves_the_existing_file(tmp_path: Path) -> None:
    file = tmp_path / "room.txt"
    file.write_text("before")

    def broken(command: api.LoadLinesFromCommand) -> object:
        return [line(seq) for seq in range(1, 201)] if command.first == 1 else refusal(api.ErrorKind.OFFLINE)

    assert run(fake({api.LoadLinesFromCommand: broken}), "export", "general", str(file)) == 3
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_export_into_a_missing_folder_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(archive(2), "export", "general", str(tmp_path / "none" / "room.txt")) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


# --- Discover ---------------------------------------------------------------------------------------------------------


def test_discover_shows_each_server_once(capsys: pytest.CaptureFixture[str]) -> None:
    other = msgspec.structs.replace(SERVER, host="192.0.2.2", via="probe")
    client = fake(
        {api.DiscoverCommand: [SERVER, other]},
        {api.DiscoverCommand: [api.ServerFound(SERVER), api.ServerFound(SERVER)]},
    )
    assert run(client, "discover", "--json", "--timeout", "0.5") == 0
    assert client.asked == [api.DiscoverCommand(0.5)]
    found = rows(capsys.readouterr().out)
    assert [row["host"] for row in found] == ["192.0.2.1", "192.0.2.2"]
    assert found[0] == {
        "name": "Office",
        "host": "192.0.2.1",
        "port": 47400,
        "fingerprint": FINGERPRINT,
        "via": "typed",
    }


def test_discover_without_a_server_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake({api.DiscoverCommand: []}), "discover", "--json") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "lanchat: No server was found on this network\n"


def test_server_names_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = msgspec.structs.replace(SERVER, name="a\x1b[2Jb\nc")
    assert run(fake({api.DiscoverCommand: [evil]}), "discover") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("\n") == 1


@pytest.mark.parametrize("search", ["!!!", "", " ", "?", "\u2026", "\ufe0f"])
def test_search_without_words_is_refused(search: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake(), "history", "general", "--search", search) == 2
    assert capsys.readouterr().err.startswith("lanchat: There is no word to search for in ")
