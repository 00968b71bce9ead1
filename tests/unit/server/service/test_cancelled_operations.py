"""Operations whose requester disconnects before they end: what was committed is still published."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform.proofs import prove
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, Role, RoomKind
from lanchat_server.admin import channel as admin_channel
from lanchat_server.admin.backups import CLAIMED_FILE, FOLDER, remove_leftovers
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.maintenance import backup as backup_file
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.service import Service
from tests.support.stores import device
from tests.support.waiting import patient
from tests.unit.server.service.test_registration import SocketlessServer

KITCHEN = 4711


class Scene:
    """A service with two accounts, a device and a room. `told`: what followed from commits."""

    def __init__(self, server: SocketlessServer) -> None:
        self.service: Service = server.service
        self.context = server.service.context
        self.host = ServiceHost(self.context)
        self.folder = self.context.config.data_dir
        self.told: set[str] = set()
        self._gate = threading.Event()
        self._reached = asyncio.Event()
        notices, connections = self.context.notices, self.context.connections
        for name in ("member_joined", "user_changed", "room_archived", "rooms_deleted", "room_keys_changed"):
            setattr(notices, name, self._spy(name, getattr(notices, name)))
        connections.end_sessions = self._spy("end_sessions", connections.end_sessions)  # type: ignore[method-assign]

    def _spy(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*arguments: Any, **named: Any) -> Any:
            self.told.add(name)
            return original(*arguments, **named)

        return spy

    async def fill(self) -> None:
        directory = self.context.directory

        def job(tx: Any) -> Any:
            new = accounts.add_room(
                tx, directory, KITCHEN, "kitchen", RoomKind.PUBLIC, wire.HistoryPolicy.EVERYTHING, [self.boris], 1
            )
            tx.add_device(device(self.boris))
            return together(None, new, DirectoryChange(None, lambda: directory.put_device(device(self.boris))))

        await self.context.writer.transact(job)
        self.told.clear()

    @property
    def boris(self) -> int:
        user = self.context.directory.user_named("boris")
        assert user is not None
        return user.id

    def hold_writer(self) -> None:
        """What is handed to the writer from now on waits for `release`."""
        self.service.background(self.context.writer.transact(lambda tx: together(self._gate.wait(patient(1)))))

    def finishing(self) -> bool:
        """A stop has begun: nothing more is committed for sessions."""
        return self.context.core.finished and bool(self.service._housekeeper.cancelling())

    def release(self) -> None:
        self._gate.set()

    async def until(self, probe: Callable[[], object], what: str) -> None:
        async with asyncio.timeout(patient(1)):
            while not probe():
                await asyncio.sleep(0.005)
        assert probe(), what


def run(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def everything() -> None:
        server = SocketlessServer(folder, "open", 1)
        try:
            for name in ("anna", "boris"):
                await server.add(name)
            scene = Scene(server)
            await scene.fill()
            await scenario(scene)
        finally:
            await server.close()

    asyncio.run(everything())


OPERATIONS: dict[str, tuple[Callable[[Scene], Any], set[str]]] = {
    "add": (lambda scene: wire.AddAccount("carla", "long enough"), {"member_joined", "user_changed"}),
    "disable": (lambda scene: wire.DisableAccount(scene.boris, True), {"end_sessions", "room_keys_changed"}),
    "role": (lambda scene: wire.SetRole(scene.boris, Role.MODERATOR), {"user_changed"}),
    "revoke": (lambda scene: wire.RevokeDevice(device(scene.boris).id), {"room_keys_changed"}),
    "archive": (lambda scene: wire.ArchiveRooms([KITCHEN], True), {"room_archived"}),
    "delete": (lambda scene: wire.DeleteRooms([KITCHEN]), {"rooms_deleted"}),
}
each_operation = pytest.mark.parametrize(("operation", "told"), OPERATIONS.values(), ids=OPERATIONS)


async def introduced(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A command's connection on which requests may be made."""
    place = json.loads((folder / admin_channel.ADMIN_FILE).read_text())
    reader, writer = await asyncio.open_connection("127.0.0.1", place["port"])
    nonce = "1" * 64
    writer.write(json.dumps({"nonce": nonce}).encode() + b"\n")
    theirs = json.loads(await reader.readline())["nonce"]
    proof = prove(place["token"], "command", nonce, theirs)
    writer.write(json.dumps({"proof": proof}).encode() + b"\n")
    assert json.loads(await reader.readline()) == {"admitted": True}
    return reader, writer


