"""Random histories: the databases compared with the store in memory that the simulator uses."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from lanchat.protocol.codes import HistoryPolicy, Role
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.wire import Cursor
from lanchat_server.core.model import LogState, NewRecord, Rejection, RoomHead, RunKey
from lanchat_server.core.ports import CommitFailed, Store, Transaction
from lanchat_server.store import SqlStore, open_store
from tests.support.mariadb import MariaDB
from tests.support.memory_store import MemoryDatabase, MemoryStore
from tests.support.stores import Log, device, general, member, octets, room, user

NAMES = st.sampled_from(["Anna", "anna", "Boris", "борис", "Zoë", "zoe"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
KINDS_OF_CHANGE = st.sampled_from([Kind.EDIT, Kind.DELETE, Kind.REACTION])
PICK = st.integers(0, 1000)


class RollBack(Exception):
    """Leaves a transaction without a commit."""


class Histories(RuleBasedStateMachine):
    """The same operations on a database and on the model; after each both have the same contents."""

    def __init__(self, open_empty: Callable[[Path], SqlStore]) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.real = open_empty(Path(self.folder.name))
        self.general = general(self.real).id
        self.model = MemoryStore(MemoryDatabase(LogState(self.real.log.log_id, 1), self.general))
        number = self.model.database.number = general(self.real).number
        self.model.database.rooms[self.general] = replace(self.model.database.rooms[self.general], number=number)
        self.stores: tuple[Store, Store] = (self.real, self.model)
        for store in self.stores:
            store.take_lease("test", 1)
        self.logs = [Log(self.real)]
        self.stored: list[NewRecord] = []
        self.deleted: list[int] = []

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            self.real.close()
            self.folder.cleanup()

    def both(self, job: Callable[[Transaction], object]) -> object:
        """Performs it on both; they return or raise alike."""
        outcomes: list[object] = []
        for store in self.stores:
            try:
                with store.transaction() as tx:
                    outcome = job(tx)
                outcomes.append(outcome)
            except (KeyError, CommitFailed, RollBack) as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    def people(self) -> list[int]:
        return [row.id for row in self.real.snapshot().users]

    # The log

    @rule(pick=PICK, texts=st.lists(TEXTS, min_size=1, max_size=4), who=st.sampled_from("abc"))
    def say(self, pick: int, texts: list[str], who: str) -> None:
        log = self.logs[pick % len(self.logs)]
        self.append(log, [log.make(text, device=who) for text in texts])

    @precondition(lambda self: self.stored)
    @rule(pick=PICK, changes=st.lists(st.tuples(KINDS_OF_CHANGE, PICK, TEXTS), min_size=1, max_size=4))
    def change(self, pick: int, changes: list[tuple[Kind, int, str]]) -> None:
        log = self.logs[pick % len(self.logs)]
        made = []
        for kind, target, text in changes:
            if log.head.seq:
                ref = target % log.head.seq + 1
                made.append(log.make("" if kind is Kind.DELETE else text, kind, ref=ref, device="b"))
        if made:
            self.append(log, made)

    def append(self, log: Log, made: list[NewRecord]) -> None:
        assert self.both(lambda tx: tx.append(log.room, made, log.head)) is None
        self.stored += made

    @precondition(lambda self: self.stored)
    @rule(pick=PICK)
    def append_again(self, pick: int) -> None:
        old = self.stored[pick % len(self.stored)]
        head = RoomHead(old.record.seq, old.hash, old.record.time_ms)
        assert self.both(lambda tx: tx.append(old.header.room, [old], head)) is CommitFailed

    @rule(text=TEXTS, name=NAMES)
    def undo(self, text: str, name: str) -> None:
        log = Log(self.real)
        new = log.make(text, device="undone")

        def job(tx: Transaction) -> None:
            tx.append(log.room, [new], log.head)
            tx.reject([Rejection(MessageKey(log.room, octets("undone", 16), 8, 1), 100, 1)])
            raise RollBack

        assert self.both(job) is RollBack

    @rule(pick=PICK, n=st.integers(1, 9), who=st.sampled_from("abc"), code=st.integers(100, 107))
    def reject(self, pick: int, n: int, who: str, code: int) -> None:
        key = MessageKey(self.logs[pick % len(self.logs)].room, octets(who, 16), 9, n)
        stored = [self.stored[pick % len(self.stored)].header.key] if self.stored else []
        self.both(lambda tx: tx.reject([Rejection(each, code, 5) for each in [key, *stored]]))

    # Accounts and rooms

    @rule(name=NAMES)
    def add_user(self, name: str) -> None:
        self.both(lambda tx: tx.add_user(user(name, created_ms=0)))

    @precondition(lambda self: self.people())
    @rule(pick=PICK, role=st.sampled_from(Role), disabled=st.booleans(), label=st.sampled_from("xyz"))
    def change_user(self, pick: int, role: Role, disabled: bool, label: str) -> None:
        id_ = self.people()[pick % len(self.people())]
        self.both(lambda tx: tx.update_user(id_, role=role, disabled=disabled))
        self.both(lambda tx: tx.add_device(device(id_, label)))
        if disabled:
            self.both(lambda tx: tx.revoke_devices([device(id_, label).id], 99))

    @rule(
        id_=st.integers(1, 3), name=st.sampled_from(["x", "X", "y", "general"]), history=st.sampled_from(HistoryPolicy)
    )
    def add_room(self, id_: int, name: str, history: HistoryPolicy) -> None:
        if any(log.room == id_ for log in self.logs):
            self.both(lambda tx: tx.update_room(id_, history=history))
        elif self.both(lambda tx: tx.add_room(room(self.real, id_, name))) is None:
            self.logs.append(Log(self.real, id_))

    @precondition(lambda self: self.people())
    @rule(pick=PICK, number=st.integers(0, 20), leave=st.booleans())
    def join_and_leave(self, pick: int, number: int, leave: bool) -> None:
        room_ = self.logs[pick % len(self.logs)].room
        id_ = self.people()[pick % len(self.people())]
        if leave:
            self.both(lambda tx: tx.remove_members(room_, [id_]))
        elif number % 2:
            self.both(lambda tx: tx.add_members([member(room_, id_, number)]))
        self.both(lambda tx: tx.set_cursors({id_: [Cursor(room_, number, 20 - number)]}))

    @precondition(lambda self: len(self.logs) > 1)
    @rule(pick=PICK, text=TEXTS)
    def delete_room(self, pick: int, text: str) -> None:
        log = self.logs.pop(1 + pick % (len(self.logs) - 1))
        new = log.make(text, device="b")

        def job(tx: Transaction) -> object:
            tx.append(log.room, [new], log.head)
            before = tx.heads([log.room])
            tx.delete_rooms([log.room])
            return before, tx.heads([log.room])

        self.both(job)
        self.stored = [kept for kept in self.stored if kept.header.room != log.room]
        self.deleted.append(log.room)

    # What must be the same

    @rule()
    def compare(self) -> None:
        self.same_tables()
        self.same_log()
        self.same_decisions()

    def same_tables(self) -> None:
        real, model = self.real.snapshot(), self.model.snapshot()
        for name in ("users", "devices", "rooms", "memberships"):
            assert sorted(getattr(real, name), key=repr) == sorted(getattr(model, name), key=repr)

    def same_log(self) -> None:
        for log in self.logs:
            seqs = range(log.head.seq + 2)
            assert self.real.records(log.room, seqs) == self.model.records(log.room, seqs)
            assert self.real.changes(log.room, seqs) == self.model.changes(log.room, seqs)
            for forward in (True, False):
                for anchor in (1, log.head.seq // 2 + 1, log.head.seq + forward or 1):
                    request: dict[str, Any] = {"anchor": anchor, "forward": forward, "limit": 3, "octets": 40}
                    pages = [store.page(log.room, first_seq=min(2, anchor), **request) for store in self.stores]
                    assert pages[0] == pages[1]

    def same_decisions(self) -> None:
        keys = [new.header.key for new in self.stored]
        keys += [
            MessageKey(log.room, octets(who, 16), 9, n) for log in self.logs for who in "abc" for n in range(1, 10)
        ]
        runs = {RunKey(key.room, key.device, key.run) for key in keys}
        rooms = [*(log.room for log in self.logs), *self.deleted, 4711]
        places = [(room_, id_) for room_ in rooms for id_ in (*self.people(), 4711)]

        def look(tx: Transaction) -> object:
            targets = [tx.targets(log.room, range(log.head.seq + 2)) for log in self.logs]
            return tx.heads(rooms), tx.were_members(places), tx.decisions(keys), tx.last_numbers(runs), targets

        self.both(look)


def run(open_empty: Callable[[Path], SqlStore], examples: int) -> None:
    run_state_machine_as_test(
        lambda: Histories(open_empty), settings=settings(max_examples=examples, stateful_step_count=25)
    )


def draw(count: int) -> bytes:
    return octets("model", count)


def test_sqlite_agrees_with_the_model() -> None:
    run(lambda folder: open_store(None, folder, random_octets=draw, now_ms=0), examples=20)


@pytest.mark.mariadb
def test_mariadb_agrees_with_the_model(mariadb: MariaDB) -> None:
    run(lambda folder: open_store(mariadb.create_database("model"), folder, random_octets=draw, now_ms=0), examples=8)
