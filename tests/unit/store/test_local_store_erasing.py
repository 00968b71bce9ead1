"""Local copies of deleted rooms: erased in parts, by whichever process comes to it, without the outbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.core.ports import LocalStoreError, StoredSpan
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import genesis_hash
from lanchat.store.local import SqliteLocalStore
from tests.support.local_log import LOG_ID, Log, key, message

GENESIS = genesis_hash(LOG_ID, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteLocalStore]:
    store = SqliteLocalStore(tmp_path / "log.sqlite")
    yield store
    store.close()


def filled(store: SqliteLocalStore, count: int = 5) -> Log:
    log = Log().fill(count)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    return log


def test_rooms_with_a_span_are_held(store: SqliteLocalStore) -> None:
    assert store.held_rooms() == []
    store.start_span(7, 0, GENESIS)
    filled(store)
    assert sorted(store.held_rooms()) == [1, 7]


def test_room_is_erased_in_parts_and_can_begin_anew(store: SqliteLocalStore) -> None:
    log = filled(store)
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


def test_room_of_less_than_a_part_is_forgotten_at_once(store: SqliteLocalStore) -> None:
    # A process that ends between two steps leaves no span that a room of a restored server would be compared with.
    filled(store)
    assert not store.erase_room(1, 500)
    assert (store.span(1), store.head(1), store.held_rooms()) == (None, None, [])


def test_outbox_stays_until_it_is_decided(store: SqliteLocalStore) -> None:
    filled(store)
    store.add_outgoing(key(1), message(1), 1)
    while store.erase_room(1, 2):
        pass
    assert [item.key for item in store.outgoing()] == [key(1)]


def test_erasures_and_edits_go_along(store: SqliteLocalStore) -> None:
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


def test_process_that_has_not_heard_of_it_leaves_no_hole(store: SqliteLocalStore, tmp_path: Path) -> None:
    log = filled(store)
    other = SqliteLocalStore(tmp_path / "log.sqlite")
    try:
        while store.erase_room(1, 500):
            pass
        log.fill(1)
        with pytest.raises(LocalStoreError):
            other.append(1, log.links[-1:], log.head())
        assert other.span(1) is None
    finally:
        other.close()
