"""Malformed and hostile octets sent to a real server process, which continues to serve other clients."""

import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import Code
from lanchat.protocol.limits import FRAME_MAX_TO_SERVER, FRAME_MAX_UNAUTHENTICATED
from lanchat.protocol.log.messages import Header, Kind, Message
from lanchat.protocol.wire import decode_server_datagram_untrusted, encode_datagram, pack_frame
from tests.support.procs import ServerProcess
from tests.support.raw import ANSWER_MAX, RawClient, another_address, tls_connect
from tests.support.waiting import patient


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as process:
        yield process


@pytest.fixture
def witness(server: ServerProcess) -> Iterator[RawClient]:
    """A session for the test's own use; another client's messages are stored before and after the test."""
    with RawClient(server.port) as honest, RawClient(server.port) as client:
        honest.register(f"honest{random.getrandbits(40):x}")
        client.register(f"witness{random.getrandbits(40):x}")
        before = honest.say(honest.rooms["general"], "before").seq
        yield client
        assert honest.say(honest.rooms["general"], "after").seq > before > 0


def closed(sock: socket.socket, timeout: float = ANSWER_MAX) -> bool:
    """Whether the server ends this connection."""
    sock.settimeout(timeout)
    try:
        while sock.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.usefixtures("witness")
def test_non_tls_octets_end_the_connection(server: ServerProcess) -> None:
    for octets in (b"GET / HTTP/1.1\r\n\r\n", bytes(1000), random.Random(1).randbytes(5000), b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", server.port), source_address=(another_address(), 0)) as sock:
            sock.sendall(octets)
            with contextlib.suppress(OSError):  # the server may have hung up already
                sock.shutdown(socket.SHUT_WR)
            assert closed(sock)


@pytest.mark.usefixtures("witness")
def test_old_tls_versions_and_other_alpn_are_refused(server: ServerProcess) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.port)) as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(raw)
    for alpn in (None, "http/1.1"):
        try:
            sock = tls_connect(server.port, alpn=alpn)
        except (ssl.SSLError, ConnectionError):
            continue
        with sock:
            assert closed(sock)


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(
    "octets",
    [
        struct.pack(">I", FRAME_MAX_UNAUTHENTICATED + 1),
        struct.pack(">I", 2**32 - 1) + b"x",
        struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1",
        struct.pack(">I", 0),
        pack_frame(wire.Submit([])),
        pack_frame(wire.Ping(1)),
        struct.pack(">I", 2000) + b"\x91" * 2000,
    ],
)
def test_invalid_frames_before_login_end_the_connection(server: ServerProcess, octets: bytes) -> None:
    with tls_connect(server.port) as sock:
        sock.sendall(octets)
        assert closed(sock)


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize("operation", [wire.ListUsers(), wire.Subscribe([1])])
def test_operation_before_login_is_refused_on_an_open_connection(server: ServerProcess, operation: Any) -> None:
    with RawClient(server.port) as client:
        assert client.request(operation).code == wire.Code.BAD_REQUEST
        client.register(type(operation).__name__.lower())


@pytest.mark.usefixtures("witness")
def test_random_frames_after_login_end_only_their_connection(server: ServerProcess) -> None:
    rng = random.Random(5)
    with RawClient(server.port) as client:
        client.register("fuzzer")
    for _ in range(30):
        with RawClient(server.port, key=client.key) as again:
            assert isinstance(again.log_in_by_key(), wire.LoggedIn)
            octets = rng.randbytes(rng.choice([1, 10, 300]))
            again.sock.sendall(struct.pack(">I", len(octets)) + octets)
            assert closed(again.sock)


def test_a_frame_above_the_limit_ends_the_connection(server: ServerProcess, witness: RawClient) -> None:
    with RawClient(server.port) as client:
        client.register("large")
        client.sock.sendall(struct.pack(">I", FRAME_MAX_TO_SERVER + 1))
        assert closed(client.sock)


