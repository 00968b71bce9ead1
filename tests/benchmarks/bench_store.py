"""How fast the store is: `python -m tests.benchmarks.bench_store [--messages N] [--databases sqlite,mariadb]`.

Writes N text messages as the sequencer does (one transaction per batch: head, append), then
times pages, lookups and searches in them. Durability is the databases' own default: every commit waits for the disk.
"""

import argparse
import hashlib
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat.protocol.codec import encode
from lanchat.protocol.limits import PAGE_OCTETS_MAX
from lanchat.protocol.log.messages import Header, Kind, MessageKey
from lanchat.protocol.log.records import Record
from lanchat_server.core.model import NewRecord, RoomHead, RunKey
from lanchat_server.store import SqlStore, open_store
from tests.support.mariadb import MariaDB

_SYLLABLES = [
    "ba",
    "ko",
    "mi",
    "ru",
    "te",
    "va",
    "do",
    "shen",
    "li",
    "na",
    "ве",
    "ро",
    "на",
    "ста",
    "при",
    "мо",
    "го",
    "ка",
    "ни",
    "то",
]
_DEVICES = [hashlib.sha256(bytes([i])).digest()[:16] for i in range(40)]


def vocabulary(rng: random.Random) -> list[str]:
    """20,000 words; the first ones are used most, as in a language."""
    made: set[str] = set()
    while len(made) < 20_000:
        made.add("".join(rng.choices(_SYLLABLES, k=rng.randint(1, 5))))
    return sorted(made, key=lambda word: (len(word), word))


def texts(seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    known = vocabulary(rng)
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(known))))
    for number in itertools.count(1):
        line = rng.choices(known, cum_weights=weights, k=rng.randint(3, 14))
        yield " ".join(line) + (f" unique{number}" if number % 50_000 == 7 else "")


def batches(room: int, messages: int, size: int, start: int = 1) -> Iterator[list[NewRecord]]:
    """Consecutive records, made beforehand as far as possible, so that making them is not what is measured."""
    lines = texts(start)
    counts = dict.fromkeys(_DEVICES, start * 1_000_000)
    seq = start
    while seq < start + messages:
        batch = []
        for _ in range(min(size, start + messages - seq)):
            device = _DEVICES[seq * 7 % len(_DEVICES)]
            counts[device] += 1
            header = Header(room, device, 99, counts[device], Kind.TEXT, 0, 1_700_000_000_000 + seq, seq)
            text = next(lines)
            record = Record(seq, 1_700_000_000_000 + seq * 30, encode(header), os.urandom(64), text.encode())
            batch.append(NewRecord(record, header, seq % 40 + 1, os.urandom(32), text))
            seq += 1
        yield batch


def write(store: SqlStore, room: int, batch: list[NewRecord]) -> None:
    """One transaction as the sequencer's, which remembers the last numbers of runs that it knows."""
    with store.transaction() as tx:
        tx.heads([room])
        last = batch[-1]
        tx.append(room, batch, RoomHead(last.record.seq, last.hash, last.record.time_ms))


def measure_look_ups(store: SqlStore, room: int) -> None:
    """What a batch of strangers or of repeated messages costs besides."""
    keys = [MessageKey(room, device, 99, n) for device in _DEVICES[:8] for n in range(1_000_001, 1_000_009)]
    runs = [RunKey(room, device, 99) for device in _DEVICES]
    with store.transaction() as tx:
        print(f"  64 decisions            {milliseconds(lambda _: tx.decisions(keys))}")
        print(f"  40 last numbers         {milliseconds(lambda _: tx.last_numbers(runs))}")
        print(f"  32 targets              {milliseconds(lambda _: tx.targets(room, range(100, 132)))}")


def measure_writes(store: SqlStore, room: int, messages: int, size: int, start: int) -> str:
    """Messages a second: all in all, and in the quickest tenth of the transactions, which nothing else disturbed."""
    spent = []
    for batch in batches(room, messages, size, start):
        began = time.perf_counter()
        write(store, room, batch)
        spent.append((time.perf_counter() - began) / len(batch))
    spent.sort()
    undisturbed = spent[: max(1, len(spent) // 10)]
    mean, best = (len(times) / sum(times) for times in (spent, undisturbed))
    return f"{mean:8.0f} messages/s (undisturbed {best:.0f})"


def milliseconds(work: Callable[[int], object], times: int = 30) -> str:
    """Median and worst of several runs."""
    spent = []
    for i in range(times):
        began = time.perf_counter()
        work(i)
        spent.append((time.perf_counter() - began) * 1000)
    spent.sort()
    return f"{spent[len(spent) // 2]:8.2f} ms (worst {spent[-1]:.2f})"


def measure_reads(store: SqlStore, room: int, messages: int) -> None:
    rng = random.Random(5)
    known = vocabulary(random.Random(1))

    def page(_: int) -> None:
        anchor = rng.randint(1, messages)
        store.page(room, anchor=anchor, forward=False, limit=50, first_seq=1, octets=PAGE_OCTETS_MAX)

    def search(words: str) -> Callable[[int], object]:
        return lambda _: store.search({room: 1}, words, before=0, limit=50)

    print(f"  page of 50              {milliseconds(page)}")
    print(
        f"  32 records by number    {milliseconds(lambda _: store.records(room, rng.sample(range(1, messages), 32)))}"
    )
    for name, words in (
        ("most frequent word", known[0]),
        ("frequent word", known[20]),
        ("middling word", known[400]),
        ("rare word", known[15_000]),
        ("unique word", "unique7"),
        ("word that is nowhere", "nowhereatall"),
        ("beginning of many", "b"),
        ("beginning of some", known[900][:3]),
        ("two frequent words", f"{known[0]} {known[3]}"),
        ("frequent and rare", f"{known[0]} {known[15_000]}"),
    ):
        hits = len(store.search({room: 1}, words, before=0, limit=50))
        print(f"  {name:23} {milliseconds(search(words), 7)}  {hits} hits")


def bench(name: str, url: str | None, folder: Path, messages: int) -> None:
    store = open_store(url, folder)
    try:
        store.take_lease("benchmark", 1)
        room = store.snapshot().rooms[0].id
        print(f"{name}, {messages} messages")
        warm = 640
        measure_writes(store, room, warm, 64, 1)
        print(f"  64 in a transaction     {measure_writes(store, room, messages, 64, warm + 1)}")
        alone = min(200, messages)
        print(f"  1 in a transaction      {measure_writes(store, room, alone, 1, warm + messages + 1)}")
        measure_look_ups(store, room)
        measure_reads(store, room, warm + messages)
    finally:
        store.close()


@contextmanager
def databases(names: list[str], folder: Path) -> Iterator[list[tuple[str, str | None]]]:
    if "mariadb" not in names:
        yield [("sqlite", None)]
        return
    with MariaDB() as server:
        url = server.create_database("bench")
        yield [(name, url if name == "mariadb" else None) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--databases", default="sqlite,mariadb")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, databases(options.databases.split(","), Path(folder)) as found:
        for name, url in found:
            bench(name, url, Path(folder) / name, options.messages)


if __name__ == "__main__":
    main()
