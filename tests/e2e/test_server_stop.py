"""`lanchat-server stop`: the server has ended in order when the command returns."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lanchat_server.admin.channel import ADMIN_FILE
from tests.support.admin_port import AdminPort
from tests.support.child import Child
from tests.support.procs import ROOT, ClientProcess, ServerProcess, plain_environment, run_client
from tests.support.waiting import patient, wait_until


def stop(data_dir: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lanchat_server", "stop", "--data-dir", str(data_dir), *args],
        env=plain_environment(data_dir.parent),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(60),
    )


def test_server_has_ended_when_the_command_returns(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.add_account("anna")
        profile = tmp_path / "anna"
        login = ["login", "--user", "anna", "--invite", server.invite]
        assert run_client(login, profile, env={"LANCHAT_PASSWORD": "correct horse"}).returncode == 0
        with ClientProcess(["listen", "general", "--json"], profile) as listening:
            listening.wait_for(lambda event: event.get("event") == "live")
            done = stop(server.data_dir, "--json")
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout) == {"stopped": True, "data_dir": str(server.data_dir)}
            assert server.wait(1) == 0
            assert not (server.data_dir / ADMIN_FILE).exists()
            listening.wait_for(lambda event: event.get("state") == "away")
        with server.restart():
            pass


def test_without_a_server_the_exit_code_is_3(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for _killed in range(2):
        done = stop(data)
        assert (done.returncode, done.stdout) == (3, "")
        assert len(done.stderr.splitlines()) == 1
        assert str(data) in done.stderr
        with ServerProcess(data) as server:
            server.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_server_that_does_not_end_in_time_is_an_error(tmp_path: Path) -> None:
    """A server that is paused after it was asked."""
    with ServerProcess(tmp_path / "data") as server:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            done = stop(server.data_dir, "--timeout", "0.3")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1


def test_impostor_at_the_port_of_a_killed_server_is_told_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []
    port = AdminPort(tmp_path, "5e" * 32, lambda sock: heard.append(sock.recv(1 << 16)))
    try:
        done = stop(tmp_path)
    finally:
        port.close()
    assert done.returncode == 1
    assert b"stop" not in b"".join(heard)


def test_reader_of_no_token_cannot_stop_the_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        file = server.data_dir / ADMIN_FILE
        where = json.loads(file.read_bytes())
        forged = tmp_path / "forged"
        forged.mkdir()
        (forged / ADMIN_FILE).write_text(json.dumps(where | {"token": "0" * 64}))
        assert stop(forged).returncode == 1
        assert server.returncode is None


def test_two_commands_at_once_both_end_well(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        argv = [sys.executable, "-m", "lanchat_server", "stop", "--data-dir", str(server.data_dir)]
        both = [Child(argv, env=plain_environment(tmp_path), cwd=ROOT) for _ in range(2)]
        codes = sorted(process.wait(60) for process in both)
        assert codes in ([0, 0], [0, 3])
        wait_until(lambda: server.returncode == 0, 10, "the server has ended")


@pytest.mark.parametrize("seconds", ["0", "-1", "x"])
def test_timeout_that_is_none_is_a_usage_error(tmp_path: Path, seconds: str) -> None:
    assert stop(tmp_path, "--timeout", seconds).returncode == 2
