"""Passwords in database URLs: parsed as typed, and no part of one is printed anywhere."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import ProgrammingError

from lanchat_server import logs
from lanchat_server.cli.main import run, server_parser
from lanchat_server.config import ConfigError, read_file, secrets_of
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.initdb import _fill
from lanchat_server.store.connection.engine import DatabaseTimeouts
from lanchat_server.store.connection.errors import explain
from lanchat_server.store.connection.url import parse_url

# Characters that stand in none of our texts, so that whatever of a password is printed is seen; and all that has a
# meaning in URLs, shells, TOML and logs.
ALPHABET = "@:/?#%&=+;,'\"`\\ \t[]{}()<>|*~^$!§ÄßжЖ中🙂7409"
PASSWORDS = st.text(ALPHABET, min_size=1, max_size=24)
SEPARATORS = ("@", ":", "/", "#", "?", " ", "%", "@@", "/@", "?a=@", "#@/", "@h:1/n?", "[", "é", "中文")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Secrets are kept for the whole process: those of one example would hide those of another."""
    yield
    logs._secrets.clear()


def leaked_part(text: str, password: str) -> str:
    """A part of the password, four characters or more, that occurs in the text; "" when none does."""
    parts = (password[start : start + 4] for start in range(len(password) - 3))
    return next((part for part in parts if part in text and part not in "://***"), "")


