"""Case d: messages committed a second, from 20 clients at once that always have more to say.

Each keeps as many messages under way as the real client does, hands them in by UDP, and receives everything that all of
them say. Beside it: single rows of the same size, each in a transaction of its own, by the bare driver of the same
database with the same durability, which is what a chat does that stores each message when it comes.
"""

import contextlib
import itertools
import select
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mysql.connector

from lanchat.protocol import wire
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.messages import Message
from tests.benchmarks.accounts import Account
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import Client, log_in_all
from tests.benchmarks.measure import cpu_seconds, fdatasync_ms
from tests.benchmarks.serving import DATABASES, MARIADB_OPTIONS, Serving, serving
from tests.benchmarks.traffic import text
from tests.support.mariadb import PASSWORD, MariaDB

CLIENTS = 20
ROOMS = 100
WINDOW = ClientConfig().window
RETRY = 1.0
# What a client signs beforehand; enough for 10,000 messages a second.
SIGNED_RATE = 10_000


def run(report: Report, *, rounds: int, quick: bool) -> None:
    seconds = 3.0 if quick else 5.0
    bare: dict[str, list[float]] = {database: [] for database in DATABASES}
    floods: dict[tuple[str, int], list[tuple[float, float]]] = {}
    disk = []
    # In turn, because a disk's speed changes within minutes.
    for number in range(1, rounds + 1):
        disk.append(fdatasync_ms())
        for database in DATABASES:
            report.step(f"round {number} of {rounds}, {database}")
            bare[database].append(_bare(database, seconds / 2))
            for rooms in (1, ROOMS):
                floods.setdefault((database, rooms), []).append(_flood(database, rooms, seconds))
    report.add("d", "fdatasync of 4 KiB", "ms", "the disk", "between the rounds", disk)
    for database in DATABASES:
        report.add("d", "single-row commits, bare driver", "/s", database, "one at a time", bare[database])
    for (database, rooms), measured in floods.items():
        at = f"{CLIENTS} clients, {rooms} room{'s' if rooms > 1 else ''}"
        rates = [each[0] for each in measured]
        report.add("d", "committed messages", "/s", database, at, rates, least=5000.0)
        times = [rate / one for rate, one in zip(rates, bare[database], strict=True)]
        report.add("d", "times the bare driver", "×", database, at, times, least=5.0)
        report.add("d", "server CPU per message", "µs", database, at, [each[1] for each in measured])


# --- The product -----------------------------------------------------------------------------------------------------


