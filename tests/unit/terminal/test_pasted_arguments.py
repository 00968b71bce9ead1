"""Arguments of both command lines that were pasted with characters that nobody sees."""

import re
from pathlib import Path
from typing import Any

import pytest

from lanchat.cli import options
from lanchat.terminal.exits import CliError
from lanchat.terminal.prompts import read_password_file
from lanchat_server.cli.administration import one_id
from lanchat_server.cli.main import run as run_server
from lanchat_server.cli.main import server_parser
from lanchat_server.config import ServerConfig, load

# As a calculator, an address book, web pages and editors put them around a number.
KINDS = ("\u202d{}\u202c", "\u2066{}\u2069", "{}\u200b", "\ufeff{}", "{}\u00ad", " {}\u200e")


def wrapped(argv: list[str]) -> list[str]:
    """The arguments, those that begin with a question mark without it and with marks around them."""
    return [f"\u202a\u2066{word[1:]}\u2069\u200b\ufeff" if word.startswith("?") else word for word in argv]


@pytest.mark.parametrize("kind", KINDS)
def test_number_may_have_any_mark_around_it(kind: str) -> None:
    assert options.parse(["edit", "general", kind.format(12), "text"]).seq == 12


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["edit", "general", "?12", "text"], "seq", 12),
        (["delete", "general", "?3"], "seq", 3),
        (["react", "general", "?3", "+1"], "seq", 3),
        (["receipts", "general", "?4"], "seq", 4),
        (["send", "general", "text", "--reply-to", "?7"], "reply_to", 7),
        (["history", "general", "--limit", "?20"], "limit", 20),
        (["listen", "general", "--for", "?1.5"], "duration", 1.5),
        (["online", "--timeout", "?30"], "timeout", 30.0),
        (["discover", "--discovery-port", "?47401"], "discovery_port", 47401),
        (["invite-code", "--uses", "?20"], "uses", 20),
    ],
)
def test_numbers_of_the_client_may_be_pasted(argv: list[str], name: str, value: float) -> None:
    assert getattr(options.parse(wrapped(argv)), name) == value


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["export", "general", "?/tmp/a\u200db"], "file"),
        (["--profile", "?/tmp/a", "online"], "profile"),
        (["--password-file", "?/tmp/a", "online"], "password_file"),
        (["password", "--new-password-file", "?C:\\a b"], "new_password_file"),
    ],
)
def test_paths_of_the_client_may_be_pasted(argv: list[str], name: str) -> None:
    path = next(word[1:] for word in argv if word.startswith("?"))
    assert getattr(options.parse(wrapped(argv)), name) == path


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--port", "?47400"], "port", 47400),
        (["--host", "?192.168.1.10"], "host", "192.168.1.10"),
        (["--backup-time", "?04:30"], "backup_time", "04:30"),
        (["--backup-keep", "?3"], "backup_keep", 3),
        (["--database", "?mysql://user:pass@host/name"], "database", "mysql://user:pass@host/name"),
        (["--database", "?sqlite:///chat.db"], "database", "sqlite:///chat.db"),
        (["--config", "?/etc/server.toml"], "config", Path("/etc/server.toml")),
        (["--data-dir", "?/srv/chat"], "data_dir", Path("/srv/chat")),
        (["backup", "?/srv/backup"], "file", Path("/srv/backup")),
        (["backup", "--to", "?/srv/backups"], "to", Path("/srv/backups")),
        (["restore", "?/srv/backup"], "file", Path("/srv/backup")),
        (["users", "add", "anna", "--password-file", "?/srv/password"], "password_file", "/srv/password"),
        (["import-users", "?users.sql"], "file", Path("users.sql")),
        (["stop", "--timeout", "?5"], "timeout", 5.0),
    ],
)
def test_arguments_of_the_server_may_be_pasted(argv: list[str], name: str, value: Any) -> None:
    assert getattr(server_parser().parse_args(wrapped(argv)), name) == value


def test_password_in_a_pasted_url_stays_as_it_is() -> None:
    url = "mysql://user:\u200bpa\u202dss\u00a0@ho\u200bst/na\u00adme"
    assert server_parser().parse_args(["--database", url]).database == "mysql://user:\u200bpa\u202dss\u00a0@host/name"


def test_name_of_a_file_keeps_what_an_emoji_needs() -> None:
    assert options.parse(["export", "general", "\u2764\ufe0f"]).file == "\u2764\ufe0f"


@pytest.mark.parametrize("kind", KINDS)
def test_pasted_id_is_found(kind: str) -> None:
    ids = [bytes.fromhex("1f2e3d4c" * 4), bytes(16)]
    assert one_id(ids, kind.format("1F2E3D4C"), "none") == ids[0]
    with pytest.raises(CliError, match="none"):
        one_id(ids, kind.format("1f2e"), "none")


def test_words_and_paths_of_a_settings_file_may_be_pasted(tmp_path: Path) -> None:
    def config(text: str) -> ServerConfig:
        file = tmp_path / "server.toml"
        file.write_text(text, encoding="utf-8")
        return load({}, file, {})

    pasted = config(
        'data_dir = "\u202a/srv/chat"\ndatabase = "\u2066mysql://u:p@h/n\u2069"\nregistration = "closed\u200b"\n'
        '[logging]\nlevel = "\u202dwarning\u202c"\n[backup]\nfolder = "\u202a/srv/b"\ntime = "\u206604:30\u2069"\n'
        '[smtp]\nhost = "mail.example"\nsender = "a@b.example"\nsecurity = "tls\u200e"\n'
    )
    plain = config(
        'data_dir = "/srv/chat"\ndatabase = "mysql://u:p@h/n"\nregistration = "closed"\n'
        '[logging]\nlevel = "warning"\n[backup]\nfolder = "/srv/b"\ntime = "04:30"\n'
        '[smtp]\nhost = "mail.example"\nsender = "a@b.example"\nsecurity = "tls"\n'
    )
    assert pasted == plain


@pytest.mark.parametrize(
    "argv",
    [
        ["users", "disable", "gr\udcfc\udcdf"],
        ["users", "kick", "\udcff"],
        ["rooms", "list", "--made-by", "a\udcff"],
        ["users", "add", "a\udcff"],
    ],
)
def test_octets_that_are_no_text_are_reported(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANCHAT_PASSWORD", "correct horse")
    data = ["--language", "en", "--data-dir", str(tmp_path)]
    assert run_server([*data, "users", "add", "anna"]) == 0
    capsys.readouterr()
    assert run_server([*data, *argv]) == 1
    assert re.fullmatch("lanchat-server: Not UTF-8 text: character [1-3] is U\\+DC[FD][CF]\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("variable", "argv"),
    [
        ("LANCHAT_PASSWORD", ["users", "add", "boris"]),
        ("LANCHAT_DATABASE", ["users", "list"]),
    ],
)
def test_variables_that_are_no_text_are_reported(
    variable: str,
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, "mysql://user:Zq9\udcffXwv@localhost/chat")
    assert run_server(["--language", "en", "--data-dir", str(tmp_path), *argv]) in (1, 2)
    err = capsys.readouterr().err
    assert f"{variable} " in err
    assert "UTF-8 text" in err
    assert err.count("\n") == 1
    assert "Zq9" not in err


@pytest.mark.parametrize("line_break", ["\r", "\x0b", "\x0c", "\x85", "\u2028", "\r\n"])
def test_password_ends_at_any_line_break_of_its_file(line_break: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"\ufeffcorrect horse {line_break}second line", encoding="utf-8", newline="")
    assert read_password_file(str(file)) == "correct horse "
