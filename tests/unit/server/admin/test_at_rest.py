"""Administration of a server that may be running: a command goes through it, uses a database without a holder, or
fails."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat import i18n
from lanchat.core.session.requests import RESULTS
from lanchat.platform.proofs import prove
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat_server.admin import channel as admin_channel
from lanchat_server.admin import local, run
from lanchat_server.admin.at_rest import MAKING
from lanchat_server.admin.backups import CLAIMED_FILE
from lanchat_server.admin.channel import ADMIN_FILE
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.admin.run import AdminError, Administration, Refused
from lanchat_server.config import ServerConfig, load
from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.tables.migrate import current_revision
from lanchat_server.store.transactions.claiming import LeaseTiming
from tests.support.admin_port import AdminPort, point_at
from tests.support.administration import accounts, ask, find
from tests.support.ports import free_port
from tests.support.stores import KINDS, Database, added, databases
from tests.support.waiting import patient

PASSWORD = "correct horse"
CARLA, DEVICE, CODE, ROOM = 2, bytes(16), bytes(16), 4711
WRITING: list[Any] = [
    wire.AddAccount("boris", PASSWORD),
    wire.DisableAccount(CARLA, True),
    wire.DisableAccount(CARLA, False),
    wire.SetRole(CARLA, Role.MODERATOR),
    wire.SetDisplayName(CARLA, "Carla C."),
    wire.ResetPassword(CARLA),
    wire.CreateInvite(1, 86_400),
]
MADE_FIRST = [request for request in WRITING if isinstance(request, MAKING)]
NOT_MAKING = [request for request in WRITING if not isinstance(request, MAKING)]
# Those that find nothing here, and write nothing then.
MISSING: list[Any] = [
    wire.RevokeDevice(DEVICE),
    wire.VoidInvite(CODE),
    wire.DeleteAccount(ROOM),
    wire.ChangeRoom(ROOM, "renamed"),
    wire.ArchiveRooms([ROOM], True),
    wire.DeleteRooms([ROOM]),
]
READING: list[Any] = [
    wire.ListAccounts(),
    wire.FindAccount("Carla"),
    wire.ListDevices(user=CARLA),
    wire.ListAllRooms(),
    wire.ListInvites(),
    wire.ListQuarantine(),
]
SERVER_REQUESTS: list[Any] = [
    wire.Status(),
    wire.EndSessions(CARLA),
    wire.ListSessions(),
    wire.JudgeQuarantined([wire.MessageName(ROOM, DEVICE, 1, 1)], True),
]
ALL_REQUESTS = [*WRITING, *MISSING, *READING, *SERVER_REQUESTS, wire.CreateBackup()]


def names(requests: list[Any]) -> dict[str, Any]:
    """Test ids of requests."""
    return {"argvalues": requests, "ids": [type(request).__name__ for request in requests]}


def test_every_operation_is_tested() -> None:
    assert {type(request) for request in ALL_REQUESTS} == OPERATIONS.keys()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    i18n.set_language("en")
    monkeypatch.setattr(local, "SILENCE_MAX", 0.3)
    monkeypatch.setattr(local, "CONNECT_TIMEOUT", 0.3)


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
def _short_slot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PLACE_TIMEOUT", 0.1)
    monkeypatch.setattr(local, "BUSY_TIMEOUT", 0.1)


def all_rows(database: Database) -> Any:
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
    sock.recv(65536)


def _introduce(sock: socket.socket) -> None:
    lines = sock.makefile("rb", buffering=0)
    line = lines.readline()
    if line:
        nonce, mine = json.loads(line)["nonce"], "1" * 64
        proof = prove(TOKEN, "server", nonce, mine)
        sock.sendall(json.dumps({"nonce": mine, "proof": proof}).encode() + b"\n")
        lines.readline()
        sock.sendall(b'{"admitted": true}\n')


def _send(octets: bytes) -> Behaviour:
    def respond(sock: socket.socket) -> None:
        _read(sock)
        sock.sendall(octets)

    return respond


def _hang(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def _answer(result: Any, id: int = 1) -> Behaviour:
    return _send(wire.pack_frame(wire.Response(id, result)))


def _send_half_a_frame(sock: socket.socket) -> None:
    _send(wire.pack_frame(wire.Response(1, wire.Done()))[:5])(sock)
    _hang(sock)


def _work_without_end(sock: socket.socket) -> None:
    _read(sock)
    sock.sendall(wire.pack_frame(wire.Pong(0)))
    _hang(sock)


TOKEN = "0" * 64
BEHAVIOURS: dict[str, Behaviour] = {
    "hangs": _hang,
    "closes at once": lambda sock: None,
    "closes after the question": _read,
    "empty line": _send(b"\n"),
    "garbage": _send(b"\x80\xff SSH-2.0\r\n"),
    "lines of JSON": _send(b'{"result": []}\n'),
    "half a frame": _send(wire.pack_frame(wire.Response(1, wire.Done()))[:5]),
    "half a frame, then silence": _send_half_a_frame,
    "works, then silence": _work_without_end,
    "a frame too long": _send(b"\xff\xff\xff\xff"),
    "no frame": _send(b"\0\0\0\1\xc1"),
    "a frame that is no answer": _send(wire.pack_frame(wire.Lagging())),
    "an answer to another request": _answer(wire.Done(), 77),
    "an answer of another kind": _answer(wire.MemberList([])),
    "busy": _send(wire.pack_frame(wire.Failure(1, Code.BUSY, "busy", 50))),
    "a failure": _send(wire.pack_frame(wire.Failure(1, Code.UNAVAILABLE, "the database is away", 0))),
    "a failure of a later version": _send(wire.pack_frame(wire.Failure(1, 99, "who knows", 0))),
    "endless": lambda sock: [sock.sendall(b"x" * 65536) for _ in range(1000)] and None,
}


def channel_of(folder: Path, respond: Behaviour, *, proven: bool = True) -> AdminPort:
    """Listens where admin.json points to and responds, after it has proved that it knows the token if `proven`."""

    def serve(sock: socket.socket) -> None:
        if proven:
            _introduce(sock)
        respond(sock)

    return AdminPort(folder, TOKEN, serve)


def refused(config: ServerConfig, request: Any) -> str:
    with pytest.raises((AdminError, Refused)) as caught:
        ask(config, request, RESULTS.get(type(request), wire.Done))
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("proven", [True, False], ids=["proven", "unproven"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_without_a_definite_answer_nothing_is_written(
    config: ServerConfig, database: Database, behaviour: str, proven: bool
) -> None:
    before = all_rows(database)
    channel = channel_of(database.folder, BEHAVIOURS[behaviour], proven=proven)
    try:
        refused(config, wire.DisableAccount(CARLA, True))
        with pytest.raises(StoreError, match="stop it first"):
            run.check_no_server_runs(config.data_dir)
    finally:
        channel.close()
    assert all_rows(database) == before
    assert not (database.folder / "unclaimed.backup").exists()


@pytest.mark.parametrize("behaviour", ["closes after the question", "garbage", "an answer of another kind"])
def test_no_request_is_performed_after_an_unusable_answer(
    config: ServerConfig, database: Database, behaviour: str
) -> None:
    before = all_rows(database)
    channel = channel_of(database.folder, BEHAVIOURS[behaviour])
    try:
        for request in ALL_REQUESTS:
            refused(config, request)
    finally:
        channel.close()
    assert all_rows(database) == before
    assert not (database.folder / CLAIMED_FILE).exists()


def test_server_ending_between_two_requests_is_not_bypassed(config: ServerConfig, database: Database) -> None:
    """Nothing listens at the second request: the first one established that a server runs."""
    before = all_rows(database)
    ended = threading.Event()

    def respond(sock: socket.socket) -> None:
        account = wire.AccountDetails(CARLA, "Carla", "Carla", "", Role.MEMBER, False, 1, 0, 0)
        _answer(wire.AccountResult(account))(sock)
        ended.set()

    channel = channel_of(database.folder, respond)
    with Administration(config) as admin:
        assert admin.ask(wire.FindAccount("Carla"), wire.AccountResult).account.id == CARLA
        assert ended.wait(patient(10))
        channel.close()
        (database.folder / ADMIN_FILE).unlink()
        with pytest.raises(AdminError):
            admin.ask(wire.DisableAccount(CARLA, True), wire.AccountResult)
    assert all_rows(database) == before


def test_full_backlog_is_no_definite_answer(config: ServerConfig, database: Database) -> None:
    """As of a stopped server: connections are accepted by the kernel, or not even that."""
    before = all_rows(database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        point_at(database.folder, listener.getsockname()[1], TOKEN)
        for _ in range(2):
            refused(config, wire.DisableAccount(CARLA, True))
    assert all_rows(database) == before


@pytest.mark.parametrize(
    "left", ["nothing", "a port where nobody listens", "no JSON", "no port", "a port too high", "an endless port"]
)
def test_command_is_performed_when_nothing_listens(config: ServerConfig, database: Database, left: str) -> None:
    file = database.folder / ADMIN_FILE
    contents = {"no JSON": "{", "no port": "{}", "a port too high": '{"port": 70000, "token": "x"}'}
    contents["an endless port"] = '{"port": Infinity, "token": "x"}'
    if left == "a port where nobody listens":
        point_at(database.folder, free_port(), TOKEN)
    elif left in contents:
        file.write_text(contents[left])
    carla = find(config, "Carla")
    for request in WRITING:
        ask(config, replace(request, user=carla) if hasattr(request, "user") else request, object)
    rows = accounts(config)
    assert rows["boris"].role is Role.MEMBER
    assert (rows["Carla"].role, rows["Carla"].disabled) == (Role.MODERATOR, False)
    made = ask(config, wire.CreateBackup(), wire.BackupMade)
    assert (made.users, made.file) == (len(rows), CLAIMED_FILE)
    assert (database.folder / CLAIMED_FILE).exists()


def test_several_requests_are_performed_under_one_lease(config: ServerConfig) -> None:
    with Administration(config) as admin:
        first = admin.ask(wire.FindAccount("Carla"), wire.AccountResult).account
        admin.ask(wire.SetRole(first.id, Role.MODERATOR), wire.AccountResult)
        changed = admin.ask(wire.DisableAccount(first.id, True), wire.AccountResult).account
        assert (changed.role, changed.disabled) == (Role.MODERATOR, True)
        assert admin.ask(wire.CreateBackup(), wire.BackupMade).users == 2
        assert admin.ask(wire.FindAccount("Carla"), wire.AccountResult).account == changed


@pytest.mark.parametrize(
    "request_", [wire.FindAccount("x" * 257), wire.AddAccount("x", "y" * 513), wire.CreateInvite(1001, 60)]
)
def test_bounds_of_the_wire_apply_at_rest(config: ServerConfig, request_: Any) -> None:
    with pytest.raises(Refused) as caught:
        ask(config, request_, object)
    assert caught.value.code is Code.BAD_REQUEST


# --- A server that holds the database ---------------------------------------------------------------------------------


def renew(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.renew_lease()


class LeaseHolder:
    """A server that renews its lease."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._over = threading.Event()
        self._died_of: StoreError | None = None
        store.take_lease("host:1", 1)
        self._thread = threading.Thread(target=self._renew_lease)
        self._thread.start()

    def _renew_lease(self) -> None:
        try:
            while not self._over.wait(0.05):
                renew(self._store)
        except StoreError as error:
            self._died_of = error

    def end(self) -> None:
        """Raises the error that ended it."""
        self._over.set()
        self._thread.join(10)
        if self._died_of is not None:
            raise self._died_of


