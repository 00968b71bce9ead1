"""Programs that use a local store as a process of their own: `python -m tests.support.local_writer WHAT PATH …`."""

import subprocess
import sys
import time
from pathlib import Path

from lanchat.core.ports import LocalStoreError
from lanchat.store.local import SqliteLocalStore
from tests.support.local_log import Log, key, message
from tests.support.waiting import patient

SHARED_LENGTH = 300


def shared_room() -> Log:
    """What every process of a test knows the room to be: texts, and the even messages of the runs 1, 2 and 3."""
    log = Log()
    for place in range(SHARED_LENGTH):
        if place % 5:
            log.add(f"text {place}")
        else:
            log.take(message(2 * (place // 15 + 1), run=place // 5 % 3 + 1))
    return log


def share(path: Path, run: int, batch: int) -> None:
    """Append the shared room in batches that overlap, with messages of our own run added in between."""
    log = shared_room()
    store = SqliteLocalStore(path)
    store.start_span(1, 0, log.hash_at(0))
    wait_for(path.with_name("go"))
    number = 0
    for first in range(1, SHARED_LENGTH + 1, batch):
        number += 1
        store.add_outgoing(key(number, run=run), message(number, run=run), number)
        span = store.span(1)
        assert span
        last = min(max(first + batch, span.cursor + batch // 2), SHARED_LENGTH)
        store.append(1, log.span(max(first - 3, 1), last), log.head(last))
        assert len(store.records(1, first, first + batch)) == min(batch + 1, SHARED_LENGTH - first + 1)
    store.close()
    print(f"added {number}", flush=True)


def type_on(path: Path) -> None:
    """Add messages and records for ever; says each number when it is durable."""
    log = Log()
    store = SqliteLocalStore(path)
    span = store.start_span(1, 0, log.hash_at(0))
    log.fill(span.cursor)
    number = max((item.key.n for item in store.outgoing()), default=0)
    while True:
        number += 1
        store.add_outgoing(key(number), message(number, f"text {number}"), number)
        print(f"message {number}", flush=True)
        link = log.add(f"text {len(log.links) + 1} of 1")
        store.append(1, [link], log.head())
        print(f"record {link.record.seq}", flush=True)


def fill_up(folder: Path) -> None:
    """In a mount namespace of its own: add to a store on a tiny file system until it is full, then on one that cannot
    be written. Says what was refused and what is kept."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(folder)], check=True)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(300_000))
    store = SqliteLocalStore(folder / "log.sqlite")
    kept = add_until_refused(store, 1)
    print(f"refused {kept} {len(store.outgoing())}", flush=True)
    ballast.unlink()
    store.add_outgoing(key(kept + 1), message(kept + 1), 1)
    print(f"again {len(store.outgoing())}", flush=True)
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    store = SqliteLocalStore(folder / "log.sqlite")
    print(f"read {len(store.outgoing())}", flush=True)
    try:
        store.add_outgoing(key(kept + 2), message(kept + 2), 1)
    except LocalStoreError as error:
        print(f"read-only {error}", flush=True)
    store.close()
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    store = SqliteLocalStore(folder / "log.sqlite")
    print(f"writable {len(store.outgoing())} {store.recovered!r}", flush=True)


def add_until_refused(store: SqliteLocalStore, number: int) -> int:
    """The number of the last message that the store took."""
    while True:
        try:
            store.add_outgoing(key(number), message(number, "x" * 4000), number)
        except LocalStoreError as error:
            print(f"error {error}", flush=True)
            return number - 1
        number += 1


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + patient(30)
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(file)
        time.sleep(0.005)


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    if what == "share":
        share(Path(where), *map(int, numbers))
    elif what == "type":
        type_on(Path(where))
    elif what == "fill":
        fill_up(Path(where))
