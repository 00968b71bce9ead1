"""Administration and a server that may be running: a command works through it, on a database that none holds, or not
at all."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat import i18n
from lanchat_server.admin import channel as admin_channel
from lanchat_server.admin import run
from lanchat_server.admin.channel import ADMIN_FILE
from lanchat_server.admin.operations import BACKUP_FILE
from lanchat_server.admin.run import AdminError, run_admin
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.store import SqlStore, claiming, open_store
from lanchat_server.store.migrate import current_revision
from tests.support.admin_port import AdminPort, point_at
from tests.support.ports import free_port
from tests.support.stores import KINDS, Database, added, databases

PASSWORD = "correct horse"
WRITING: list[tuple[str, dict[str, Any]]] = [
    ("users.add", {"user": "boris", "password": PASSWORD}),
    ("users.disable", {"user": "Carla"}),
    ("users.enable", {"user": "Carla"}),
    ("users.set_role", {"user": "Carla", "role": "moderator"}),
    ("users.reset_password", {"user": "Carla"}),
    ("users.invite", {"uses": 1, "days": 1}),
]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    i18n.set_language("en")
    monkeypatch.setattr(run, "SILENCE_MAX", 0.3)
    monkeypatch.setattr(run, "CONNECT_TIMEOUT", 0.3)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from databases(request, tmp_path, request.param)


@pytest.fixture
def config(database: Database) -> ServerConfig:
    """Of a data directory whose database has two accounts."""
    store = open_store(database.url, database.folder)
    store.take_lease("test", 1)
    added(store, "Anna", "Carla")
    store.close()
    return load({"data_dir": database.folder, **({"database": database.url} if database.url else {})}, environment={})


@pytest.fixture(autouse=True)
def _a_place_is_waited_for_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PLACE_TIMEOUT", 0.1)


def everything(database: Database) -> Any:
    """All rows that commands change."""
    store = open_store(database.url, database.folder, migrate=False)
    try:
        with store.reading() as connection:
            tables = ("users", "devices", "recovery_codes", "invites", "memberships")
            return [sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}"))) for table in tables]
    finally:
        store.close()


# --- A channel that gives no answer -----------------------------------------------------------------------------------

Behaviour = Callable[[socket.socket], None]


def _read(sock: socket.socket) -> None:
    sock.makefile("rb").readline()


def _introduce(sock: socket.socket) -> None:
    lines = sock.makefile("rb")
    line = lines.readline()
    if line:
        nonce, mine = json.loads(line)["nonce"], "1" * 64
        proof = admin_channel.prove(TOKEN, "server", nonce, mine)
        sock.sendall(json.dumps({"nonce": mine, "proof": proof}).encode() + b"\n")
        lines.readline()
        sock.sendall(b'{"admitted": true}\n')


def _send(octets: bytes) -> Behaviour:
    def behave(sock: socket.socket) -> None:
        _read(sock)
        sock.sendall(octets)

    return behave


def _hang(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def _half_a_line_and_hang(sock: socket.socket) -> None:
    _send(b'{"result": ')(sock)
    _hang(sock)


TOKEN = "0" * 64
BEHAVIOURS: dict[str, Behaviour] = {
    "hangs": _hang,
    "closes at once": lambda sock: None,
    "closes after the question": _read,
    "empty line": _send(b"\n"),
    "garbage": _send(b"\x80\xff SSH-2.0\r\n"),
    "half a line": _send(b'{"result": '),
    "half a line, then silence": _half_a_line_and_hang,
    "no object": _send(b"[1, 2]\n"),
    "an object that is no answer": _send(b'{"event": "ready"}\n'),
    "busy": _send(b'{"error": "too much waits for the database"}\n'),
    "another server": _send(b'{"error": "wrong proof"}\n'),
    "endless": lambda sock: [sock.sendall(b"x" * 65536) for _ in range(1000)] and None,
}


def channel_of(folder: Path, behave: Behaviour, *, proven: bool = True) -> AdminPort:
    """Listens where admin.json says, and behaves, once it has shown that it knows the token if `proven`."""

    def serve(sock: socket.socket) -> None:
        if proven:
            _introduce(sock)
        behave(sock)

    return AdminPort(folder, TOKEN, serve)


def refused(config: ServerConfig, operation: str, arguments: dict[str, Any]) -> str:
    with pytest.raises(AdminError) as caught:
        run_admin(config, operation, arguments)
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("proven", [True, False], ids=["proven", "unproven"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_without_a_definite_answer_nothing_is_written(
    config: ServerConfig, database: Database, behaviour: str, proven: bool
) -> None:
    before = everything(database)
    channel = channel_of(database.folder, BEHAVIOURS[behaviour], proven=proven)
    try:
        refused(config, "users.disable", {"user": "Carla"})
        with pytest.raises(StoreError, match="stop it first"):
            run.check_nobody_listens(config.data_dir)
    finally:
        channel.close()
    assert everything(database) == before
    assert not (database.folder / "unclaimed.backup").exists()


@pytest.mark.parametrize(("operation", "arguments"), [*WRITING, ("users.list", {}), ("status", {}), ("backup", {})])
def test_no_command_takes_an_unusable_answer_for_none(
    config: ServerConfig, database: Database, operation: str, arguments: dict[str, Any]
) -> None:
    channel = channel_of(database.folder, _read)
    try:
        refused(config, operation, arguments)
    finally:
        channel.close()


def test_a_full_backlog_is_no_definite_answer(config: ServerConfig, database: Database) -> None:
    """As of a server that is stopped: connections are taken by the kernel, or not even that."""
    before = everything(database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        point_at(database.folder, listener.getsockname()[1], TOKEN)
        for _ in range(2):
            refused(config, "users.disable", {"user": "Carla"})
    assert everything(database) == before


@pytest.mark.parametrize(
    "left", ["nothing", "a port where nobody listens", "no JSON", "no port", "a port too high", "an endless port"]
)
def test_where_nobody_listens_the_command_is_done(config: ServerConfig, database: Database, left: str) -> None:
    file = database.folder / ADMIN_FILE
    contents = {"no JSON": "{", "no port": "{}", "a port too high": '{"port": 70000, "token": "x"}'}
    contents["an endless port"] = '{"port": Infinity, "token": "x"}'
    if left == "a port where nobody listens":
        point_at(database.folder, free_port(), TOKEN)
    elif left in contents:
        file.write_text(contents[left])
    for operation, arguments in WRITING:
        run_admin(config, operation, arguments)
    rows = {row["name"]: row for row in run_admin(config, "users.list", {})}
    assert rows["boris"]["role"] == "member"
    assert (rows["Carla"]["role"], rows["Carla"]["disabled"]) == ("moderator", False)
    assert run_admin(config, "backup", {})["users"] == len(rows)
    assert (database.folder / "unclaimed.backup").exists()


# --- A server that holds the database ---------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are given up for lost after a moment."""
    monkeypatch.setattr(claiming, "LEASE_LIFETIME", 0.6)
    monkeypatch.setattr(claiming, "LEASE_LOOK", 0.02)


