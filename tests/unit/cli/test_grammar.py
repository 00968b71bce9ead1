"""The grammar of both command lines: what is accepted, how errors are reported, help in both languages."""

import argparse
import inspect
import re

import pytest

from lanchat.cli import options
from lanchat.i18n import set_language
from lanchat.terminal import arguments
from lanchat_server.cli import main as server_cli

CLIENT_COMMANDS = (
    *("discover", "register", "login", "logout", "recover", "rooms", "create-room", "join", "leave", "invite"),
    *("remove", "online", "peers", "devices", "password", "send", "edit", "delete", "react", "listen", "history"),
    *("search", "window", "send-file", "get-file"),
    *("receipts", "export", "chat", "invite-code", "invite-codes"),
)
SERVER_COMMANDS = ["run", "init-db", "users", "rooms", "status", "backup", "restore", "window", "stop"]
SERVER_COMMANDS += ["service", "copy-database", "import-users", "import-messages", "quarantine"]


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def usage_error(parse: object, argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that is printed for a wrong command line."""
    with pytest.raises(SystemExit) as end:
        parse(argv)  # type: ignore[operator]
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_every_command_of_the_contract_exists() -> None:
    assert sorted(options.COMMANDS) == sorted(CLIENT_COMMANDS)
    assert sorted(server_cli.COMMANDS) == sorted(SERVER_COMMANDS)


@pytest.mark.parametrize("command", [name for name in options.COMMANDS if name != "window"])
def test_each_client_command_names_a_function(command: str) -> None:
    assert inspect.iscoroutinefunction(options.COMMANDS[command].function())


@pytest.mark.parametrize("command", server_cli.COMMANDS)
def test_each_server_command_names_a_function(command: str) -> None:
    assert callable(server_cli.COMMANDS[command].function())


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "argv",
    [["--help"], *([name, "--help"] for name in CLIENT_COMMANDS), ["devices", "revoke", "--help"]],
    ids=" ".join,
)
def test_help_of_the_client_has_one_example(argv: list[str], language: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_language(language)
    _check_help(options.parse, argv, {"en": "Example:", "ru": "Пример:"}[language], "lanchat ", capsys)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "argv",
    [["--help"], *([name, "--help"] for name in SERVER_COMMANDS), ["users", "reset-password", "--help"]],
    ids=" ".join,
)
def test_help_of_the_server_has_one_example(argv: list[str], language: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_language(language)
    parse = server_cli.server_parser().parse_args
    _check_help(parse, argv, {"en": "Example:", "ru": "Пример:"}[language], "lanchat-server ", capsys)


def _check_help(parse: object, argv: list[str], heading: str, program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(argv)  # type: ignore[operator]
    assert end.value.code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    before, _heading, after = captured.out.partition(f"\n{heading}\n")
    (example,) = after.strip().splitlines()
    assert example.strip().startswith(program)
    assert before.strip()


@pytest.mark.parametrize(
    "argv",
    [
        ["send", "general", "hi", "--server", "h:1", "--json"],
        ["--server", "h:1", "send", "general", "--json", "hi"],
        ["--json", "send", "--server", "h:1", "general", "hi"],
    ],
)
def test_common_options_are_accepted_anywhere(argv: list[str]) -> None:
    parsed = options.parse(argv)
    assert (parsed.command, parsed.room, parsed.text) == ("send", "general", "hi")
    assert (parsed.server, parsed.json, parsed.profile, parsed.timeout) == ("h:1", True, "", None)


def test_option_after_the_command_takes_precedence() -> None:
    assert options.parse(["--user", "anna", "online", "--user", "boris"]).user == "boris"
    assert options.parse(["--user", "anna", "devices", "revoke", "12"]).user == "anna"


def test_options_are_parsed_without_a_command() -> None:
    parsed = options.parse(["--profile", "p"])
    assert (parsed.command, parsed.profile) == ("", "p")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["send"], "required: ROOM, TEXT"),
        (["send", "general"], "required: TEXT"),
        (["send", "general", "two", "words"], "unrecognized arguments: words"),
        (["online", "--jso"], "unrecognized arguments: --jso"),
        (["online", "--no\nsense"], "unrecognized arguments: --no sense"),
        (["online", "--timeout", "0"], "'0' is not a number of seconds above 0"),
        (["online", "--timeout", "nan"], "'nan' is not a number of seconds above 0"),
        (["online", "--timeout", "soon"], "'soon' is not a number of seconds above 0"),
        (["online", "--timeout"], "expected one argument"),
        (["online", "--server", "a b"], "'a b' is not an address HOST[:PORT]"),
        (["online", "--server", "h:99999"], "'h:99999' is not an address HOST[:PORT]"),
        (["online", "--fingerprint", "abc"], "'abc' is not a fingerprint of 64 hex digits"),
        (["online", "--invite", "http://h/"], "'http://h/' is not an invite link"),
        (["edit", "general", "0", "x"], "'0' is not a whole number from 1"),
        (["edit", "general", "١", "x"], "is not a whole number from 1"),
        (["delete", "general", "9" * 30], "is not a whole number from 1"),
        (["listen", "general", "--count", "-1"], "'-1' is not a whole number from 1"),
        (["devices", "destroy"], "invalid choice: 'destroy'"),
        (["devices", "revoke"], "required: ID"),
    ],
)
def test_invalid_client_command_line_is_reported_in_one_line(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error_line = usage_error(options.parse, argv, capsys)
    assert error_line.startswith("lanchat")
    assert complaint in error_line
    assert "--help" in error_line


def test_usage_errors_are_reported_in_russian(capsys: pytest.CaptureFixture[str]) -> None:
    set_language("ru")
    for argv in (["nonsense"], ["send"], ["online", "--x"], ["online", "--timeout", "x"], ["online", "--timeout"]):
        error_line = usage_error(options.parse, argv, capsys)
        assert re.search("[а-я]", error_line), error_line
        assert not re.search(r"\b(argument|invalid|required|unrecognized|expected|see)\b", error_line), error_line


def test_translated_argparse_texts_exist_in_argparse() -> None:
    source = inspect.getsource(argparse)
    # A later Python words some of them in another way; the catalogue holds the ones of all that we know.
    known = [text for text in arguments.ARGPARSE if text in source]
    assert len(known) >= len(arguments.ARGPARSE) - 4


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--port", "70000"], "'70000' is not a whole number from 0 to 65535"),
        (["run", "--name", ""], "must be a name of 1 to 64 characters"),
        (["run", "--database", "postgres://u:hush@h"], "must be a database URL"),
        (["users"], "required: ACTION"),
        (["users", "set-role", "anna", "queen"], "invalid choice: 'queen'"),
        (["users", "add"], "required: USER"),
        (["restore"], "required: FILE"),
        (["dance"], "invalid choice: 'dance'"),
    ],
)
def test_invalid_server_command_line_is_reported_in_one_line(
    argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error_line = usage_error(server_cli.server_parser().parse_args, argv, capsys)
    assert complaint in error_line
    assert "hush" not in error_line


def test_server_options_are_accepted_before_and_after_the_command() -> None:
    for argv in (["--port", "0", "--json", "--no-discovery"], ["run", "--port", "0", "--json", "--no-discovery"]):
        parsed = server_cli.server_parser().parse_args(argv)
        config = server_cli.load_config(parsed)
        assert (config.port, config.json_output, config.json_logs, config.discovery) == (0, True, True, False)
    parsed = server_cli.server_parser().parse_args(["--data-dir", "d", "users", "list", "--json"])
    assert str(server_cli.load_config(parsed).data_dir) == "d"


def test_options_take_precedence_over_the_file(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANCHAT_DATABASE", raising=False)
    file = f"{tmp_path}/server.toml"
    with open(file, "w") as stream:
        stream.write('port = 1\nname = "file"\n')
    parsed = server_cli.server_parser().parse_args(["run", "--config", file, "--port", "2"])
    config = server_cli.load_config(parsed)
    assert (config.port, config.name) == (2, "file")


def test_language_is_determined_before_parsing() -> None:
    assert arguments.language_of(["send", "--language", "ru"]) == "ru"
    assert arguments.language_of(["--language=ru", "send"]) == "ru"
    assert arguments.language_of(["send", "--language"]) is None
