"""Case d: messages committed a second, from 20 clients at once that always have more to say.

Each keeps as many messages under way as the real client does, hands them in by UDP, and receives everything that all of
them say. Beside it: single rows by the bare driver (bare.py), which is what a chat does that stores each message when
it comes. Both are taken on the machine's own disk and on one that is slower, because that is what they differ in.
"""

import contextlib
import itertools
import select
import time
from collections.abc import Sequence
from statistics import median

from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Message
from tests.benchmarks.accounts import Account
from tests.benchmarks.bare import rows_a_second
from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import Client, log_in_all
from tests.benchmarks.measure import cpu_seconds, fdatasync_ms
from tests.benchmarks.serving import DATABASES, Serving, serving
from tests.benchmarks.slow_disk import can_be_slowed, slowed
from tests.benchmarks.traffic import text

CLIENTS = 20
ROOMS = 100
WINDOW = ClientConfig().window
RETRY = 1.0
# What the slower disk takes longer: an office computer's SSD has no capacitor and takes 1 to 5 ms.
SLOWER_MS = 1.0
# What a client signs beforehand; enough for 10,000 messages a second.
SIGNED_RATE = 10_000


def run(report: Report, *, rounds: int, quick: bool) -> None:
    seconds = 3.0 if quick else 5.0
    _measure(report, "", (1, ROOMS), rounds, seconds)
    if not can_be_slowed():
        report.step("no C compiler: the slower disk is left out")
        return
    with slowed(SLOWER_MS):
        _measure(report, f", fdatasync {SLOWER_MS:g} ms longer", (1,), max(1, rounds - 1), seconds)


def _measure(report: Report, disk: str, kinds: Sequence[int], rounds: int, seconds: float) -> None:
    bare: dict[str, list[float]] = {database: [] for database in DATABASES}
    checked: dict[str, list[float]] = {database: [] for database in DATABASES}
    floods: dict[tuple[str, int], list[tuple[float, float]]] = {}
    waited = []
    # In turn, because a disk's speed changes within minutes.
    for number in range(1, rounds + 1):
        waited.append(fdatasync_ms())
        for database in DATABASES:
            report.step(f"round {number} of {rounds}{disk}, {database}")
            bare[database].append(rows_a_second(database, seconds / 2))
            checked[database].append(rows_a_second(database, seconds / 2, checked=True))
            for rooms in kinds:
                floods.setdefault((database, rooms), []).append(_flood(database, rooms, seconds))
    if not disk:
        report.add("d", "fdatasync of 4 KiB", "ms", "the disk", "between the rounds", waited)
    for database in DATABASES:
        report.add("d", "single-row commits, bare driver", "/s", database, f"one at a time{disk}", bare[database])
        name = "checked and stored, nothing else"
        report.add("d", name, "/s", database, f"in large batches, all cores{disk}", checked[database])
    for (database, rooms), measured in floods.items():
        at = f"{CLIENTS} clients, {rooms} room{'s' if rooms > 1 else ''}{disk}"
        rates = [each[0] for each in measured]
        report.add("d", "committed messages", "/s", database, at, rates, least=5000.0)
        times = [rate / one for rate, one in zip(rates, bare[database], strict=True)]
        possible = median(most / one for most, one in zip(checked[database], bare[database], strict=True))
        report.add("d", "times the bare driver", "×", database, at, times, least=5.0, floor=possible)
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
