"""A fake server that answers discovery first, under the same name and log id, receives no octet of the protocol.

The fake speaks real TLS 1.3 with a key of its own and records every octet that clients send to it after the handshake.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.protocol.datagram.beacon import Advert, decode_probe, encode_answer
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ALPN
from lanchat_server.service.keys import load_or_create
from tests.support.ports import free_port
from tests.support.procs import ServerProcess, run_client

PASSWORD = "correct horse battery"
ENVIRONMENT = {"LANCHAT_PASSWORD": PASSWORD}


class FakeServer:
    """Listens on a port of its own, and answers discovery probes faster than anybody."""

    def __init__(self, directory: Path, name: str, log_id: bytes, discovery_port: int, port: int = 0) -> None:
        keys = load_or_create(directory)
        self.fingerprint = keys.fingerprint
        self.received = b""
        self.handshakes = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols([ALPN])
        self._context.load_cert_chain(keys.certificate_file, keys.identity_file)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._beacon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._beacon.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._beacon.bind(("0.0.0.0", discovery_port))
        self._answer = (log_id, name)
        self._stopped = False
        self._threads = [threading.Thread(target=run) for run in (self._accept, self._reply)]
        for thread in self._threads:
            thread.start()

    def _accept(self) -> None:
        while not self._stopped:
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                if self._stopped:
                    sock.close()
                    return
                sock.settimeout(2)
                with sock, self._context.wrap_socket(sock, server_side=True) as tls:
                    self.handshakes += 1
                    while octets := tls.recv(4096):
                        self.received += octets

    def _reply(self) -> None:
        log_id, name = self._answer
        while not self._stopped:
            with contextlib.suppress(OSError, ProtocolError):
                probe, address = self._beacon.recvfrom(2048)
                if self._stopped:
                    return
                advert = Advert(log_id, self.fingerprint, self.port, name)
                self._beacon.sendto(encode_answer(decode_probe(probe), advert), address)

    def close(self) -> None:
        self._stopped = True
        for kind, port in (
            (socket.SOCK_STREAM, self.port),
            (socket.SOCK_DGRAM, self._beacon.getsockname()[1]),
        ):
            with socket.socket(socket.AF_INET, kind) as wake, contextlib.suppress(OSError):
                wake.connect(("127.0.0.1", port))
                wake.send(b"x")
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        self._beacon.close()


@pytest.fixture
def discovery_port() -> int:
    return free_port()


@pytest.fixture
def real(tmp_path: Path, discovery_port: int) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "real", name="Office", discovery_port=discovery_port) as server:
        yield server


def register(server: ServerProcess, profile: Path, user: str) -> None:
    args = ["register", "--user", user, "--server", server.address, "--fingerprint", server.fingerprint]
    result = run_client(args, profile, env=ENVIRONMENT)
    assert result.returncode == 0, result.stderr


def log_id_of(server: ServerProcess, profile: Path) -> bytes:
    from lanchat.store.profile import ProfileStore

    (known,) = ProfileStore.open(profile).servers()
    assert known.fingerprint == server.fingerprint
    return known.log_id


def test_known_server_with_another_key_receives_nothing(
    tmp_path: Path, real: ServerProcess, discovery_port: int
) -> None:
    profile = tmp_path / "anna"
    register(real, profile, "anna")
    log_id, port = log_id_of(real, profile), real.port
    assert real.stop() == 0
    # At the same address, under the same name and log id.
    fake = FakeServer(tmp_path / "fake", "Office", log_id, discovery_port, port)
    try:
        for args in (
            ["login", "--user", "anna", "--server", f"127.0.0.1:{port}"],
            ["login", "--user", "anna", "--server", f"127.0.0.1:{port}", "--accept-new"],
            ["send", "general", "secret words", "--timeout", "4"],
            ["send", "general", "secret words", "--timeout", "4", "--accept-new"],
            ["login", "--user", "anna", "--accept-new"],
        ):
            result = run_client([*args, "--discovery-port", str(discovery_port)], profile, env=ENVIRONMENT)
            assert result.returncode == 5, (args, result)
            assert len(result.stderr.strip().splitlines()) == 1
        assert fake.handshakes > 0
    finally:
        fake.close()
    assert fake.received == b""


def test_unknown_server_receives_nothing_without_explicit_trust(tmp_path: Path, discovery_port: int) -> None:
    fake = FakeServer(tmp_path / "fake", "Office", bytes(16), discovery_port)
    try:
        for args in (["register", "--user", "new"], ["login", "--user", "new"]):
            result = run_client([*args, "--discovery-port", str(discovery_port)], tmp_path / "new", env=ENVIRONMENT)
            assert result.returncode == 5, result
        exact = ["login", "--user", "new", "--server", f"127.0.0.1:{fake.port}", "--fingerprint", "ab" * 32]
        assert run_client(exact, tmp_path / "new", env=ENVIRONMENT).returncode == 5
        invite = f"lanchat://127.0.0.1:{fake.port}/#{'cd' * 32}"
        result = run_client(["login", "--user", "new", "--invite", invite], tmp_path / "new", env=ENVIRONMENT)
        assert result.returncode == 5
        assert fake.handshakes > 0
    finally:
        fake.close()
    assert fake.received == b""


def test_fake_server_at_known_address_does_not_block_the_real_one(
    tmp_path: Path, real: ServerProcess, discovery_port: int
) -> None:
    profile = tmp_path / "anna"
    register(real, profile, "anna")
    log_id, old_port = log_id_of(real, profile), real.port
    assert real.stop() == 0
    fake = FakeServer(tmp_path / "fake", "Office", log_id, discovery_port, old_port)
    try:
        with real.restart(port=0):
            args = ["send", "general", "found you", "--discovery-port", str(discovery_port), "--timeout", "20"]
            result = run_client(args, profile)
            assert result.returncode == 0, result.stderr
        assert fake.handshakes > 0
    finally:
        fake.close()
    assert fake.received == b""


def test_finds_the_real_server_beside_a_fake_one(tmp_path: Path, real: ServerProcess, discovery_port: int) -> None:
    profile = tmp_path / "anna"
    register(real, profile, "anna")
    fake = FakeServer(tmp_path / "fake", "Office", log_id_of(real, profile), discovery_port)
    try:
        result = run_client(["send", "general", "hello", "--discovery-port", str(discovery_port)], profile)
        assert result.returncode == 0, result.stderr
    finally:
        fake.close()
    assert fake.received == b""
