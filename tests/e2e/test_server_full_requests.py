"""A server whose every table is filled: each request and each frame has its answer, and each answer fits a frame; the
administrator's commands list everything, in pages. On SQLite and MariaDB.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import insert, select

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, PresenceState, RoomKind
from lanchat.protocol.limits import FRAME_MAX, PEER_ADDRESSES_MAX
from lanchat.protocol.log.messages import Header, Kind
from lanchat.protocol.log.peers import PeerBody, sign_peer
from lanchat.protocol.log.records import Head
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts.accounts import DEVICES_PER_USER, ROOMS_PER_USER
from lanchat_server.core.config import CoreConfig
from lanchat_server.store.tables import schema
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient
from tests.support.stores import Database, Log, octets
from tests.support.waiting import patient

LIMITS = ServerConfig("x", Path("x"))
QUARANTINED = CoreConfig().quarantine_max
ROOMS = LIMITS.rooms_total
# With `general`, a direct room and one that is joined on the way.
JOINED = ROOMS_PER_USER - 4
USERS = 3_000
INVITES = 6_000
EDITS, REACTIONS, TEXTS = LIMITS.edits_per_message, LIMITS.reactions_per_message, 60
# The longest name and text: four octets a character.
WIDE = "𠮷"
PATIENCE = patient(30.0)
PASSWORD = "correct horse"
FIRST = 1_000_000
# Of statements.
NUMBER = 1 << 40


def wide(number: int, length: int = 64) -> str:
    return f"{number:05d}".ljust(length, WIDE)


def rows(anna: int, general: int, now_ms: int) -> dict[str, list[dict[str, Any]]]:
    """What a table holds besides what the server made itself; `anna` is the administrator."""
    head = {"head_seq": 0, "head_hash": bytes(32), "head_ms": 0, "state": 0}
    rooms = [
        {"id": FIRST + n, "name": wide(n), "name_key": n.to_bytes(8, "big"), "kind": int(RoomKind.PUBLIC)}
        | {
            "history": int(HistoryPolicy.EVERYTHING),
            "creator_id": anna if n < 100 else FIRST + n % USERS,
            "created_ms": n + 1,
            "number": NUMBER + n,
            **head,
        }
        for n in range(ROOMS - 1)
    ]
    users = [
        {"id": FIRST + n, "name": wide(n, 32), "name_key": n.to_bytes(8, "big"), "display_name": wide(n)}
        | {"email": f"{n}@".ljust(240, "x"), "password_hash": "x", "role": 1, "disabled": False, "created_ms": n + 1}
        | {"last_seen_ms": n + 1, "pending_email": "", "email_from_ms": 0, "number": NUMBER + n}
        for n in range(USERS)
    ]
    owners = [anna] * (DEVICES_PER_USER - 2) + [user["id"] for user in users]
    devices = [
        {"id": octets(("device", n), 16), "user_id": owner, "public_key": octets(("key", n), 32), "name": wide(n)}
        | {"created_ms": n + 1, "last_seen_ms": n + 1, "revoked_ms": 0, "certificate": octets(("c", n), 600)}
        | {"certificate_signature": bytes(64), "revoked_number": NUMBER if n % 2 else 0}
        for n, owner in enumerate(owners)
    ]
    cursors = {"joined_ms": 1, "first_seq": 1, "received_seq": 0, "read_seq": 0}
    members = [{"room_id": room["id"], "user_id": anna, **cursors} for room in rooms[:JOINED]]
    members += [{"room_id": general, "user_id": user["id"], **cursors} for user in users]
    later = now_ms + 86_400_000
    return {
        "users": users,
        "rooms": rooms,
        "devices": devices,
        "memberships": members,
        "invites": [
            {"code_hash": octets(("invite", n), 32), "uses_left": 1000, "not_after_ms": later + n, "creator_id": anna}
            for n in range(INVITES)
        ],
        "recovery_codes": [
            {"user_id": user["id"], "code_hash": octets(user["id"], 32), "not_after_ms": later, "tries": 0}
            for user in users
        ],
        "rejections": [
            {"room_id": general, "device_id": octets("a", 16), "run": 9, "n": n + 1, "code": 3, "time_ms": n + 1}
            for n in range(4_000)
        ],
        "contents": [
            {"root": octets(("root", n), 32), "size": n, "sha256": octets(("sha", n), 32), "stored_ms": now_ms}
            for n in range(4_000)
        ],
        "content_uses": [
            {"root": octets(("root", n), 32), "room_id": general, "seq": FIRST + n, "author_id": anna}
            for n in range(4_000)
        ],
        "uploads": [{"root": octets(("root", n), 32), "user_id": FIRST + n, "time_ms": now_ms} for n in range(1_000)],
        "quarantine": [quarantined(general, n) for n in range(QUARANTINED)],
        "used": [{"what": 2, "name": user["id"].to_bytes(8, "big"), "amount": 1} for user in users],
        "room_keys": [
            {"room_id": room["id"], "number": 1, "room_key": bytes(32), "not_after_ms": later} for room in rooms
        ],
    }


def quarantined(general: int, n: int) -> dict[str, Any]:
    """One of four authors' messages, as others handed it in."""
    author, device = FIRST + n % 4, octets(("q", n % 4), 16)
    header = encode(Header(general, device, 9, n + 1, Kind.TEXT, 0, 5, n + 1))
    key = {"room_id": general, "device_id": device, "run": 9, "n": n + 1}
    sent = {"header": header, "signature": bytes(64), "body": WIDE * 900}
    return key | {"author_id": author, "brought_id": FIRST + 9, "brought_ms": n + 1} | sent


