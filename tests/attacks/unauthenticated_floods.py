"""Floods of unauthenticated clients, as a process of its own:  tests.attacks.unauthenticated_floods KIND PORT [N [KEY]]

noise       N datagrams a second, from 0 to 1,400 octets; with KEY (hex) half of them carry that key's number
mute        N connections that send nothing, from many addresses; when one is closed another takes its place
hesitant    N connections that send a ClientHello octet by octet
handshakes  TLS handshakes one after the other on N connections at once, without a word afterwards

Prints `report_ready` when it is under way and a JSON object with its figures when it is terminated.
"""

import contextlib
import itertools
import json
import os
import random
import selectors
import signal
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable

_UDP_SEGMENT = 103
_SEGMENTS = 40
_TURN = 0.002
# Sources of connections: 127.32.0.1 and on.
_SOURCES = 250 * 200

figures: Counter[str] = Counter()
stopped: list[bool] = []


def source_address(number: int) -> str:
    number %= _SOURCES
    return f"127.{32 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


def send_noise(port: int, rate: int, key: bytes) -> None:
    """As evenly as a program can: what is due is sent every two milliseconds."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    batches = [_batch(random.choice((1, 16, 29, 60, 130, 300, 700, 1200, 1400)), key) for _ in range(64)]
    report_ready()
    began = time.monotonic()
    for batch, size in itertools.cycle(batches):
        if stopped:
            break
        due = (time.monotonic() - began) * rate
        if figures["sent"] > due:
            time.sleep(_TURN)
            continue
        try:
            sock.sendmsg([batch], [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("=H", size))], 0, ("127.0.0.1", port))
            figures["sent"] += _SEGMENTS
        except OSError:
            figures["failed"] += 1
    figures["per_second"] = int(figures["sent"] / (time.monotonic() - began))


def _batch(size: int, key: bytes) -> tuple[bytes, int]:
    datagrams = [random.randbytes(size) for _ in range(_SEGMENTS)]
    if key and size > 13:
        datagrams[::2] = [b"\1" + key + datagram[5:] for datagram in datagrams[::2]]
    return b"".join(datagrams), size


class ConnectionFlood:
    """Non-blocking connections; `greet` gives the octets that a new one sends, `pace` seconds between two of them (0:
    all at once)."""

    def __init__(self, port: int, size: int, greet: Callable[[], bytes], pace: float) -> None:
        self._address = ("127.0.0.1", port)
        self._size = size
        self._greet = greet
        self._pace = pace
        self._selector = selectors.DefaultSelector()
        self._unsent: dict[socket.socket, bytes] = {}
        self._number = 0

    def run(self) -> None:
        report_ready()
        next_octets = 0.0
        while not stopped:
            for _ in range(min(200, self._size - len(self._unsent))):
                self._open()
            for key, _ in self._selector.select(0.01):
                self._read(key.fileobj)  # type: ignore[arg-type]
            if self._pace and time.monotonic() >= next_octets:
                next_octets = time.monotonic() + self._pace
                for sock in list(self._unsent):
                    self._send_one(sock)
            figures["most_open"] = max(figures["most_open"], len(self._unsent))

    def _open(self) -> None:
        sock = socket.socket()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind((source_address(self._number), 0))
            sock.connect_ex(self._address)
        except OSError:
            figures["not_opened"] += 1
            sock.close()
            return
        finally:
            self._number += 1
        figures["opened"] += 1
        self._unsent[sock] = self._greet()
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                if sock.recv(65536):
                    return
            except BlockingIOError:
                raise
            except OSError:
                pass
            figures["closed_by_server"] += 1
            self._forget(sock)

    def _send_one(self, sock: socket.socket) -> None:
        octets = self._unsent[sock]
        if not octets:
            return
        try:
            sock.send(octets[:1])
            self._unsent[sock] = octets[1:]
            figures["octets"] += 1
        except BlockingIOError:
            pass
        except OSError:
            self._forget(sock)

    def _forget(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self._unsent[sock]
        sock.close()


def client_hello() -> bytes:
    """A real one."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["lanchat/1"])
    return context


class HandshakeFlood(ConnectionFlood):
    """All of a handshake; then silence until the server ends it, and the next one."""

    def __init__(self, port: int, size: int) -> None:
        super().__init__(port, size, bytes, 0)
        self._context = _context()
        self._tls: dict[socket.socket, tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]] = {}

    def _open(self) -> None:
        before = set(self._unsent)
        super()._open()
        for sock in self._unsent.keys() - before:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self._context.wrap_bio(incoming, outgoing)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            self._tls[sock] = tls, incoming, outgoing
            self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _read(self, sock: socket.socket) -> None:
        tls, incoming, outgoing = self._tls[sock]
        try:
            if outgoing.pending:
                sock.send(outgoing.read())
                self._selector.modify(sock, selectors.EVENT_READ)
            octets = sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            figures["closed_by_server"] += 1
            self._forget(sock)
            return
        incoming.write(octets)
        with contextlib.suppress(ssl.SSLError, OSError):
            tls.do_handshake()
            figures["handshakes"] += 1
            sock.send(outgoing.read())

    def _forget(self, sock: socket.socket) -> None:
        self._tls.pop(sock, None)
        super()._forget(sock)


def report_ready() -> None:
    print("ready", flush=True)


def main() -> None:
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    key = bytes.fromhex(sys.argv[4]) if len(sys.argv) > 4 else b""
    import resource  # of POSIX; others take their ClientHello from here

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    hello = client_hello()
    runs: dict[str, Callable[[], None]] = {
        "noise": lambda: send_noise(port, count, key),
        "mute": ConnectionFlood(port, count, bytes, 0).run,
        "hesitant": ConnectionFlood(port, count, lambda: hello[:-1], 0.1).run,
        "handshakes": HandshakeFlood(port, count).run,
    }
    began = os.times()
    runs[kind]()
    figures["cpu_ms"] = int(1000 * sum(os.times()[:2]) - 1000 * sum(began[:2]))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
