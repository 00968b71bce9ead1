"""What single steps of a message's way cost on this machine: the part "limits" of docs/PERFORMANCE.md.

The program's own functions on the octets that they have in case a: a text of 200 octets, three records and a head in a
datagram, batches of 16 messages. Each step is repeated for a moment; kept are the median and the least of the
repetitions, which is what the step takes when nothing else disturbs it.
"""

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lanchat.platform.network import segmentation
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram import seal
from lanchat.protocol.log.messages import Header, Kind, Message, check_author, decode_header_untrusted
from lanchat.protocol.log.records import Record, chain_hash, sign_head
from lanchat_server.core.model import NewRecord, RoomHead
from lanchat_server.store import SqlStore, open_store
from tests.benchmarks.accounts import Account, World, make_world
from tests.benchmarks.serving import MARIADB_OPTIONS
from tests.benchmarks.traffic import text
from tests.support import marked
from tests.support.figures import number, percentile, table
from tests.support.mariadb import MariaDB

SECONDS = 0.4  # for each step
BATCH = 16
IN_A_DATAGRAM = 3
_DATAGRAM = 1200
_SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """`times`: how often `work` does it. `share`: for what it is done once."""

    name: str
    share: str
    work: Callable[[], object]
    times: int = 1


def measured(step: Step, seconds: float = SECONDS) -> tuple[float, float]:
    """Median and least, microseconds."""
    step.work()
    spent: list[float] = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end or len(spent) < 5:
        step.work()
        spent.append((time.perf_counter() - began) / step.times * 1e6)
    return percentile(spent, 0.5), min(spent)


class Sample:
    """Octets as they are in case a."""

    def __init__(self, world: World) -> None:
        self.log_id, self.room = world.log_id, world.general
        self.author = Account(1)
        self.messages = [self.author.message(self.log_id, self.room, text(n)) for n in range(BATCH)]
        self.header: Header = decode_header_untrusted(self.messages[0].header)
        before = bytes(32)
        self.records: list[Record] = []
        for seq, message in enumerate(self.messages, 1):
            self.records.append(Record(seq, 1_700_000_000_000, message.header, message.signature, message.body))
            before = chain_hash(self.log_id, self.room, before, self.records[-1])
        self.head = sign_head(self.author.key, self.log_id, 1, self.room, BATCH, before, 1_700_000_000_000)
        self.frames = [wire.Records(self.room, self.records[:IN_A_DATAGRAM], self.head)]
        self.payload = encode(self.frames)


def steps_in_memory(sample: Sample) -> Iterator[Step]:
    author, message, record = sample.author, sample.messages[0], sample.records[0]
    submitted = encode([wire.Submit([message])])
    log_id, room, body_hash = sample.log_id, sample.room, record.body_hash
    yield Step("Ed25519, sign", "message (client), batch and room (head)", lambda: author.key.sign(submitted))
    yield Step(
        "Ed25519, check",
        "message (server)",
        lambda: check_author(author.public, log_id, message.header, body_hash, message.signature),
    )
    yield Step("SHA-256 chain", "message", lambda: chain_hash(log_id, room, bytes(32), record))
    yield Step("decode a message", "message", lambda: wire.decode_client_datagram_untrusted(submitted))
    yield Step(f"encode {IN_A_DATAGRAM} records", "datagram, for all receivers", lambda: encode(sample.frames))
    sealers = [seal.Sealer(bytes(32), 1, log_id, 1)]

    def seal_one() -> bytes:
        if sealers[0].counter == seal.PACKETS_PER_KEY:
            sealers[0] = seal.Sealer(bytes(32), 1, log_id, 1)
        return sealers[0].seal(sample.payload)

    yield Step(f"seal {len(sample.payload):,} octets", "datagram and receiver", seal_one)
    aead, nonce = AESGCM(bytes(32)), bytes(12)
    yield Step("the same by AES-256-GCM", "not used", lambda: aead.encrypt(nonce, sample.payload, nonce))
    datagram = seal.Sealer(bytes(32), 1, log_id, 1).seal(sample.payload)

    def open_one() -> bytes:
        return seal.Opener(bytes(32), 1, log_id, 1).open_untrusted(datagram)

    yield Step("open it, with a new key", "datagram (client)", open_one)


