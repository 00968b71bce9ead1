"""The store's contract: the log. Every test runs on SQLite and on MariaDB."""

import traceback

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.engine import Engine

from lanchat.protocol.limits import PAGE_OCTETS_MAX
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.log.records import Record, chain_hash, genesis_hash
from lanchat_server.core.model import ChangesKey, Decision, NewRecord, Rejection, RoomHead, RunKey, Target
from lanchat_server.core.ports import CommitFailed
from lanchat_server.store import SqlStore
from lanchat_server.store.searching import filling, indexing
from lanchat_server.store.tables import schema
from tests.support.stores import Database, Log, octets, room

# What databases are known to change: padding, case, composition, characters of four octets, quotes and backslashes,
# words that a driver looks for.
UNUSUAL = [
    "trailing spaces   ",
    "\ttabs and\nlines\n",
    "e\u0301 and é, ﬁ and fi, Å and Å",
    "😀👩‍👩‍👧‍👦🏳️‍🌈 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎",
    "quote ' double \" back \\ slash \\' percent %s %(x)s %% :name ? `tick`",
    "DELIMITER ;; DROP TABLE records; delimiter ' \\",
    "x" * 4000,
    "я" * 4000,
    "😀" * 4000,
    "\uffff\ufffd\u0378\u200b",
    "0x41 NULL null \\N",
]


def read_all(store: SqlStore, room_id: int) -> list[Record]:
    limit = 10_000
    return store.page(room_id, anchor=1, forward=True, limit=limit, first_seq=1, octets=1 << 30).records


def heads(store: SqlStore, *rooms: int) -> dict[int, RoomHead]:
    with store.transaction() as tx:
        return tx.heads(rooms)


def test_new_database_has_a_log_and_an_empty_room(store: SqlStore) -> None:
    snapshot = store.snapshot()
    assert store.log == snapshot.log
    assert (len(snapshot.log.log_id), snapshot.log.epoch) == (16, 1)
    [general] = snapshot.rooms
    assert general.head == RoomHead(0, genesis_hash(snapshot.log.log_id, general.id), 1000)
    assert heads(store, general.id) == {general.id: general.head}


def test_records_are_read_back_unchanged_after_reopening(database: Database) -> None:
    store = database.open()
    log = Log(store)
    made = log.say(*UNUSUAL)
    assert read_all(store, log.room) == [new.record for new in made]
    store.close()
    again = database.open()
    assert read_all(again, log.room) == [new.record for new in made]
    assert heads(again, log.room) == {log.room: log.head}


def test_octets_of_every_value_are_read_back(store: SqlStore) -> None:
    log = Log(store)
    every = bytes(range(256))
    made = []
    for i in range(0, 256, 8):
        new = log.make(device=f"d{i}")
        record = Record(new.record.seq, new.record.time_ms, every[i : i + 60] * 2, (every * 2)[i : i + 64], b"x")
        made.append(NewRecord(record, new.header, 1, (every * 2)[i + 16 : i + 48], "x"))
    log.store_all(*made)
    assert read_all(store, log.room) == [new.record for new in made]
    hashes = [
        store.page(log.room, anchor=new.record.seq, forward=False, limit=1, first_seq=1, octets=1).after for new in made
    ]
    assert hashes == [new.hash for new in made]


def test_numbers_up_to_63_bits_are_stored(store: SqlStore) -> None:
    most = 2**63 - 1
    with store.transaction() as tx:
        tx.add_room(room(store, most, "far"))
    log = Log(store, most)
    new = log.make(run=most)
    record = Record(1, most, new.record.header, new.record.signature, b"hello")
    log.store_all(NewRecord(record, new.header, most, new.hash, "hello"))
    assert read_all(store, most) == [record]
    with store.transaction() as tx:
        assert tx.last_numbers([RunKey(most, new.header.device, most)]) == {RunKey(most, new.header.device, most): 1}
        assert tx.targets(most, [1])[1].author == most


def test_chain_hashes_match_the_records(store: SqlStore) -> None:
    log = Log(store)
    log.say("one", "two", "three")
    chain = genesis_hash(store.log.log_id, log.room)
    for record in read_all(store, log.room):
        chain = chain_hash(store.log.log_id, log.room, chain, record)
    assert chain == log.head.hash


