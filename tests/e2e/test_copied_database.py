"""`copy-database` as an administrator uses it: the copy serves as the same server, also after interruptions."""

import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.test_cli_server import error_line, run_command
from tests.support.child import Child
from tests.support.mariadb import MariaDB
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client
from tests.support.stores import Database, Log, added
from tests.support.waiting import patient

PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


def sqlite_url(data: Path) -> str:
    return f"sqlite:///{data / 'data' / 'lanchat.sqlite3'}"


def history(server: ServerProcess, profile: Path) -> list[tuple[int, str]]:
    args = ["history", "general", "--server", server.address, "--json"]
    done = run_client(args, profile)
    assert done.returncode == 0, done.stderr
    return [(row["seq"], row["text"]) for row in json_lines(done.stdout)]


@pytest.mark.mariadb
def test_copy_serves_as_the_same_server_there_and_back(tmp_path: Path, mariadb: MariaDB, mariadb_url: str) -> None:
    run_command(tmp_path, "users", "add", "anna", env=PASSWORD)
    anna = ["--user", "anna", "--accept-new", "--json"]
    with ServerProcess(tmp_path / "data") as server:
        fingerprint = server.fingerprint
        login = run_client(["login", "--server", server.address, *anna], tmp_path / "p", env=PASSWORD)
        assert login.returncode == 0, login.stderr
        for text in ("one", "zwei ' \\ 😀"):
            assert run_client(["send", "general", text, "--server", server.address], tmp_path / "p").returncode == 0
        busy = run_command(tmp_path, "copy-database", sqlite_url(tmp_path), mariadb_url)
        assert "stop it first" in error_line(busy)
        before = history(server, tmp_path / "p")
        server.stop()
    done = run_command(tmp_path, "copy-database", sqlite_url(tmp_path), mariadb_url, "--json")
    [report] = json_lines(done.stdout)
    assert (report["tables"]["users"], report["tables"]["records"], report["log_epoch"]) == (1, 2, 1)
    with ServerProcess(tmp_path / "data", database=mariadb_url) as server:
        assert server.fingerprint == fingerprint
        assert history(server, tmp_path / "p") == before
        assert run_client(["send", "general", "three", "--server", server.address], tmp_path / "p").returncode == 0
        after = history(server, tmp_path / "p")
        busy = run_command(tmp_path, "copy-database", mariadb_url, f"sqlite:///{tmp_path}/back.db", timeout=patient(60))
        assert "stop it first" in error_line(busy)
        server.stop()
    back = f"sqlite:///{tmp_path}/back.db"
    assert run_command(tmp_path, "copy-database", mariadb_url, back).returncode == 0
    with ServerProcess(tmp_path / "data", database=back) as server:
        assert (server.fingerprint, history(server, tmp_path / "p")) == (fingerprint, after)


@pytest.fixture
def large(tmp_path: Path) -> str:
    """A database that takes a while."""
    database = Database(tmp_path / "data", None)
    store = database.open()
    added(store, "anna")
    log = Log(store)
    for _ in range(20):
        log.store_all(*(log.make("x" * 200, device=f"d{i % 3}") for i in range(500)))
    database.close()
    return sqlite_url(tmp_path)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_interrupted_copy_is_refused_to_servers_and_goes_on(
    tmp_path: Path, large: str, number: signal.Signals, code: int
) -> None:
    target = f"sqlite:///{tmp_path}/copy.db"
    command = [sys.executable, "-m", "tests.support.slow_copy", "--data-dir", str(tmp_path / "data")]
    child = Child([*command, "copy-database", large, target], env=plain_environment(tmp_path), cwd=ROOT)
    try:
        child.wait_for_line(lambda line: line == "copied 3000", patient(60), "a part is copied")
        child.signal(number)
        assert child.wait(patient(30)) == code
        assert ("Interrupted: the same command goes on" in child.transcript()) == (number == signal.SIGINT)
    finally:
        child.kill()
    refused = run_command(tmp_path, "run", "--database", target, "--port", "0", "--no-discovery")
    assert "broken off" in error_line(refused)
    done = run_command(tmp_path, "copy-database", large, target, timeout=patient(60))
    assert done.returncode == 0, done.stderr
    assert "An earlier copy had" in done.stderr
    [user] = json_lines(run_command(tmp_path, "users", "list", "--database", target, "--json").stdout)
    assert user["name"] == "anna"
