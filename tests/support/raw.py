"""A client that speaks the wire by hand, for tests against a real server: blocking sockets, no retries, no mercy."""

import hashlib
import itertools
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import ALPN
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.wire import FrameReader, decode_from_server_untrusted, pack_frame
from lanchat_server.store.connection.connector import clear_tls_errors
from tests.support.leaks import guard
from tests.support.procs import ServerProcess
from tests.support.waiting import patient

_sources = itertools.count(1)
# Seconds until an answer is given up.
ANSWER_MAX = patient(5.0)


def another_address() -> str:
    """A loopback address that nobody has come from: limits per address are tested on purpose only."""
    number = next(_sources)
    return f"127.1.{number // 250}.{number % 250 + 1}"


def tls_connect(port: int, *, alpn: str | None = ALPN, timeout: float = ANSWER_MAX, source: str = "") -> ssl.SSLSocket:
    """A TLS connection to loopback that trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    raw = socket.create_connection(("127.0.0.1", port), timeout, (source or another_address(), 0))
    return context.wrap_socket(raw)


def refusal(result: object) -> wire.Code:
    """The code of an answer that must be a Failure."""
    assert isinstance(result, wire.Failure), result
    return wire.Code(result.code)


def _guard_keys_of(result: Any) -> None:
    if isinstance(result, wire.Subscribed):
        for room_key in result.keys:
            guard.key(room_key.key, "room key")


class RawClient:
    """Connects when it is first used, as the server gives nobody long to log in. `events` collects frames that answer
    nothing."""

    def __init__(
        self, port: int, *, timeout: float = ANSWER_MAX, key: Ed25519PrivateKey | None = None, source: str = ""
    ) -> None:
        self.port = port
        self._sock: ssl.SSLSocket | None = None
        self._connect = partial(tls_connect, port, timeout=timeout, source=source)
        self.key = key or Ed25519PrivateKey.generate()
        self.device = keys.device_id(keys.public_octets(self.key))
        guard.key(self.key.private_bytes_raw(), "device key")
        self.events: list[Any] = []
        self._reader = FrameReader()
        self._frames: list[Any] = []
        self._id = 0
        self.run = secrets.randbits(62)
        self._n: dict[int, int] = {}

    @property
    def sock(self) -> ssl.SSLSocket:
        """The connection."""
        if self._sock is None:
            self._sock = self._connect()
        return self._sock

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the server's certificate."""
        certificate = self.sock.getpeercert(binary_form=True)
        assert certificate is not None
        return hashlib.sha256(certificate).digest()

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Frames ------------------------------------------------------------------------------------------------------

    def send(self, frame: Any) -> None:
        self.sock.sendall(pack_frame(frame))

    def receive(self, timeout: float = ANSWER_MAX) -> Any:
        """The next frame; raises EOFError when the server closed, TimeoutError when nothing came."""
        self.sock.settimeout(timeout)
        while not self._frames:
            octets = self._receive_octets()
            if not octets:
                raise EOFError
            self._frames += [decode_from_server_untrusted(frame) for frame in self._reader.feed_untrusted(octets)]
        return self._frames.pop(0)

    def _receive_octets(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except ConnectionError:
            # It may be the error of another connection that has ended.
            clear_tls_errors()
            return self.sock.recv(65536)

    def wait_for(self, kind: type | UnionType, timeout: float = ANSWER_MAX) -> Any:
        """The next frame of a kind; others are kept in `events`."""
        for event in self.events:
            if isinstance(event, kind):
                self.events.remove(event)
                return event
        end = time.monotonic() + timeout
        while True:
            frame = self.receive(max(0.01, end - time.monotonic()))
            if isinstance(frame, kind):
                return frame
            self.events.append(frame)

    def request(self, operation: Any, timeout: float = ANSWER_MAX) -> Any:
        """The result, or the Failure."""
        self._id += 1
        guard.operation(operation)
        self.send(wire.Request(self._id, operation))
        while True:
            frame = self.receive(timeout)
            if isinstance(frame, wire.Response) and frame.id == self._id:
                _guard_keys_of(frame.result)
                return frame.result
            if isinstance(frame, wire.Failure) and frame.id == self._id:
                return frame
            self.events.append(frame)

    # --- Log-in ------------------------------------------------------------------------------------------------------

    def hello(self) -> wire.Welcome:
        self.welcome: wire.Welcome = self.request(wire.Hello([1], "raw"))
        assert isinstance(self.welcome, wire.Welcome), self.welcome
        return self.welcome

    def proof(self, context: bytes) -> bytes:
        return self.key.sign(context + self.welcome.log_id + self.fingerprint + self.welcome.challenge)

    def enrolment(self) -> wire.Enrolment:
        return wire.Enrolment(keys.public_octets(self.key), "raw", self.proof(keys.ENROL_CONTEXT))

    def register(self, user: str, password: str = "correct horse", **more: str) -> Any:
        self.hello()
        return self._logged_in(self.request(wire.Register(user, password, self.enrolment(), **more), 15))

    def log_in(self, user: str, password: str = "correct horse") -> Any:
        self.hello()
        return self._logged_in(self.request(wire.LoginPassword(user, password, self.enrolment()), 15))

    def log_in_by_key(self) -> Any:
        self.hello()
        return self._logged_in(self.request(wire.LoginDevice(self.device, self.proof(keys.LOGIN_CONTEXT))))

    def _logged_in(self, result: Any) -> Any:
        if isinstance(result, wire.LoggedIn):
            self.session = result
            rest = self.everything(wire.ListRooms(result.next)) if result.next else []
            self.rooms = {room.name: room.id for room in (*result.rooms, *rest)}
            epoch = self.welcome.log_epoch
            pair = result.keys
            for key in (pair.to_server, pair.to_client):
                guard.key(key, "session key")
            self.sealer = seal.Sealer(pair.to_server, pair.key_id, self.welcome.log_id, epoch)
            self.opener = seal.Opener(pair.to_client, pair.key_id, self.welcome.log_id, epoch)
        return result

    def everything(self, operation: Any) -> list[Any]:
        """The entries of a list, of all its pages."""
        entries: list[Any] = []
        while True:
            result = self.request(operation)
            entries += getattr(result, result.__struct_fields__[0])
            if not result.next:
                return entries
            operation = replace(operation, after=result.next)

    @property
    def user_id(self) -> int:
        return int(self.session.user.id)

    # --- Messages ----------------------------------------------------------------------------------------------------

    def message(self, room: int, text: str, *, kind: Kind = Kind.TEXT, ref: int = 0) -> Any:
        n = self._n.get(room, 0) + 1
        self._n[room] = n
        header = Header(room, self.device, self.run, n, kind, ref, 1_000, n)
        return make_message(self.key, self.welcome.log_id, header, text)

    def say_without_waiting(self, room: int, text: str) -> None:
        """Hand in a message; what becomes of it arrives some way or other."""
        self.send(wire.Submit([self.message(room, text)]))

    def say(self, room: int, text: str, *, kind: Kind = Kind.TEXT, ref: int = 0) -> wire.Receipt:
        """Hand in a message and wait for what becomes of it."""
        self.send(wire.Submit([self.message(room, text, kind=kind, ref=ref)]))
        decided: wire.Decided = self.wait_for(wire.Decided)
        return decided.receipts[0]


def server_with_admin(folder: Path) -> Iterator[ServerProcess]:
    """A server process whose first account is "admin"; ended when the iterator goes on."""
    with ServerProcess(folder) as process:
        with RawClient(process.port) as admin:
            assert isinstance(admin.register("admin"), wire.LoggedIn)
        yield process
