"""Metrics, logs and the administration file of a real server."""

import json
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from lanchat.protocol import wire
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient
from tests.support.waiting import patient, wait_until

WITHOUT_LIBRARY = """
import sys
sys.modules["prometheus_client"] = None
from lanchat_server.__main__ import main
sys.exit(main())
"""


def test_figures_without_their_library_are_refused_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[metrics]\nport = 9464\n")
    argv = ["run", "--config", str(config), "--data-dir", str(tmp_path / "data"), "--port", "0", "--no-discovery"]
    command = [sys.executable, "-c", WITHOUT_LIBRARY, *argv]
    done = subprocess.run(
        command, env=plain_environment(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=patient(30)
    )
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert "lanchat[metrics]" in line


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=patient(5)) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? ([0-9.e+]+)$", text, re.MULTILINE)}


def test_prometheus_metrics_count_messages_and_sessions(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "server.toml"
    config.write_text(f"[metrics]\nport = {port}\n")
    with (
        ServerProcess(tmp_path / "data", extra=["--config", str(config)]) as server,
        RawClient(server.port) as client,
    ):
        client.register("anna")
        for i in range(3):
            client.say(client.rooms["general"], f"m{i}")
        wanted = {"committed": 3.0, "sessions": 1.0}

        def exported() -> bool:
            figures = scrape(port)
            return all(
                any(part in name and value == wanted[part] for name, value in figures.items()) for part in wanted
            )

        wait_until(exported, 10, "three messages and one session are told")


def test_log_lines_are_json(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, RawClient(server.port) as client:
        client.register("anna")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.stderr]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert any("anna" in line["message"] for line in lines)


def test_admin_file_is_private_and_removed_at_stop(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        file = tmp_path / "data" / "admin.json"
        assert file.stat().st_mode & 0o077 == 0
        assert server.stop() == 0
        assert not file.exists()


def test_admin_channel_refuses_connections_without_proof(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, RawClient(server.port) as client:
        client.register("anna")
        port = json.loads((tmp_path / "data" / "admin.json").read_text())["port"]
        for line in (
            b'{"token": "guess", "operation": "users.list", "arguments": {}}',
            b"{}",
            b"[]",
            b"\xff\xfe",
            b"x" * 100_000,
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=patient(5)) as sock:
                sock.sendall(line + b"\n")
                answer = sock.makefile("rb").readline()
                assert b"anna" not in answer
                assert not answer or "error" in json.loads(answer)
        assert isinstance(client.request(wire.ListUsers()), wire.UserList)