# Rows that are one, or that the server makes from others.
ONE_ROW = {"log", "lease", "search_state", "search_heads"}
BY_MESSAGES = {"records", "search"}


def fill(database: Database) -> None:
    store = database.open()
    try:
        with store.reading() as connection:
            anna = connection.execute(select(schema.users.c.id).where(schema.users.c.name == "anna")).scalar_one()
            general = connection.execute(select(schema.rooms.c.id).where(schema.rooms.c.name == "general")).scalar_one()
        log = Log(store, general)
        log.set_clock(1_000)
        (text,) = log.say("word " + WIDE * 2_900, author=anna)
        for number in range(EDITS):
            log.say(f"word {number} ".ljust(3_000, WIDE), kind=Kind.EDIT, ref=text.record.seq, author=anna)
        log.store_all(
            *[
                log.make(chr(0x1F300 + n % 100), Kind.REACTION, ref=text.record.seq, author=FIRST + n, device=f"r{n}")
                for n in range(REACTIONS)
            ]
        )
        log.store_all(*[log.make(f"word {n} ".ljust(3_000, WIDE), author=anna) for n in range(TEXTS)])
        filled = rows(anna, general, time.time_ns() // 1_000_000)
        assert set(schema.metadata.tables) == filled.keys() | ONE_ROW | BY_MESSAGES, "a table is filled or explained"
        with store._engine.begin() as connection:
            for table in schema.metadata.sorted_tables:
                for start in range(0, len(filled.get(table.name, [])), 500):
                    connection.execute(insert(table), filled[table.name][start : start + 500])
    finally:
        database.close()


@pytest.fixture(scope="module")
def full(file_database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("full")
    with ServerProcess(folder, database=file_database, timeout=60) as server:
        for name in ("anna", "boris", "clara"):
            server.add_account(name)
        server.stop()
        fill(Database(folder, file_database))
        with server.restart() as again:
            yield again


class Session:
    """The administrator's session, and the ids that requests are made of."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.general = client.rooms["general"]
        self.rooms = list(client.rooms.values())

    def user(self, name: str) -> int:
        return next(user.id for user in self.client.everything(wire.ListUsers()) if user.name == name)

    def announcement(self) -> wire.AnnouncePeer:
        body = PeerBody(self.client.welcome.log_id, self.client.device, 1, bytes([9]) * 32, 0)
        hosts = [bytes([10, 0, 0, host]) for host in range(PEER_ADDRESSES_MAX - 1)]
        return wire.AnnouncePeer(sign_peer(self.client.key, body), 5000, hosts)


AFTER_LOGIN: dict[type, Callable[[Session], Any]] = {
    wire.Subscribe: lambda it: wire.Subscribe(it.rooms[:256]),
    wire.History: lambda it: wire.History(it.general, 1, True, 1000),
    wire.Search: lambda it: wire.Search(0, "word", 0, 50),
    wire.ListRooms: lambda it: wire.ListRooms(),
    wire.ListUsers: lambda it: wire.ListUsers(),
    wire.ListMembers: lambda it: wire.ListMembers(it.general),
    wire.ListStatements: lambda it: wire.ListStatements(0),
    wire.ListRevoked: lambda it: wire.ListRevoked(),
    wire.AnnouncePeer: lambda it: it.announcement(),
    wire.GiveStatements: lambda it: wire.GiveStatements([]),
    wire.OfferRecords: lambda it: wire.OfferRecords(Head(1, it.general, 9, bytes(32), 0, bytes(64)), 1),
    wire.GiveRecords: lambda it: wire.GiveRecords(it.general, []),
    wire.OpenTransfers: lambda it: wire.OpenTransfers(),
    wire.ListCursors: lambda it: wire.ListCursors(it.general),
    wire.ListDevices: lambda it: wire.ListDevices(),
    wire.ListInvites: lambda it: wire.ListInvites(),
    wire.GetCertificates: lambda it: wire.GetCertificates([octets(("device", n), 16) for n in range(256)]),
    wire.GetProfile: lambda it: wire.GetProfile(),
    wire.SetProfile: lambda it: wire.SetProfile(display_name=wide(1)),
    wire.Status: lambda it: wire.Status(),
    wire.Renew: lambda it: wire.Renew(),
    wire.OpenDirect: lambda it: wire.OpenDirect(it.user("boris")),
    wire.JoinRoom: lambda it: wire.JoinRoom(FIRST + JOINED),
    wire.CreateRoom: lambda it: wire.CreateRoom("one more", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING),
    wire.SetHistoryPolicy: lambda it: wire.SetHistoryPolicy(FIRST, HistoryPolicy.SINCE_JOINING),
    wire.InviteUser: lambda it: wire.InviteUser(FIRST, it.user("boris")),
    wire.RemoveUser: lambda it: wire.RemoveUser(FIRST, it.user("boris")),
    wire.LeaveRoom: lambda it: wire.LeaveRoom(FIRST + 1),
    wire.CreateInvite: lambda it: wire.CreateInvite(1, 3600),
    wire.VoidInvite: lambda it: wire.VoidInvite(it.client.everything(wire.ListInvites())[-1].id),
    wire.ArchiveRooms: lambda it: wire.ArchiveRooms([FIRST + 2], True),
    wire.DeleteRooms: lambda it: wire.DeleteRooms([FIRST + 2], PASSWORD),
    wire.RevokeDevice: lambda it: wire.RevokeDevice(octets(("device", 1), 16), PASSWORD),
    wire.ListAccounts: lambda it: wire.ListAccounts(),
    wire.FindAccount: lambda it: wire.FindAccount(wide(7, 32)),
    wire.AddAccount: lambda it: wire.AddAccount("emil", PASSWORD),
    wire.DisableAccount: lambda it: wire.DisableAccount(FIRST, True),
    wire.SetRole: lambda it: wire.SetRole(FIRST, wire.Role.MODERATOR),
    wire.ResetPassword: lambda it: wire.ResetPassword(FIRST),
    wire.SetDisplayName: lambda it: wire.SetDisplayName(FIRST, wide(1)),
    wire.DeleteAccount: lambda it: wire.DeleteAccount(FIRST),
    wire.ChangeRoom: lambda it: wire.ChangeRoom(FIRST, "another name"),
    wire.EndSessions: lambda it: wire.EndSessions(it.user("boris")),
    wire.ListAllRooms: lambda it: wire.ListAllRooms(),
    wire.ListSessions: lambda it: wire.ListSessions(),
    wire.CreateBackup: lambda it: wire.CreateBackup(),
    wire.ListQuarantine: lambda it: wire.ListQuarantine(),
    wire.JudgeQuarantined: lambda it: wire.JudgeQuarantined([], False, PASSWORD),
    wire.ChangePassword: lambda it: wire.ChangePassword(PASSWORD, PASSWORD + " staple"),
    wire.Logout: lambda it: wire.Logout(),
}
BEFORE_LOGIN: dict[type, Callable[[RawClient], Any]] = {
    wire.Hello: lambda client: client.hello(),
    wire.LoginPassword: lambda client: client.log_in("boris"),
    wire.LoginDevice: lambda client: client.log_in_by_key(),
    wire.Register: lambda client: client.register("dora", PASSWORD),
    wire.Recover: lambda client: _after_hello(client, wire.Recover("clara")),
    wire.RecoverConfirm: lambda client: _after_hello(client, wire.RecoverConfirm("clara", "12345678", PASSWORD)),
}
FRAMES: dict[type, Callable[[Session], Any]] = {
    wire.Submit: lambda it: wire.Submit([it.client.message(it.general, "hello") for _ in range(20)]),
    wire.Nack: lambda it: wire.Nack(it.general, list(range(1, 33))),
    wire.Ping: lambda it: wire.Ping(5),
    wire.Cursors: lambda it: wire.Cursors([wire.Cursor(room, 1, 1) for room in it.rooms[:200]]),
    wire.Activity: lambda it: wire.Activity(PresenceState.AWAY),
}
# What a full server refuses, and how. Its log is whole: nobody may give it back.
REFUSED = {
    wire.GiveStatements: {wire.Code.NOT_ALLOWED},
    wire.OfferRecords: {wire.Code.NOT_ALLOWED},
    wire.GiveRecords: {wire.Code.NOT_ALLOWED},
    wire.CreateRoom: {wire.Code.LIMIT_REACHED},
    wire.OpenDirect: {wire.Code.LIMIT_REACHED},
    wire.RecoverConfirm: {wire.Code.RECOVERY_INVALID},
}


def _after_hello(client: RawClient, operation: Any) -> Any:
    client.hello()
    return client.request(operation, PATIENCE)


def test_every_operation_and_frame_has_an_example() -> None:
    assert set(AFTER_LOGIN) == set(get_args(wire.AfterLogin))
    assert set(BEFORE_LOGIN) == set(get_args(wire.BeforeLogin))
    assert set(FRAMES) == set(get_args(wire.LiveFromClient))


def _assert_answer_fits(operation: type, result: Any) -> None:
    if isinstance(result, wire.Failure):
        assert wire.Code(result.code) in REFUSED.get(operation, set()), (operation, result)
    assert (
        len(wire.pack_frame(wire.Response(1, result) if not isinstance(result, wire.Failure) else result)) < FRAME_MAX
    )


def test_lists_of_a_full_server_are_complete(full: ServerProcess) -> None:
    with RawClient(full.port, timeout=PATIENCE) as client:
        client.log_in("anna")
        invites = client.everything(wire.ListInvites())
        assert len({invite.id for invite in invites}) == len(invites) == INVITES
        assert [i.not_after_ms for i in invites] == sorted((i.not_after_ms for i in invites), reverse=True)
        # One that stands beyond the first page can be voided.
        assert client.request(wire.VoidInvite(invites[-1].id), PATIENCE) == wire.Done()
        assert len(client.everything(wire.ListUsers())) == USERS + 3
        assert len(client.everything(wire.ListRooms())) == ROOMS
        assert len(client.everything(wire.ListMembers(client.rooms["general"]))) == USERS + 3
        assert len(client.everything(wire.ListDevices())) == DEVICES_PER_USER - 1
        assert len(client.everything(wire.ListStatements(0))) == USERS + 3 + ROOMS + 1
        assert len(client.everything(wire.ListRevoked())) == (DEVICES_PER_USER - 2 + USERS) // 2
        assert len(client.everything(wire.ListAccounts())) == USERS + 3
        assert len(client.everything(wire.ListAllRooms())) == ROOMS
        assert len(client.everything(wire.ListQuarantine())) == QUARANTINED
    for words, count in (
        (("users", "list"), USERS + 3),
        (("users", "invite-codes"), INVITES - 1),
        (("rooms", "list"), ROOMS),
        (("users", "devices", "anna"), DEVICES_PER_USER - 1),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "lanchat_server", *words, "--json", "--data-dir", str(full.data_dir)],
            env=plain_environment(full.data_dir),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=patient(60),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        listed = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(listed) == len({row["id"] for row in listed}) == count


# The last one: the requests change what the lists hold.
def test_full_server_answers_every_request_within_a_frame(full: ServerProcess) -> None:
    key = None
    for operation, run in BEFORE_LOGIN.items():
        with RawClient(full.port, key=key, timeout=PATIENCE) as stranger:
            _assert_answer_fits(operation, run(stranger))
            key = stranger.key if operation is wire.LoginPassword else None
    with RawClient(full.port, timeout=PATIENCE) as client:
        logged_in = client.log_in("anna")
        assert isinstance(logged_in, wire.LoggedIn), logged_in
        assert len(client.rooms) == ROOMS
        session = Session(client)
        for frame in FRAMES.values():
            client.send(frame(session))
            client.send(wire.Ping(7))
            while client.wait_for(wire.Pong, PATIENCE).token != 7:
                pass
        for operation, make in AFTER_LOGIN.items():
            _assert_answer_fits(operation, client.request(make(session), PATIENCE))
