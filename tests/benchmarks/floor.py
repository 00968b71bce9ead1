"""The least that a message can cost a server that keeps the promises: `python -m tests.benchmarks.floor CLIENTS`.

One thread without an event loop, and for each message only what none of the promises can do without, done by the same
libraries and functions as in the product: open the seal, check the author's signature, chain, store durably (one table
of SQLite), sign the head, and seal and send to every client. There are no accounts, rights, limits, repeats, gaps,
receipts, repair, search, TLS, nor anything that runs beside. Cases a and b show it beside the product and its peers:
what the product takes more is what could be won with the same libraries and the same protocol. `floor.c` does the same
for the same clients without Python: what another language could win.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import INLINE_BODY_MAX
from lanchat.protocol.log.messages import Message, check_author, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash, genesis_hash, sign_head
from lanchat.protocol.wire import Receipt, decode_client_datagram_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import pack_records
from tests.benchmarks.accounts import Account
from tests.benchmarks.fleet import SAMPLE, Client
from tests.benchmarks.hop_clock import CHECK, COMMIT, FILE, JUDGE, PACK, READ, SEND, STATEMENTS, Clock, Point
from tests.benchmarks.traffic import ChatTraffic, text
from tests.support.child import Child

ROOT = Path(__file__).parents[2]
LOG_ID, EPOCH, ROOM = bytes(16), 1, 1
_CREATE = """CREATE TABLE records (room, seq, time_ms, device, run, n, header, signature, body, hash,
    PRIMARY KEY (room, seq), UNIQUE (room, device, run, n)) WITHOUT ROWID"""
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _key(number: int, direction: str) -> bytes:
    return hashlib.sha256(f"floor {number} {direction}".encode()).digest()


LOG_KEY = Ed25519PrivateKey.from_private_bytes(_key(0, "log"))


class Floor:
    """The server. Client numbers are the ids of their keys; the first one talks."""

    def __init__(self, clients: int, database: Path) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self._openers = [seal.Opener(_key(i, "up"), i, LOG_ID, EPOCH) for i in range(clients)]
        self._sealers = [seal.Sealer(_key(i, "down"), i, LOG_ID, EPOCH) for i in range(clients)]
        self._addresses: dict[int, Any] = {}
        self._author = Account(1).public
        self._last = 0
        self.stored = 0
        self._seq, self._hash = 0, genesis_hash(LOG_ID, ROOM)
        self._database = sqlite3.connect(database, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _CREATE):
            self._database.execute(statement)

    def serve(self) -> None:
        """Until it is killed."""
        config = CoreConfig()
        step = _gathering_step(config, len(self._sealers))
        buffer = bytearray(2048)
        while True:
            batch: list[Message] = []
            wait = 0
            with contextlib.suppress(BlockingIOError):
                while len(batch) < config.batch_max:
                    self._take(buffer, wait, batch)
                    wait = socket.MSG_DONTWAIT
            if batch:
                self._relay(batch)
                time.sleep(min(max(1, len(batch) // 2) * step, config.gather_longest))

    def _take(self, buffer: bytearray, wait: int, batch: list[Message]) -> None:
        size, address = self.sock.recvfrom_into(buffer, 0, wait)
        datagram = bytes(buffer[:size])
        number = seal.key_id_untrusted(datagram)
        for frame in decode_client_datagram_untrusted(self._openers[number].open_untrusted(datagram)):
            if isinstance(frame, wire.Submit):
                batch.extend(frame.messages)
            elif isinstance(frame, wire.Ping):
                self._addresses[number] = address
                self.sock.sendto(self._sealers[number].seal(encode([wire.Pong(frame.token)])), address)

    def _relay(self, batch: list[Message]) -> None:
        fresh = [message for message in batch if self._is_next(message)]
        if not fresh:
            return
        for message in fresh:
            self._check(message)
        records, receipts, rows = self._number(fresh)
        self._insert(rows)
        self._commit()
        head = self._sign(records[-1].time_ms)
        answers, datagrams = self._pack(receipts, records, head)
        for answer in answers:
            self._send([0], [answer])
        self._send(self._addresses, datagrams)
        self.stored += len(fresh)

    def _is_next(self, message: Message) -> bool:
        """What was sent twice is not."""
        n = decode_header_untrusted(message.header).n
        fresh = n > self._last
        self._last = max(n, self._last)
        return fresh

    def _check(self, message: Message) -> None:
        body_hash = hashlib.sha256(message.body).digest()
        check_author(self._author, LOG_ID, message.header, body_hash, message.signature)

    def _number(self, messages: list[Message]) -> tuple[list[Record], list[Receipt], list[tuple[Any, ...]]]:
        records, receipts, rows = [], [], []
        now_ms = time.time_ns() // 1_000_000
        for message in messages:
            header = decode_header_untrusted(message.header)
            self._seq += 1
            record = Record(self._seq, now_ms, message.header, message.signature, message.body)
            self._hash = chain_hash(LOG_ID, ROOM, self._hash, record)
            records.append(record)
            receipts.append(Receipt(*header.key, self._seq, 0))
            key = (header.device, header.run, header.n)
            rows.append((ROOM, self._seq, now_ms, *key, message.header, message.signature, message.body, self._hash))
        return records, receipts, rows

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(_INSERT, rows)

    def _commit(self) -> None:
        self._database.execute("COMMIT")

    def _sign(self, now_ms: int) -> Head:
        return sign_head(LOG_KEY, LOG_ID, EPOCH, ROOM, self._seq, self._hash, now_ms)

    def _pack(self, receipts: list[Receipt], records: list[Record], head: Head) -> tuple[list[bytes], Sequence[bytes]]:
        answers = [encode([wire.Decided(receipts[start : start + 16])]) for start in range(0, len(receipts), 16)]
        return answers, pack_records(ROOM, records, head, INLINE_BODY_MAX).datagrams

    def _send(self, numbers: Any, payloads: Sequence[bytes]) -> None:
        ancillary = segmentation.cut_into(len(payloads[0]) + seal.OVERHEAD)
        for number in numbers:
            seal_one, address = self._sealers[number].seal, self._addresses[number]
            for start in range(0, len(payloads), segmentation.SEGMENTS_MAX):
                part = [seal_one(payload) for payload in payloads[start : start + segmentation.SEGMENTS_MAX]]
                if len(part) == 1:
                    self.sock.sendto(part[0], address)
                else:
                    self.sock.sendmsg(part, ancillary, 0, address)


def _gathering_step(config: CoreConfig, clients: int) -> float:
    """As the product gathers, so that as much is done at once."""
    return config.gather + max(0, clients - config.gather_crowd) * config.gather_receiver


POINTS: list[Point] = [
    (READ, Floor, ("_take",)),
    (CHECK, Floor, ("_check",)),
    (JUDGE, Floor, ("_is_next", "_number", "_sign")),
    (STATEMENTS, Floor, ("_insert",)),
    (COMMIT, Floor, ("_commit",)),
    (PACK, Floor, ("_pack",)),
    (SEND, Floor, ("_send",)),
]


@contextlib.contextmanager
def floor_traffic(clients: int, messages: int, hops: Path | None = None) -> Iterator[ChatTraffic]:
    """The server in a process of its own, with clients that it knows. `hops`: where it notes what its hops take."""
    command = [sys.executable, "-m", "tests.benchmarks.floor", str(clients)]
    with _traffic(command, {FILE: str(hops)} if hops else {}, clients, messages) as traffic:
        yield traffic


@contextlib.contextmanager
def native_floor_traffic(clients: int, messages: int) -> Iterator[ChatTraffic]:
    """The same with the server that is written in C. Raises RuntimeError when it cannot be compiled."""
    config = CoreConfig()
    pauses = [str(round(1e6 * pause)) for pause in (_gathering_step(config, clients), config.gather_longest)]
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        program = compiled(Path(folder))
        database = Path(folder) / "floor.sqlite3"
        command = [program, str(clients), Account(1).public.hex(), str(database), *pauses, str(config.batch_max)]
        with _traffic(command, {}, clients, messages) as traffic:
            yield traffic


def compiled(folder: Path) -> str:
    """The program of floor.c, made in this folder. Raises RuntimeError with what the compiler says."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler")
    program = str(folder / "floor")
    source = str(Path(__file__).with_name("floor.c"))
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source, "-lsodium", "-lsqlite3"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if made.returncode:
        raise RuntimeError(made.stderr)
    return program


