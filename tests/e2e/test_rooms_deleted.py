"""Archived and deleted rooms on a real server process, on both databases: over the wire and by the commands."""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client
from tests.support.raw import RawClient
from tests.support.waiting import patient, wait_until

Join = Callable[[str], RawClient]
PASSWORD = "correct horse"
# Members who flood the server, and the rooms that each of them makes: as many as one second's requests allow.
SPAMMERS = 21
SPAM = 20


@pytest.fixture(scope="module")
def server(file_database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    config = folder / "more.toml"
    config.write_text("[limits]\nrooms_total = 6000\nrooms_per_day = 300\naccounts_per_day = 1000\n")
    with ServerProcess(folder, database=file_database, host="127.0.0.1", extra=["--config", str(config)]) as running:
        running.add_account("root", PASSWORD)
        yield running


@pytest.fixture
def join(server: ServerProcess) -> Iterator[Join]:
    """Registers a new user and returns the session."""
    with ExitStack() as stack:

        def make(name: str) -> RawClient:
            client = stack.enter_context(RawClient(server.port))
            session = client.log_in("root") if name == "root" else client.register(f"{name}{random.getrandbits(40):x}")
            assert isinstance(session, wire.LoggedIn), session
            return client

        yield make


def rooms_command(server: ServerProcess, *args: str, code: int = 0) -> list[dict[str, Any]]:
    """Rows of `lanchat-server rooms …`."""
    argv = [sys.executable, "-m", "lanchat_server", "rooms", *args, "--json", "--data-dir", str(server.data_dir)]
    done = subprocess.run(
        argv,
        env=plain_environment(server.data_dir),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
    )
    assert done.returncode == code, done.stderr
    return json_lines(done.stdout)


def new_room(client: RawClient, kind: RoomKind = RoomKind.PUBLIC) -> tuple[int, str]:
    name = f"Room {random.getrandbits(40):x}"
    result = client.request(wire.CreateRoom(name, kind, HistoryPolicy.EVERYTHING))
    assert isinstance(result, wire.RoomResult), result
    return result.room.id, name


def listed_rooms(client: RawClient) -> set[int]:
    return {room.id for room in client.everything(wire.ListRooms())}


def test_deleted_room_is_removed_for_all_clients(join: Join) -> None:
    anna, boris, carl = join("anna"), join("boris"), join("carl")
    room, name = new_room(anna)
    boris.request(wire.JoinRoom(room))
    for client in (anna, boris):
        client.request(wire.Subscribe([room]))
    assert boris.say(room, "needle").code == 0
    assert boris.request(wire.DeleteRooms([room])).code == Code.NOT_ALLOWED
    assert anna.request(wire.DeleteRooms([room])) == wire.Done()
    for client in (anna, boris, carl):
        assert room in client.wait_for(wire.RoomsDeleted).rooms
        assert room not in listed_rooms(client)
    assert boris.say(room, "too late").code == Code.ROOM_DELETED
    assert carl.say(room, "never there").code == Code.NOT_A_MEMBER
    for operation in (wire.History(room, 1, True, 10), wire.ListMembers(room), wire.JoinRoom(room)):
        assert boris.request(operation).code == Code.NOT_FOUND
    assert boris.request(wire.Search(0, "needle", 0, 10)).hits == []
    assert boris.request(wire.Subscribe([room])).deleted == [room]
    assert carl.request(wire.Subscribe([room])).deleted == []
    again = carl.request(wire.CreateRoom(name, RoomKind.PUBLIC, HistoryPolicy.EVERYTHING)).room
    assert again.id != room
    assert carl.say(again.id, "first").seq == 1


def test_returning_member_learns_that_the_room_was_deleted(server: ServerProcess, join: Join) -> None:
    anna = join("anna")
    room, _ = new_room(anna, RoomKind.PRIVATE)
    with RawClient(server.port) as boris:
        boris.register(f"boris{random.getrandbits(40):x}")
        anna.request(wire.InviteUser(room, boris.user_id))
    anna.request(wire.DeleteRooms([room]))
    with RawClient(server.port, key=boris.key) as back:
        session = back.log_in_by_key()
        assert room not in {listed_rooms.id for listed_rooms in session.rooms}
        assert back.request(wire.Subscribe([room])).deleted == [room]
        assert back.say(room, "queued meanwhile").code == Code.ROOM_DELETED


def test_messages_in_flight_during_deletion_are_decided(join: Join) -> None:
    anna, boris = join("anna"), join("boris")
    room, _ = new_room(anna)
    boris.request(wire.JoinRoom(room))
    for number in range(20):
        boris.say_without_waiting(room, f"message {number}")
    anna.send(wire.Request(900, wire.DeleteRooms([room])))
    for number in range(5):
        boris.say_without_waiting(room, f"later {number}")
    found: dict[int, wire.Receipt] = {}
    while len(found) < 25:
        decided = boris.wait_for(wire.Decided)
        found |= {receipt.n: receipt for receipt in decided.receipts}
    codes = [found[n].code for n in range(1, 26)]
    assert set(codes) <= {0, Code.ROOM_DELETED}
    assert codes == sorted(codes)  # those before it are stored, those behind it refused


def test_history_and_search_during_deletion_are_answered(join: Join) -> None:
    anna, boris = join("anna"), join("boris")
    room, _ = new_room(anna)
    boris.request(wire.JoinRoom(room))
    for number in range(20):
        assert anna.say(room, f"needle {number}").code == 0
    for number in range(40):
        operation = wire.History(room, 1, True, 200) if number % 2 else wire.Search(0, "needle", 0, 50)
        boris.send(wire.Request(1000 + number, operation))
        if number == 10:
            anna.send(wire.Request(900, wire.DeleteRooms([room])))
    answers = []
    while len(answers) < 40:
        frame = boris.receive()
        if isinstance(frame, wire.Response | wire.Failure):
            answers.append(frame)
    assert {frame.code for frame in answers if isinstance(frame, wire.Failure)} <= {Code.NOT_FOUND, Code.BUSY}
    anna.wait_for(wire.Response)
    assert boris.request(wire.History(room, 1, True, 10)).code == Code.NOT_FOUND
    assert boris.request(wire.Search(0, "needle", 0, 10)).hits == []


def test_demoted_moderator_cannot_archive_or_delete(server: ServerProcess, join: Join) -> None:
    anna = join("anna")
    room, name = new_room(join("boris"))
    anna.request(wire.JoinRoom(room))
    user = anna.session.user.name
    for role, code in (("moderator", 0), ("member", Code.NOT_ALLOWED)):
        argv = ["users", "set-role", user, role, "--data-dir", str(server.data_dir)]
        subprocess.run([sys.executable, "-m", "lanchat_server", *argv], cwd=ROOT, check=True, capture_output=True)
        answer = anna.request(wire.ArchiveRooms([room], True))
        assert getattr(answer, "code", 0) == code
    assert anna.request(wire.DeleteRooms([room])).code == Code.NOT_ALLOWED
    assert [row["archived"] for row in rooms_command(server, "list") if row["name"] == name] == [True]


def test_one_of_two_concurrent_room_deletions_succeeds(server: ServerProcess, join: Join) -> None:
    room, _ = new_room(join("anna"), RoomKind.PRIVATE)
    with RawClient(server.port) as second:
        second.log_in("root")
        first = join("root")
        for client in (first, second):
            client.send(wire.Request(700, wire.DeleteRooms([room])))
        answers = [client.wait_for(wire.Response | wire.Failure) for client in (first, second)]
    codes = sorted(getattr(answer, "code", 0) for answer in answers)
    assert codes == [0, Code.NOT_FOUND]


def test_archived_room_is_read_only_until_unarchived(join: Join) -> None:
    anna, boris, carl = join("anna"), join("boris"), join("carl")
    room, _ = new_room(anna)
    boris.request(wire.JoinRoom(room))
    assert boris.say(room, "needle").seq == 1
    carl.request(wire.ListRooms())
    assert anna.request(wire.ArchiveRooms([room], True)) == wire.Done()
    assert carl.wait_for(wire.RoomGone).room == room
    assert room not in listed_rooms(carl)
    assert boris.say(room, "too late").code == Code.ROOM_ARCHIVED
    assert carl.request(wire.JoinRoom(room)).code == Code.ARCHIVED
    assert len(boris.request(wire.History(room, 1, True, 10)).records) == 1
    assert len(boris.request(wire.Search(room, "needle", 0, 10)).hits) == 1
    assert anna.request(wire.ArchiveRooms([room], False)) == wire.Done()
    assert boris.say(room, "again").seq == 2
    assert carl.request(wire.JoinRoom(room)).room.joined


def test_server_commands_archive_and_delete_rooms(server: ServerProcess, join: Join) -> None:
    anna = join("anna")
    room, name = new_room(anna)
    (row,) = [row for row in rooms_command(server, "list") if row["name"] == name]
    assert (row["id"], row["kind"], row["archived"], row["members"]) == (room, "public", False, 1)
    assert rooms_command(server, "archive", name) == [{"id": room, "name": name, "archived": True}]
    while not anna.wait_for(wire.RoomChanged).room.archived:
        pass  # of its making
    assert rooms_command(server, "unarchive", str(room)) == [{"id": room, "name": name, "archived": False}]
    assert rooms_command(server, "delete", name) == [{"id": room, "name": name, "deleted": True}]
    assert anna.wait_for(wire.RoomsDeleted).rooms == [room]
    rooms_command(server, "delete", name, code=1)
    rooms_command(server, "delete", "general", code=1)
    rooms_command(server, "delete", code=2)


def test_server_commands_select_equally_named_rooms_by_id(server: ServerProcess, join: Join) -> None:
    anna, boris = join("anna"), join("boris")
    room, name = new_room(anna, RoomKind.PRIVATE)
    other = boris.request(wire.CreateRoom(name, RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)).room.id
    rooms_command(server, "delete", name, code=1)
    assert {room, other} <= {row["id"] for row in rooms_command(server, "list")}
    rooms_command(server, "delete", str(other))
    assert [row["id"] for row in rooms_command(server, "list") if row["name"] == name] == [room]


def test_one_command_deletes_all_rooms_of_spammers(server: ServerProcess, join: Join) -> None:
    watcher = join("watcher")
    names = []
    for number in range(SPAMMERS):
        with RawClient(server.port) as spammer:
            spammer.register(f"spammer{number}of{random.getrandbits(40):x}")
            names.append(spammer.session.user.name)
            for place in range(SPAM):
                kind = RoomKind.PUBLIC if place % 10 else RoomKind.PRIVATE
                name = f"{number:02} {place:03} ".ljust(64, "𠮷")
                spammer.send(wire.Request(place + 1, wire.CreateRoom(name, kind, HistoryPolicy.EVERYTHING)))
            answered = 0
            while answered < SPAM:
                answered += isinstance(spammer.receive(patient(20.0)), wire.Response | wire.Failure)
            spammer.request(wire.GetProfile())
        watcher.request(wire.GetProfile())  # nobody is silent for long
    whose = [part for name in names for part in ("--made-by", name)]
    made = rooms_command(server, "list", *whose)
    assert len(made) >= SPAMMERS * SPAM // 2
    before = listed_rooms(watcher)
    watcher.events.clear()
    deleted = rooms_command(server, "delete", *whose)
    assert len(deleted) == len(made)
    assert not before & {row["id"] for row in made} & listed_rooms(watcher)
    told = {room for event in watcher.events if isinstance(event, wire.RoomsDeleted) for room in event.rooms}
    assert {row["id"] for row in made if row["kind"] == "public"} <= told
    assert not {row["id"] for row in made if row["kind"] == "private"} & told


def test_deleted_room_stays_deleted_after_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:
        server.add_account("root", PASSWORD)
        with RawClient(server.port) as anna:
            anna.log_in("root")
            gone, _ = new_room(anna)
            kept, _ = new_room(anna)
            for number in range(30):
                anna.say(gone, f"needle {number}")
            anna.request(wire.ArchiveRooms([kept], True))
            anna.request(wire.DeleteRooms([gone]))
        server.stop()
        server = server.restart()
        try:
            with RawClient(server.port, key=anna.key) as back:
                session = back.log_in_by_key()
                assert {room.id: room.archived for room in session.rooms}[kept]
                assert gone not in {room.id for room in session.rooms}
                assert back.say(gone, "again").code == Code.ROOM_DELETED
                assert back.request(wire.Search(0, "needle", 0, 10)).hits == []
        finally:
            server.stop()
    # At rest: the same commands, and the contents are gone when they end.
    assert [row["archived"] for row in rooms_command(server, "list")] == [False, True]
    rooms_command(server, "unarchive", str(kept))
    rooms_command(server, "delete", str(kept))
    assert [row["name"] for row in rooms_command(server, "list")] == ["general"]


def client_call(server: ServerProcess, profile: Path, *args: str, code: int = 0) -> tuple[list[dict[str, Any]], str]:
    """Rows on stdout and the text on stderr of one client command."""
    done = run_client(
        ["--server", server.address, *args, "--json"], profile, env={"LANCHAT_PASSWORD": PASSWORD}, timeout=patient(40)
    )
    assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json_lines(done.stdout), done.stderr


def test_client_commands_archive_and_delete_rooms(server: ServerProcess, tmp_path: Path) -> None:
    anna, boris = tmp_path / "anna", tmp_path / "boris"
    for profile in (anna, boris):
        user = f"{profile.name}{random.getrandbits(40):x}"
        client_call(server, profile, "register", "--user", user, "--accept-new")
    name = f"kitchen{random.getrandbits(40):x}"
    client_call(server, anna, "create-room", name)
    client_call(server, boris, "join", name)
    client_call(server, boris, "send", name, "hello")
    assert client_call(server, boris, "rooms", "delete", name, code=4)[0] == []
    rows, _ = client_call(server, anna, "rooms", "archive", name)
    assert rows == [{"room": name, "archived": True}]
    assert "archived" in client_call(server, boris, "send", name, "more", code=4)[1]
    archived = {row["room"]: row.get("archived", False) for row in client_call(server, boris, "rooms")[0]}
    assert (archived[name], archived["general"]) == (True, False)
    assert [row["text"] for row in client_call(server, boris, "history", name)[0]] == ["hello"]
    assert client_call(server, anna, "rooms", "unarchive", name)[0] == [{"room": name, "archived": False}]
    client_call(server, boris, "send", name, "more")
    assert client_call(server, anna, "rooms", "delete", name)[0] == [{"room": name, "deleted": True}]
    rows, said = client_call(server, boris, "rooms")
    assert name not in [row["room"] for row in rows]
    assert name in said  # he was away, and is told why it is missing


def test_refusal_of_a_queued_message_is_reported(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "server", host="127.0.0.1") as server:
        server.add_account("root", PASSWORD)
        profile = tmp_path / "anna"
        client_call(server, profile, "register", "--user", "anna", "--accept-new")
        client_call(server, profile, "create-room", "kitchen")
        server.kill()
        rows, _ = client_call(server, profile, "send", "kitchen", "while away", "--allow-pending", "--timeout", "2")
        assert not rows[0]["stored"]
        rooms_command(server, "delete", "kitchen")
        server = server.restart()
        try:
            said: list[str] = []

            def is_told() -> bool:
                """A command may end before the server's decision is there: the next one tells it then."""
                said.append(client_call(server, profile, "rooms")[1])
                return "was not sent" in said[-1]

            wait_until(is_told, 30, "the refusal is told")
            # Which room it was, by the command that saw it go.
            assert "kitchen" in "".join(said)
        finally:
            server.stop()


def test_client_command_refuses_an_ambiguous_room_name(server: ServerProcess, tmp_path: Path) -> None:
    """A user creates a room with the name of somebody's private room, and invites its members."""
    anna, boris = tmp_path / "anna", tmp_path / "boris"
    users = {profile: f"{profile.name}{random.getrandbits(40):x}" for profile in (anna, boris)}
    for profile, user in users.items():
        client_call(server, profile, "register", "--user", user, "--accept-new")
    name = f"board{random.getrandbits(40):x}"
    client_call(server, anna, "create-room", name, "--private")
    client_call(server, boris, "create-room", name)
    client_call(server, anna, "send", name, "in one's own room before a public one")
    assert client_call(server, boris, "history", name)[0] == []
    client_call(server, boris, "invite", name, users[anna])
    said = client_call(server, anna, "send", name, "between us", code=1)[1]
    own = re.search(rf"(\d+) \(made by {users[anna]}\)", said)
    assert own
    client_call(server, anna, "send", own[1], "between us")
    assert [row["text"] for row in client_call(server, anna, "history", own[1])[0]][-1] == "between us"
    assert client_call(server, boris, "history", name)[0] == []
