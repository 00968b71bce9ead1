"""Two servers on one database: one serves, the other stands by and takes over, and clients find it as the same."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.standby import StandbyProcess
from tests.support.waiting import patient

pytestmark = pytest.mark.mariadb
# The standby waits for 8 s of silence.
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
    assert not (tmp_path / "second" / "keys").exists()


def test_standby_with_other_keys_is_refused(first: ServerProcess, tmp_path: Path, mariadb_url: str) -> None:
    with ServerProcess(tmp_path / "second"):  # makes keys
        pass
    assert "are not those of the server that serves" in refusal(tmp_path / "second", mariadb_url)


def test_standby_on_an_embedded_database_is_refused(tmp_path: Path) -> None:
    assert "needs a MySQL or MariaDB server" in refusal(tmp_path / "data", f"sqlite:///{tmp_path}/chat.db")
