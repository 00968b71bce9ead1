"""The contract of OutboxStore, alone and with the log beside it, on every implementation."""

import pytest

from lanchat.core.ports import Forked, LocalStore
from lanchat.protocol.log.records import genesis_hash
from tests.support.local_log import LOG_ID, Log, key, message, stored_log

GENESIS = genesis_hash(LOG_ID, 1)


def test_outbox_keeps_the_order_of_creation(store: LocalStore, other: LocalStore) -> None:
    made = [(store if n % 2 else other).add_outgoing(key(n), message(n, f"text {n}"), 1000 - n) for n in range(1, 6)]
    assert store.outgoing() == other.outgoing() == made
    assert [item.order for item in made] == sorted({item.order for item in made})
    assert [(item.key, item.message, item.made_ms) for item in made] == [
        (key(n), message(n, f"text {n}"), 1000 - n) for n in range(1, 6)
    ]


def test_adding_twice_returns_the_existing_item(store: LocalStore) -> None:
    first = store.add_outgoing(key(1), message(1), 5)
    store.add_outgoing(key(2), message(2), 6)
    assert store.add_outgoing(key(1), message(1), 7) == first
    assert len(store.outgoing()) == 2


def test_order_continues_after_a_removal(store: LocalStore) -> None:
    first = store.add_outgoing(key(1), message(1), 5)
    store.remove_outgoing([key(1), key(44)])
    store.remove_outgoing([])
    assert store.outgoing() == []
    assert store.add_outgoing(key(2), message(2), 6).order > first.order


def test_stored_message_is_removed_from_the_outbox(store: LocalStore) -> None:
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


def test_fork_does_not_change_the_outbox(store: LocalStore) -> None:
    log = Log().fill(1)
    store.start_span(1, 0, GENESIS)
    store.append(1, log.links, log.head())
    store.add_outgoing(key(1), message(1), 5)
    with pytest.raises(Forked):
        store.append(1, [log.links[0]._replace(hash=b"?" * 32), log.take(message(1))], log.head())
    assert [item.key for item in store.outgoing()] == [key(1)]


def test_erasing_a_room_keeps_its_outbox(store: LocalStore) -> None:
    stored_log(store)
    store.add_outgoing(key(1), message(1), 1)
    while store.erase_room(1, 2):
        pass
    assert [item.key for item in store.outgoing()] == [key(1)]
