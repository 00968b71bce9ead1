"""One complete exchange in octets: a client registers, subscribes, sends a message, reads it back, and pings by UDP.
The server's side is what the real server answers where its clock stands still and its random octets are given."""

import asyncio
import contextlib
import hashlib
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lanchat.platform.clock import Clock
from lanchat.protocol import wire
from lanchat.protocol.datagram.seal import Opener, Sealer
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.wire import (
    FrameReader,
    decode_from_client_untrusted,
    decode_from_server_untrusted,
    pack_frame,
)
from lanchat_server.config import load
from lanchat_server.core.directory.directory import Directory
from lanchat_server.service.environment import Environment
from lanchat_server.service.keys import ServerKeys
from lanchat_server.service.net.datagrams import DatagramRelay
from lanchat_server.service.service import Service
from lanchat_server.store.opening import open_store
from tests.support.waiting import patient
from tests.vectors.values import plain

FINGERPRINT = hashlib.sha256(b"a certificate in DER").hexdigest()
DEVICE_KEY = keys.private_key(b"d" * 32)
LOG_KEY = keys.private_key(b"l" * 32)
NOW_MS = 1_700_000_000_123
RUN = 0x0123_4567_89AB_CDEF
PASSWORD = "correct horse"
TEXT = "Hello, world!"
# A reader that waits so long for an answer gives up.
ANSWER_MAX = patient(20.0)

TO_SERVER, TO_CLIENT = "client", "server"
TLS, UDP = "TLS", "UDP"


class Step(NamedTuple):
    """Octets as they travel: inside TLS a frame with its length, by UDP a whole datagram. `payload` is what is sealed
    in the datagram."""

    sender: str
    way: str
    octets: bytes
    payload: bytes = b""


def drawn(size: int, number: int) -> bytes:
    """The random octets of the server's draw with this number, from 0; for the test alone."""
    return hashlib.sha512(b"lanchat exchange" + number.to_bytes(4, "big")).digest()[:size]


def vectors(steps: list[Step]) -> dict[str, Any]:
    """What the client has, and each step; a frame's fields beside its octets."""
    return {
        "device_private_key": keys.private_octets(DEVICE_KEY),
        "log_private_key": keys.private_octets(LOG_KEY),
        "fingerprint": FINGERPRINT,
        "password": PASSWORD,
        "steps": [_plain_step(step) for step in steps],
    }


def _plain_step(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"sender": step.sender, "way": step.way, "octets": step.octets}
    if step.way == UDP:
        return found | {"payload": step.payload}
    decode = decode_from_client_untrusted if step.sender == TO_SERVER else decode_from_server_untrusted
    frame = decode(step.octets[4:])
    return found | {"name": type(frame).__name__, "fields": plain(frame)}


def read(found: dict[str, Any]) -> list[Step]:
    """The steps of the file."""
    octets = bytes.fromhex
    return [
        Step(step["sender"], step["way"], octets(step["octets"]), octets(step.get("payload", "")))
        for step in found["steps"]
    ]


class _Entropy:
    """Octets that are the same each time."""

    def __init__(self) -> None:
        self._draws = 0

    def token_bytes(self, size: int) -> bytes:
        self._draws += 1
        return drawn(size, self._draws - 1)

    def randbits(self, bits: int) -> int:
        return int.from_bytes(self.token_bytes(8)) >> (64 - bits)


class _Line(asyncio.Transport):
    """What the server writes into a TLS connection from its own computer."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 4)})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to end."""

    abort = close