def output_of(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything that a command line prints."""
    out, err = io.StringIO(), io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        patch.setattr("lanchat_server.cli.main.prepare_streams", lambda: None)
        with contextlib.suppress(SystemExit):
            run(["--language", "en", *argv])
    logs._secrets.clear()
    return out.getvalue() + err.getvalue()


@pytest.mark.parametrize("separator", SEPARATORS)
def test_separators_need_no_encoding(separator: str, tmp_path: Path) -> None:
    password = f"begin{separator}end"
    address = parse_url(f"mysql://user:{password}@db.example:3307/chat?ssl_ca=/ca.pem", tmp_path)
    assert (address.user, address.password, address.host) == ("user", password, "db.example")
    assert (address.url.port, address.name, address.options) == (3307, "chat", {"ssl_ca": "/ca.pem"})


@pytest.mark.parametrize("options", ["foo=bar", "charset=utf8", "ssl_ca=/a&ssl_disabled=1", "ssl_ca=a&ssl_ca=b"])
@pytest.mark.parametrize("password", ["secret", "a@b/c"])
def test_unknown_options_are_reported(password: str, options: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        parse_url(f"mysql://user:{password}@db.example/chat?{options}", tmp_path)
    assert "has these options only, each once: ssl_ca, ssl_cert" in str(refused.value)
    assert "foo" not in str(refused.value)


@given(password=PASSWORDS)
@example(password="a@b/c?d#e")
def test_any_password_is_read_as_typed_or_refused(password: str) -> None:
    try:
        address = parse_url(f"mysql://user:{password}@127.0.0.1:3306/chat", Path())
    except StoreError as error:
        printed = str(error)
    else:
        assert (address.user, address.host, address.name) == ("user", "127.0.0.1", "chat")
        assert "%" in password or address.password == password
        printed = f"{address} {address!r} {address.url!r} {address.url}"
    assert not leaked_part(printed, password)


@settings(max_examples=60, deadline=None)
@given(password=PASSWORDS, broken=st.sampled_from(["", "mysql:/", "mysql://", "postgresql://", "sqlite://"]))
def test_no_command_prints_a_part(password: str, broken: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("data")
    good = f"mysql://user:{password}@127.0.0.1:1/chat"
    url = good if not broken else f"{broken}user:{password}@127.0.0.1:1/chat"
    with pytest.MonkeyPatch.context() as patch:
        for argv in (
            ["--data-dir", str(folder), "--database", url, "backup", str(folder / "x")],
            ["--data-dir", str(folder), "init-db", "--database", good, "--admin-url", url],
            ["--nonsense", url],
            [f"--nonsense={url}"],
            ["--nonsense", "init-db", url],
        ):
            with patch.context() as inner:
                inner.setattr("lanchat_server.store.connection.engine.TIMEOUTS", DatabaseTimeouts(connect=1))
                text = output_of(argv, inner)
            assert not leaked_part(text, password), (argv, text)
        patch.setenv("LANCHAT_DATABASE", url)
        assert not leaked_part(output_of(["--data-dir", str(folder), "users", "list"], patch), password)


@settings(deadline=None)
@given(password=PASSWORDS)
def test_no_log_line_prints_a_part(password: str) -> None:
    url = f"mysql://user:{password}@127.0.0.1/chat"
    logs.keep_secret(secrets_of(url))
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "cannot use %s: %r", (url, password), None)
    try:
        raise ValueError(url)
    except ValueError as error:
        record.exc_info = (ValueError, error, None)
    for formatter in (logs.TextFormatter(), logs.JsonFormatter()):
        assert len(password) < 4 or not leaked_part(formatter.format(record), password)
    logs._secrets.clear()


@given(password=PASSWORDS)
def test_no_database_error_quotes_a_part(password: str) -> None:
    """MySQL quotes up to eighty characters of a statement that it cannot parse."""
    address = parse_url("mysql://root:rootpassword@127.0.0.1/", Path(), name_required=False)
    account = parse_url("mysql://user:x@127.0.0.1/chat", Path())
    statement = _fill("CREATE USER {account} IDENTIFIED BY {password}", account, "%").replace("'x'", repr(password))
    error = ProgrammingError(statement, None, Exception(f"near '{statement[-40:]}' at line 1"))
    assert not leaked_part(explain(error, address, password), password)


@given(password=PASSWORDS, key=st.sampled_from(["database", "smtp.password", "name", "nonsense"]))
def test_no_configuration_error_quotes_a_part(
    password: str, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "config.toml"
    file.write_text(f"{key} = mysql://user:{password}@127.0.0.1/chat\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_file(file)
    assert not leaked_part(str(raised.value), password)


def test_usage_error_hides_accounts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        server_parser().parse_args(["mysql://user:se'cret word@h/n"])
    with pytest.raises(SystemExit):
        server_parser().parse_args(["users", "list", "mysql://user:secret word@h/n"])
    err = capsys.readouterr().err
    assert "cret" not in err
    assert "mysql:***" in err


SECRET = "Zq9§Xwv§K7"


@pytest.mark.parametrize(
    "argv",
    [
        ["--database", "mysql://user:Zq9§", "Xwv§K7@host/chat"],
        ["--database=mysql://user:a", "Zq9§", "Xwv§@", "K7x9@host/chat", "run"],
        ["copy-database", "mysql://user:Zq9§", "Xwv§K7@host/chat", "sqlite:///a"],
        ["init-db", "--admin-url", "mariadb://root:Zq9§", "Xwv§", "K7x9@host"],
        ["init-db", "mysql://user:Zq9§Xwv§"],
        ["init-db", "-uroot", "-pZq9§Xwv§"],
        ["users", "add", "anna", "-p", "Zq9§Xwv§"],
        ["users", "add", "anna", "--pw", "Zq9§Xwv§"],
    ],
)
def test_usage_error_hides_passwords_that_a_shell_cut(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        server_parser().parse_args(argv)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert not any(part in err for part in ("Zq9", "Xwv", "K7")), err


@pytest.mark.parametrize(
    "argv",
    [
        ["users", "add", "anna", "--password", SECRET],
        ["users", "add", "anna", f"--password={SECRET}"],
        ["users", "add", "anna", f"--Passwd={SECRET}"],
        ["--db-password", SECRET, "status"],
        ["--smtp-secret", SECRET],
        ["--config", f"mysql://user:{SECRET}@host/chat"],
        ["status", "--config", f"mysql:///user:{SECRET}@host/chat"],
        ["restore", f"mysql://user:{SECRET}@host/chat"],
        ["backup", f"mysql://user:{SECRET}@host/chat"],
        ["users", "list", "--data-dir", f"/dev/null/mysql://user:{SECRET}@host/chat"],
    ],
    ids=" ".join,
)
def test_misplaced_secret_is_not_repeated(argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = output_of([*argv, *(() if "--data-dir" in argv else ("--data-dir", str(tmp_path)))], monkeypatch)
    assert text
    assert not leaked_part(text, SECRET)


@pytest.mark.parametrize("value", ["a", "r", "--", "-"])
def test_rest_of_a_message_is_unchanged(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unrecognized arguments: --password" in output_of(["users", "list", "--password", value], monkeypatch)


@pytest.mark.parametrize(
    "shown",
    [
        r"mysql:\user:Zq9§Xwv§K7@host\chat: No such file",  # a URL taken for a path on Windows
        r"C:\data\mysql:\\user:Zq9§Xwv§K7@host\chat",
        "mysql:/user:Zq9§Xwv§K7@host/chat: No such file",  # on other systems
    ],
)
def test_url_taken_for_a_path_shows_no_password(shown: str) -> None:
    assert "Zq9" not in logs.redact(shown)
    assert "host" in logs.redact(shown)