@contextlib.contextmanager
def _traffic(command: list[str], more: dict[str, str], clients: int, messages: int) -> Iterator[ChatTraffic]:
    """A server that this command starts, and its clients. `more`: what it has in its environment besides."""
    author = Account(1)
    signed = [author.message(LOG_ID, ROOM, text(index)) for index in range(messages)]
    with contextlib.ExitStack() as stack:
        child = Child(command, cwd=ROOT, env=os.environ | more)
        stack.callback(child.kill)
        port = int(child.wait_for_line(str.isdigit, 20, "the port"))
        made = [stack.enter_context(_client(number, port)) for number in range(clients)]
        yield ChatTraffic([child.pid], ROOM, made, signed, receipts=False)


@contextlib.contextmanager
def _client(number: int, port: int) -> Iterator[Client]:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    segmentation.leave_together(udp)
    udp.connect(("127.0.0.1", port))
    # Nothing comes over TLS here; the traffic looks at it all the same.
    tls: Any
    tls, other = socket.socketpair()
    sealer = seal.Sealer(_key(number, "up"), number, LOG_ID, EPOCH)
    opener = seal.Opener(_key(number, "down"), number, LOG_ID, EPOCH)
    with contextlib.closing(other):
        client = Client(Account(number + 1), tls, udp, sealer, opener, sampled=number % SAMPLE == 1)
        udp.settimeout(10)
        client.send([wire.Ping(7)])
        opener.open_untrusted(udp.recv(2048))
        tls.setblocking(False)
        udp.setblocking(False)
        with contextlib.closing(client):
            yield client


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clients", type=int)
    clients = parser.parse_args().clients
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        floor = Floor(clients, Path(folder) / "floor.sqlite3")
        print(floor.sock.getsockname()[1], flush=True)
        if FILE in os.environ:
            Clock(lambda: floor.stored).watch(POINTS)
        floor.serve()


if __name__ == "__main__":
    main()
