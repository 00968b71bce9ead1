"""The contract of LogStore: bodies that deletions erase, and copies of deleted rooms, on every implementation."""

import msgspec
import pytest

from lanchat.core.ports import ChainLink, LocalStoreError, LogStore, StoredSpan
from lanchat.protocol.codec import encode
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Kind, Message
from lanchat.protocol.log.records import Record, genesis_hash
from tests.support.local_log import LOG_ID, SIGNATURE, Log, stored_log

GENESIS = genesis_hash(LOG_ID, 1)


def blank(link: ChainLink) -> Record:
    return msgspec.structs.replace(link.record, body=None, erased_hash=sha256(link.record.body or b""))


def test_deletion_blanks_its_target(store: LogStore) -> None:
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


def test_target_and_deletion_in_one_batch(store: LogStore) -> None:
    log = Log()
    log.add("secret")
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=1)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert store.records(1, 1, 1) == [blank(log.links[0])]


def test_target_received_after_its_deletion_is_blank(store: LogStore) -> None:
    log = Log().fill(3)
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=2)
    store.start_span(1, 3, log.hash_at(3))
    store.append(1, log.span(4, 5), log.head())
    store.prepend(1, [log.links[0]._replace(record=blank(log.links[0])), *log.span(2, 3)], GENESIS)
    assert store.records(1, 1, 3) == [blank(log.links[0]), blank(log.links[1]), log.links[2].record]


def test_deletion_in_a_page_applies_to_older_pages(store: LogStore) -> None:
    log = Log().fill(2)
    log.add("", Kind.DELETE, ref=1)
    log.add("", Kind.DELETE, ref=0)
    log.fill(2)
    store.start_span(1, 6, log.hash_at(6))
    store.prepend(1, log.span(3, 6), log.hash_at(2))
    store.prepend(1, log.span(1, 2), GENESIS)
    assert store.records(1, 1, 2) == [blank(log.links[0]), log.links[1].record]


def test_record_of_an_unknown_kind_is_kept(store: LogStore) -> None:
    log = Log().fill(1)
    future = log.take(Message(encode([1, b"d" * 16, 1, 1, 77, 1, 0, 0]), b"?", SIGNATURE))
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert store.records(1, 2, 2) == [future.record]


def test_rooms_with_a_span_are_listed(store: LogStore) -> None:
    assert store.held_rooms() == []
    store.start_span(7, 0, GENESIS)
    stored_log(store)
    assert sorted(store.held_rooms()) == [1, 7]


def test_room_is_erased_in_parts_and_can_be_restarted(store: LogStore) -> None:
    log = stored_log(store)
    store.start_span(7, 0, GENESIS)
    assert store.erase_room(1, 2)
    assert sorted(store.held_rooms()) == [1, 7]
    assert store.erase_room(1, 2)
    assert not store.erase_room(1, 2)
    assert (store.span(1), store.head(1), store.records(1, 1, 9)) == (None, None, [])
    assert store.held_rooms() == [7]
    assert not store.erase_room(1, 2)
    assert store.start_span(1, 0, GENESIS) == StoredSpan(0, GENESIS, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert len(store.records(1, 1, 9)) == 5


def test_room_smaller_than_a_part_is_erased_at_once(store: LogStore) -> None:
    # A process that ends between two steps leaves no span that a room of a restored server would be compared with.
    stored_log(store)
    assert not store.erase_room(1, 500)
    assert (store.span(1), store.head(1), store.held_rooms()) == (None, None, [])


def test_erasing_a_room_forgets_its_deletions(store: LogStore) -> None:
    log = Log().fill(2)
    log.add(kind=Kind.EDIT, ref=1)
    log.add("", kind=Kind.DELETE, ref=1)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    assert store.records(1, 1, 1)[0].body is None
    while store.erase_room(1, 500):
        pass
    again = Log().fill(2)
    store.start_span(1, 0, GENESIS)
    store.append(1, again.links, again.head())
    assert store.records(1, 1, 1)[0].body is not None


def test_process_unaware_of_the_erasure_leaves_no_gap(store: LogStore, other: LogStore) -> None:
    log = stored_log(store)
    while store.erase_room(1, 500):
        pass
    log.fill(1)
    with pytest.raises(LocalStoreError):
        other.append(1, log.links[-1:], log.head())
    assert other.span(1) is None