class Server:
    """The real service on a new database, one connection, and the UDP relay."""

    def __init__(self, service: Service, relay: DatagramRelay, port: int) -> None:
        self._line = _Line()
        self._connection = service.connect("127.0.0.1")
        self._connection.connection_made(self._line)
        self._reader = FrameReader()
        self._port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    async def exchange(self, step: Step, kinds: list[type]) -> list[Step]:
        """The server's frames of these kinds that follow `step`; others, which come by their own time, are left out."""
        if step.way == UDP:
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(self._socket, step.octets, ("127.0.0.1", self._port))
            datagram, _ = await asyncio.wait_for(loop.sock_recvfrom(self._socket, 2048), ANSWER_MAX)
            return [Step(TO_CLIENT, UDP, datagram)]
        self._connection.data_received(step.octets)
        found: list[Step] = []
        async with asyncio.timeout(ANSWER_MAX):
            while len(found) < len(kinds):
                await asyncio.sleep(0.001)
                octets, self._line.written = self._line.written, b""
                for frame in self._reader.feed_untrusted(octets):
                    if isinstance(decode_from_server_untrusted(frame), tuple(kinds)):
                        found.append(Step(TO_CLIENT, TLS, wire.with_length(frame)))
        return found


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """A server whose random octets are `drawn`."""
    entropy = _Entropy()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = open_store(None, folder, random_octets=entropy.token_bytes, now_ms=NOW_MS)
        stack.callback(store.close)
        store.take_lease("exchange", NOW_MS)
        directory = Directory(store.snapshot())
        config = load({"data_dir": folder, "name": "Office"})
        server_keys = ServerKeys(folder / "none", folder / "none", FINGERPRINT, LOG_KEY)
        environment = Environment(clock=Clock(wall_ms=lambda: NOW_MS), entropy=entropy)
        service = Service(config, store, server_keys, directory, "", lambda _: None, environment)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        log = directory.log
        relay = DatagramRelay(sock, log.log_id, log.epoch, service.driver.received, service.driver.step, service.count)
        service.connections.relay = relay
        relay.start()
        served = Server(service, relay, sock.getsockname()[1])
        try:
            yield served
        finally:
            served.close()
            relay.close()
            await service.close()


# The client


async def exchange() -> list[Step]:
    """The whole exchange, the client's side made here."""
    steps: list[Step] = []
    async with server() as served:

        async def ask(frame: Any, *kinds: type) -> list[Any]:
            steps.append(Step(TO_SERVER, TLS, pack_frame(frame)))
            answers = await served.exchange(steps[-1], list(kinds))
            steps.extend(answers)
            return [decode_from_server_untrusted(answer.octets[4:]) for answer in answers]

        (welcomed,) = await ask(wire.Request(1, wire.Hello([1], "a client")), wire.Response)
        welcome = welcomed.result
        proof = keys.ENROL_CONTEXT + welcome.log_id + bytes.fromhex(FINGERPRINT) + welcome.challenge
        enrolment = wire.Enrolment(keys.public_octets(DEVICE_KEY), "laptop", DEVICE_KEY.sign(proof))
        (entered,) = await ask(wire.Request(2, wire.Register("anna", PASSWORD, enrolment)), wire.Response)
        room, session = entered.result.rooms[0].id, entered.result.keys
        await ask(wire.Request(3, wire.Subscribe([room])), wire.Response)
        header = Header(room, entered.result.device, RUN, 1, Kind.TEXT, 0, NOW_MS, 1)
        message = make_message(DEVICE_KEY, welcome.log_id, header, TEXT)
        await ask(wire.Submit([message]), wire.Decided, wire.Records)
        await ask(wire.Request(4, wire.History(room, 1, True, 100)), wire.Response)
        payload = wire.encode_datagram([wire.Ping(RUN)])
        sealer = Sealer(session.to_server, session.key_id, welcome.log_id, welcome.log_epoch)
        steps.append(Step(TO_SERVER, UDP, sealer.seal(payload), payload))
        (pong,) = await served.exchange(steps[-1], [])
        opener = Opener(session.to_client, session.key_id, welcome.log_id, welcome.log_epoch)
        steps.append(pong._replace(payload=opener.open_untrusted(pong.octets)))
    return steps


async def replay(steps: list[Step]) -> list[Step]:
    """The same steps with the server's side as the server answers the client's octets now."""
    replayed: list[Step] = []
    async with server() as served:
        for step, expected in _questions(steps):
            replayed.append(step)
            kinds = [] if step.way == UDP else [type(_frame(answer)) for answer in expected]
            replayed += await served.exchange(step, kinds)
    return replayed


def _questions(steps: list[Step]) -> Iterator[tuple[Step, list[Step]]]:
    """Each step of the client with the server's steps behind it."""
    for number, step in enumerate(steps):
        if step.sender == TO_SERVER:
            behind = steps[number + 1 :]
            end = next((i for i, later in enumerate(behind) if later.sender == TO_SERVER), len(behind))
            yield step, behind[:end]


def _frame(step: Step) -> Any:
    return decode_from_server_untrusted(step.octets[4:])