def test_decisions_and_last_numbers_are_found(store: SqlStore) -> None:
    log = Log(store)
    stored = log.say("a", "b", device="a") + log.say("c", device="b") + log.say("d", device="a", run=9)
    a, b, other_run = (RunKey(log.room, octets(name, 16), run) for name, run in (("a", 7), ("b", 7), ("a", 9)))
    refused = MessageKey(*a, 3)
    with store.transaction() as tx:
        tx.reject([Rejection(refused, 104, 5)])
    unknown = MessageKey(log.room, octets("nobody", 16), 7, 1)
    with store.transaction() as tx:
        found = tx.decisions([*(new.header.key for new in stored), refused, unknown, MessageKey(*b, 2)])
        assert found == {new.header.key: Decision(new.record.seq, 0) for new in stored} | {refused: Decision(0, 104)}
        never = RunKey(log.room, octets("nobody", 16), 7)
        assert tx.last_numbers([a, b, other_run, never]) == {a: 3, b: 1, other_run: 1, never: 0}
        assert (tx.decisions([]), tx.last_numbers([]), tx.heads([]), tx.targets(log.room, [])) == ({}, {}, {}, {})


def test_decision_never_changes(store: SqlStore) -> None:
    log = Log(store)
    [new] = log.say("a")
    late = MessageKey(log.room, octets("a", 16), 7, 2)
    with store.transaction() as tx:
        tx.reject([Rejection(late, 100, 1), Rejection(late, 101, 1), Rejection(new.header.key, 102, 1)])
    with store.transaction() as tx:
        tx.reject([Rejection(late, 103, 2)])
        keys = [late, new.header.key]
        assert tx.decisions(keys) == {late: Decision(0, 100), new.header.key: Decision(1, 0)}


def test_message_is_stored_once(store: SqlStore) -> None:
    log = Log(store)
    [first] = log.say("a")
    again = NewRecord(first.record, first.header, 1, octets("x", 32), "a")
    with pytest.raises(CommitFailed), store.transaction() as tx:
        tx.append(log.room, [again], RoomHead(1, again.hash, 5))
    moved = Record(2, 1, first.record.header, first.record.signature, b"a")
    with pytest.raises(CommitFailed), store.transaction() as tx:
        tx.append(log.room, [NewRecord(moved, first.header, 1, again.hash, "a")], RoomHead(2, again.hash, 5))
    assert read_all(store, log.room) == [first.record]
    assert heads(store, log.room) == {log.room: log.head}


def test_errors_contain_no_message_text(store: SqlStore) -> None:
    """No message may be read in a log file of the server, not even when its statement fails."""
    log = Log(store)
    [first] = log.say("between us")
    moved = Record(2, 1, first.record.header, first.record.signature, b"between us")
    again = NewRecord(moved, first.header, 1, octets("x", 32), "between us")
    with pytest.raises(CommitFailed) as failed, store.transaction() as tx:
        tx.append(log.room, [again], RoomHead(2, again.hash, 5))
    shown = "".join(traceback.format_exception(failed.value))
    assert "INSERT INTO records" in shown
    assert [said for said in ("between us", b"between us".hex(), first.record.signature.hex()) if said in shown] == []


def test_heads_are_read_again_after_a_failed_transaction(store: SqlStore) -> None:
    """Committed heads are cached; a change by another process is found all the same."""
    log = Log(store)
    log.say("a")
    with store.replacing() as connection:
        connection.execute(update(schema.rooms).values(head_seq=5, head_hash=octets("other", 32)))
    late = log.make("b")
    with pytest.raises(CommitFailed), store.transaction() as tx:
        tx.append(log.room, [late], log.head)
    assert heads(store, log.room)[log.room][:2] == (5, octets("other", 32))


def test_records_must_continue_at_the_head(store: SqlStore) -> None:
    log = Log(store)
    log.say("a")
    log.make("never stored")
    third = log.make("third")
    with pytest.raises(CommitFailed):
        log.store_all(third)
    with pytest.raises(CommitFailed), store.transaction() as tx:
        tx.append(4711, [third], RoomHead(3, third.hash, 5))
    assert len(read_all(store, log.room)) == 1


