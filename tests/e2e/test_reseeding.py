"""A server whose database is lost or older than it was: its clients give the log back. Real processes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli_client import CliUser
from tests.e2e.test_cli_server import run_command
from tests.support.mariadb import MariaDB
from tests.support.procs import ServerProcess, json_lines
from tests.support.waiting import wait_until

NAMES = ("anna", "boris", "carla")


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None: SQLite in the server's folder."""
    if request.param == "sqlite":
        yield None
        return
    server: MariaDB = request.getfixturevalue("mariadb")
    yield server.create_database("reseeded")
    server.execute("DROP DATABASE IF EXISTS reseeded")


def lose(data_dir: Path, database: str | None, request: pytest.FixtureRequest) -> None:
    """The database is empty."""
    for file in data_dir.glob("*.sqlite3*"):
        file.unlink()
    if database is not None:
        server: MariaDB = request.getfixturevalue("mariadb")
        server.execute("DROP DATABASE reseeded")
        server.create_database("reseeded")


def is_live(event: dict[str, Any]) -> bool:
    return bool(event["event"] == "state" and event["state"] == "live")


def test_empty_database_gets_the_log_back(tmp_path: Path, database: str | None, request: pytest.FixtureRequest) -> None:
    """Accounts, a private room, numbers and times come back, a deleted text and a deleted room do not; it goes on."""
    folder = tmp_path / "data"
    with ServerProcess(folder, name="Office", host="127.0.0.1", database=database) as server:
        users = [CliUser(name, tmp_path / name, server.address).register() for name in NAMES]
        anna, boris, _carla = users
        anna.rows("create-room", "secret", "--private")
        anna.rows("invite", "secret", "boris")
        for text in ("one", "two", "three"):
            anna.rows("send", "general", text)
        boris.rows("send", "secret", "hidden")
        anna.rows("delete", "general", "2")
        before = anna.rows("history", "general")
        boris.rows("history", "general")
        secret = boris.rows("history", "secret")
        anna.rows("history", "secret")
    lose(folder, database, request)
    with ServerProcess(
        folder, name="Office", host="127.0.0.1", database=database, port=server.port, extra=["--reseed"]
    ) as again:
        with boris.listen("general") as listener:
            listener.wait_for(lambda event: event["event"] == "live" and event["head"] == 4, 60)
            assert boris.rows("send", "general", "four")[0]["seq"] == 5
            anna.rows("history", "secret")
            status = wait_until(lambda: whole(folder, again, {"general": 5, "secret": 1}), 60, "all is back")
        returned = {room["name"]: room for room in status["reseeding"]["rooms"]}
        assert returned["general"]["returned"] == 4
        dora = CliUser("dora", tmp_path / "dora", again.address).register()
        rows = dora.rows("history", "general")
        assert [known(row) for row in rows[:-1]] == [known(row) for row in before]
        assert [known(row) for row in anna.rows("history", "secret")] == [known(row) for row in secret]
        accounts = json_lines(run_command(tmp_path, "users", "list", "--json").stdout)
        assert {row["name"]: row["role"] for row in accounts}["anna"] == "administrator"


def known(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["seq"], row["id"], row["author"], row["text"], row["stored_at"], row.get("deleted")


def whole(folder: Path, server: ServerProcess, heads: dict[str, int]) -> dict[str, Any] | None:
    done = run_command(folder.parent, "status", "--json")
    report = json.loads(done.stdout)
    there = {room["name"]: room["head"] for room in report["rooms"]}
    return report if there == heads else None