@pytest.mark.parametrize("left", ["nothing", "a port where nobody listens"])
def test_running_server_without_channel_is_not_bypassed(config: ServerConfig, database: Database, left: str) -> None:
    """As one on another computer, with another data directory, or with an unreachable port."""
    before = all_rows(database)
    if left != "nothing":
        point_at(database.folder, free_port(), TOKEN)
    store = open_store(database.url, database.folder)
    living = LeaseHolder(store)
    try:
        for request in [*WRITING, *MISSING, wire.ListInvites(), *SERVER_REQUESTS, wire.CreateBackup()]:
            assert "server" in refused(config, request), request
    finally:
        living.end()
        store.close()
    assert all_rows(database) == before


@pytest.mark.parametrize("command", ["list", "disable", "init-db", "backup", "restore"])
def test_tables_are_not_migrated_under_a_running_older_server(
    config: ServerConfig, database: Database, tmp_path: Path, command: str
) -> None:
    store = open_store(database.url, database.folder)
    store.take_lease("host:1", 1)
    backup(tmp_path / "a.backup", store, database.folder / "keys")
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    requests = {"list": wire.ListAccounts(), "disable": wire.DisableAccount(CARLA, True)}
    commands: dict[str, Callable[[], Any]] = {
        "init-db": lambda: init_db(database.url, None, database.folder),
        "restore": lambda: restore(tmp_path / "a.backup", database.url, database.folder, force=True),
    }
    living = LeaseHolder(store)
    try:
        with pytest.raises((AdminError, StoreError), match="server"):
            commands.get(command, lambda: ask(config, requests.get(command, wire.CreateBackup()), object))()
        with store.reading() as connection:
            assert current_revision(connection, store.address) == "0001"
    finally:
        living.end()
        store.close()


