"""The local store with real processes: concurrent use of one file, killed while writing, on a full disk."""

import shutil
import sys
from pathlib import Path

import pytest

from lanchat.store.local import SqliteLocalStore
from tests.support.child import Child
from tests.support.local_log import Log, key, message
from tests.support.local_writer import SHARED_LENGTH, shared_room

ROOT = Path(__file__).parents[3]


def writer(*arguments: object, prefix: tuple[str, ...] = ()) -> Child:
    argv = [*prefix, sys.executable, "-m", "tests.support.local_writer", *map(str, arguments)]
    return Child(argv, cwd=ROOT)


def test_processes_append_and_send_concurrently(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    added: dict[int, int] = {}
    batches = {1: 7, 2: 20, 3: 64}
    children = {run: writer("share", path, run, batch) for run, batch in batches.items()}
    try:
        (tmp_path / "go").touch()
        for run, child in children.items():
            line = child.wait_for_line(lambda line: line.startswith("added"), 30, "the shared room")
            added[run] = int(line.split()[1])
            assert child.wait(10) == 0, child.transcript()
    finally:
        for child in children.values():
            if child.returncode is None:
                child.kill()
    log = shared_room()
    store = SqliteLocalStore(path)
    span = store.span(1)
    assert span
    assert (span.base, span.cursor, span.cursor_hash) == (0, SHARED_LENGTH, log.hash_at(SHARED_LENGTH))
    assert store.records(1, 1, SHARED_LENGTH) == [link.record for link in log.links]
    assert store.head(1) == log.head()
    waiting = {item.key for item in store.outgoing()}
    # Odd ones are in no room; even ones leave with the record unless it was stored before they were made.
    for run, count in added.items():
        assert {key(n, run=run) for n in range(1, count + 1, 2)} <= waiting
    assert waiting <= {key(n, run=run) for run, count in added.items() for n in range(1, count + 1)}
    orders = [(item.order, item.key.run, item.key.n) for item in store.outgoing()]
    assert orders == sorted(orders)
    store.close()


@pytest.mark.parametrize("survive", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
def test_data_reported_as_durable_survives_a_kill(tmp_path: Path, survive: int) -> None:
    path = tmp_path / "log.sqlite"
    child = writer("type", path)
    child.wait_for_line(lambda line: line == f"message {survive}", 30, "typing")
    child.kill()
    printed = [line.split() for line in child.stdout]
    messages = [int(number) for what, number in printed if what == "message"]
    records = [int(number) for what, number in printed if what == "record"]
    store = SqliteLocalStore(path)
    items = store.outgoing()
    assert [item.key.n for item in items] in (messages, [*messages, len(messages) + 1])
    assert all(item.message == message(item.key.n, f"text {item.key.n}") for item in items)
    span = store.span(1)
    assert span
    assert span.cursor in (len(records), len(records) + 1)
    log = Log().fill(span.cursor)
    assert span.cursor_hash == log.hash_at(span.cursor)
    assert store.records(1, 1, span.cursor) == [link.record for link in log.links]
    assert store.recovered is None
    store.close()


@pytest.mark.lab
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a mount namespace")
def test_full_and_read_only_disks_are_reported(tmp_path: Path) -> None:
    with writer("fill", tmp_path, prefix=("unshare", "--mount")) as child:
        assert child.wait(60) == 0, child.transcript()
        lines = dict(line.split(" ", 1) for line in child.stdout)
    kept, there = lines["refused"].split()
    assert int(kept) > 3
    assert kept == there
    assert "the disk is full" in lines["error"]
    assert lines["again"] == str(int(kept) + 1)
    assert lines["read"] == lines["again"]
    assert "may not be written" in lines["read-only"]
    assert lines["writable"] == f"{int(kept) + 1} None"
