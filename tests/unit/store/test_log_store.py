"""The contract of LogStore: spans, records and heads, on every implementation."""

import pytest

from lanchat.core.ports import ChainLink, Forked, LocalStoreError, LogStore, StoredSpan
from lanchat.protocol.codec import encode
from lanchat.protocol.log.records import Record, genesis_hash
from tests.support.local_log import LOG_ID, SIGNATURE, Log

GENESIS = genesis_hash(LOG_ID, 1)


def test_room_is_unknown_before_its_span_is_started(store: LogStore) -> None:
    log = Log().fill(1)
    assert store.span(1) is None
    assert store.head(1) is None
    with pytest.raises(LocalStoreError):
        store.append(1, log.links, log.head())
    with pytest.raises(LocalStoreError):
        store.prepend(1, log.links, GENESIS)


def test_first_started_span_is_kept(store: LogStore, other: LogStore) -> None:
    first = store.start_span(1, 0, GENESIS)
    assert first == StoredSpan(0, GENESIS, 0, GENESIS)
    assert other.start_span(1, 50, b"x" * 32) == first
    assert store.span(1) == first


def test_records_are_read_back_unchanged(store: LogStore) -> None:
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


def test_rooms_are_separate(store: LogStore) -> None:
    logs = {room: Log(room).fill(room * 3) for room in (1, 2, 3)}
    for room, log in logs.items():
        store.start_span(room, 0, log.hash_at(0))
        store.append(room, log.links, log.head())
    for room, log in logs.items():
        assert store.records(room, 1, 99) == [link.record for link in log.links]
        assert store.head(room) == log.head()


def test_records_appended_by_another_process_are_skipped(store: LogStore, other: LogStore) -> None:
    log = Log().fill(9)
    store.start_span(1, 2, log.hash_at(2))
    other.append(1, log.span(3, 7), log.head(7))
    store.append(1, log.span(1, 5), log.head(5))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 7, log.hash_at(7))
    store.append(1, log.span(4, 9), log.head(9))
    assert other.span(1) == StoredSpan(2, log.hash_at(2), 9, log.hash_at(9))
    assert other.records(1, 1, 9) == [link.record for link in log.span(3, 9)]


@pytest.mark.parametrize("seq", [2, 3, 5, 7])
def test_another_hash_at_a_stored_number_is_a_fork(store: LogStore, seq: int) -> None:
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


def test_records_below_the_base_are_not_compared(store: LogStore) -> None:
    log = Log().fill(4)
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, [log.links[0]._replace(hash=b"?" * 32)], log.head(4))
    assert store.span(1) == StoredSpan(2, log.hash_at(2), 2, log.hash_at(2))


@pytest.mark.parametrize("seqs", [[4], [2, 4], [2, 3, 3], [3, 2]])
def test_gaps_are_refused(store: LogStore, seqs: list[int]) -> None:
    log = Log().fill(5)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.span(1, 1), log.head(1))
    with pytest.raises(LocalStoreError):
        store.append(1, [log.links[seq - 1] for seq in seqs], log.head(5))
    assert store.span(1) == StoredSpan(0, GENESIS, 1, log.hash_at(1))
    assert store.head(1) == log.head(1)


def test_newest_head_is_kept(store: LogStore) -> None:
    log = Log().fill(3)
    store.start_span(1, 0, GENESIS)
    for head in (log.head(2), log.head(1), log.head(2, time_ms=5), log.head(3), log.head(0, epoch=1), log.head(3)):
        store.append(1, [], head)
    assert store.head(1) == log.head(0, epoch=1)
    assert store.span(1) == StoredSpan(0, GENESIS, 0, GENESIS)


def test_pages_are_prepended_to_the_base(store: LogStore, other: LogStore) -> None:
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


def test_page_that_does_not_meet_the_base_is_refused(store: LogStore) -> None:
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


def test_span_restarts_above_a_gap(store: LogStore, other: LogStore) -> None:
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
def test_span_that_reaches_the_new_base_continues(store: LogStore, base: int) -> None:
    log = Log().fill(5)
    store.start_span(1, 2, log.hash_at(2))
    store.append(1, log.span(3, 5), log.head(5))
    assert store.restart_span(1, base, log.hash_at(base)) == StoredSpan(2, log.hash_at(2), 5, log.hash_at(5))
    assert store.records(1, 1, 5) == [link.record for link in log.span(3, 5)]


def test_span_may_restart_without_an_existing_one(store: LogStore) -> None:
    assert store.restart_span(1, 0, GENESIS) == store.span(1) == StoredSpan(0, GENESIS, 0, GENESIS)