def test_command_migrates_an_older_database_and_releases_the_lease(config: ServerConfig, database: Database) -> None:
    store = open_store(database.url, database.folder)
    store.take_lease("host:1", 1)
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()
    with pytest.raises(AdminError, match="older"):
        ask(config, wire.CreateBackup(), wire.BackupMade)
    assert len(accounts(config)) == 2
    ask(config, wire.DisableAccount(find(config, "Carla"), True), wire.AccountResult)
    ask(config, wire.CreateBackup(), wire.BackupMade)
    assert (database.folder / CLAIMED_FILE).exists()


def test_restore_does_not_fence_a_running_server(config: ServerConfig, database: Database, tmp_path: Path) -> None:
    store = open_store(database.url, database.folder)
    backup(tmp_path / "a.backup", store, database.folder / "keys")
    living = LeaseHolder(store)
    try:
        with pytest.raises(StoreError, match="server"):
            restore(tmp_path / "a.backup", database.url, database.folder, force=True)
    finally:
        living.end()
        store.close()


@pytest.mark.mariadb
class TestLeaseOfAnEndedServer:
    @pytest.fixture
    def store(self, mariadb_url: str, tmp_path: Path) -> Iterator[SqlStore]:
        store = open_store(mariadb_url, tmp_path / "server")
        store.take_lease("host:1", 1)
        yield store
        store.close()

    @pytest.fixture
    def command(self, mariadb_url: str, tmp_path: Path) -> Iterator[SqlStore]:
        """One for which a lease expires so late that waiting for it would be noticed."""
        command = open_store(mariadb_url, tmp_path / "command", lease=LeaseTiming(3600.0))
        yield command
        command.close()

    def test_command_waits_out_a_killed_server_and_fences_it(
        self, store: SqlStore, mariadb_url: str, tmp_path: Path
    ) -> None:
        command = open_store(mariadb_url, tmp_path / "command", lease=LeaseTiming(0.6, 0.02))
        command.claim_lease()
        added(command, "Anna")
        with pytest.raises(Fenced):
            added(store, "Boris")
        command.close()

    def test_command_does_not_wait_for_a_stopped_server(self, store: SqlStore, command: SqlStore) -> None:
        store.close()
        command.claim_lease()
        added(command, "Anna")

    def test_command_does_not_wait_for_a_lease_expired_long_ago(self, store: SqlStore, command: SqlStore) -> None:
        with store.replacing() as connection:
            connection.exec_driver_sql("UPDATE lease SET renewed_ms = renewed_ms - 700000")
        command.claim_lease()

    def test_next_command_waits_for_the_previous_one(self, mariadb_url: str, tmp_path: Path, command: SqlStore) -> None:
        command.claim_lease()
        second = open_store(mariadb_url, tmp_path / "second", lease=LeaseTiming(3600.0, 0.02))
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

    def test_server_starting_meanwhile_fences_the_command(
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


def test_command_waits_for_a_server_that_reports_progress(
    config: ServerConfig, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than it bears silence, which is long enough here for a busy computer to report."""
    monkeypatch.setattr(local, "SILENCE_MAX", patient(0.2))

    def respond(sock: socket.socket) -> None:
        _read(sock)
        for _ in range(10):
            sock.sendall(wire.pack_frame(wire.Pong(0)))
            threading.Event().wait(local.SILENCE_MAX / 8)
        sock.sendall(wire.pack_frame(wire.Response(1, wire.AccountList([]))))

    channel = channel_of(database.folder, respond)
    try:
        assert accounts(config) == {}
    finally:
        channel.close()


def test_list_that_does_not_advance_is_refused(config: ServerConfig, database: Database) -> None:
    def respond(sock: socket.socket) -> None:
        for number in (1, 2, 3):
            _answer(wire.AccountList([], next=b"1"), number)(sock)

    channel = channel_of(database.folder, respond)
    try:
        with pytest.raises(AdminError, match="no usable answer"):
            accounts(config)
    finally:
        channel.close()


async def admitted(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of a command that has proved that it knows the token."""
    where = json.loads((folder / ADMIN_FILE).read_text())
    reader, writer = await asyncio.open_connection("127.0.0.1", where["port"])
    writer.write(json.dumps({"nonce": "2" * 64}).encode() + b"\n")
    mine = json.loads(await reader.readline())["nonce"]
    proof = prove(where["token"], "command", "2" * 64, mine)
    writer.write(json.dumps({"proof": proof}).encode() + b"\n")
    assert json.loads(await reader.readline()) == {"admitted": True}
    return reader, writer


async def frame(reader: asyncio.StreamReader) -> Any:
    length = int.from_bytes(await reader.readexactly(4), "big")
    return wire.decode_from_server_untrusted(await reader.readexactly(length))


def test_channel_reports_progress_of_a_command(tmp_path: Path) -> None:
    async def scenario() -> None:
        released = asyncio.Event()

        async def perform(_request: Any) -> wire.Result:
            await released.wait()
            return wire.Done()

        channel = admin_channel.AdminChannel(tmp_path, perform, sign_of_life=0.02)
        await channel.start()
        try:
            reader, writer = await admitted(tmp_path)
            writer.write(wire.pack_frame(wire.Request(1, wire.CreateBackup())))
            assert [await frame(reader) for _ in range(3)] == [wire.Pong(0)] * 3
            released.set()
            while (answer := await frame(reader)) == wire.Pong(0):
                pass
            assert answer == wire.Response(1, wire.Done())
            writer.close()
        finally:
            channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (wire.pack_frame(wire.Request(7, wire.GetProfile())), Code.BAD_REQUEST),
        (wire.pack_frame(wire.Request(7, wire.Hello([1], "x"))), Code.BAD_REQUEST),
        (wire.pack_frame(wire.Ping(1)), None),
        (b"\0\0\0\1\xc1", None),
        (b"\xff\xff\xff\xff", None),
        (b'{"operation": "status", "arguments": {}}\n', None),
    ],
)
def test_channel_accepts_only_requests_of_administrators(tmp_path: Path, sent: bytes, code: Code | None) -> None:
    async def scenario() -> None:
        async def perform(request: Any) -> wire.Result:
            raise AssertionError(request)

        channel = admin_channel.AdminChannel(tmp_path, perform)
        await channel.start()
        try:
            reader, writer = await admitted(tmp_path)
            writer.write(sent)
            if code is not None:
                answer = await frame(reader)
                assert (answer.id, answer.code) == (7, code)
            else:
                assert await reader.read() == b""
            writer.close()
        finally:
            channel.close()

    asyncio.run(scenario())


