"""The commands of `lanchat-server`: real processes, a real database, real ports."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.child import Child
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client


def run_command(
    data: Path, *args: str, env: Mapping[str, str] | None = None, timeout: float = 30.0
) -> subprocess.CompletedProcess[str]:
    """One server command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "lanchat_server", "--data-dir", str(data / "data"), *args],
        env=plain_environment(data, env),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )


def error_line(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one line on stderr of a command that failed with this code."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


# --- run --------------------------------------------------------------------------------------------------------------


def test_run_prints_one_ready_line_and_stops_with_0(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", name="Büro 5") as running:
        ready = running.ready
        assert set(ready) == {"event", "name", "port", "fingerprint", "invite", "setup_code"}
        assert ready["setup_code"] == json_lines(run_command(tmp_path, "status", "--json").stdout)[0]["setup_code"]
        assert any(ready["setup_code"] in line for line in running.stderr)
        assert (ready["event"], ready["name"]) == ("ready", "Büro 5")
        assert len(ready["fingerprint"]) == 64
        assert ready["invite"].startswith("lanchat://")
        assert ready["invite"].endswith(f":{ready['port']}/#{ready['fingerprint']}")
        assert running.stop() == 0
        assert len(running.stdout) == 1
        assert all(json.loads(line)["message"] for line in running.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_server_with_0_and_keep_its_identity(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(tmp_path / "data") as first:
        first.signal(number)
        assert first.wait(10) == 0
        with first.restart() as second:
            assert (second.fingerprint, second.port) == (first.fingerprint, first.port)


@pytest.mark.parametrize(("language", "word"), [("en", "ready"), ("ru", "готов")])
def test_default_command_prints_the_ready_line_as_text(tmp_path: Path, language: str, word: str) -> None:
    argv = [sys.executable, "-m", "lanchat_server", "--data-dir", str(tmp_path / "data"), "--port", "0"]
    argv += ["--no-discovery", "--host", "127.0.0.1", "--name", "Office"]
    with Child(argv, env=plain_environment(tmp_path, {"LANG": f"{language}.UTF-8"}), cwd=ROOT) as child:
        line = child.wait_for_line(lambda line: True, 20, "ready line")
        assert "Office" in line
        assert word in line
        assert "lanchat://127.0.0.1:" in line
        assert re.search(r": [0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\. ", line)
        assert child.stop() == 0
        assert len(child.stdout) == 1


def test_port_in_use_is_one_error_line_and_writes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        done = run_command(tmp_path, "run", "--port", str(port), "--host", "127.0.0.1", "--no-discovery", "--json")
        assert str(port) in error_line(done)
    assert not (tmp_path / "data").exists()


def test_unreachable_database_error_omits_the_password(tmp_path: Path) -> None:
    url = f"mysql://chat:s3cr3t@127.0.0.1:{free_port()}/chat"
    for where in ({"LANCHAT_DATABASE": url}, {}):
        given = [] if where else ["--database", url]
        done = run_command(tmp_path, "run", "--port", "0", "--no-discovery", *given, env=where)
        line = error_line(done)
        assert "127.0.0.1" in line
        assert "s3cr3t" not in line


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as first:
        done = run_command(tmp_path, "run", "--port", "0", "--no-discovery")
        assert str(tmp_path) in error_line(done)
        assert first.returncode is None


def test_a_configuration_file_sets_options_and_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('name = "From the file"\nport = 0\n[discovery]\nenabled = false\n')
    with ServerProcess(tmp_path / "data", extra=["--config", str(file)]) as running:
        assert running.ready["name"] == "From the file"
    file.write_text("colour = 1\n")
    assert "colour" in error_line(run_command(tmp_path, "run", "--config", str(file)))


@pytest.mark.parametrize(
    ("language", "words"), [("en_US.UTF-8", "is not a whole number"), ("ru_RU.UTF-8", "не целое число")]
)
def test_invalid_option_error_is_in_the_users_language(tmp_path: Path, language: str, words: str) -> None:
    done = run_command(tmp_path, "run", "--port", "many", env={"LANG": language})
    assert words in error_line(done, 2)


# --- users, status ----------------------------------------------------------------------------------------------------


def check_accounts(tmp_path: Path) -> None:
    """Add, list, disable, enable and reset two accounts."""
    password = {"LANCHAT_PASSWORD": "correct horse"}
    argv = ["users", "add", "anna", "--role", "administrator", "--email", "anna@example.org", "--json"]
    assert json_lines(run_command(tmp_path, *argv, env=password).stdout) == [{"user": "anna", "role": "administrator"}]
    assert run_command(tmp_path, "users", "add", "Борис", env=password).returncode == 0
    assert "ANNA" in error_line(run_command(tmp_path, "users", "add", "ANNA", env=password))
    assert error_line(run_command(tmp_path, "users", "add", "vera"), 2)
    assert error_line(run_command(tmp_path, "users", "add", "vera", env={"LANCHAT_PASSWORD": "short"}))
    assert run_command(tmp_path, "users", "disable", "Борис").returncode == 0
    assert run_command(tmp_path, "users", "set-role", "Борис", "moderator").returncode == 0
    users = json_lines(run_command(tmp_path, "users", "list", "--json").stdout)
    assert [(user["name"], user["role"], user["disabled"]) for user in users] == [
        ("anna", "administrator", False),
        ("Борис", "moderator", True),
    ]
    assert users[0]["email"] == "anna@example.org"
    assert users[0]["created_at"].endswith("Z")
    assert run_command(tmp_path, "users", "enable", "Борис").returncode == 0
    assert "Борис  moderator" in run_command(tmp_path, "users", "list").stdout
    assert "nobody" in error_line(run_command(tmp_path, "users", "disable", "nobody"))
    named = run_command(tmp_path, "users", "set-name", "Борис", "Борис Иванович", "--json")
    assert json.loads(named.stdout)["display_name"] == "Борис Иванович"
    assert (
        json.loads(run_command(tmp_path, "rooms", "rename", "general", "lobby", "--json").stdout)["renamed"] == "lobby"
    )
    assert error_line(run_command(tmp_path, "rooms", "rename", "general", "other"))
    assert run_command(tmp_path, "users", "delete", "Борис").returncode == 0
    assert "Борис" in error_line(run_command(tmp_path, "users", "delete", "Борис"))
    assert "anna" in error_line(run_command(tmp_path, "users", "set-role", "anna", "member"))
    made = run_command(tmp_path, "users", "reset-password", "anna")
    assert made.returncode == 0
    assert made.stdout.strip() in made.stderr
    (row,) = json_lines(run_command(tmp_path, "users", "reset-password", "anna", "--json").stdout)
    assert set(row) == {"user", "code", "expires_at"}
    assert row["code"] != made.stdout.strip()


def test_account_commands_on_a_running_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as running:
        check_accounts(tmp_path)
        assert running.stop() == 0


def test_account_commands_on_a_stopped_server(tmp_path: Path) -> None:
    check_accounts(tmp_path)


def test_status_asks_the_running_server(tmp_path: Path) -> None:
    assert str(tmp_path) in error_line(run_command(tmp_path, "status"))
    with ServerProcess(tmp_path / "data", name="Office"):
        (report,) = json_lines(run_command(tmp_path, "status", "--json").stdout)
        assert report["name"] == "Office"
        assert [room["name"] for room in report["rooms"]] == ["general"]
        assert report["database"]["latency_ms"] >= 0
        text = run_command(tmp_path, "status", env={"LANG": "ru_RU.UTF-8"})
        assert text.returncode == 0
        assert "Office, версия" in text.stdout


# --- init-db, backup, restore -----------------------------------------------------------------------------------------


def test_init_db_creates_the_schema_and_is_idempotent(tmp_path: Path, mariadb_url: str) -> None:
    password = urlsplit(mariadb_url).password
    assert password
    for _again in range(2):
        done = run_command(tmp_path, "init-db", "--database", mariadb_url, "--json")
        assert done.returncode == 0, done.stderr
        (row,) = json_lines(done.stdout)
        assert row["ready"] is True
        assert password not in row["database"]
    with ServerProcess(tmp_path / "data", database=mariadb_url) as running:
        assert running.stop() == 0


def test_init_db_with_admin_url_creates_the_database_account(tmp_path: Path, mariadb: MariaDB) -> None:
    url = f"mysql://cli_made:s3cr3t@127.0.0.1:{mariadb.port}/cli_made"
    try:
        done = run_command(tmp_path, "init-db", "--admin-url", mariadb.url("mysql"), env={"LANCHAT_DATABASE": url})
        assert (done.returncode, done.stderr) == (0, "")
        assert "s3cr3t" not in done.stdout
        assert run_command(tmp_path, "users", "list", env={"LANCHAT_DATABASE": url}).returncode == 0
    finally:
        mariadb.execute("DROP DATABASE IF EXISTS cli_made")
        for host in ("localhost", "127.0.0.1", "::1"):
            mariadb.execute(f"DROP USER IF EXISTS cli_made@'{host}'")


def test_init_db_of_the_embedded_database(tmp_path: Path) -> None:
    done = run_command(tmp_path, "init-db")
    assert done.returncode == 0, done.stderr
    assert "sqlite" in done.stdout
    assert run_command(tmp_path, "users", "list", "--json").stdout == ""


def test_restore_recreates_keys_and_accounts_of_a_backup(tmp_path: Path) -> None:
    file = tmp_path / "office.backup"
    with ServerProcess(tmp_path / "old" / "data") as running:
        fingerprint = running.fingerprint
        run_command(tmp_path / "old", "users", "add", "anna", env={"LANCHAT_PASSWORD": "correct horse"})
        running.stop()
    made = run_command(tmp_path / "old", "backup", str(file), "--json")
    assert made.returncode == 0, made.stderr
    (row,) = json_lines(made.stdout)
    assert (row["users"], row["messages"], row["log_epoch"]) == (1, 0, 1)
    restored = run_command(tmp_path / "new", "restore", str(file), "--json")
    assert restored.returncode == 0, restored.stderr
    (again,) = json_lines(restored.stdout)
    assert (again["log_id"], again["log_epoch"], again["users"]) == (row["log_id"], 2, 1)
    assert "--force" in error_line(run_command(tmp_path / "new", "restore", str(file)))
    with ServerProcess(tmp_path / "new" / "data") as running:
        assert running.fingerprint == fingerprint


def test_backup_of_a_running_server_can_be_restored(tmp_path: Path) -> None:
    file = tmp_path / "office.backup"
    with ServerProcess(tmp_path / "data") as running:
        assert run_command(tmp_path, "users", "add", "anna", env={"LANCHAT_PASSWORD": "correct horse"}).returncode == 0
        made = run_command(tmp_path, "backup", str(file))
        assert made.returncode == 0, made.stderr
        assert "1 account, 0 messages" in made.stdout
        assert file.stat().st_mode & 0o777 == 0o600
        assert "none" in error_line(run_command(tmp_path, "backup", str(tmp_path / "none" / "file")))
        assert running.returncode is None
    assert sorted(path.name for path in (tmp_path / "data").glob("*.backup*")) == []
    assert run_command(tmp_path / "new", "restore", str(file)).returncode == 0
    assert json_lines(run_command(tmp_path / "new", "users", "list", "--json").stdout)[0]["name"] == "anna"


def test_backup_and_restore_report_missing_paths(tmp_path: Path) -> None:
    assert run_command(tmp_path, "init-db").returncode == 0
    nowhere = str(tmp_path / "none" / "file")
    assert "none" in error_line(run_command(tmp_path, "backup", nowhere))
    assert "none" in error_line(run_command(tmp_path, "restore", nowhere))
    assert str(tmp_path / "empty") in error_line(run_command(tmp_path / "empty", "backup", str(tmp_path / "file")))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_ctrl_c_in_a_command_leaves_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mysql://chat:secret@127.0.0.1:{silent.getsockname()[1]}/chat"
        argv = [sys.executable, "-m", "lanchat_server", "--data-dir", str(tmp_path), "users", "list"]
        with Child(argv, env=plain_environment(tmp_path, {"LANCHAT_DATABASE": url}), cwd=ROOT) as child:
            connection, _peer = silent.accept()
            with connection:
                os.kill(child.pid, signal.SIGINT)
                assert child.wait(10) == 130
            assert child.stderr == []


def test_invite_codes_of_server_and_administrator_register_users(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('registration = "invite"\n')
    with ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as process:

        def register(name: str, *more: str) -> int:
            args = ["register", "--user", name, "--server", process.address, "--accept-new", *more]
            return run_client(args, tmp_path / name, env={"LANCHAT_PASSWORD": "correct horse"}).returncode

        assert register("admin") == 0
        code = json.loads(run_command(tmp_path, "users", "invite-code", "--uses", "1", "--json").stdout)["code"]
        assert register("anna", "--invite-code", code) == 0
        assert register("boris", "--invite-code", code) == 4
        made = run_client(["invite-code", "--json"], tmp_path / "admin")
        assert made.returncode == 0, made.stderr
        assert register("boris", "--invite-code", json.loads(made.stdout)["code"]) == 0
        assert run_client(["invite-code"], tmp_path / "anna").returncode == 4


@pytest.mark.mariadb
def test_commands_change_nothing_beside_a_suspended_server(tmp_path: Path, mariadb_url: str) -> None:
    """SIGSTOP: its sockets accept connections without an answer; from another folder only the lease shows it."""
    database = {"LANCHAT_DATABASE": mariadb_url}
    with ServerProcess(tmp_path / "data", database=mariadb_url) as running:
        running.add_account("anna")
        running.add_account("boris")
        running.signal(signal.SIGSTOP)
        try:
            said = error_line(run_command(tmp_path, "users", "disable", "boris", env=database))
            assert str(tmp_path) in said
            assert error_line(run_command(tmp_path, "restore", str(tmp_path / "nothing"), env=database))
        finally:
            running.signal(signal.SIGCONT)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        said = error_line(run_command(elsewhere, "users", "disable", "boris", env=database))
        assert f":{running.pid}" in said
        assert not any(row["disabled"] for row in json_lines(run_command(tmp_path, "users", "list", "--json").stdout))
        assert running.stop() == 0
    assert run_command(elsewhere, "users", "disable", "boris", env=database).returncode == 0
