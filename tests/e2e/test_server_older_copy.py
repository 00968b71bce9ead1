"""The database of a running server is replaced: the server stops with one error line and acknowledges nothing."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol import wire
from lanchat_server.maintenance.last_lease import LAST_LEASE_FILE
from tests.support.mariadb import MariaDB
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient


@pytest.fixture
def mariadb_own() -> Iterator[MariaDB]:
    """A database server that the test may kill."""
    with MariaDB() as own:
        yield own


def assert_stopped(server: ServerProcess, said: str) -> None:
    assert server.wait(patient(20)) == 1
    assert said in server.stderr[-1]
    assert "stopped" in server.stderr[-1]


def assert_refused(client: RawClient, room: int) -> None:
    """A message sent to a server whose database was replaced is not acknowledged."""
    client.send(wire.Submit([client.message(room, "into the void")]))
    try:
        while not isinstance(frame := client.receive(patient(20)), wire.Decided):
            pass
    except (OSError, EOFError):
        return
    raise AssertionError(f"acknowledged: {frame}")


def test_server_stops_when_its_sqlite_file_is_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server, RawClient(server.port) as client:
        client.register("anna")
        (file,) = data.glob("*.sqlite3")
        source, copy = sqlite3.connect(file), sqlite3.connect(tmp_path / "copy")
        source.backup(copy)
        source.close()
        copy.close()
        assert client.say(client.rooms["general"], "kept").seq == 1
        (tmp_path / "copy").rename(file)
        assert_refused(client, client.rooms["general"])
        assert_stopped(server, "replaced or changed by another program")


def test_next_start_refuses_the_older_copy(tmp_path: Path) -> None:
    """A service manager starts it again by itself."""
    data = tmp_path / "data"
    with ServerProcess(data) as server, RawClient(server.port) as client:
        client.register("anna")
        (file,) = data.glob("*.sqlite3")
        source, copy = sqlite3.connect(file), sqlite3.connect(tmp_path / "copy")
        source.backup(copy)
        source.close()
        copy.close()
        assert client.say(client.rooms["general"], "kept").seq == 1
        (tmp_path / "copy").rename(file)
        assert_refused(client, client.rooms["general"])
        assert_stopped(server, "replaced or changed by another program")
        with pytest.raises(RuntimeError, match="older than this server left it"):
            server.restart()
        (data / LAST_LEASE_FILE).unlink()
        with server.restart() as again:
            assert again.stop() == 0
        # As it was left, it is taken.
        with again.restart() as third:
            assert third.stop() == 0


def test_other_program_reading_the_database_does_not_disturb_it(tmp_path: Path) -> None:
    """Also right after the tables were made: SQLite's locks are held, so the other one is not the last to close it."""
    data = tmp_path / "data"
    with ServerProcess(data) as server, RawClient(server.port) as client:
        client.register("anna")
        (file,) = data.glob("*.sqlite3")
        for number in (1, 2):
            other = sqlite3.connect(file)
            assert other.execute("SELECT count(*) FROM records").fetchone() == (number - 1,)
            other.close()
            assert file.with_name(file.name + "-wal").exists()
            assert client.say(client.rooms["general"], "kept").seq == number


def test_idle_server_stops_when_its_sqlite_file_is_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server:
        (file,) = data.glob("*.sqlite3")
        file.unlink()
        assert_stopped(server, "replaced or changed by another program")


@pytest.mark.mariadb
def test_server_stops_when_mariadb_returns_as_an_older_copy(tmp_path: Path, mariadb_own: MariaDB) -> None:
    """An account made after the copy is not in it, and its number is not assigned again."""
    mariadb_own.create_database("older")
    with ServerProcess(tmp_path / "data", database=mariadb_own.url("older")) as server:
        with RawClient(server.port) as first:
            first.register("anna")
        mariadb_own.stop()
        shutil.copytree(mariadb_own.folder / "data", tmp_path / "copy")
        mariadb_own.start()
        with RawClient(server.port) as client:
            client.register("boris")
            assert client.say(client.rooms["general"], "kept").seq == 1
            mariadb_own.kill()
            shutil.rmtree(mariadb_own.folder / "data")
            (tmp_path / "copy").rename(mariadb_own.folder / "data")
            mariadb_own.start()
            assert_refused(client, client.rooms["general"])
            assert_stopped(server, "older copy")