def test_requests_beyond_the_rate_are_answered_busy(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def perform(_request: Any) -> wire.Result:
            return wire.Done()

        channel = admin_channel.AdminChannel(tmp_path, perform, make_budget=lambda: TokenBucket(0.001, 2))
        await channel.start()
        try:
            reader, writer = await admitted(tmp_path)
            writer.write(b"".join(wire.pack_frame(wire.Request(n, wire.Status())) for n in (1, 2, 3)))
            answers = [await frame(reader) for _ in range(3)]
            assert answers[:2] == [wire.Response(1, wire.Done()), wire.Response(2, wire.Done())]
            assert (answers[2].id, answers[2].code) == (3, Code.BUSY)
            assert answers[2].retry_ms > 0
            writer.close()
        finally:
            channel.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("request_", **names([*NOT_MAKING, *MISSING, *READING, wire.CreateBackup()]))
def test_mistyped_data_directory_is_reported_and_not_created(request_: Any, tmp_path: Path) -> None:
    config = load({"data_dir": tmp_path / "mistyped"}, environment={})
    with pytest.raises(AdminError, match=r"There is no database .*mistyped"):
        ask(config, request_, object)
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("request_", **names(MADE_FIRST))
def test_accounts_and_codes_can_be_created_before_the_first_start(request_: Any, tmp_path: Path) -> None:
    ask(load({"data_dir": tmp_path / "new"}, environment={}), request_, object)
    assert (tmp_path / "new" / "lanchat.sqlite3").exists()
