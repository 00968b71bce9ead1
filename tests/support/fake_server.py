"""A server over real sockets that does what a test tells it: TLS channel and UDP relay around a `FakeLog`.

It runs in the test's own event loop. What it does not know it answers with Done; `answers` overrides the answer to one
kind of request, `refuse` the log-in. For what only the real server can show there is tests/e2e.
"""

import asyncio
import contextlib
import datetime
import hashlib
import secrets
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from lanchat.protocol import wire
from lanchat.protocol.datagram import seal
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ALPN, BULK_ALPN, Limits
from lanchat.protocol.log import keys
from lanchat.protocol.log.messages import Header, decode_header_untrusted
from lanchat.protocol.log.records import Record
from lanchat.protocol.wire import (
    FrameReader,
    decode_client_datagram_untrusted,
    decode_from_client_untrusted,
    encode_datagram,
    pack_frame,
)
from tests.support.fake_bulk import FakeBulk
from tests.support.fake_log import LOG_ID, FakeLog, key_of


def server_context(key: Ed25519PrivateKey, *, alpn: str = ALPN, newest: bool = True) -> tuple[ssl.SSLContext, str]:
    """A TLS context with a self-signed certificate, and its fingerprint."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    today = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(today).not_valid_after(today.replace(year=2099))
    certificate = builder.sign(key, None)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if not newest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([alpn, BULK_ALPN] if alpn == ALPN else [alpn])
    with tempfile.TemporaryDirectory() as folder:
        file = File(folder) / "server.pem"
        file.write_bytes(private + certificate.public_bytes(pem))
        context.load_cert_chain(file)
    return context, hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: "FakeServer") -> None:
        self.server = server
        self.keys: wire.SessionKeys | None = None
        self.logged_in = False
        self.address: Any = None
        self.received = bytearray()
        self._reader = FrameReader()
        self._challenge = b""
        self._transport: Any = None
        self._sealer: seal.Sealer | None = None
        self.opener: seal.Opener | None = None

    def connection_made(self, transport: Any) -> None:
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == BULK_ALPN:
            self.server.bulk.take(transport)
            return
        self._transport = transport
        self.server.sessions.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.server.sessions:
            self.server.sessions.remove(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.server.deaf:
            for octets in self._reader.feed_untrusted(data):
                self._handle(decode_from_client_untrusted(octets))

    def send(self, frame: Any) -> None:
        self._transport.write(pack_frame(frame))

    def send_raw(self, octets: bytes) -> None:
        self._transport.write(octets)

    def send_live(self, frame: Any) -> None:
        """By UDP when the client was heard there."""
        if self.address is None or self._sealer is None:
            self.send(frame)
        else:
            self.server.transport.sendto(self._sealer.seal(encode_datagram([frame])), self.address)

    def cut(self) -> None:
        self._transport.abort()

    def _handle(self, frame: Any) -> None:
        self.server.heard.append(frame)
        if isinstance(frame, wire.Request):
            answer = self._answer(frame.operation)
            if isinstance(answer, wire.Failure):
                answer = wire.Failure(frame.id, answer.code, answer.text, answer.retry_ms)
                self.send(answer)
            elif answer is not None:
                self.send(wire.Response(frame.id, answer))
        else:
            self.live(frame, self.send)

    def _answer(self, operation: Any) -> Any:
        server = self.server
        if type(operation) in server.answers:
            return server.answers[type(operation)](operation)
        match operation:
            case wire.Hello():
                self._challenge = secrets.token_bytes(32)
                return server.welcome(self._challenge)
            case wire.Register():
                server.accounts[operation.user] = (len(server.accounts) + 1, operation.password)
                return self._log_in(operation.user, operation.enrolment)
            case wire.LoginPassword():
                _, password = server.accounts.get(operation.user, (0, None))
                if password != operation.password:
                    return wire.Failure(0, wire.Code.BAD_CREDENTIALS, "")
                return self._log_in(operation.user, operation.enrolment)
            case wire.LoginDevice():
                return self._log_in_device(operation)
            case wire.ListUsers():
                return wire.UserList([server.user(name) for name in server.accounts])
            case wire.ListRooms():
                return wire.RoomList(server.log.rooms())
            case wire.ListMembers():
                return wire.MemberList([wire.Member(user, 1) for user, _ in server.accounts.values()])
            case wire.AnnouncePeer():
                return wire.Roster([])
            case wire.ListStatements():
                return wire.StatementList([], 0)
            case wire.OpenTransfers():
                return server.bulk.ticket()
            case wire.ListCursors():
                return wire.CursorList([])
            case wire.Renew():
                self._fresh_keys()
                assert self.keys is not None
                self.send(self.keys)
                return wire.Done()
            case _:
                return server.log.answer(operation)

    def _log_in(self, name: str, enrolment: wire.Enrolment) -> Any:
        proof = keys.ENROL_CONTEXT + self._bound()
        keys.check_signature(enrolment.public_key, enrolment.signature, proof)
        user, _ = self.server.accounts[name]
        device = keys.device_id(enrolment.public_key)
        self.server.public_keys[device] = (name, enrolment.public_key)
        self.server.log.enrol_public(enrolment.public_key, user, name)
        return self._open(name, device)

    def _log_in_device(self, operation: wire.LoginDevice) -> Any:
        if self.server.refuse is not None or operation.device not in self.server.public_keys:
            return wire.Failure(0, self.server.refuse or wire.Code.DEVICE_REVOKED, "no")
        name, public = self.server.public_keys[operation.device]
        keys.check_signature(public, operation.signature, keys.LOGIN_CONTEXT + self._bound())
        return self._open(name, operation.device)

    def _bound(self) -> bytes:
        challenge, self._challenge = self._challenge, b""
        return LOG_ID + bytes.fromhex(self.server.fingerprint) + challenge

    def _open(self, name: str, device: bytes) -> wire.LoggedIn:
        self.logged_in = True
        self._fresh_keys()
        assert self.keys is not None
        log = self.server.log
        return wire.LoggedIn(self.server.user(name), device, log.devices[device], self.keys, log.rooms())

    def _fresh_keys(self) -> None:
        key_id = next(self.server.key_ids)
        self.keys = wire.SessionKeys(key_id, secrets.token_bytes(32), secrets.token_bytes(32), 3_600_000)
        self._sealer = seal.Sealer(self.keys.to_client, key_id, LOG_ID, self.server.log.epoch)
        self.opener = seal.Opener(self.keys.to_server, key_id, LOG_ID, self.server.log.epoch)

    def live(self, frame: Any, reply: Callable[[Any], None]) -> None:
        match frame:
            case wire.Ping():
                reply(wire.Pong(frame.token))
            case wire.Nack():
                there = self.server.log.records[frame.room]
                records = [there[seq - 1] for seq in frame.missing if seq <= len(there)]
                reply(wire.Records(frame.room, records, self.server.log.head(frame.room)))
            case wire.Submit():
                for message in frame.messages:
                    self.server.submit(self, message)


class FakeServer:
    """`async with FakeServer() as server`: host 127.0.0.1, one port for TCP and UDP. `heard`: all frames, in order."""

    session_type = Session

    def __init__(
        self, log: FakeLog | None = None, *, identity: int = 40, alpn: str = ALPN, newest: bool = True, port: int = 0
    ) -> None:
        self.log = log or FakeLog()
        self.context, self.fingerprint = server_context(key_of(identity), alpn=alpn, newest=newest)
        self.host, self.port = "127.0.0.1", port
        self.sessions: list[Session] = []
        self.heard: list[Any] = []
        self.heard_by_udp: list[Any] = []
        self.accounts: dict[str, tuple[int, str]] = {}
        self.public_keys: dict[bytes, tuple[str, bytes]] = {}
        self.answers: dict[type, Callable[[Any], Any]] = {}
        self.refuse: wire.Code | None = None
        self.udp = True
        self.deaf = False
        self.bulk = FakeBulk()
        self.transport: asyncio.DatagramTransport = None  # type: ignore[assignment]
        self.key_ids = iter(range(1, 1 << 30))
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "FakeServer":
        loop = asyncio.get_running_loop()
        for _ in range(20):
            self._server = await loop.create_server(
                lambda: self.session_type(self), self.host, self.port, ssl=self.context, reuse_address=True
            )
            port = self._server.sockets[0].getsockname()[1]
            try:
                address = (self.host, port)
                self.transport, _ = await loop.create_datagram_endpoint(lambda: _Relay(self), local_addr=address)
            except OSError:
                self._server.close()
                continue
            self.port = port
            return self
        raise OSError("no port is free for both TCP and UDP")

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Gone, as after a power cut; `start` again on the same port with `async with`."""
        self.transport.close()
        if self._server is not None:
            self._server.close()
        for session in list(self.sessions):
            session.cut()
        self.bulk.cut()
        await asyncio.sleep(0)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def welcome(self, challenge: bytes) -> wire.Welcome:
        log = self.log
        registration = wire.Registration.OPEN
        return wire.Welcome(
            1, "Test", LOG_ID, log.epoch, log.log_key, challenge, registration, False, Limits(), log.time_ms
        )

    def user(self, name: str) -> wire.User:
        return wire.User(self.accounts[name][0], name, name.title(), wire.PresenceState.ONLINE, 1)

    def submit(self, session: Session, message: Any) -> None:
        header: Header = decode_header_untrusted(message.header)
        before = len(self.log.records[header.room])
        session.send_live(self.log.submit(message))
        if len(self.log.records[header.room]) > before:
            self.relay(header.room, self.log.records[header.room][-1])

    def relay(self, room: int, record: Record) -> None:
        """To everybody who is logged in."""
        for session in self.sessions:
            if session.logged_in:
                session.send_live(wire.Records(room, [record], self.log.head(room)))

    def requests(self, kind: type) -> list[Any]:
        """Requests of one kind that were heard."""
        operations = [frame.operation for frame in self.heard if isinstance(frame, wire.Request)]
        return [operation for operation in operations if isinstance(operation, kind)]


class _Relay(asyncio.DatagramProtocol):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, address: Any) -> None:
        for session in self._server.sessions if self._server.udp else []:
            if session.opener is None:
                continue
            with contextlib.suppress(ProtocolError):
                payload = session.opener.open_untrusted(data)
                session.address = address
                for frame in decode_client_datagram_untrusted(payload):
                    self._server.heard.append(frame)
                    self._server.heard_by_udp.append(frame)
                    session.live(frame, session.send_live)
