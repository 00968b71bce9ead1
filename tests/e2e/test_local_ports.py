"""Other users of the server's computer hold connections to the ports on the loopback address: those of the
administrator's commands and of the figures. The server goes on, and so do the commands."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lanchat.protocol import wire
from lanchat_server.admin.channel import ADMIN_FILE
from tests.support.child import Child
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient
from tests.support.waiting import patient

CROWD = 1100
# As on a Debian computer whose administrator changed nothing.
DESCRIPTORS = 1024

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of descriptors")


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, metrics_port: int) -> Iterator[ServerProcess]:
    settings = tmp_path / "server.toml"
    settings.write_text(f"[metrics]\nport = {metrics_port}\n")
    with ServerProcess(tmp_path / "data", extra=("--config", str(settings))) as server:
        psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        server.add_account("anna")
        yield server


def command(server: ServerProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lanchat_server", *words, "--data-dir", str(server.data_dir)],
        env=plain_environment(server.data_dir),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
    )


@contextlib.contextmanager
def many_connections(port: int, octets: bytes) -> Iterator[list[socket.socket]]:
    """CROWD connections, from one address as from many; those that the server ended are not opened again."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for number in range(CROWD):
            source = f"127.0.0.{1 + number % 200}" if number % 2 and sys.platform == "linux" else "127.0.0.1"
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), patient(10), (source, 0)))
            with contextlib.suppress(OSError):
                sock.sendall(octets)
            sockets.append(sock)
        yield sockets


def admin_port(server: ServerProcess) -> int:
    return int(json.loads((server.data_dir / ADMIN_FILE).read_text())["port"])


FIRST_LINE = json.dumps({"nonce": "1" * 64}).encode() + b"\n"


@pytest.mark.parametrize("octets", [b"", b'{"non', FIRST_LINE], ids=["silent", "half a line", "introduced"])
def test_connections_to_the_admin_port_block_no_user(server: ServerProcess, octets: bytes) -> None:
    with many_connections(admin_port(server), octets):
        _assert_server_responds(server)


@pytest.mark.parametrize("octets", [b"", b"GET / HTTP/1.1\r\nHost: "], ids=["silent", "half a head"])
def test_connections_to_the_metrics_port_block_no_user(server: ServerProcess, metrics_port: int, octets: bytes) -> None:
    with many_connections(metrics_port, octets):
        _assert_server_responds(server)
        with socket.create_connection(("127.0.0.1", metrics_port), patient(10)) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        assert b"lanchat_sessions" in answer


def _assert_server_responds(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    assert process.num_fds() < DESCRIPTORS // 4
    with RawClient(server.port) as member:
        assert isinstance(member.log_in("anna"), wire.LoggedIn)
    for words in (("status", "--json"), ("users", "list", "--json")):
        done = command(server, *words)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[0])


ATTACKER = """
import socket, sys
port, sockets = int(sys.argv[1]), []
print("ready", flush=True)
while True:
    try:
        sock = socket.create_connection(("127.0.0.1", port), 5)
        sock.sendall(sys.argv[2].encode())
        sockets.append(sock)
    except OSError:
        pass
    if len(sockets) > 400:
        sockets.pop(0).close()
"""


@pytest.mark.parametrize("octets", [b"", FIRST_LINE], ids=["silent", "introduced"])
def test_commands_succeed_during_a_connection_flood(server: ServerProcess, octets: bytes) -> None:
    with Child([sys.executable, "-c", ATTACKER, str(admin_port(server)), octets.decode()], cwd=ROOT) as attacker:
        attacker.wait_for_line(lambda line: line == "ready", 20, "the attacker has begun")
        for _ in range(5):
            done = command(server, "users", "list", "--json")
            assert done.returncode == 0, done.stderr


def test_connection_without_proof_is_closed_after_a_timeout(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", admin_port(server)), patient(20)) as sock:
        sock.sendall(FIRST_LINE)
        received = b"".join(iter(lambda: _receive(sock), b""))
    assert received.count(b"\n") == 1


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""
