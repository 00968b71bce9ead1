"""Start, stop, kill and replacement of a real server process, on both databases."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lanchat.protocol import wire
from tests.support.mariadb import MariaDB
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient
from tests.support.waiting import patient, wait_until


def run_server(data_dir: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected to end by itself."""
    argv = [sys.executable, "-m", "lanchat_server", "run", "--data-dir", str(data_dir), "--no-discovery", *args]
    environment = plain_environment(data_dir.parent)
    return subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30)


def assert_one_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1, result
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    for word in words:
        assert word in line, line


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    maria: MariaDB = request.getfixturevalue("mariadb")
    name = f"life{random.getrandbits(40):x}"
    maria.create_database(name)
    return maria.url(name)


@pytest.fixture
def registered(tmp_path: Path, database: str | None) -> Iterator[tuple[ServerProcess, RawClient]]:
    with ServerProcess(tmp_path / "data", database=database) as server, RawClient(server.port) as client:
        client.register("anna")
        yield server, client


def texts(client: RawClient) -> list[str]:
    page = client.request(wire.History(client.rooms["general"], 1, True, 200))
    return [record.body.decode() for record in page.records]


def test_sigterm_sends_goodbye_and_exits_with_0(registered: tuple[ServerProcess, RawClient]) -> None:
    server, client = registered
    client.say(client.rooms["general"], "last words")
    assert server.stop() == 0
    goodbye = client.wait_for(wire.Goodbye)
    assert goodbye.code == 0
    with server.restart() as again, RawClient(again.port, key=client.key) as back:
        assert again.fingerprint == server.fingerprint
        assert isinstance(back.log_in_by_key(), wire.LoggedIn)
        assert texts(back) == ["last words"]


def test_acknowledged_messages_survive_a_kill(registered: tuple[ServerProcess, RawClient]) -> None:
    server, client = registered
    room = client.rooms["general"]
    acknowledged: list[str] = []

    def write() -> None:
        with suppress(OSError, EOFError):
            for i in range(1000):
                while client.say(room, f"m{i}").code:
                    time.sleep(0.01)
                acknowledged.append(f"m{i}")
                if i >= 20:
                    time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(acknowledged) >= 8, 10, "eight messages are acknowledged")
    server.kill()
    writer.join(10)
    with server.restart() as again, RawClient(again.port, key=client.key) as back:
        back.log_in_by_key()
        stored = texts(back)
        assert stored[: len(acknowledged)] == acknowledged
        assert len(stored) <= len(acknowledged) + 1
        assert back.say(room, "after").seq == len(stored) + 1


