"""The contract of the local store, method by method. Histories: tests/unit/store/test_local_store_model.py."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanchat.core.ports import ChainLink, Forked, LocalStore, LocalStoreError, StoredSpan
from lanchat.protocol.codec import encode
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Role, RoomKind
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Kind, Message
from lanchat.protocol.log.records import Record, genesis_hash
from lanchat.protocol.wire import Room, User
from lanchat.store.local import SqliteLocalStore
from lanchat.store.schema import STEPS, migrate
from tests.support.local_log import LOG_ID, SIGNATURE, Log, certificate, key, message

GENESIS = genesis_hash(LOG_ID, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "log.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteLocalStore]:
    store = SqliteLocalStore(path)
    yield store
    store.close()


@pytest.fixture
def other(path: Path, store: SqliteLocalStore) -> Iterator[SqliteLocalStore]:
    """A second opener of the same file."""
    other = SqliteLocalStore(path)
    yield other
    other.close()


def test_it_is_a_local_store(store: SqliteLocalStore) -> None:
    port: LocalStore = store
    assert port.outgoing() == []
    assert store.recovered == ""


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_only_the_owner_can_read_it(store: SqliteLocalStore, path: Path) -> None:
    store.add_outgoing(key(1), message(1), 1)
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {path.name, path.name + "-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# Spans and records


def test_a_room_is_unknown_before_its_span_is_started(store: SqliteLocalStore) -> None:
    log = Log().fill(1)
    assert store.span(1) is None
    assert store.head(1) is None
    with pytest.raises(LocalStoreError):
        store.append(1, log.links, log.head())
    with pytest.raises(LocalStoreError):
        store.prepend(1, log.links, GENESIS)


def test_the_first_span_started_holds(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    first = store.start_span(1, 0, GENESIS)
    assert first == StoredSpan(0, GENESIS, 0, GENESIS)
    assert other.start_span(1, 50, b"x" * 32) == first
    assert store.span(1) == first


def test_records_come_back_as_they_went_in(store: SqliteLocalStore) -> None:
    log = Log().fill(2)
    odd = [
        Record(3, 0, b"", SIGNATURE, b"", b""),
        Record(4, 2**63 - 1, b"\0\xff" * 64, SIGNATURE, bytes(range(256)) * 64, b"kept"),
        Record(5, 5, b"h", SIGNATURE, None, b"e" * 32),
        Record(6, 5, b"h", SIGNATURE, None, b""),
    ]
    links = [*log.links, *(ChainLink(record, bytes([record.seq]) * 32) for record in odd)]
    store.start_span(1, 0, GENESIS)
    store.append(1, links, log.head())
    assert [encode(record) for record in store.records(1, 1, 6)] == [encode(link.record) for link in links]
    assert store.span(1) == StoredSpan(0, GENESIS, 6, b"\6" * 32)
    assert store.records(1, 2, 3) == [links[1].record, links[2].record]
    assert store.records(1, 7, 9) == store.records(2, 1, 6) == store.records(1, 3, 2) == []


def test_rooms_do_not_mix(store: SqliteLocalStore) -> None:
    logs = {room: Log(room).fill(room * 3) for room in (1, 2, 3)}
    for room, log in logs.items():
        store.start_span(room, 0, log.hash_at(0))
        store.append(room, log.links, log.head())
    for room, log in logs.items():
        assert store.records(room, 1, 99) == [link.record for link in log.links]
        assert store.head(room) == log.head()


def test_what_another_process_appended_is_passed_over(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    log = Log().fill(9)
    store.start_span(1, 2, log.hash_at(2))
    other.append(1, log.span(3, 7), log.head(7))
    store.append(1, log.span(1, 5), log.head(5))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 7, log.hash_at(7))
    store.append(1, log.span(4, 9), log.head(9))
    assert other.span(1) == StoredSpan(2, log.hash_at(2), 9, log.hash_at(9))
    assert other.records(1, 1, 9) == [link.record for link in log.span(3, 9)]


@pytest.mark.parametrize("seq", [2, 3, 5, 7])
def test_another_hash_at_a_stored_number_is_a_fork(store: SqliteLocalStore, seq: int) -> None:
    log = Log().fill(9)
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, log.span(3, 7), log.head(7))
    links = log.span(1, 9)
    links[seq - 1] = links[seq - 1]._replace(hash=b"?" * 32)
    with pytest.raises(Forked):
        store.append(1, links, log.head(9))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 7, log.hash_at(7))
    assert store.head(1) == log.head(7)
    assert store.records(1, 1, 9) == [link.record for link in log.span(3, 7)]


def test_below_the_base_nothing_can_be_compared(store: SqliteLocalStore) -> None:
    log = Log().fill(4)
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, [log.links[0]._replace(hash=b"?" * 32)], log.head(4))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 2, log.hash_at(2))


@pytest.mark.parametrize("seqs", [[4], [2, 4], [2, 3, 3], [3, 2]])
def test_holes_are_refused(store: SqliteLocalStore, seqs: list[int]) -> None:
    log = Log().fill(5)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.span(1, 1), log.head(1))
    with pytest.raises(LocalStoreError):
        store.append(1, [log.links[seq - 1] for seq in seqs], log.head(5))
    assert store.span(1) == StoredSpan(0, GENESIS, 1, log.hash_at(1))
    assert store.head(1) == log.head(1)


def test_the_newest_head_is_kept(store: SqliteLocalStore) -> None:
    log = Log().fill(3)
    store.start_span(1, 0, GENESIS)
    for head in (log.head(2), log.head(1), log.head(2, time_ms=5), log.head(3), log.head(0, epoch=1), log.head(3)):
        store.append(1, [], head)
    assert store.head(1) == log.head(0, epoch=1)
    assert store.span(1) == StoredSpan(0, GENESIS, 0, GENESIS)


def test_pages_are_put_before_the_base(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    log = Log().fill(10)
    store.start_span(1, 8, log.hash_at(8))
    store.append(1, log.span(9, 10), log.head())
    store.prepend(1, log.span(6, 8), log.hash_at(5))
    assert other.span(1) == StoredSpan(5, log.hash_at(5), 10, log.hash_at(10))
    other.prepend(1, log.span(3, 9), log.hash_at(2))
    store.prepend(1, log.span(4, 8), log.hash_at(3))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 10, log.hash_at(10))
    store.prepend(1, log.span(1, 2), GENESIS)
    assert store.span(1) == StoredSpan(0, GENESIS, 10, log.hash_at(10))
    assert store.records(1, 1, 10) == [link.record for link in log.links]
    assert store.head(1) == log.head()


def test_a_page_that_does_not_meet_the_base_is_refused(store: SqliteLocalStore) -> None:
    log = Log().fill(8)
    start = store.start_span(1, 6, log.hash_at(6))
    with pytest.raises(LocalStoreError):
        store.prepend(1, log.span(2, 5), log.hash_at(1))
    with pytest.raises(LocalStoreError):
        store.prepend(1, [log.links[3], log.links[5]], log.hash_at(3))
    with pytest.raises(Forked):
        store.prepend(1, [log.links[5]._replace(hash=b"?" * 32)], log.hash_at(5))
    assert store.span(1) == start
    assert store.records(1, 1, 8) == []


def test_a_span_begins_anew_above_a_hole(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    log = Log().fill(12)
    elsewhere = Log(2).fill(2)
    store.start_span(2, 0, elsewhere.hash_at(0))
    store.append(2, elsewhere.links, elsewhere.head())
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, log.span(3, 5), log.head(6))
    assert store.restart_span(1, 8, log.hash_at(8)) == StoredSpan(8, log.hash_at(8), 8, log.hash_at(8))
    assert store.records(1, 1, 12) == []
    assert store.head(1) == log.head(6)
    other.append(1, log.span(9, 10), log.head(10))
    assert store.records(1, 1, 12) == [link.record for link in log.span(9, 10)]
    assert store.records(2, 1, 2) == [link.record for link in elsewhere.links]


@pytest.mark.parametrize("base", [1, 2, 4, 5])
def test_a_span_that_reaches_the_new_base_goes_on(store: SqliteLocalStore, base: int) -> None:
    log = Log().fill(5)
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, log.span(3, 5), log.head(5))
    assert store.restart_span(1, base, log.hash_at(base)) == StoredSpan(2, log.hash_at(2), 5, log.hash_at(5))
    assert store.records(1, 1, 5) == [link.record for link in log.span(3, 5)]


def test_a_span_may_begin_anew_where_none_was(store: SqliteLocalStore) -> None:
    assert store.restart_span(1, 0, GENESIS) == store.span(1) == StoredSpan(0, GENESIS, 0, GENESIS)


# Deletions


def blank(link: ChainLink) -> Record:
    return msgspec.structs.replace(link.record, body=None, erased_hash=sha256(link.record.body or b""))


def test_a_deletion_blanks_its_target(store: SqliteLocalStore, path: Path) -> None:
    log = Log().fill(2)
    log.add("secret words")
    log.add("an answer", ref=3)
    log.add("", Kind.DELETE, ref=3)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.span(1, 4), log.head(4))
    assert store.records(1, 3, 3)[0].body == b"secret words"
    store.append(1, log.span(5, 5), log.head(5))
    assert store.records(1, 1, 5) == [
        *(link.record for link in log.span(1, 2)),
        blank(log.links[2]),
        *(link.record for link in log.span(4, 5)),
    ]
    assert store.records(1, 3, 3)[0].body_hash == sha256(b"secret words")


def test_target_and_deletion_in_one_batch(store: SqliteLocalStore) -> None:
    log = Log()
    log.add("secret")
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=1)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert store.records(1, 1, 1) == [blank(log.links[0])]


def test_a_target_that_comes_after_its_deletion(store: SqliteLocalStore) -> None:
    log = Log().fill(3)
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=2)
    store.start_span(1, 3, log.hash_at(3))
    store.append(1, log.span(4, 5), log.head())
    store.prepend(1, [log.links[0]._replace(record=blank(log.links[0])), *log.span(2, 3)], GENESIS)
    assert store.records(1, 1, 3) == [blank(log.links[0]), blank(log.links[1]), log.links[2].record]


def test_a_deletion_in_a_page_reaches_below_that_page(store: SqliteLocalStore) -> None:
    log = Log().fill(2)
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=0)
    log.fill(2)
    store.start_span(1, 6, log.hash_at(6))
    store.prepend(1, log.span(3, 6), log.hash_at(2))
    store.prepend(1, log.span(1, 2), GENESIS)
    assert store.records(1, 1, 2) == [blank(log.links[0]), log.links[1].record]


def test_a_kind_from_the_future_is_kept(store: SqliteLocalStore) -> None:
    log = Log().fill(1)
    future = log.take(Message(encode([1, b"d" * 16, 1, 1, 77, 1, 0, 0]), b"?", SIGNATURE))
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert store.records(1, 2, 2) == [future.record]


# Outbox


def test_the_outbox_keeps_the_order_of_making(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    made = [(store if n % 2 else other).add_outgoing(key(n), message(n, f"text {n}"), 1000 - n) for n in range(1, 6)]
    assert store.outgoing() == other.outgoing() == made
    assert [item.order for item in made] == sorted({item.order for item in made})
    assert [(item.key, item.message, item.made_ms) for item in made] == [
        (key(n), message(n, f"text {n}"), 1000 - n) for n in range(1, 6)
    ]


def test_adding_twice_gives_the_item_that_is_there(store: SqliteLocalStore) -> None:
    first = store.add_outgoing(key(1), message(1), 5)
    store.add_outgoing(key(2), message(2), 6)
    assert store.add_outgoing(key(1), message(1), 7) == first
    assert len(store.outgoing()) == 2


def test_the_order_counts_on_after_a_removal(store: SqliteLocalStore) -> None:
    first = store.add_outgoing(key(1), message(1), 5)
    store.remove_outgoing([key(1), key(44)])
    store.remove_outgoing([])
    assert store.outgoing() == []
    assert store.add_outgoing(key(2), message(2), 6).order > first.order


def test_a_stored_message_leaves_the_outbox(store: SqliteLocalStore) -> None:
    log = Log().fill(1)
    for n in (1, 2, 3):
        store.add_outgoing(key(n), message(n), 5)
    log.take(message(2))
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert [item.key for item in store.outgoing()] == [key(1), key(3)]
    store.add_outgoing(key(2), message(2), 5)
    store.append(1, log.links, log.head())
    assert [item.key for item in store.outgoing()] == [key(1), key(3)]


def test_a_fork_leaves_the_outbox_alone(store: SqliteLocalStore) -> None:
    log = Log().fill(1)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    store.add_outgoing(key(1), message(1), 5)
    with pytest.raises(Forked):
        store.append(1, [log.links[0]._replace(hash=b"?" * 32), log.take(message(1))], log.head())
    assert [item.key for item in store.outgoing()] == [key(1)]


# Rooms, people, certificates


def room(number: int, name: str) -> Room:
    return Room(number, name, RoomKind.PRIVATE, HistoryPolicy.SINCE_JOINING, 3, True, 12, 0, 4, 2)


def user(number: int, name: str) -> User:
    return User(number, name, name.title(), PresenceState.AWAY, 123, Role.MODERATOR)


def test_rooms_are_replaced_as_a_list(store: SqliteLocalStore, other: SqliteLocalStore) -> None:
    assert store.rooms() == []
    store.save_rooms([room(5, "five"), room(2, "two"), room(9, "nine")])
    assert other.rooms() == [room(5, "five"), room(2, "two"), room(9, "nine")]
    other.save_rooms([room(2, "zwei")])
    assert store.rooms() == [room(2, "zwei")]
    store.save_rooms([])
    assert store.rooms() == []


def test_users_are_added_and_replaced(store: SqliteLocalStore) -> None:
    store.save_users([user(3, "cy"), user(1, "anna")])
    store.save_users([user(1, "anne"), user(2, "bob")])
    store.save_users([])
    assert store.users() == [user(1, "anne"), user(2, "bob"), user(3, "cy")]


def test_what_is_saved_unchanged_is_not_written_again(store: SqliteLocalStore, path: Path) -> None:
    store.save_rooms([room(1, "one")])
    store.save_users([user(1, "anna")])
    size = path.with_name(path.name + "-wal").stat().st_size
    store.save_rooms([room(1, "one")])
    store.save_users([user(1, "anna")])
    assert path.with_name(path.name + "-wal").stat().st_size == size


def test_the_newer_certificate_is_kept(store: SqliteLocalStore) -> None:
    a, b = b"a" * 16, b"b" * 16
    store.save_certificates([(a, certificate(10, 3)), (b, certificate(5))])
    store.save_certificates([(a, certificate(9, 4)), (b, certificate(7))])
    assert store.certificates([a, b, b"c" * 16]) == {a: certificate(9, 4), b: certificate(7)}
    store.save_certificates([(a, certificate(10, 4))])
    assert store.certificates([a]) == {a: certificate(10, 4)}
    assert store.certificates([]) == {}


# Files


def test_everything_is_there_after_reopening(path: Path) -> None:
    log = Log().fill(70)
    store = SqliteLocalStore(path)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.span(1, 64), log.head(64))
    item = store.add_outgoing(key(1), message(1), 5)
    store.close()
    store.close()
    with pytest.raises(LocalStoreError):
        store.span(1)
    again = SqliteLocalStore(path)
    assert again.span(1) == StoredSpan(0, GENESIS, 64, log.hash_at(64))
    assert again.records(1, 1, 99) == [link.record for link in log.span(1, 64)]
    assert again.outgoing() == [item]
    assert again.recovered == ""
    again.close()


def test_a_newer_file_is_refused_and_left_alone(path: Path, store: SqliteLocalStore) -> None:
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LocalStoreError, match="newer LAN Chat") as error:
        SqliteLocalStore(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_an_older_file_is_brought_up_step_by_step(path: Path, store: SqliteLocalStore) -> None:
    item = store.add_outgoing(key(1), message(1), 5)
    store.close()
    newer = (
        *STEPS,
        ("CREATE TABLE extra (a INTEGER)", "INSERT INTO extra VALUES (1)"),
        ("UPDATE extra SET a = a + 1",),
    )
    connection = sqlite3.connect(path, isolation_level=None)
    for _ in range(2):
        migrate(connection, newer)
        assert connection.execute("SELECT a FROM extra").fetchall() == [(2,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("DROP TABLE extra")
    connection.close()
    again = SqliteLocalStore(path)
    assert again.outgoing() == [item]
    again.close()


def test_a_migration_that_fails_changes_nothing(path: Path, store: SqliteLocalStore) -> None:
    store.close()
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*STEPS, ("CREATE TABLE extra (a INTEGER)", "nonsense")))
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
    connection.close()


def test_a_locked_file_is_said_and_comes_back(path: Path, store: SqliteLocalStore) -> None:
    impatient = SqliteLocalStore(path, busy_timeout=0.05)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalStoreError, match="locked"):
        impatient.add_outgoing(key(1), message(1), 5)
    assert impatient.outgoing() == []
    blocker.execute("ROLLBACK")
    blocker.close()
    impatient.add_outgoing(key(1), message(1), 5)
    assert len(store.outgoing()) == 1
    impatient.close()


def test_a_path_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalStoreError):
        SqliteLocalStore(tmp_path / "file" / "log.sqlite")


def test_threads_may_share_a_store(store: SqliteLocalStore) -> None:
    def add(run: int) -> None:
        for n in range(1, 26):
            store.add_outgoing(key(n, run=run), message(n, run=run), n)

    threads = [threading.Thread(target=add, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = store.outgoing()
    assert len(items) == 100
    for run in range(4):
        assert [item.key.n for item in items if item.key.run == run] == list(range(1, 26))


def test_opening_a_room_reads_no_more_of_a_long_log_than_of_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of SQLite's virtual machine; the seconds are measured by the benchmark of history."""
    steps = [opening_steps(tmp_path / f"{count}", count, monkeypatch) for count in (500, 20_000)]
    assert 400 < steps[1] <= steps[0] * 1.1


def opening_steps(path: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """For the last 400 lines of a room of `count`, from a file that was just opened."""
    log = Log().fill(count)
    store = SqliteLocalStore(path)
    store.start_span(1, 0, GENESIS)
    for first in range(1, count + 1, 500):
        store.append(1, log.span(first, first + 499), log.head(first + 499))
    store.close()
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connect = sqlite3.connect

    def counting(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_progress_handler(step, 1)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counting)
        store = SqliteLocalStore(path)
        span = store.span(1)
        assert span
        records = store.records(1, span.cursor - 399, span.cursor)
        counted = steps
        store.close()
    assert records == [link.record for link in log.span(count - 399, count)]
    return counted