@contextlib.contextmanager
def steps_of_the_kernel() -> Iterator[list[Step]]:
    """Over loopback, to a socket that nobody reads: what does not fit is dropped there."""
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        there.bind(("127.0.0.1", 0))
        there.setblocking(False)
        segmentation.leave_together(there)
        address, octets = there.getsockname(), bytes(_DATAGRAM)
        buffer = bytearray(segmentation.TOGETHER_MAX)
        several, cut = [octets] * _SEGMENTS, segmentation.cut_into(_DATAGRAM)

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    there.recv_into(buffer)

        def one() -> None:
            here.sendto(octets, address)

        def exchange() -> None:
            drain()
            here.sendto(octets, address)
            there.recv_into(buffer)

        steps = [
            Step("a system call that does nothing", "", os.getppid),
            Step(f"sendto, {_DATAGRAM:,} octets", "datagram and receiver", one),
            Step("the same, and recv of it, and one in vain", "datagram and receiver", exchange),
        ]
        if segmentation.cuts_up(here):
            name = f"sendmsg, {_SEGMENTS} datagrams of {_DATAGRAM:,} octets"
            steps.append(Step(name, "batch and receiver", lambda: here.sendmsg(several, cut, 0, address)))
        yield steps


@contextlib.contextmanager
def steps_of_the_disk(folder: Path) -> Iterator[list[Step]]:
    file = os.open(folder / "synced", os.O_RDWR | os.O_CREAT)
    page = os.urandom(4096)
    os.pwrite(file, page * 4096, 0)
    os.fsync(file)

    def over() -> None:
        os.pwrite(file, page, 0)
        os.fdatasync(file)

    def grow() -> None:
        os.lseek(file, 0, os.SEEK_END)
        os.write(file, page)
        os.fdatasync(file)

    try:
        yield [
            Step("fdatasync, 4 KiB over old ones", "batch", over),
            Step("fdatasync, 4 KiB at the end of a file", "batch, while a log grows", grow),
        ]
    finally:
        os.close(file)


def steps_of_the_store(name: str, store: SqlStore, sample: Sample) -> Iterator[Step]:
    """As the sequencer writes: one transaction for a batch."""
    state = [next(room.head for room in store.snapshot().rooms if room.id == sample.room)]

    def commit(size: int) -> None:
        made = []
        for _ in range(size):
            state[0], new = _next(sample, state[0])
            made.append(new)
        with store.transaction() as tx:
            tx.heads([sample.room])
            tx.append(sample.room, made, state[0])

    yield Step(f"{name}: commit of one message", "a message alone", lambda: commit(1))
    yield Step(f"{name}: commit of {BATCH}, for each", "message in a batch", lambda: commit(BATCH), BATCH)


def _next(sample: Sample, head: RoomHead) -> tuple[RoomHead, NewRecord]:
    n = sample.author.count(sample.room)
    header = Header(sample.room, sample.author.device, sample.author.run, n, Kind.TEXT, 0, 1_000, n)
    said = text(n)
    message = Message(encode(header), said.encode(), bytes(64))
    record = Record(head.seq + 1, head.time_ms + 1, message.header, message.signature, message.body)
    made = chain_hash(sample.log_id, sample.room, head.hash, record)
    return RoomHead(record.seq, made, record.time_ms), NewRecord(record, header, 1, made, said)


def main() -> None:
    rows: list[tuple[str, str, str, str]] = []

    def add(steps: Iterator[Step] | list[Step]) -> None:
        for step in steps:
            median, least = measured(step)
            rows.append((step.name, step.share, number(median), number(least)))
            print(f"{step.name:44} {number(median):>8} µs, at least {number(least)}", flush=True)

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lanchat-bench-")))
        world = make_world(folder / "server", None, 1)
        sample = Sample(world)
        add(steps_in_memory(sample))
        add(stack.enter_context(steps_of_the_kernel()))
        add(stack.enter_context(steps_of_the_disk(folder)))
        lite = open_store(None, folder / "server")
        stack.callback(lite.close)
        lite.take_lease("limits", 1)
        add(steps_of_the_store("SQLite", lite, sample))
        url = stack.enter_context(MariaDB(MARIADB_OPTIONS)).create_database("bench")
        other = make_world(folder / "other", url, 1)
        maria = open_store(url, folder / "other")
        stack.callback(maria.close)
        maria.take_lease("limits", 1)
        add(steps_of_the_store("MariaDB", maria, Sample(other)))
    columns = ("step", "done once for each", "median, µs", "least, µs")
    marked.write(marked.PERFORMANCE, "limits", table(columns, rows))


if __name__ == "__main__":
    main()
