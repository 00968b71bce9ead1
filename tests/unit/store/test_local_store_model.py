"""Random histories of two openers, as of two processes, against a model of plain lists and dictionaries.

The true room is fixed; each step tells one of the two stores some part of it, as page, batch or repetition. After
every step both stores and the model say the same, also after a reopening.
"""

import itertools
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lanchat.core.ports import ChainLink, Forked, LocalStoreError, OutboxItem, StoredSpan
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.log.records import Head, Record
from lanchat.store.local import SqliteLocalStore
from tests.support.local_log import Log, key, message

LENGTH = 24
DELETIONS = {5: 2, 10: 9, 15: 3, 20: 11, 22: 20}  # number of the deletion, of its target
SENT = range(1, 9)  # numbers of messages that may wait in the outbox; even ones get into the room


def true_room() -> Log:
    """Texts, some deletions and some messages of the outbox."""
    log = Log()
    for seq in range(1, LENGTH + 1):
        if seq in DELETIONS:
            log.add("", Kind.DELETE, ref=DELETIONS[seq])
        elif seq % 3 == 0 and seq // 3 <= len(SENT):
            log.take(message(2 * (seq // 3)))
        else:
            log.add(f"text {seq}")
    return log


ROOM = true_room()
SEQS = st.integers(1, LENGTH)
WHICH = st.integers(0, 1)


class Model:
    """What the port promises, without regard to speed or crashes."""

    def __init__(self) -> None:
        self.span: StoredSpan | None = None
        self.head: Head | None = None
        self.records: dict[int, Record] = {}
        self.erased: set[int] = set()
        self.outbox: list[tuple[MessageKey, int]] = []

    def take(self, links: list[ChainLink]) -> None:
        for link in links:
            self.records[link.record.seq] = link.record
            if link.record.seq in DELETIONS:
                self.erased.add(DELETIONS[link.record.seq])
        for seq in self.erased & self.records.keys():
            record = self.records[seq]
            if record.body is not None:
                self.records[seq] = msgspec.structs.replace(record, body=None, erased_hash=record.body_hash)


class LocalStoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "log.sqlite")
        self.stores = [SqliteLocalStore(self.path), SqliteLocalStore(self.path)]
        self.model = Model()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    @initialize(base=st.integers(0, LENGTH))
    def start(self, base: int) -> None:
        self.model.span = StoredSpan(base, ROOM.hash_at(base), base, ROOM.hash_at(base))
        assert self.stores[0].start_span(1, base, ROOM.hash_at(base)) == self.model.span

    @rule(which=WHICH, base=st.integers(0, LENGTH))
    def start_again(self, which: int, base: int) -> None:
        assert self.stores[which].start_span(1, base, ROOM.hash_at(base)) == self.model.span

    @rule(which=WHICH, base=st.integers(0, LENGTH))
    def restart(self, which: int, base: int) -> None:
        assert self.model.span
        if self.model.span.cursor < base:
            self.model.span = StoredSpan(base, ROOM.hash_at(base), base, ROOM.hash_at(base))
            self.model.records = {}
        assert self.stores[which].restart_span(1, base, ROOM.hash_at(base)) == self.model.span

    @rule(which=WHICH, first=SEQS, count=st.integers(0, 8), at=st.integers(0, LENGTH))
    def append(self, which: int, first: int, count: int, at: int) -> None:
        links = ROOM.span(first, min(first + count - 1, LENGTH))
        head = ROOM.head(at)
        span = self.model.span
        assert span
        fresh = [link for link in links if link.record.seq > span.cursor]
        if fresh and fresh[0].record.seq != span.cursor + 1:
            with pytest.raises(LocalStoreError):
                self.stores[which].append(1, links, head)
            return
        self.stores[which].append(1, links, head)
        if fresh:
            self.model.take(fresh)
            self.model.span = span._replace(cursor=fresh[-1].record.seq, cursor_hash=fresh[-1].hash)
        sent = {message(n).header: key(n) for n in SENT}
        gone = {sent.get(link.record.header) for link in links}
        self.model.outbox = [waiting for waiting in self.model.outbox if waiting[0] not in gone]
        if self.model.head is None or at > self.model.head.seq:
            self.model.head = head

    @rule(which=WHICH, back=st.integers(1, 8), further=st.integers(0, 4))
    def prepend(self, which: int, back: int, further: int) -> None:
        """`further` records of the page are above the base already."""
        span = self.model.span
        assert span
        first = max(span.base - back + 1, 1)
        links = ROOM.span(first, min(span.base + further, LENGTH))
        self.stores[which].prepend(1, links, ROOM.hash_at(first - 1))
        if span.base:
            self.model.take([link for link in links if link.record.seq <= span.base])
            self.model.span = span._replace(base=first - 1, base_hash=ROOM.hash_at(first - 1))

    @rule(which=WHICH, seq=SEQS)
    def another_history_is_a_fork(self, which: int, seq: int) -> None:
        span = self.model.span
        assert span
        if span.base <= seq <= span.cursor:
            links = [*ROOM.span(seq, seq), *ROOM.span(seq + 1, seq + 3)]
            links[0] = links[0]._replace(hash=b"?" * 32)
            with pytest.raises(Forked):
                self.stores[which].append(1, links, ROOM.head())

    @rule(which=WHICH, n=st.sampled_from(SENT), made_ms=st.integers(0, 9))
    def send(self, which: int, n: int, made_ms: int) -> None:
        item = self.stores[which].add_outgoing(key(n), message(n), made_ms)
        known = dict(self.model.outbox)
        assert item.made_ms == known.get(key(n), made_ms)
        if key(n) not in known:
            self.model.outbox.append((key(n), made_ms))

    @rule(which=WHICH, numbers=st.sets(st.sampled_from(SENT)))
    def decided(self, which: int, numbers: set[int]) -> None:
        gone = [key(n) for n in numbers]
        self.stores[which].remove_outgoing(gone)
        self.model.outbox = [waiting for waiting in self.model.outbox if waiting[0] not in gone]

    @rule(which=WHICH)
    def reopen(self, which: int) -> None:
        self.stores[which].close()
        self.stores[which] = SqliteLocalStore(self.path)
        assert self.stores[which].recovered is None

    @invariant()
    def all_agree(self) -> None:
        model = self.model
        for store in self.stores:
            assert store.span(1) == model.span
            assert store.head(1) == model.head
            assert store.records(1, 0, LENGTH + 1) == [model.records[seq] for seq in sorted(model.records)]
            items = store.outgoing()
            assert [(item.key, item.made_ms) for item in items] == model.outbox
            assert_in_order(items)


def assert_in_order(items: list[OutboxItem]) -> None:
    assert all(item.message == message(item.key.n) for item in items)
    assert all(before.order < after.order for before, after in itertools.pairwise(items))


TestLocalStore = LocalStoreMachine.TestCase
TestLocalStore.settings = settings(max_examples=40, stateful_step_count=30)


def test_room_contains_messages_of_the_outbox() -> None:
    assert len({link.record.header for link in ROOM.links} & {message(n).header for n in SENT}) == 4
