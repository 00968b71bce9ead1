"""Two servers on one database: one serves, the other stands by and takes over, and clients find it as the same."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment, run_client
from tests.support.standby import StandbyProcess
from tests.support.waiting import patient

pytestmark = pytest.mark.mariadb
# The standby waits for 7.25 s of silence.
TAKEOVER = 10.0


def status(data_dir: Path) -> dict[str, Any]:
    argv = [sys.executable, "-m", "lanchat_server", "status", "--json", "--data-dir", str(data_dir)]
    done = subprocess.run(
        argv, env=plain_environment(data_dir), cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def command(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "lanchat_server", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(argv, env=plain_environment(data_dir), cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def first(tmp_path: Path, mariadb_url: str) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "first", database=mariadb_url, discovery_port=free_port()) as server:
        server.add_account("administrator")
        yield server


@pytest.fixture
def standby(first: ServerProcess, tmp_path: Path, mariadb_url: str) -> Iterator[StandbyProcess]:
    shutil.copytree(tmp_path / "first" / "keys", tmp_path / "second" / "keys")
    with StandbyProcess(tmp_path / "second", mariadb_url, first._settings["discovery_port"]) as second:
        second.wait_event("standby", 60.0)
        yield second


def test_standby_waits_and_says_what_it_is(first: ServerProcess, standby: StandbyProcess) -> None:
    event = standby.wait_event("standby", 1.0)
    assert event["fingerprint"] == first.fingerprint
    assert f":{first.pid}" in event["serving"]
    told = status(standby.data_dir)
    assert (told["role"], told["other_server"]) == ("standby", event["serving"])
    assert "standing by" in "\n".join(standby.stderr)
    refused = command(standby.data_dir, "users", "list")
    assert refused.returncode == 1
    assert "stands by while" in refused.stderr
    end = time.monotonic() + patient(20.0)
    while (told := status(first.data_dir))["other_server"] is None and time.monotonic() < end:
        time.sleep(0.5)
    assert (told["role"], told["other_server"].endswith(f":{standby.pid}")) == ("serving", True)
    assert command(standby.data_dir, "stop").returncode == 0
    assert standby.wait(20.0) == 0


def test_standby_takes_over_from_a_killed_server(first: ServerProcess, standby: StandbyProcess, tmp_path: Path) -> None:
    end = time.monotonic() + patient(20.0)
    while status(first.data_dir)["other_server"] is None and time.monotonic() < end:
        time.sleep(0.2)
    killed = time.monotonic()
    first.kill()
    ready = standby.wait_event("ready", 30.0)
    assert time.monotonic() - killed < patient(TAKEOVER)
    assert ready["fingerprint"] == first.fingerprint
    assert status(standby.data_dir)["role"] == "serving"
    assert command(standby.data_dir, "users", "list").returncode == 0


def test_standby_takes_over_at_once_from_a_server_that_ends(first: ServerProcess, standby: StandbyProcess) -> None:
    first.stop()
    ended = time.monotonic()
    standby.wait_event("ready", 30.0)
    assert time.monotonic() - ended < patient(5.0)


def test_standby_that_loses_the_lease_stands_by_again(first: ServerProcess, standby: StandbyProcess) -> None:
    first.stop()
    standby.wait_event("ready", 30.0)
    with first.restart() as again:
        assert again.fingerprint == first.fingerprint
        standby.wait_event("standby", 30.0, count=2)
        assert status(standby.data_dir)["role"] == "standby"
        again.stop()
        standby.wait_event("ready", 30.0, count=2)


def refusal(data_dir: Path, database: str) -> str:
    with StandbyProcess(data_dir, database, free_port()) as second:
        assert second.wait(60.0) == 1
        return "\n".join(second.stderr)


def test_standby_without_the_keys_is_refused(first: ServerProcess, tmp_path: Path, mariadb_url: str) -> None:
    assert "copy its folder keys to" in refusal(tmp_path / "second", mariadb_url)
    first.stop()
    # Nor does it begin with keys of its own when nobody serves.
    assert "copy its folder keys to" in refusal(tmp_path / "second", mariadb_url)
    assert not (tmp_path / "second" / "keys").exists()


def test_standby_with_other_keys_is_refused(first: ServerProcess, tmp_path: Path, mariadb_url: str) -> None:
    with ServerProcess(tmp_path / "second"):  # makes keys
        pass
    assert "are not those of the server that has the database" in refusal(tmp_path / "second", mariadb_url)


def test_two_standbys_on_a_new_database_begin_by_themselves(tmp_path: Path, mariadb_url: str) -> None:
    with StandbyProcess(tmp_path / "first", mariadb_url, free_port()) as first:
        first.wait_event("ready", 60.0)
        shutil.copytree(tmp_path / "first" / "keys", tmp_path / "second" / "keys")
        with StandbyProcess(tmp_path / "second", mariadb_url, free_port()) as second:
            second.wait_event("standby", 60.0)
            first.stop()
            second.wait_event("ready", 30.0)


def test_standby_whose_port_is_taken_is_refused(tmp_path: Path, mariadb_url: str) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with StandbyProcess(tmp_path / "second", mariadb_url, free_port(), port=port) as second:
            assert second.wait(60.0) == 1
            assert f"Port {port} is in use" in "\n".join(second.stderr)


def test_standby_on_an_embedded_database_is_refused(tmp_path: Path) -> None:
    assert "needs a MySQL or MariaDB server" in refusal(tmp_path / "data", f"sqlite:///{tmp_path}/chat.db")


def test_invite_link_of_a_pair_leads_to_whichever_serves(tmp_path: Path, mariadb_url: str) -> None:
    """Two computers, which are two loopback addresses here, with the same port."""
    port, discovery = free_port(), free_port()
    both = ["--public-host", "127.0.0.1, 127.0.0.2"]
    options: dict[str, Any] = {"database": mariadb_url, "discovery_port": discovery, "port": port}
    with ServerProcess(tmp_path / "first", host="127.0.0.1", extra=[*both, "--standby"], **options) as first:
        first.add_account("administrator")
        assert first.invite.startswith(f"lanchat://127.0.0.1:{port}/?also=127.0.0.2:{port}#")
        shutil.copytree(tmp_path / "first" / "keys", tmp_path / "second" / "keys")
        more = ["--host", "127.0.0.2", *both]
        with StandbyProcess(tmp_path / "second", mariadb_url, discovery, port=port, extra=more) as second:
            second.wait_event("standby", 60.0)
            first.stop()
            second.wait_event("ready", 30.0)
            argv = ["--invite", first.invite, "--user", "anna", "--timeout", "30"]
            environment = {"LANCHAT_PASSWORD": "correct horse"}
            for command_line in (["register"], ["send", "general", "hello"]):
                done = run_client([*argv, *command_line], tmp_path / "anna", env=environment, timeout=90)
                assert done.returncode == 0, done.stderr