def test_several_rooms_in_one_transaction(store: SqlStore) -> None:
    with store.transaction() as tx:
        for number in range(300):
            tx.add_room(room(store, 1000 + number, f"room {number}"))
    logs = [Log(store, 1000 + number) for number in range(300)]
    said = {log: [log.make("one"), log.make("two")] for log in logs}
    with store.transaction() as tx:
        for log, made in said.items():
            tx.append(log.room, made, log.head)
        # Whoever looks within the transaction sees what was appended in it.
        assert tx.heads([log.room for log in logs]) == {log.room: log.head for log in logs}
    for log in (logs[0], logs[256], logs[299]):
        assert read_all(store, log.room) == [new.record for new in said[log]]
        assert [record.seq for _, record in store.search({log.room: 1}, "two", before=0, limit=5)] == [2]


def test_one_invalid_room_fails_the_whole_transaction(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.add_room(room(store, 1000, "other"))
    log, other = Log(store), Log(store, 1000)
    made, _ = log.make("a"), other.make("never stored")
    late = other.make("b")

    def append_both() -> None:
        with store.transaction() as tx:
            tx.append(log.room, [made], log.head)
            tx.append(other.room, [late], other.head)

    with pytest.raises(CommitFailed):
        append_both()
    assert (read_all(store, log.room), read_all(store, other.room)) == ([], [])


def test_room_is_appended_to_twice_in_one_transaction(store: SqlStore) -> None:
    log = Log(store)
    first, between = log.make("a"), log.head
    second = log.make("b")
    with store.transaction() as tx:
        tx.append(log.room, [first], between)
        tx.append(log.room, [second], log.head)
    assert read_all(store, log.room) == [first.record, second.record]


def test_exception_rolls_back_everything(store: SqlStore) -> None:
    log = Log(store)
    new = log.make("a")
    refused = Rejection(MessageKey(log.room, octets("b", 16), 1, 1), 100, 1)

    def fail_late() -> None:
        with store.transaction() as tx:
            tx.append(log.room, [new], log.head)
            tx.reject([refused])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert read_all(store, log.room) == []
    log.store_all(new)
    assert read_all(store, log.room) == [new.record]


def test_nothing_is_visible_before_the_commit(store: SqlStore) -> None:
    log = Log(store)
    new = log.make("a")
    with store.transaction() as tx:
        tx.append(log.room, [new], log.head)
        assert read_all(store, log.room) == []
        assert store.search({log.room: 1}, "a", before=0, limit=5) == []
    assert read_all(store, log.room) == [new.record]


def test_batch_larger_than_any_statement(store: SqlStore) -> None:
    log = Log(store)
    made = [log.make(f"message {i}", device=f"d{i % 300}") for i in range(1300)]
    log.store_all(*made)
    assert read_all(store, log.room) == [new.record for new in made]
    keys = [new.header.key for new in made]
    runs = {RunKey(key.room, key.device, key.run) for key in keys}
    with store.transaction() as tx:
        assert tx.decisions(keys) == {new.header.key: Decision(new.record.seq, 0) for new in made}
        assert set(tx.last_numbers(runs).values()) == {4, 5}
        assert len(tx.targets(log.room, range(1, 1400))) == 1300
    assert len(store.records(log.room, range(1400))) == 1300


def test_longest_messages_in_one_batch(store: SqlStore) -> None:
    log = Log(store)
    made = log.say(*["😀" * 4000] * 64)
    assert len(read_all(store, log.room)) == len(made)


def test_few_words_are_made_between_two_statements(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database ends a transaction in which it waits for seconds."""
    log = Log(store)
    steps: list[int] = [0]

    def record_statement(*_: object) -> None:
        steps.append(0)

    def record_words(text: str) -> str:
        steps[-1] += len(text)
        return text

    monkeypatch.setattr(indexing, "tokens", record_words)
    event.listen(store._engine, "before_cursor_execute", record_statement)
    try:
        log.say(*["x" * 16_000] * 40)
    finally:
        event.remove(store._engine, "before_cursor_execute", record_statement)
    assert sum(steps) == 40 * 16_000
    assert max(steps) <= filling.TEXT_MAX


def test_search_rows_are_numbered_in_order(database: Database) -> None:
    """SQLite's rows have the numbers after those that are there, also after a rollback and after a restart."""
    if not database.is_sqlite:
        pytest.skip("the others count by themselves")
    store = database.open()
    log = Log(store)
    made = log.say("one", "two")
    with pytest.raises(CommitFailed):
        log.store_all(*made)
    log.say("three")
    log.say("four")
    store.close()
    store = database.open()
    Log(store).say("five", run=8)
    with store.reading() as connection:
        ids = [row.id for row in connection.execute(select(schema.search.c.id).order_by(schema.search.c.id))]
        indexed = [row[0] for row in connection.exec_driver_sql("SELECT rowid FROM search_words ORDER BY rowid")]
    assert ids == indexed == [1, 2, 3, 4, 5]


def test_deletion_erases_the_body_permanently(database: Database) -> None:
    store = database.open()
    log = Log(store)
    secret, kept = log.say("secret", "kept")
    log.say("", kind=Kind.DELETE, ref=1)
    store.close()
    store = database.open()
    record, other, deletion = read_all(store, log.room)
    assert (record.body, record.erased_hash) == (None, sha256(b"secret"))
    assert (record.header, record.signature) == (secret.record.header, secret.record.signature)
    assert other == kept.record
    assert (deletion.body, deletion.erased_hash) == (b"", b"")
    before = genesis_hash(store.log.log_id, log.room)
    assert chain_hash(store.log.log_id, log.room, before, record) == secret.hash


def test_message_deleted_in_its_own_batch(store: SqlStore) -> None:
    log = Log(store)
    made = [log.make("secret"), log.make("changed", Kind.EDIT, ref=1), log.make("", Kind.DELETE, ref=1)]
    log.store_all(*made)
    assert [record.body for record in read_all(store, log.room)] == [None, None, b""]


def test_deletion_erases_earlier_edits_of_its_target_only(store: SqlStore) -> None:
    log = Log(store)
    log.say("secret")
    log.say("other")
    log.say("edit of the secret", kind=Kind.EDIT, ref=1)
    log.say("edit of the other", kind=Kind.EDIT, ref=2)
    log.say("👍", kind=Kind.REACTION, ref=1)
    log.say("", kind=Kind.DELETE, ref=1)
    bodies = [record.body for record in read_all(store, log.room)]
    assert bodies == [None, b"other", None, b"edit of the other", "👍".encode(), b""]


def test_record_received_without_its_erased_body(store: SqlStore) -> None:
    """A client returns what a restored server has lost; it has no body of what was deleted."""
    log = Log(store)
    new = log.make("gone")
    erased = Record(1, new.record.time_ms, new.record.header, new.record.signature, None, sha256(b"gone"))
    log.store_all(NewRecord(erased, new.header, 1, new.hash, ""))
    assert read_all(store, log.room) == [erased]
    assert store.search({log.room: 1}, "gone", before=0, limit=5) == []


def test_targets_have_kind_author_and_erasure(store: SqlStore) -> None:
    log = Log(store)
    log.say("a", author=5)
    log.say("👍", kind=Kind.REACTION, ref=1, author=6)
    log.say("", kind=Kind.DELETE, ref=1, author=5)
    with store.transaction() as tx:
        assert tx.targets(log.room, [1, 2, 3, 4]) == {
            1: Target(Kind.TEXT, 5, True),
            2: Target(Kind.REACTION, 6, False),
            3: Target(Kind.DELETE, 5, False),
        }


def test_rooms_are_separate(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.add_room(room(store, 5, "five"))
    general, five = Log(store), Log(store, 5)
    in_general = general.say("one", "two")
    in_five = five.say("uno")
    assert read_all(store, general.room) == [new.record for new in in_general]
    assert read_all(store, 5) == [new.record for new in in_five]
    assert heads(store, general.room, 5, 6) == {general.room: general.head, 5: five.head}
    assert [record.seq for record in store.records(5, [1, 2])] == [1]


class TestPage:
    @pytest.fixture
    def log(self, store: SqlStore) -> Log:
        log = Log(store)
        self.made = log.say(*(f"{i:04}" * 25 for i in range(1, 11)))
        return log

    def page(self, log: Log, **changes: int | bool) -> tuple[bytes, list[int]]:
        request: dict[str, int] = {"anchor": 1, "limit": 50, "first_seq": 1, "octets": PAGE_OCTETS_MAX}
        request |= changes
        page = log.store.page(log.room, forward=bool(request.pop("forward")), **request)
        last = page.records[-1].seq if page.records else None
        assert page.after == (page.before if last is None else self.hash_at(log, last))
        return page.before, [record.seq for record in page.records]

    def hash_at(self, log: Log, seq: int) -> bytes:
        return self.made[seq - 1].hash if seq else genesis_hash(log.store.log.log_id, log.room)

    @pytest.mark.parametrize(
        ("request_", "expected"),
        [
            ({"forward": True, "anchor": 1, "limit": 3}, [1, 2, 3]),
            ({"forward": True, "anchor": 9, "limit": 3}, [9, 10]),
            ({"forward": True, "anchor": 2, "first_seq": 5, "limit": 2}, [5, 6]),
            ({"forward": False, "anchor": 4, "limit": 3}, [2, 3, 4]),
            ({"forward": False, "anchor": 2, "limit": 3}, [1, 2]),
            ({"forward": False, "anchor": 99, "limit": 2}, [9, 10]),
            ({"forward": False, "anchor": 6, "first_seq": 5, "limit": 9}, [5, 6]),
            ({"forward": True, "anchor": 4, "octets": 250}, [4, 5]),
            ({"forward": False, "anchor": 4, "octets": 250}, [3, 4]),
            ({"forward": True, "anchor": 4, "octets": 1}, [4]),
            ({"forward": False, "anchor": 4, "octets": 1}, [4]),
            ({"forward": True, "anchor": 4, "octets": 300}, [4, 5, 6]),
        ],
    )
    def test_bounds_are_applied(self, log: Log, request_: dict[str, int], expected: list[int]) -> None:
        before, seqs = self.page(log, **request_)
        assert seqs == expected
        assert before == self.hash_at(log, expected[0] - 1)

    @pytest.mark.parametrize("anchor", [10, 5])
    def test_is_read_by_one_query(self, log: Log, anchor: int) -> None:
        asked: list[str] = []

        def record_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        event.listen(Engine, "before_cursor_execute", record_statement)
        try:
            assert self.page(log, forward=False, anchor=anchor, limit=3)[1] == [anchor - 2, anchor - 1, anchor]
            questions = [statement for statement in asked if not statement.startswith("BEGIN")]
        finally:
            event.remove(Engine, "before_cursor_execute", record_statement)
        assert len(questions) == 1

    def test_without_records_has_the_hash_before(self, log: Log) -> None:
        assert self.page(log, forward=True, anchor=11) == (log.head.hash, [])
        assert self.page(log, forward=True, anchor=500) == (log.head.hash, [])
        assert self.page(log, forward=False, anchor=3, first_seq=5) == (self.hash_at(log, 2), [])

    def test_of_an_empty_room_has_the_genesis_hash(self, store: SqlStore) -> None:
        log = Log(store)
        genesis = genesis_hash(store.log.log_id, log.room)
        assert self.page(log, forward=True, anchor=1) == (genesis, [])
        assert self.page(log, forward=False, anchor=1) == (genesis, [])


def test_single_records_are_read(store: SqlStore) -> None:
    log = Log(store)
    made = log.say("a", "b", "c")
    assert store.records(log.room, [3, 1, 3, 99]) == [made[0].record, made[2].record]
    assert store.records(log.room, []) == []


def test_changes_are_edits_reactions_and_deletions_of_a_record(store: SqlStore) -> None:
    log = Log(store)
    log.say("a", "b")
    [edit] = log.say("a!", kind=Kind.EDIT, ref=1)
    log.say("a reply", ref=1)
    [reaction] = log.say("👍", kind=Kind.REACTION, ref=1)
    [deletion] = log.say("", kind=Kind.DELETE, ref=2)
    assert store.changes(log.room, [1]) == [edit.record, reaction.record]
    assert store.changes(log.room, [2, 1]) == [edit.record, reaction.record, deletion.record]
    assert store.changes(log.room, [3]) == []
    counted = [ChangesKey(log.room, 1, Kind.EDIT), ChangesKey(log.room, 1, Kind.REACTION), ChangesKey(5, 1, Kind.EDIT)]
    with store.transaction() as tx:
        assert list(tx.count_changes(counted).values()) == [1, 1, 0]
    assert store.changes(log.room, []) == []


def test_messages_view_is_readable_by_hand(store: SqlStore) -> None:
    log = Log(store)
    log.say("Привет, 'мир'")
    with store.reading() as connection:
        row = connection.exec_driver_sql("SELECT room, seq, time_utc, kind, body FROM messages").one()
    assert (row.room, row.seq, row.kind, row.body) == ("general", 1, "text", "Привет, 'мир'")
    assert str(row.time_utc).startswith("1970-01-01 00:00:01.01")
