"""Case e: log-ins a second, by device key and by password.

A log-in is a new TCP connection, the TLS handshake, Hello, the log-in and its answer; then the client hangs up. A child
process makes them, from many loopback addresses, because tries by password are limited for each address. By password
the bound is Argon2 itself: beside it stands how many hashes the same core makes with nothing else to do.

The server has one core and the clients the other, because elsewhere clients have computers of their own, and what they
take of the server's (3 ms of processor time for each log-in) would be counted as the server's.
"""

import argparse
import hashlib
import os
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl import bindings

from lanchat.protocol import wire
from lanchat.protocol.limits import ALPN
from lanchat.protocol.log import keys
from lanchat.protocol.wire import FrameReader, decode_from_server_untrusted, pack_frame
from lanchat_server.config import ARGON2_MEMORY_KIB, ARGON2_TIME_COST
from tests.benchmarks.accounts import Account
from tests.benchmarks.figures import Report
from tests.benchmarks.measure import cpu_seconds, pin, two_cores
from tests.benchmarks.serving import Serving, serving
from tests.support.child import Child

PASSWORD = "correct horse"
ACCOUNTS = 200
THREADS = 8
ROOT = Path(__file__).parents[2]


def run(report: Report, *, rounds: int, quick: bool) -> None:
    seconds = 2.0 if quick else 5.0
    kind = bindings.crypto_pwhash_ALG_ARGON2ID13
    hashed = bindings.crypto_pwhash_str_alg(PASSWORD.encode(), ARGON2_TIME_COST, ARGON2_MEMORY_KIB * 1024, kind)
    stored = hashed.decode()
    bare: list[float] = []
    measured: dict[str, list[_Found]] = {"device key": [], "password": []}
    for number in range(1, rounds + 1):
        report.step(f"round {number} of {rounds}")
        for kind, each in measured.items():
            with serving("SQLite", ACCOUNTS, password_hash=stored) as server:
                before = _bare_hashes(hashed, seconds / 2)
                each.append(_measure(server, kind, seconds))
        bare.append((before + _bare_hashes(hashed, seconds / 2)) / 2)
    at = f"{THREADS} at a time, one core"
    for kind, each in measured.items():
        rates = [found.rate for found in each]
        report.add("e", f"log-ins by {kind}", "/s", "SQLite", at, rates, least=300.0 if kind == "device key" else None)
        report.add("e", f"server CPU per log-in by {kind}", "ms", "SQLite", at, [found.server_ms for found in each])
        clients = [found.clients_ms for found in each]
        report.add("e", f"the clients' own CPU for it, by {kind}", "ms", "light clients", "another core", clients)
    report.add("e", "Argon2id alone", "/s", "libsodium", "one core", bare)
    shares = [found.rate / one * 100 for found, one in zip(measured["password"], bare, strict=True)]
    report.add("e", "log-ins of what the hash allows", "%", "SQLite", "by password", shares, least=90.0)


class _Found(NamedTuple):
    """Log-ins a second, and milliseconds of processor time for each."""

    rate: float
    server_ms: float
    clients_ms: float


def _measure(server: Serving, kind: str, seconds: float) -> _Found:
    mine, theirs = two_cores()
    pin(server.pids[0], mine)
    command = [sys.executable, "-m", "tests.benchmarks.logins", str(server.port), kind, str(seconds), str(theirs)]
    cpu = cpu_seconds(server.pids[0])
    with Child(command, cwd=ROOT) as child:
        child.wait(seconds + 60)
        done, passed, clients = map(float, child.stdout[-1].split())
    spent = cpu_seconds(server.pids[0]) - cpu
    return _Found(done / passed, spent / max(1, done) * 1000, clients / max(1, done) * 1000)


def _bare_hashes(stored: bytes, seconds: float) -> float:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {two_cores()[0]})
    try:
        began = time.perf_counter()
        done = 0
        while time.perf_counter() - began < seconds:
            bindings.crypto_pwhash_str_verify(stored, PASSWORD.encode())
            done += 1
        return done / (time.perf_counter() - began)
    finally:
        os.sched_setaffinity(0, cores)


# --- A child: logs in again and again -----------------------------------------------------------------------------


class Visitor:
    """One thread's log-ins."""

    def __init__(self, port: int, kind: str, first: int) -> None:
        self._port = port
        self._kind = kind
        self._next = first
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._context.set_alpn_protocols([ALPN])

    def visit(self) -> None:
        """One log-in. Raises RuntimeError when it is refused."""
        self._next += THREADS
        account = Account(self._next % ACCOUNTS + 1)
        source = f"127.{2 + self._next // 62500 % 250}.{self._next // 250 % 250}.{self._next % 250 + 1}"
        with socket.create_connection(("127.0.0.1", self._port), 20, (source, 0)) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(raw) as tls:
                self._enter(tls, account)

    def _enter(self, tls: ssl.SSLSocket, account: Account) -> None:
        certificate = tls.getpeercert(binary_form=True)
        assert certificate is not None
        reader = FrameReader()
        welcome = _ask(tls, reader, wire.Hello([1], "bench"))
        assert isinstance(welcome, wire.Welcome)
        bound = welcome.log_id + hashlib.sha256(certificate).digest() + welcome.challenge
        if self._kind == "password":
            # A device that the server does not know, as when somebody comes for the first time.
            device = Ed25519PrivateKey.generate()
            enrolment = wire.Enrolment(keys.public_octets(device), "b", device.sign(keys.ENROL_CONTEXT + bound))
            operation: object = wire.LoginPassword(account.name, PASSWORD, enrolment)
        else:
            operation = wire.LoginDevice(account.device, account.key.sign(keys.LOGIN_CONTEXT + bound))
        _ask(tls, reader, operation)


def _ask(tls: ssl.SSLSocket, reader: FrameReader, operation: object) -> object:
    tls.sendall(pack_frame(wire.Request(1, operation)))  # type: ignore[arg-type]
    while True:
        for octets in reader.feed_untrusted(tls.recv(65536)):
            frame = decode_from_server_untrusted(octets)
            if isinstance(frame, wire.Response):
                return frame.result
            if isinstance(frame, wire.Failure):
                raise RuntimeError(f"refused: {frame}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("kind")
    parser.add_argument("seconds", type=float)
    parser.add_argument("core", type=int)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    done = [0] * THREADS
    began, cpu = time.perf_counter(), time.process_time()

    def work(thread: int) -> None:
        visitor = Visitor(options.port, options.kind, thread)
        while time.perf_counter() - began < options.seconds:
            visitor.visit()
            done[thread] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(done), time.perf_counter() - began, time.process_time() - cpu)


if __name__ == "__main__":
    main()
