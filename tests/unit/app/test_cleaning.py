"""Texts in commands are cleaned before they are run; an invalid character is reported with its position."""

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from lanchat.app import api, cleaning
from lanchat.app.cleaning import cleaned
from lanchat.terminal import prompts
from lanchat.ui.model.engine import CommandDispatcher
from lanchat.wording.problems import error_text
from tests.support.fake_client import FINGERPRINT, fake, run

WRAPPED = "\u202d1,234.50\u202c"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (api.SendCommand(1, WRAPPED), api.SendCommand(1, "1,234.50")),
        (api.EditCommand(1, 2, "a\x0bb\r\nc"), api.EditCommand(1, 2, "a\nb\nc")),
        (api.ReactCommand(1, 2, "❤"), api.ReactCommand(1, 2, "❤\ufe0f")),
        (api.SearchCommand(1, "\u2066anna\u2069\n"), api.SearchCommand(1, "anna")),
        (api.FindRoomCommand("@an\u200bna"), api.FindRoomCommand("@anna")),
        (api.CreateRoomCommand("Party\u2028🎉 𠮷 "), api.CreateRoomCommand("Party 🎉 𠮷")),
        (api.InviteUserCommand(1, "\ufeffbob"), api.InviteUserCommand(1, "bob")),
        (api.RemoveUserCommand(1, "bo\xadb"), api.RemoveUserCommand(1, "bob")),
        (api.LoginCommand("\u200eanna", " pass\u200bword "), api.LoginCommand("anna", " pass\u200bword ")),
        (
            api.RegisterCommand(
                "an\u200dna", "x" * 8, "\u202aa@b.example\u202c", "علی\u200cرضا\u200e", "12\u20114\u200b"
            ),
            api.RegisterCommand("anna", "x" * 8, "a@b.example", "علی\u200cرضا", "12\u20114"),
        ),
        (api.RecoverCommand("an na\u2069"), api.RecoverCommand("an na")),
        (
            api.RecoverConfirmCommand("anna", " 12\u200b34 ", "x" * 8),
            api.RecoverConfirmCommand("anna", "1234", "x" * 8),
        ),
        (api.ConnectCommand("\u200e192.168.1.10：47400"), api.ConnectCommand("192.168.1.10:47400")),
        (
            api.ConnectCommand(invite=f"<lanchat://host:1/#{FINGERPRINT[:30]}\r\n{FINGERPRINT[30:]}>"),
            api.ConnectCommand(invite=f"lanchat://host:1/#{FINGERPRINT}"),
        ),
        (api.AcceptIdentityCommand(f"\u200e{FINGERPRINT}"), api.AcceptIdentityCommand(FINGERPRINT)),
        (api.SetProfileCommand(None, "\u200ba@b"), api.SetProfileCommand(None, "a@b")),
        (api.SetProfileCommand("", None), api.SetProfileCommand("", None)),
    ],
)
def test_commands_are_cleaned(command: Any, expected: Any) -> None:
    assert cleaned(command) == expected
    assert cleaned(expected) == expected


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (api.SendCommand(1, "gr\udcfc\udcdfe"), "character 3 is U+DCFC"),
        (api.CreateRoomCommand("ab\u200b\ue000"), "U+E000 cannot be used here: it is character 4"),
        (api.RegisterCommand("anna", "x" * 8, display_name="a\u0378"), "U+0378 cannot be used here: it is character 2"),
        (api.SetProfileCommand("\U000f0000", None), "U+F0000 cannot be used here: it is character 1"),
        (api.ReactCommand(1, 2, "-1"), "hyphen"),
        (api.RegisterCommand("\u200ban+na", "x" * 8), "U+002B PLUS SIGN cannot be used here: it is character 4"),
    ],
)
def test_uncleanable_text_is_reported(command: Any, words: str) -> None:
    with pytest.raises(api.CommandError) as caught:
        cleaned(command)
    assert caught.value.kind is api.ErrorKind.INVALID
    assert words in error_text(caught.value)


def test_undecodable_password_is_refused_and_not_shown() -> None:
    with pytest.raises(api.CommandError) as caught:
        cleaned(api.LoginCommand("anna", "secret\udcff"))
    assert "7" in error_text(caught.value)
    assert "DCFF" not in error_text(caught.value).upper()