def renew(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.renew_lease()


class Living:
    """A server that renews its lease."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._over = threading.Event()
        self._died_of: StoreError | None = None
        store.take_lease("host:1", 1)
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        try:
            while not self._over.wait(0.05):
                renew(self._store)
        except StoreError as error:
            self._died_of = error

    def end(self) -> None:
        """Raises what it died of."""
        self._over.set()
        self._thread.join(10)
        if self._died_of is not None:
            raise self._died_of


@pytest.mark.parametrize(("operation", "arguments"), [*WRITING, ("backup", {})])
def test_running_server_without_channel_is_not_gone_round(
    config: ServerConfig, database: Database, operation: str, arguments: dict[str, Any]
) -> None:
    """As one on another computer, or with another data directory."""
    before = everything(database)
    store = open_store(database.url, database.folder)
    living = Living(store)
    try:
        text = refused(config, operation, arguments)
        assert "server" in text
    finally:
        living.end()
        store.close()
    assert everything(database) == before


@pytest.mark.parametrize("command", ["users.list", "users.disable", "init-db", "backup", "restore"])
def test_tables_are_not_changed_under_a_running_server_of_an_older_version(
    config: ServerConfig, database: Database, tmp_path: Path, command: str
) -> None:
    store = open_store(database.url, database.folder)
    store.take_lease("host:1", 1)
    backup(tmp_path / "a.backup", store, database.folder / "keys")
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    commands: dict[str, Callable[[], Any]] = {
        "init-db": lambda: init_db(database.url, None, database.folder),
        "restore": lambda: restore(tmp_path / "a.backup", database.url, database.folder, force=True),
    }
    living = Living(store)
    try:
        with pytest.raises((AdminError, StoreError), match="server"):
            commands.get(command, lambda: run_admin(config, command, {"user": "Carla"}))()
        with store.reading() as connection:
            assert current_revision(connection, store.address) == "0001"
    finally:
        living.end()
        store.close()


def test_older_database_is_brought_up_to_date_by_a_command_and_the_lease_given_back(
    config: ServerConfig, database: Database
) -> None:
    store = open_store(database.url, database.folder)
    store.take_lease("host:1", 1)
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()
    with pytest.raises(AdminError, match="older"):
        run_admin(config, "backup", {})
    assert len(run_admin(config, "users.list", {})) == 2
    run_admin(config, "users.disable", {"user": "Carla"})
    run_admin(config, "backup", {})
    assert (database.folder / BACKUP_FILE).exists()


def test_running_server_is_not_fenced_by_restore(config: ServerConfig, database: Database, tmp_path: Path) -> None:
    store = open_store(database.url, database.folder)
    backup(tmp_path / "a.backup", store, database.folder / "keys")
    living = Living(store)
    try:
        with pytest.raises(StoreError, match="server"):
            restore(tmp_path / "a.backup", database.url, database.folder, force=True)
    finally:
        living.end()
        store.close()


@pytest.mark.mariadb
class TestLeaseOfAServerThatIsGone:
    @pytest.fixture
    def store(self, mariadb_url: str, tmp_path: Path) -> Iterator[SqlStore]:
        store = open_store(mariadb_url, tmp_path / "server")
        store.take_lease("host:1", 1)
        yield store
        store.close()

    @pytest.fixture
    def command(self, mariadb_url: str, tmp_path: Path) -> Iterator[SqlStore]:
        command = open_store(mariadb_url, tmp_path / "command")
        yield command
        command.close()

    def test_command_waits_out_a_killed_server_and_fences_it(
        self, store: SqlStore, command: SqlStore, quick: None
    ) -> None:
        command.claim_lease()
        added(command, "Anna")
        with pytest.raises(Fenced):
            added(store, "Boris")

    def test_stopped_server_is_not_waited_for(
        self, store: SqlStore, command: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claiming, "LEASE_LIFETIME", 3600.0)
        store.close()
        command.claim_lease()
        added(command, "Anna")

    def test_server_of_yesterday_is_not_waited_for(
        self, store: SqlStore, command: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claiming, "LEASE_LIFETIME", 3600.0)
        with store.replacing() as connection:
            connection.exec_driver_sql("UPDATE lease SET renewed_ms = renewed_ms - 700000")
        command.claim_lease()

    def test_next_command_waits_for_the_one_before(
        self, mariadb_url: str, tmp_path: Path, command: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claiming, "LEASE_LIFETIME", 3600.0)
        monkeypatch.setattr(claiming, "LEASE_LOOK", 0.02)
        command.claim_lease()
        second = open_store(mariadb_url, tmp_path / "second")
        done = threading.Event()

        def claim() -> None:
            second.claim_lease()
            done.set()

        thread = threading.Thread(target=claim)
        thread.start()
        added(command, "Anna")
        assert not done.is_set()
        command.close()
        thread.join(30)
        assert done.is_set()
        added(second, "Boris")
        second.close()

    def test_server_that_starts_meanwhile_fences_the_command(
        self, mariadb_url: str, tmp_path: Path, store: SqlStore, command: SqlStore
    ) -> None:
        store.close()
        command.claim_lease()
        newer = open_store(mariadb_url, tmp_path / "newer")
        newer.take_lease("host:2", 1)
        with pytest.raises(Fenced):
            added(command, "Anna")
        assert newer.snapshot().users == []
        newer.close()


def test_transaction_without_a_lease_is_refused(database: Database) -> None:
    store = database.open(lease=False)
    with pytest.raises(StoreError), store.transaction():
        pass


def test_server_that_works_long_is_waited_for(config: ServerConfig, database: Database) -> None:
    def behave(sock: socket.socket) -> None:
        _read(sock)
        for _ in range(8):
            sock.sendall(b" ")
            threading.Event().wait(0.1)
        sock.sendall(b'{"result": [1]}\n')

    channel = channel_of(database.folder, behave)
    try:
        assert run_admin(config, "users.list", {}) == [1]
    finally:
        channel.close()


def test_channel_shows_that_it_works_on_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_channel, "SIGN_OF_LIFE", 0.02)

    async def scenario() -> None:
        released = asyncio.Event()

        async def operate(_operation: str, _arguments: dict[str, Any]) -> str:
            await released.wait()
            return "done"

        channel = admin_channel.AdminChannel(tmp_path, operate)
        await channel.start()
        try:
            where = json.loads((tmp_path / ADMIN_FILE).read_text())
            reader, writer = await asyncio.open_connection("127.0.0.1", where["port"])
            writer.write(json.dumps({"nonce": "2" * 64}).encode() + b"\n")
            mine = json.loads(await reader.readline())["nonce"]
            proof = admin_channel.prove(where["token"], "command", "2" * 64, mine)
            writer.write(json.dumps({"proof": proof}).encode() + b"\n")
            assert json.loads(await reader.readline()) == {"admitted": True}
            writer.write(json.dumps({"operation": "backup", "arguments": {}}).encode() + b"\n")
            assert await reader.readexactly(3) == b"   "
            released.set()
            assert json.loads(await reader.readline()) == {"result": "done"}
            writer.close()
        finally:
            channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("users.list", {}), ("users.devices", {"user": "Carla"}), *WRITING[1:5], ("users.invites", {}), ("backup", {})],
)
def test_a_mistyped_data_directory_is_said_and_stays_absent(
    operation: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    config = load({"data_dir": tmp_path / "mistyped"}, environment={})
    with pytest.raises(AdminError, match=r"There is no database .*mistyped"):
        run_admin(config, operation, arguments)
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize(("operation", "arguments"), [WRITING[0], WRITING[5]])
def test_accounts_and_codes_can_be_made_before_the_first_start(
    operation: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    run_admin(load({"data_dir": tmp_path / "new"}, environment={}), operation, arguments)
    assert (tmp_path / "new" / "lanchat.sqlite3").exists()