class Flood:
    """One client that always has `WINDOW` messages of a run under way."""

    def __init__(self, client: Client, rooms: list[int], messages: dict[int, list[Message]]) -> None:
        self.client = client
        self._messages = messages
        self._sent = dict.fromkeys(rooms, 0)
        self._decided = dict.fromkeys(rooms, 0)
        self._each = max(1, WINDOW // len(rooms))
        self._moved = time.perf_counter()

    @property
    def stored(self) -> int:
        return sum(self._decided.values())

    def go_on(self, now: float) -> None:
        if now - self._moved > RETRY:
            self._sent, self._moved = dict(self._decided), now
        for room, sent in self._sent.items():
            most = min(len(self._messages[room]), self._decided[room] + self._each)
            for start in range(sent, most, 3):  # three fit a datagram
                part = self._messages[room][start : min(start + 3, most)]
                with contextlib.suppress(BlockingIOError):
                    self.client.send([wire.Submit(part)])
                self._sent[room] = start + len(part)

    def read(self) -> None:
        """What came by UDP: every seal is opened, answers to this client are decoded, records are not."""
        client = self.client
        with contextlib.suppress(BlockingIOError):
            while True:
                for datagram in client.receive():
                    payload = client.opener.open_untrusted(datagram)
                    # An array of frames; the first one's tag is in the third octet.
                    if payload[2] != RECORDS_TAG:
                        self._take(payload)

    def _take(self, payload: bytes) -> None:
        for frame in wire.decode_server_datagram_untrusted(payload):
            if isinstance(frame, wire.Decided):
                self._moved = time.perf_counter()
                for receipt in frame.receipts:
                    assert not receipt.code, receipt
                    self._decided[receipt.room] = max(self._decided[receipt.room], receipt.n)
            elif isinstance(frame, wire.Expect):
                decided = self._decided.get(frame.room, 0)
                self._sent[frame.room] = min(self._sent[frame.room], max(decided, frame.n - 1))


RECORDS_TAG = 16


def _flood(database: str, rooms: int, seconds: float) -> tuple[float, float]:
    """Messages stored a second, and microseconds of the server's processor time for each."""
    with serving(database, CLIENTS, rooms if rooms > 1 else 0) as server:
        world = server.world
        places = list(world.rooms) or [world.general]
        sessions = log_in_all(server.port, world, world.accounts, places)
        try:
            floods = [make_flood(server, session, places, seconds) for session in sessions]
            return drive(server, floods, seconds)
        finally:
            for session in sessions:
                session.close()


def make_flood(server: Serving, session: Client, places: list[int], seconds: float, rate: float = SIGNED_RATE) -> Flood:
    """With enough messages for `rate` of all clients a second."""
    account, world = session.account, server.world
    mine = places if len(places) == 1 else places[account.user % CLIENTS :: CLIENTS]
    each = int(rate * (seconds + 1) / CLIENTS / len(mine))
    account.begin()
    messages = {room: _sign(account, world.log_id, room, each) for room in mine}
    return Flood(session, mine, messages)


def _sign(account: Account, log_id: bytes, room: int, count: int) -> list[Message]:
    return [account.message(log_id, room, text(index)) for index in range(count)]


def drive(server: Serving, floods: list[Flood], seconds: float) -> tuple[float, float]:
    poll = select.epoll()
    readers = {flood.client.udp.fileno(): flood for flood in floods}
    for descriptor in readers:
        poll.register(descriptor, select.EPOLLIN)
    drains = itertools.cycle(floods)
    began, stored, cpu = 0.0, 0, 0.0
    started = time.perf_counter()
    while (now := time.perf_counter()) - started < seconds + 1.0:
        if not began and now - started > 1.0:
            began, stored = now, sum(flood.stored for flood in floods)
            cpu = sum(cpu_seconds(pid) for pid in server.pids)
        for descriptor, _ in poll.poll(0.002):
            flood = readers[descriptor]
            flood.read()
            flood.go_on(now)
        next(drains).go_on(now)
    poll.close()
    done = sum(flood.stored for flood in floods) - stored
    spent = sum(cpu_seconds(pid) for pid in server.pids) - cpu
    return done / (time.perf_counter() - began), spent / max(1, done) * 1e6


# --- The bare driver -------------------------------------------------------------------------------------------------

_CREATE = "CREATE TABLE said (id INTEGER PRIMARY KEY {auto}, author INTEGER, body VARCHAR(600))"
_INSERT = "INSERT INTO said (author, body) VALUES ({mark}, {mark})"
_BODY = "x" * 480  # header, signature, hash and text of a record


def _bare(database: str, seconds: float) -> float:
    """Rows a second."""
    with _inserting(database) as insert:
        done, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            insert(done % 20)
            done += 1
        return done / passed


def _inserting(database: str) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Something that stores one row of this author durably."""
    return _sqlite_row() if database == "SQLite" else _mariadb_row()


@contextlib.contextmanager
def _sqlite_row() -> Iterator[Callable[[int], None]]:
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db")
        with contextlib.closing(connection):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_CREATE.format(auto=""))

            def insert(author: int) -> None:
                connection.execute(_INSERT.format(mark="?"), (author, _BODY))
                connection.commit()

            yield insert


@contextlib.contextmanager
def _mariadb_row() -> Iterator[Callable[[int], None]]:
    with MariaDB(MARIADB_OPTIONS) as server:
        server.create_database("bare")
        connection: Any = mysql.connector.connect(
            host="127.0.0.1", port=server.port, user="root", password=PASSWORD, database="bare", use_pure=True
        )
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute(_CREATE.format(auto="AUTO_INCREMENT"))

            def insert(author: int) -> None:
                cursor.execute(_INSERT.format(mark="%s"), (author, _BODY))
                connection.commit()

            yield insert
