"""The store's contract: octets of the log, and used allowances. Every test runs on SQLite and MariaDB."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat_server.core.limits import usage
from lanchat_server.core.limits.allowance import AllowanceHolder, AllowanceKind, by_user
from lanchat_server.core.model import NewRecord, Rejection
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.store import SqlStore
from lanchat_server.store.transactions.transaction import SqlTransaction
from tests.support.stores import Database, Log, octets

ANNA, ADDRESS = by_user(AllowanceKind.ROOMS, 1), AllowanceHolder(AllowanceKind.ACCOUNTS, b"192.0.2.1")
NOON_MS = 1_700_000_000_000


def used(store: SqlStore, *spenders: AllowanceHolder) -> dict[AllowanceHolder, int]:
    with store.transaction() as tx:
        return tx.allowances(spenders)


def log_octets(store: SqlStore) -> int:
    with store.transaction() as tx:
        return tx.log_octets()


def failing(store: SqlStore, work: Callable[[SqlTransaction], None]) -> None:
    """A transaction that fails after all writes."""

    def run() -> None:
        with store.transaction() as tx:
            work(tx)
            tx.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()


def size(*records: NewRecord) -> int:
    return sum(usage.message_octets(len(new.record.header), len(new.record.body or b"")) for new in records)


def reopened(database: Database, store: SqlStore) -> SqlStore:
    store.close()
    return database.open()


def test_allowances_are_stored_until_nothing_is_used(database: Database) -> None:
    store = database.open()
    free_us = (NOON_MS + 1_000) * 1000
    with store.transaction() as tx:
        assert tx.allowances([ANNA, ADDRESS]) == {ANNA: 0, ADDRESS: 0}
        tx.set_allowances({ANNA: free_us, ADDRESS: 7})
        assert tx.allowances([ANNA]) == {ANNA: free_us}
    with store.transaction() as tx:
        tx.set_allowances({ANNA: free_us + 1})
    store = reopened(database, store)
    assert used(store, ANNA, ADDRESS) == {ANNA: free_us + 1, ADDRESS: 7}
    with store.transaction() as tx:
        tx.forget_allowances(NOON_MS)
    assert used(reopened(database, store), ANNA, ADDRESS) == {ANNA: free_us + 1, ADDRESS: 0}


def test_allowances_written_while_the_clock_was_ahead_are_removed(database: Database) -> None:
    store = database.open()
    with store.transaction() as tx:
        tx.set_allowances({ANNA: (NOON_MS + 10 * 86_400_000) * 1000})
        tx.forget_allowances(NOON_MS)
    assert used(reopened(database, store), ANNA) == {ANNA: 0}


def test_allowances_of_a_failed_transaction_are_not_stored(store: SqlStore) -> None:
    failing(store, lambda tx: tx.set_allowances({ANNA: NOON_MS * 1000}))
    assert used(store, ANNA) == {ANNA: 0}


def test_log_octets_count_stored_and_refused_messages(database: Database) -> None:
    store = database.open()
    log = Log(store)
    said = log.say("one", "два") + log.say("three")
    refused = Rejection(MessageKey(log.room, octets("a", 16), 7, 99), Code.BAD_TEXT, 5)
    with store.transaction() as tx:
        tx.reject([refused, refused])
    expected = size(*said) + usage.REJECTION_OCTETS
    assert log_octets(store) == expected
    with store.transaction() as tx:
        tx.reject([refused])
    assert log_octets(reopened(database, store)) == expected


def test_deletion_frees_the_text_and_its_edits(database: Database) -> None:
    store = database.open()
    log = Log(store)
    kept, gone, _other = log.say("kept", "удалено" * 10, "other")
    edits = [
        *log.say("первая", kind=Kind.EDIT, ref=gone.record.seq),
        log.make("second", Kind.EDIT, ref=gone.record.seq),
    ]
    deletion = log.make("", Kind.DELETE, ref=gone.record.seq)
    before = log_octets(store)
    log.store_all(edits[1], deletion)
    freed = sum(usage.body_octets(len(new.record.body or b"")) for new in (gone, *edits))
    assert log_octets(store) == before + size(edits[1], deletion) - freed
    # Twice gives nothing back.
    before = log_octets(store)
    again = log.say("", kind=Kind.DELETE, ref=gone.record.seq)
    assert log_octets(reopened(database, store)) == before + size(*again)
    assert kept.record.body


def test_failed_transaction_adds_no_octets(store: SqlStore) -> None:
    log = Log(store)
    before = log_octets(store)
    made = log.make("lost")
    failing(store, lambda tx: tx.append(log.room, [made], log.head))
    assert log_octets(store) == before


def test_restored_log_has_the_same_octets(database: Database, tmp_path: Path) -> None:
    store = database.open()
    log = Log(store)
    first, *_ = log.say("один", "two")
    log.say("", kind=Kind.DELETE, ref=first.record.seq)
    with store.transaction() as tx:
        tx.reject([Rejection(MessageKey(log.room, octets("a", 16), 7, 99), Code.BAD_TEXT, 5)])
        tx.set_allowances({ANNA: 2**62})
    expected = log_octets(store)
    file, keys = tmp_path / "office.backup", tmp_path / "keys"
    keys.mkdir()
    backup(file, store, keys)
    store.close()
    restore(file, database.url, database.folder, force=True)
    store = database.open()
    assert (log_octets(store), used(store, ANNA)) == (expected, {ANNA: 0})
