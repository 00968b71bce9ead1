"""A server whose tables are as full as they get: everybody can log in, each answer fits a frame, pages are complete."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from lanchat.protocol.limits import FRAME_MAX, LIST_OCTETS_MAX
from lanchat.protocol.log.messages import Kind
from tests.support.procs import ServerProcess, json_lines, run_client
from tests.support.raw import RawClient
from tests.support.waiting import patient

ROOMS = 4_200
JOINED = 1_500
USERS = 3_000
DEVICES = 2_500
TEXTS = 40
# The longest name: four octets a character.
_WIDE = "𠮷"
# A search, a list of thousands on a busy computer.
PATIENCE = patient(20.0)


def wide(number: int, length: int = 64) -> str:
    return f"{number:05d}".ljust(length, _WIDE)


def fill(database: Path, user: int, general: int) -> None:
    """Inserts users, devices, rooms and memberships; other columns of these rows do not matter in these tests."""
    connection = sqlite3.connect(database)
    head = bytes(32)
    rooms = [
        (1000 + n, wide(n), n.to_bytes(8, "big"), int(RoomKind.PUBLIC), int(HistoryPolicy.EVERYTHING), 0, n, 0, head, n)
        for n in range(ROOMS)
    ]
    users = [
        (1000 + n, f"u{n}".ljust(32, _WIDE), n.to_bytes(8, "big"), wide(n), "", "x", 1, 0, n, n) for n in range(USERS)
    ]
    devices = [
        (n.to_bytes(16, "big"), user, n.to_bytes(32, "big"), wide(n), n, n, 1, bytes(600), bytes(64))
        for n in range(DEVICES)
    ]
    members = [(1000 + n, user, 1, 1, 0, 0) for n in range(JOINED)]
    members += [(general, 1000 + n, 1, 1, 0, 0) for n in range(USERS)]
    with connection:
        for table, rows in [("rooms", rooms), ("users", users), ("devices", devices), ("memberships", members)]:
            # Columns that stand behind those of the rows: numbers.
            width = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
            places = ", ".join("?" * width)
            full = [(*row, *[0] * (width - len(row))) for row in rows]
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", full)
    connection.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Ed25519PrivateKey]]:
    """A full server, and the key of its administrator's device."""
    folder = tmp_path_factory.mktemp("server")
    with ServerProcess(folder) as server:
        server.add_account("anna")
        server.add_account("boris")
        with RawClient(server.port) as anna:
            anna.log_in("anna")
            user, general, key = anna.user_id, anna.rooms["general"], anna.key
            for number in range(TEXTS):
                # A room each would need a rate of its own: a burst is enough for these.
                text = f"word {number} ".ljust(3_000, _WIDE)
                seq = _say(anna, general, text)
                _say(anna, general, f"{text}!", Kind.EDIT, seq)
        server.stop()
        fill(folder / "lanchat.sqlite3", user, general)
        with server.restart() as again:
            yield again, key


def _say(client: RawClient, room: int, text: str, kind: Kind = Kind.TEXT, ref: int = 0) -> int:
    while True:
        message = client.message(room, text, kind=kind, ref=ref)
        client.send(wire.Submit([message]))
        while True:
            answer = client.wait_for(wire.Decided | wire.Busy, PATIENCE)
            if isinstance(answer, wire.Decided):
                assert answer.receipts[0].seq, answer
                return answer.receipts[0].seq
            client.send(wire.Submit([message]))


@pytest.fixture
def anna(full: tuple[ServerProcess, Ed25519PrivateKey]) -> Iterator[RawClient]:
    server, key = full
    with RawClient(server.port, key=key, timeout=PATIENCE) as client:
        assert isinstance(client.log_in_by_key(), wire.LoggedIn)
        yield client


def test_login_lists_all_rooms_in_pages_joined_ones_first(anna: RawClient) -> None:
    assert anna.session.next
    assert len(anna.rooms) == ROOMS + 1
    rooms = anna.everything(wire.ListRooms())
    assert [room.joined for room in rooms] == [True] * (JOINED + 1) + [False] * (ROOMS - JOINED)


def test_pages_of_each_list_are_complete(anna: RawClient) -> None:
    general = anna.rooms["general"]
    users = anna.everything(wire.ListUsers())
    assert len(users) == len({user.id for user in users}) == USERS + 2
    members = anna.everything(wire.ListMembers(general))
    assert sorted(member.user for member in members) == sorted(user.id for user in users)
    assert len({cursor.user for cursor in anna.everything(wire.ListCursors(general))}) == USERS + 2
    devices = anna.everything(wire.ListDevices())
    assert len({device.id for device in devices}) == len(devices) == DEVICES + 1
    assert [device.created_ms for device in devices] == sorted(device.created_ms for device in devices)


def test_each_answer_fits_a_frame(anna: RawClient) -> None:
    general = anna.rooms["general"]
    rooms = list(anna.rooms.values())
    devices = [device.id for device in anna.everything(wire.ListDevices())]
    for operation in [
        wire.ListRooms(),
        wire.ListUsers(),
        wire.ListMembers(general),
        wire.ListCursors(general),
        wire.ListDevices(),
    ]:
        answer = anna.request(operation, PATIENCE)
        assert len(wire.pack_frame(answer)) < LIST_OCTETS_MAX + 4096, operation
    for other in [
        wire.Status(),
        wire.GetCertificates(devices[:256]),
        wire.Subscribe(rooms[:256]),
        wire.History(general, 1, True, 1000),
        wire.Search(0, "word", 0, 50),
        wire.GetProfile(),
    ]:
        result: Any = anna.request(other, PATIENCE)
        assert not isinstance(result, wire.Failure), other
        assert len(wire.pack_frame(wire.Response(1, result))) < FRAME_MAX, other


def test_search_in_a_room_continues_below_the_last_hit(anna: RawClient) -> None:
    general, before, seqs = anna.rooms["general"], 0, list[int]()
    while True:
        found = anna.request(wire.Search(general, "word", before, 50), PATIENCE)
        seqs += [hit.record.seq for hit in found.hits]
        if not found.more:
            break
        before = seqs[-1]
    assert len(seqs) == len(set(seqs)) == TEXTS
    assert all(len(hit.changes) == 1 for hit in found.hits)


def test_unknown_page_positions_are_valid(anna: RawClient) -> None:
    assert anna.request(wire.ListUsers(b"\xff" * 32)) == wire.UserList([])
    beginning = anna.request(wire.ListUsers()).users
    assert anna.request(wire.ListUsers(b"\x00")).users[0] == beginning[0]


def test_online_command_lists_all_users(full: tuple[ServerProcess, Ed25519PrivateKey], tmp_path: Path) -> None:
    server, _key = full
    result = run_client(
        ["online", "--all", "--json", "--server", server.address, "--accept-new", "--user", "boris"],
        tmp_path / "profile",
        env={"LANCHAT_PASSWORD": "correct horse"},
    )
    assert result.returncode == 0, result.stderr
    assert len(json_lines(result.stdout)) >= USERS