def test_commands_without_changes_stay_the_same_object() -> None:
    for command in (api.ListRoomsCommand(), api.SendCommand(1, "plain"), api.LoadLinesCommand(1)):
        assert cleaned(command) is command


# What no person types: it comes from the program itself.
PROGRAM_FIELDS = {("ConnectCommand", "name"), ("GetOfferCommand", "fingerprint"), ("WaitDecidedCommand", "id")}


def test_every_text_field_of_every_command_has_a_cleaner() -> None:
    for kind in api.Command.__subclasses__():
        texts = {name for name, hint in get_type_hints(kind).items() if str in (hint, *get_args(hint))}
        cleaned_here = set(cleaning._FIELDS.get(kind, {}))
        assert texts & set(kind.__struct_fields__) - cleaned_here == {
            field for name, field in PROGRAM_FIELDS if name == kind.__name__
        }, kind


# The command line


def test_command_line_cleans_arguments_and_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fake()
    assert run(client, "send", "\u2066general\u2069", WRAPPED) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufefffrom a pipe\x0b\u202dend\u202c\n"))
    assert run(client, "send", "general", "-") == 0
    assert [command.text for command in client.commands(api.SendCommand)] == ["1,234.50", "from a pipe\nend"]
    assert {command.name for command in client.commands(api.FindRoomCommand)} == {"general"}


def test_command_line_reports_uncleanable_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake(), "send", "general", "gr\udcfcn") == 1
    assert "character 3 is U+DCFC" in capsys.readouterr().err


def test_printed_names_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fake({api.InviteUserCommand: None}), "invite", "general", "bo\u200bris", "--json") == 0
    assert json.loads(capsys.readouterr().out)["user"] == "boris"


@pytest.mark.parametrize(
    ("octets", "password"),
    [
        (b"\xef\xbb\xbfs3cret pass\r\nsecond line\r\n", "s3cret pass"),
        (b"s3cret pass", "s3cret pass"),
        (b" blanks stay \n", " blanks stay "),
        ("zero\u200bwidth stays\n".encode(), "zero\u200bwidth stays"),
    ],
)
def test_password_file_content_is_cleaned(tmp_path: Path, octets: bytes, password: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(octets)
    assert prompts.read_password_file(str(file)) == password


@pytest.mark.parametrize(("octets", "words"), [("secret\n".encode("utf-16"), "UTF-16"), (b"p\xe4ssword", "UTF-8")])
def test_undecodable_password_files_are_refused(tmp_path: Path, octets: bytes, words: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(octets)
    with pytest.raises(prompts.CliError, match=words):
        prompts.read_password_file(str(file))


def test_password_from_environment_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "\ufeffs3cret pass\r\n")
    assert asyncio.run(prompts.PasswordSource(None).password()) == "s3cret pass"


# The window


def test_window_cleans_commands() -> None:
    asked: list[api.Command] = []

    class Engine:
        def call(self, command: api.Command) -> Any:
            asked.append(command)
            raise RuntimeError("no network")

    desk = CommandDispatcher(Engine(), lambda item: None)  # type: ignore[arg-type]
    desk.ask(api.SendCommand(1, WRAPPED))
    desk.ask(api.SendCommand(1, "\udcff"))
    assert asked == [api.SendCommand(1, "1,234.50")]


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        (api.CreateRoomCommand("#news"), "does not begin with # or @"),
        (api.CreateRoomCommand("@anna"), "does not begin with # or @"),
        (api.CreateRoomCommand("x" * 65), "up to 64 characters"),
        (api.RegisterCommand("x" * 33, "long password"), "up to 32 letters"),
        (api.RegisterCommand("anna", "long password", display_name="x" * 65), "up to 64 characters"),
        (api.SetProfileCommand("x" * 65, ""), "up to 64 characters"),
        (api.SetProfileCommand("", "not an address"), "e-mail address"),
    ],
)
def test_reports_the_rule_that_a_new_name_violates(command: api.Command, rule: str) -> None:
    with pytest.raises(api.CommandError) as caught:
        cleaned(command)
    assert rule in error_text(caught.value)
    assert caught.value.kind is api.ErrorKind.INVALID
