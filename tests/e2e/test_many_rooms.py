"""A member of 800 rooms: everything is loaded, in frames whose number grows with the rooms and no faster."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.core.core import ClientCore
from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.store.profile import ProfileStore
from lanchat_server.core.accounts import accounts
from lanchat_server.core.directory.directory import Directory
from lanchat_server.store import open_store
from tests.support.ports import free_port
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient

LIMITS = "[limits]\nmessage_rate = 100000\nmessage_burst = 100000\ntotal_rate = 100000\n"
ROOMS = 800
# Of requests a user has 200 at once and 50 a second.
PATIENCE = patient(90.0)


def add_rooms(data_dir: Path, user: int, count: int) -> list[int]:
    store = open_store(None, data_dir)
    try:
        store.take_lease("test", 1)
        directory = Directory(store.snapshot())
        rooms = [10_000 + number for number in range(count)]
        with store.transaction() as tx:
            for room in rooms:
                name, kind = f"room {room}", RoomKind.PRIVATE
                # 200 are one person's at most: these are the server's.
                row = accounts.RoomRow(
                    room, name, kind, HistoryPolicy.EVERYTHING, 0, 1, accounts.RoomHead(0, _genesis(directory, room), 1)
                )
                tx.add_room(row)
                tx.add_members([accounts.MembershipRow(room, user, 1, 1, 0, 0)])
        return rooms
    finally:
        store.close()


def _genesis(directory: Directory, room: int) -> bytes:
    return accounts.genesis_hash(directory.log.log_id, room)


def count_requests(requests: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts what this process asks a server, by kind."""
    send = ClientCore.take_outputs

    def take_outputs(core: ClientCore) -> Any:
        outputs = send(core)
        for output in outputs:
            if isinstance(output.frame, wire.Request):
                requests[type(output.frame.operation).__name__] += 1
            else:
                requests[type(output.frame).__name__] += 1
        return outputs

    monkeypatch.setattr(ClientCore, "take_outputs", take_outputs)


async def load(server: ServerProcess, profile: Path) -> list[api.RoomView]:
    """Log in, and return all rooms once the client is live."""
    client = Client(ProfileStore.open(profile), lambda event: None, use_zeroconf=False, discovery_port=free_port())
    try:
        await client.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
        await client.call(api.LoginCommand("anna", "correct horse"))
        await client.call(api.WaitLiveCommand(PATIENCE))
        rooms: list[api.RoomView] = await client.call(api.ListRoomsCommand())
        return rooms
    finally:
        await client.close()


def test_member_of_many_rooms_loads_all_with_bounded_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: Counter[str] = Counter()
    count_requests(requests, monkeypatch)
    config = tmp_path / "server.toml"
    config.write_text(LIMITS)
    with ServerProcess(tmp_path / "server", extra=["--config", str(config)]) as server:
        server.add_account("anna")
        with RawClient(server.port) as anna:
            anna.log_in("anna")
            user = anna.user_id
    rooms = add_rooms(tmp_path / "server", user, ROOMS)
    with server.restart() as server, RawClient(server.port, timeout=PATIENCE) as anna:
        anna.log_in("anna")
        for start in range(0, ROOMS, 50):
            some = rooms[start : start + 50]
            anna.send(wire.Submit([anna.message(room, "hello") for room in some]))
            decided: list[wire.Receipt] = []
            while len(decided) < len(some):
                decided += anna.wait_for(wire.Decided, PATIENCE).receipts
            assert all(receipt.seq == 1 for receipt in decided)
        # The first time each room is read, and later none: all are as they were. On a busy computer a session may end
        # before it has everything; the next one begins where it ended.
        for history_most in (2 * ROOMS, ROOMS // 2):
            requests.clear()
            loaded = asyncio.run(load(server, tmp_path / "profile"))
            heads = {room.room: room.head for room in loaded}
            assert {heads[room] for room in rooms} == {1}
            assert requests["History"] <= history_most
            assert requests["Subscribe"] <= 5 * (ROOMS // 256 + 1)
            # How many of them are asked for before all rooms are read depends on the computer.
            assert requests["ListMembers"] <= ROOMS + 1
            assert sum(requests.values()) - requests["History"] - requests["ListMembers"] <= ROOMS