@each_operation
def test_disconnected_command_leaves_no_operation_half_done(
    tmp_path: Path, operation: Callable[[Scene], Any], told: set[str]
) -> None:
    async def scenario(scene: Scene) -> None:
        channel = admin_channel.AdminChannel(scene.folder, scene.host.administer, sign_of_life=0.01)
        await channel.start()
        reader, writer = await introduced(scene.folder)
        scene.hold_writer()
        writer.write(wire.pack_frame(wire.Request(1, operation(scene))))
        # It is being worked on.
        await reader.readexactly(4)
        writer.transport.abort()
        await scene.until(lambda: not channel._port._admitted, "the connection is over")
        scene.release()
        await scene.until(lambda: told <= scene.told, "everybody was told")
        channel.close()

    run(tmp_path, scenario)


@each_operation
def test_cancelled_request_leaves_no_operation_half_done(
    tmp_path: Path, operation: Callable[[Scene], Any], told: set[str]
) -> None:
    async def scenario(scene: Scene) -> None:
        scene.hold_writer()
        asking = asyncio.create_task(scene.host.administer(operation(scene)))
        await asyncio.sleep(0)
        asking.cancel()
        assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)
        scene.release()
        await scene.until(lambda: told <= scene.told, "everybody was told")

    run(tmp_path, scenario)


def test_stop_waits_for_an_operation(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        hashed = asyncio.Event()

        async def hash_slowly(password: str) -> str:
            await hashed.wait()
            return password

        scene.context.credentials.hasher.hash = hash_slowly  # type: ignore[method-assign]
        asking = asyncio.create_task(scene.host.administer(wire.AddAccount("carla", "long enough")))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(scene.service.close(patient(8)))
        await scene.until(scene.finishing, "the server stops")
        hashed.set()
        async with asyncio.timeout(patient(5)):
            assert isinstance(await asking, wire.AccountResult)
        assert {"member_joined", "user_changed"} <= scene.told
        assert await stopping

    run(tmp_path, scenario)


def test_refusal_is_raised_to_the_requester(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        with pytest.raises(Refused) as caught:
            await scene.host.administer(wire.FindAccount("nobody"))
        assert caught.value.code is Code.NOT_FOUND

    run(tmp_path, scenario)


# --- Backups ----------------------------------------------------------------------------------------------------------


def drafts(folder: Path) -> list[Path]:
    """What a backup under way, or one that nobody claims, leaves."""
    return [*folder.glob(".*.new"), *(folder / FOLDER).glob(".*.new"), *folder.glob(CLAIMED_FILE)]


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is never read to its end."""

    def lines(*_: object) -> Any:
        pause = threading.Event()
        while True:
            pause.wait(0.001)
            yield b"[1]\n"

    monkeypatch.setattr(backup_file, "_lines", lines)


@pytest.mark.parametrize("claimed", [True, False], ids=["command", "session"])
def test_stop_leaves_no_draft_of_a_backup(tmp_path: Path, endless: None, claimed: bool) -> None:
    async def scenario(scene: Scene) -> None:
        asking = asyncio.create_task(scene.host.backup(claimed=claimed))
        await scene.until(lambda: drafts(scene.folder), "the backup is being written")
        assert await scene.service.close(patient(8))
        assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], StoreError)
        assert drafts(scene.folder) == []

    run(tmp_path, scenario)


def test_backup_without_requester_is_cancelled(tmp_path: Path, endless: None) -> None:
    async def scenario(scene: Scene) -> None:
        asking = asyncio.create_task(scene.host.administer(wire.CreateBackup()))
        await scene.until(lambda: drafts(scene.folder), "the backup is being written")
        asking.cancel()
        await scene.until(lambda: not drafts(scene.folder), "nothing of it is left")

    run(tmp_path, scenario)


def test_backup_finished_after_cancellation_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, go_on = threading.Event(), threading.Event()
    summary = backup_file._summary

    def wait(*arguments: Any) -> Any:
        written.set()
        go_on.wait(patient(1))
        return summary(*arguments)

    monkeypatch.setattr(backup_file, "_summary", wait)

    async def scenario(scene: Scene) -> None:
        asking = asyncio.create_task(scene.host.administer(wire.CreateBackup()))
        await scene.until(written.is_set, "all tables are written")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        go_on.set()
        await scene.until(lambda: not drafts(scene.folder), "nothing of it is left")

    run(tmp_path, scenario)


def test_start_removes_leftovers_of_a_killed_server(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    kept = [tmp_path / FOLDER / "lanchat-20260101-000000-0000.backup", tmp_path / "other.backup"]
    left = [
        tmp_path / CLAIMED_FILE,
        tmp_path / f".{CLAIMED_FILE}.00112233.new",
        tmp_path / FOLDER / ".lanchat-20260101-000000-0000.backup.00112233.new",
    ]
    for file in (*kept, *left):
        file.write_bytes(b"backup")
    remove_leftovers(tmp_path)
    assert all(file.exists() for file in kept)
    assert not any(file.exists() for file in left)
    remove_leftovers(tmp_path / "nowhere")