@pytest.mark.usefixtures("witness")
def test_connection_without_login_is_closed_after_ten_seconds(server: ServerProcess) -> None:
    started = time.monotonic()
    with (
        tls_connect(server.port) as mute,
        socket.create_connection(("127.0.0.1", server.port)) as half_open,
    ):
        assert closed(mute)
        assert time.monotonic() - started > 8
        assert closed(half_open)


def test_unauthenticated_connections_do_not_block_logins(server: ServerProcess, witness: RawClient) -> None:
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(150)]
    try:
        # Somebody from another address logs in all the same.
        with RawClient(server.port) as client:
            assert isinstance(client.register(f"late{random.getrandbits(40):x}"), wire.LoggedIn)
    finally:
        for sock in crowd:
            sock.close()


def pongs(sock: socket.socket, session: RawClient) -> list[Any]:
    """Those that come, the first within a long time, until nothing comes for the socket's timeout. What else the
    server sends to the session, such as heartbeats, is not looked at."""
    found: list[Any] = []
    quiet = sock.gettimeout()
    with contextlib.suppress(TimeoutError):
        while True:
            sock.settimeout(quiet if found else patient(10))
            frames = decode_server_datagram_untrusted(session.opener.open_untrusted(sock.recv(2048)))
            found += [frame for frame in frames if isinstance(frame, wire.Pong)]
    sock.settimeout(quiet)
    return found


def test_unauthentic_and_replayed_datagrams_get_no_answer(server: ServerProcess, witness: RawClient) -> None:
    rng = random.Random(3)
    good = witness.sealer.seal(encode_datagram([wire.Ping(1)]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.port))
        for size in (0, 1, 12, 13, 28, 29, 200, 1200, 1201, 9000):
            sock.send(rng.randbytes(size))
        for place in range(len(good)):
            flipped = bytearray(good)
            flipped[place] ^= 1 << rng.randrange(8)
            sock.send(bytes(flipped))
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.recv(2048)
        for _ in range(6):
            sock.send(good)
        assert pongs(sock, witness) == [wire.Pong(1)]


def test_sealed_datagram_with_invalid_frames_is_dropped(server: ServerProcess, witness: RawClient) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.port))
        sock.settimeout(0.3)
        for payload in (b"", b"\xc1", b"\x91" * 900, encode_datagram([]), b"\x91\xcc"):
            sock.send(witness.sealer.seal(payload))
        with pytest.raises(TimeoutError):
            sock.recv(2048)
        sock.send(witness.sealer.seal(encode_datagram([wire.Ping(7)])))
        assert pongs(sock, witness) == [wire.Pong(7)]


def test_replayed_datagram_does_not_move_a_sessions_address(server: ServerProcess, witness: RawClient) -> None:
    """An attacker that replays recorded datagrams from another address must not receive the session's traffic."""
    first, second = (witness.sealer.seal(encode_datagram([wire.Ping(n)])) for n in (1, 2))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief,
    ):
        for sock in (mine, thief):
            sock.connect(("127.0.0.1", server.port))
            sock.settimeout(0.3)
        mine.settimeout(patient(10))
        mine.send(second)
        assert mine.recv(2048)
        thief.send(first)
        with pytest.raises(TimeoutError):
            thief.recv(2048)
        assert witness.request(wire.Subscribe([witness.rooms["general"]])).heads
        witness.say_without_waiting(witness.rooms["general"], "to whom?")
        kinds = set()
        while wire.Records not in kinds:
            kinds |= {type(f) for f in decode_server_datagram_untrusted(witness.opener.open_untrusted(mine.recv(2048)))}
        with pytest.raises(TimeoutError):
            thief.recv(2048)


