"""Long logs put into a server's database before it starts: chained and numbered as the sequencer does, in large
transactions. With `signed` a real client takes them as genuine; unsigned they are for the server's own reading."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from lanchat.protocol.codec import encode
from lanchat.protocol.log.messages import Header, Kind, Message
from lanchat.protocol.log.records import Record, chain_hash
from lanchat_server.core.model import NewRecord, RoomHead
from lanchat_server.store import SqlStore, open_store
from tests.benchmarks.accounts import Account, World
from tests.benchmarks.bench_store import vocabulary

# Records in one transaction.
_BATCH = 4096
# In one message of so many: a word that is rare, and one that is frequent.
RARE, RARE_ONE_IN = "zanzibar", 100_000
FREQUENT, FREQUENT_ONE_IN = "meeting", 20


def sentences(seed: int = 1) -> Iterator[str]:
    """Some words each, about 60 octets."""
    draw = random.Random(seed)
    known = vocabulary(draw)[:5000]
    number = 0
    while True:
        number += 1
        line = [known[min(int(draw.expovariate(0.004)), len(known) - 1)] for _ in range(draw.randint(4, 14))]
        if number % FREQUENT_ONE_IN == 0:
            line.append(FREQUENT)
        if number % RARE_ONE_IN == 7:
            line.append(RARE)
        yield " ".join(line)


def fill(data_dir: Path, url: str | None, world: World, rooms: list[int], count: int, *, signed: bool) -> None:
    """`count` messages, shared by the rooms, after those that are there."""
    store = open_store(url, data_dir)
    try:
        store.take_lease("filling", 1)
        said = sentences()
        for room in rooms:
            _fill_room(store, world, room, count // len(rooms), said, signed=signed)
    finally:
        store.close()


def _fill_room(store: SqlStore, world: World, room: int, count: int, said: Iterator[str], *, signed: bool) -> None:
    head = next(row.head for row in store.snapshot().rooms if row.id == room)
    authors = world.accounts[: min(20, len(world.accounts))]
    for account in authors:
        account.begin()
    left = count
    while left:
        size = min(_BATCH, left)
        made: list[NewRecord] = []
        for index in range(size):
            account = authors[(head.seq + index) % len(authors)]
            text = next(said)
            message = account.message(world.log_id, room, text) if signed else _unsigned(account, room, text)
            made.append(_record(world, room, head if not made else _head_after(made[-1]), account, message, text))
        head = _head_after(made[-1])
        with store.transaction() as tx:
            tx.append(room, made, head)
        left -= size


def _head_after(new: NewRecord) -> RoomHead:
    return RoomHead(new.record.seq, new.hash, new.record.time_ms)


def _unsigned(account: Account, room: int, text: str) -> Message:
    n = account.count(room)
    header = Header(room, account.device, account.run, n, Kind.TEXT, 0, 1_000, n)
    return Message(encode(header), text.encode(), os.urandom(64))


def _record(world: World, room: int, head: RoomHead, account: Account, message: Message, text: str) -> NewRecord:
    n = account.last(room)
    header = Header(room, account.device, account.run, n, Kind.TEXT, 0, 1_000, n)
    time_ms = max(head.time_ms + 1, int(time.time() * 1000) - 10**9)
    record = Record(head.seq + 1, time_ms, message.header, message.signature, message.body)
    return NewRecord(record, header, account.user, chain_hash(world.log_id, room, head.hash, record), text)