def test_port_in_use_is_one_error_line_and_writes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(run_server(tmp_path / "data", "--port", str(port)), str(port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken_udp:
        taken_udp.bind(("", 0))
        port = taken_udp.getsockname()[1]
        assert_one_line(run_server(tmp_path / "data", "--port", str(port)), str(port))
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_second_server_on_the_same_sqlite_file_is_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, RawClient(server.port) as client:
        client.register("anna")
        assert_one_line(run_server(tmp_path / "data", "--port", "0"))
        assert client.say(client.rooms["general"], "still served").seq == 1


def test_unreachable_database_is_one_error_line(tmp_path: Path) -> None:
    url = f"mysql://nobody:hush@127.0.0.1:{free_port()}/lanchat"
    result = run_server(tmp_path / "data", "--port", "0", "--database", url)
    assert_one_line(result)
    assert "hush" not in result.stderr


def test_newer_schema_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        pass
    (file,) = data.glob("*.sqlite3")
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_future'")
    connection.close()
    before = file.read_bytes()
    assert_one_line(run_server(data, "--port", "0"))
    assert file.read_bytes() == before


def test_damaged_or_missing_key_is_one_error_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        pass
    log_key = data / "keys" / "log.key"
    if sys.platform != "win32":  # modes mean nothing there
        assert all(path.stat().st_mode & 0o077 == 0 for path in (data / "keys").iterdir())
    original = log_key.read_bytes()
    log_key.write_bytes(b"damaged")
    assert_one_line(run_server(data, "--port", "0"), "keys")
    log_key.unlink()
    assert_one_line(run_server(data, "--port", "0"), "log.key")
    log_key.write_bytes(original)
    with ServerProcess(data):
        pass


@pytest.mark.mariadb
def test_newer_server_takes_the_lease_and_the_older_one_stops(tmp_path: Path, mariadb: MariaDB) -> None:
    name = f"fence{random.getrandbits(40):x}"
    mariadb.create_database(name)
    url = mariadb.url(name)
    with ServerProcess(tmp_path / "old", database=url) as old, RawClient(old.port) as client:
        client.register("anna")
        assert client.say(client.rooms["general"], "to the old one").seq == 1
        with ServerProcess(tmp_path / "new", database=url) as new, RawClient(new.port) as other:
            # Also when nobody writes: it looks now and then.
            assert old.wait(15) == 1
            line = old.stderr[-1]
            assert "started later" in line
            other.log_in("anna")
            assert texts(other) == ["to the old one"]
            assert other.say(other.rooms["general"], "to the new one").seq == 2


@pytest.mark.mariadb
def test_nothing_is_acknowledged_while_the_database_is_down(tmp_path: Path, mariadb_own: MariaDB) -> None:
    mariadb_own.create_database("away")
    with (
        ServerProcess(tmp_path / "data", database=mariadb_own.url("away")) as server,
        RawClient(server.port) as client,
    ):
        client.register("anna")
        room = client.rooms["general"]
        assert client.say(room, "before").seq == 1
        mariadb_own.kill()
        message = client.message(room, "meanwhile")
        client.send(wire.Submit([message]))
        assert client.wait_for(wire.Busy, patient(20)).retry_ms > 0
        mariadb_own.start()
        receipt = None
        end = time.monotonic() + patient(20)
        while receipt is None and time.monotonic() < end:
            client.send(wire.Submit([message]))
            frame = client.receive(patient(10))
            if isinstance(frame, wire.Decided):
                receipt = frame.receipts[0]
            else:
                time.sleep(0.2)
        assert receipt is not None
        assert receipt.seq == 2
        assert texts(client) == ["before", "meanwhile"]


@pytest.fixture
def mariadb_own() -> Iterator[MariaDB]:
    """A database server that the test may kill."""
    with MariaDB() as own:
        yield own


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals")
def test_ctrl_c_is_a_graceful_stop(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(10) == 0


def test_ready_line_is_the_only_output(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", name="Büro 3") as server:
        assert server.ready["event"] == "ready"
        assert server.ready["name"] == "Büro 3"
        assert server.invite.startswith("lanchat://")
        assert server.invite.endswith(server.fingerprint)
        server.stop()
        assert [json.loads(line)["event"] for line in server.stdout] == ["ready"]


def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", extra=["--log-level", "debug"]) as server, RawClient(server.port) as client:
        client.register("anna", "my secret password")
        client.log_in("anna", "another wrong secret")
        client.say_without_waiting(client.rooms["general"], "between us")
        server.stop()
        for secret in ("my secret password", "another wrong secret", "between us"):
            assert secret not in "".join(server.stderr + server.stdout)


@pytest.mark.mariadb
def test_stop_does_not_wait_for_a_hanging_database(tmp_path: Path, mariadb_own: MariaDB) -> None:
    mariadb_own.create_database("hung")
    url = mariadb_own.url("hung")
    with ServerProcess(tmp_path / "data", database=url) as server, RawClient(server.port) as client:
        client.register("anna")
        room = client.rooms["general"]
        assert client.say(room, "before").seq == 1
        mariadb_own.pause()
        message = client.message(room, "meanwhile")
        client.send(wire.Submit([message]))
        # A reader waits as well.
        client.send(wire.Request(77, wire.History(room, 1, True, 200)))
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(patient(40)) == 0
        assert any("database does not answer" in line for line in server.stderr)
    mariadb_own.resume()
    with ServerProcess(tmp_path / "data", database=url) as server, RawClient(server.port, key=client.key) as again:
        again.log_in("anna")
        again.send(wire.Submit([message]))
        assert again.wait_for(wire.Decided, patient(20)).receipts[0].seq == 2
        assert texts(again) == ["before", "meanwhile"]