def test_forged_messages_are_refused_and_forwarded_ones_stored(server: ServerProcess, witness: RawClient) -> None:
    room = witness.rooms["general"]
    with RawClient(server.port) as forger:
        forger.register(f"forger{random.getrandbits(40):x}")
        real = witness.message(room, "not sent yet")
        forged = Message(real.header, b"what I never said", real.signature)
        forger.send(wire.Submit([forged]))
        assert forger.wait_for(wire.Decided).receipts[0].code == Code.BAD_SIGNATURE
        unknown = forger.message(room, "who?")
        header = Header(room, bytes(16), 1, 1, Kind.TEXT, 0, 1, 1)
        forger.send(wire.Submit([Message(encode(header), unknown.body, unknown.signature)]))
        assert forger.wait_for(wire.Decided).receipts[0].code == Code.UNKNOWN_DEVICE
        # Handing in what the author really signed is what peers do for each other.
        forger.send(wire.Submit([real]))
        assert forger.wait_for(wire.Decided).receipts[0].seq > 0


def test_a_message_of_a_million_characters_is_refused(server: ServerProcess, witness: RawClient) -> None:
    with RawClient(server.port) as client:
        client.register(f"loud{random.getrandbits(40):x}")
        message = client.message(client.rooms["general"], "x")
        # The server hangs up as soon as it has read how long the frame is.
        with contextlib.suppress(OSError):
            client.send(wire.Submit([Message(message.header, b"x" * 1_000_000, message.signature)]))
        assert closed(client.sock)


def test_unread_history_pages_use_bounded_memory(server: ServerProcess, witness: RawClient) -> None:
    room = witness.request(wire.CreateRoom(f"big{random.getrandbits(40):x}", wire.RoomKind.PUBLIC, 1)).room.id
    for _ in range(25):
        assert witness.say(room, "Ж" * 4000).seq
    resident = psutil.Process(server.pid).memory_info().rss
    for number in range(1000, 1150):
        witness.send(wire.Request(number, wire.History(room, 1, True, 200)))
    time.sleep(1)
    # 150 pages of 200 KB each would be 30 MB.
    assert psutil.Process(server.pid).memory_info().rss - resident < 8 << 20
    # Whoever reads late is answered all the same: pages, or "too many at once".
    answers: list[Any] = []
    while len(answers) < 150:
        frame = witness.receive()
        if isinstance(frame, wire.Response | wire.Failure):
            answers.append(frame)
    pages = [frame for frame in answers if isinstance(frame, wire.Response)]
    assert {frame.id for frame in answers} == set(range(1000, 1150))
    assert len(pages) >= 64


def test_private_rooms_look_missing_to_outsiders(server: ServerProcess, witness: RawClient) -> None:
    created = witness.request(wire.CreateRoom(f"den{random.getrandbits(40):x}", wire.RoomKind.PRIVATE, 1))
    room = created.room.id
    assert witness.say(room, "psst").seq == 1
    with RawClient(server.port) as outsider:
        user = outsider.register(f"outsider{random.getrandbits(40):x}").user.id
        assert room not in {listed.id for listed in outsider.request(wire.ListRooms()).rooms}
        assert outsider.request(wire.Subscribe([room])) == wire.Subscribed([], [])
        for operation in (
            wire.History(room, 1, True, 10),
            wire.Search(room, "psst", 0, 10),
            wire.JoinRoom(room),
            wire.InviteUser(room, user),
            wire.RemoveUser(room, user),
            wire.ListMembers(room),
            wire.ListCursors(room),
            wire.LeaveRoom(room),
            wire.SetHistoryPolicy(room, wire.HistoryPolicy.EVERYTHING),
            wire.ArchiveRooms([room], True),
            wire.DeleteRooms([room], "correct horse"),
        ):
            failure = outsider.request(operation)
            assert (type(failure), failure.code) == (wire.Failure, Code.NOT_FOUND), operation
        assert outsider.request(wire.Search(0, "psst", 0, 10)).hits == []
        assert outsider.say(room, "let me in").code == Code.NOT_A_MEMBER
        outsider.send(wire.Nack(room, [1]))
        outsider.send(wire.Ping(1))
        assert outsider.wait_for(wire.Pong) == wire.Pong(1)
        assert not [event for event in outsider.events if isinstance(event, wire.Records)]
