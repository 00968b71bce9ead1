"""`lanchat-server --check`: SQLite, Argon2, and the database of the configuration, each working and broken."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.checks.runner import CheckFailed, Finding
from lanchat_server.cli import check
from lanchat_server.cli.main import run
from lanchat_server.config import Argon2, ServerConfig, load
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import open_store
from lanchat_server.store.connection.engine import TIMEOUTS, DatabaseTimeouts
from tests.support.mariadb import MariaDB


def settings(database: str | None, folder: Path) -> ServerConfig:
    return load({"database": database, "data_dir": folder} if database else {"data_dir": folder}, None)


def failure(database: str, folder: Path, timeouts: DatabaseTimeouts = TIMEOUTS) -> str:
    with pytest.raises(CheckFailed) as raised:
        check.check_database(settings(database, folder), timeouts)
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_embedded_database_is_made_and_read() -> None:
    assert check.check_sqlite().values["version"].startswith("3.")


def test_failing_store_fails_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> Any:
        raise StoreError("the disk is full")

    monkeypatch.setattr(check, "open_store", refuse)
    with pytest.raises(CheckFailed, match="disk is full"):
        check.check_sqlite()


def test_argon2_with_the_configured_cost() -> None:
    finding = check.check_argon2(Argon2(time_cost=3))
    assert finding.values == {"parameters": "m=19456,t=3,p=1"}


@pytest.mark.parametrize(("answer", "reason"), [(True, "wrong password"), (False, "right password")])
def test_broken_argon2_fails(monkeypatch: pytest.MonkeyPatch, answer: bool, reason: str) -> None:
    async def verify(self: PasswordHasher, password: str, stored: str | None) -> bool:
        return answer

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    with pytest.raises(CheckFailed, match=reason):
        check.check_argon2(Argon2())


# --- The database -----------------------------------------------------------------------------------------------------


def test_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    finding = check.check_database(settings(f"sqlite:///{tmp_path}/new.sqlite3", tmp_path))
    assert finding.values == {"tables": "none"}
    assert list(tmp_path.iterdir()) == []


def test_sqlite_file_of_this_version(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/here.sqlite3"
    open_store(url, tmp_path).close()
    assert check.check_database(settings(url, tmp_path)).values["tables"] == "current"


def test_newer_sqlite_file_fails(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/here.sqlite3"
    store = open_store(url, tmp_path)
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    assert "newer" in failure(url, tmp_path)


def test_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite3").write_text("not a database, but long enough to be taken for one" * 20)
    assert failure(f"sqlite:///{tmp_path}/text.sqlite3", tmp_path)


def test_closed_port_fails(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "127.0.0.1" in failure(f"mysql://u:p@127.0.0.1:{closed.getsockname()[1]}/chat", tmp_path)


def test_silent_server_fails_within_its_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://u:p@127.0.0.1:{silent.getsockname()[1]}/chat"
        assert failure(url, tmp_path, DatabaseTimeouts(connect=1, answer=1))


@pytest.fixture
def server(mariadb: MariaDB) -> Iterator[MariaDB]:
    yield mariadb
    mariadb.execute("DROP DATABASE IF EXISTS check_me")
    for user, host in mariadb.execute("SELECT user, host FROM mysql.user WHERE user LIKE 'check%'"):
        mariadb.execute(f"DROP USER `{user}`@`{host}`")


def account(server: MariaDB, rights: str) -> str:
    """The URL of a new account with these rights on `check_me`."""
    server.execute("CREATE DATABASE IF NOT EXISTS check_me")
    server.execute("CREATE USER 'checker'@'%' IDENTIFIED BY 'secret'")
    server.execute("CREATE USER 'checker'@'localhost' IDENTIFIED BY 'secret'")
    for host in ("%", "localhost"):
        server.execute(f"GRANT {rights} ON `check\\_me`.* TO 'checker'@'{host}'")
    return server.url("check_me", "checker", "secret")


def test_database_with_tables_and_rights(server: MariaDB, tmp_path: Path) -> None:
    url = server.url("check_me", "checker", "secret")
    init_db(url, server.url())
    finding = check.check_database(settings(url, tmp_path))
    assert finding.values["tables"] == "current"
    assert finding.values["charset"] == "utf8mb4"
    assert "MariaDB" in finding.values["version"]
    assert "secret" not in finding.text


def test_check_changes_nothing(server: MariaDB, tmp_path: Path) -> None:
    url = server.url("check_me", "checker", "secret")
    init_db(url, server.url())
    before = server.execute("CHECKSUM TABLE check_me.lease, check_me.rooms, check_me.log")
    check.check_database(settings(url, tmp_path))
    assert server.execute("CHECKSUM TABLE check_me.lease, check_me.rooms, check_me.log") == before


def test_missing_database_fails(server: MariaDB, tmp_path: Path) -> None:
    assert "check_me" in failure(server.url("check_me"), tmp_path)


def test_wrong_password_fails_without_showing_it(server: MariaDB, tmp_path: Path) -> None:
    text = failure(server.url("", "root", "mistyped-password") + "check_me", tmp_path)
    assert "mistyped-password" not in text


def test_right_to_make_tables_is_needed_without_them(server: MariaDB, tmp_path: Path) -> None:
    text = failure(account(server, "SELECT, INSERT, UPDATE, DELETE, CREATE"), tmp_path)
    assert "ALTER" in text
    assert "INSERT" not in text


def test_right_to_write_is_needed(server: MariaDB, tmp_path: Path) -> None:
    init_db(server.url("check_me"))
    url = account(server, "SELECT")
    assert failure(url, tmp_path)


def test_rights_for_updates_are_only_noted(server: MariaDB, tmp_path: Path) -> None:
    init_db(server.url("check_me"))
    url = account(server, "SELECT, INSERT, UPDATE, DELETE")
    finding = check.check_database(settings(url, tmp_path))
    assert "CREATE VIEW" in finding.text


@pytest.mark.parametrize(
    ("place", "covered"),
    [
        ("*.*", True),
        ("`lan_chat`.*", True),
        ("`lan\\_chat`.*", True),
        ("`lan%`.*", True),
        ("`lan\\%`.*", False),
        ("`other`.*", False),
        ("`lan_chat`.`records`", False),
    ],
)
def test_grants_cover_databases_by_pattern(place: str, covered: bool) -> None:
    assert check._covers(place, "lan_chat") is covered


def test_grant_pattern_wildcard_is_one_character() -> None:
    assert check._covers("`lan_chat`.*", "lanXchat")
    assert not check._covers("`lan\\_chat`.*", "lanXchat")


# --- All together -----------------------------------------------------------------------------------------------------


def test_database_is_checked_where_a_url_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("lanchat.checks.network.check_mdns", lambda: Finding("found"))
    monkeypatch.setenv("LANCHAT_DATABASE", f"sqlite:///{tmp_path}/new.sqlite3")
    assert run(["--check", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["check"] for line in lines] == ["tls", "udp", "mdns", "sqlite", "argon2", "tk", "database"]
