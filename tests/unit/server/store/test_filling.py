"""The search is filled behind the log: the database knows what is missing, so that no end of a process loses it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, func, select, update

from lanchat.protocol.log.messages import Kind
from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.model import IndexProgress
from lanchat_server.store import SqlStore, dump
from lanchat_server.store.searching import filling
from lanchat_server.store.tables import schema
from tests.support.stores import Database, Log, room
from tests.unit.server.store.test_search import seqs


@pytest.fixture
def behind(store: SqlStore) -> SqlStore:
    """As a server opens it."""
    store.indexes_behind = True
    return store


def fill(store: SqlStore, records: int = 200) -> None:
    with store.transaction() as tx:
        tx.index_appended(records)


def is_behind(store: SqlStore) -> bool:
    return store.indexing.indexed < store.indexing.appended


def words_in(store: SqlStore) -> Iterator[str]:
    with store.reading() as connection:
        yield from connection.execute(select(schema.search.c.tokens).order_by(schema.search.c.seq)).scalars()


def lags(store: SqlStore) -> list[filling.RoomLag]:
    with store.reading() as connection:
        return filling.lags(connection)


def test_words_come_after_the_commit(behind: SqlStore) -> None:
    fill(behind)
    assert not is_behind(behind)
    log = Log(behind)
    log.say("green apple", "red apple")
    assert is_behind(behind)
    assert seqs(behind, "apple") == []
    assert lags(behind) == [filling.RoomLag(log.room, 0, 2)]
    fill(behind)
    assert not is_behind(behind)
    assert seqs(behind, "apple") == [2, 1]
    assert lags(behind) == []


def test_pages_that_a_commit_writes(database: Database) -> None:
    """SQLite's log of writes has a frame of 4,120 octets for each page that a commit changes: those of the lease, the
    room, what is used, the records and their two indexes; sometimes a second one of these."""
    if not database.is_sqlite:
        pytest.skip("the others write in their own way")
    store = database.open()
    store.indexes_behind = True
    log = Log(store)
    spender = by_user(AllowanceKind.OCTETS, 1)
    [wal] = database.folder.glob("*-wal")

    def commit(first: int, count: int) -> int:
        before = wal.stat().st_size
        for number in range(first, first + count):
            made = log.make(f"message {number} ".ljust(200, "x"))
            with store.transaction() as tx:
                tx.append(log.room, [made], log.head)
                tx.set_allowances({spender: number})
        return (wal.stat().st_size - before) // 4120

    # Below the number of pages at which the log begins anew.
    commit(1, 20)
    assert commit(21, 50) <= 50 * 8


def test_a_command_leaves_nothing_behind(store: SqlStore) -> None:
    Log(store).say(*["apple"] * 5)
    assert seqs(store, "apple") == [5, 4, 3, 2, 1]
    assert not is_behind(store)


def test_parts_follow_one_another(behind: SqlStore) -> None:
    with behind.transaction() as tx:
        tx.add_room(room(behind, 5, "five"))
    log, other = Log(behind), Log(behind, 5)
    other.say("pear", "pear")
    log.say(*["apple"] * 5)
    fill(behind, 4)
    assert sum(lag.head - lag.done for lag in lags(behind)) == 3
    assert is_behind(behind)
    fill(behind, 4)
    assert not is_behind(behind)
    assert seqs(behind, "apple") == [5, 4, 3, 2, 1]
    assert seqs(behind, "pear", rooms={5: 1}) == [2, 1]


def test_edits_are_applied_in_order_across_parts(behind: SqlStore) -> None:
    log = Log(behind)
    log.say("first", "second")
    fill(behind)
    log.say("changed", kind=Kind.EDIT, ref=1)
    log.say("third")
    log.say("changed again", kind=Kind.EDIT, ref=1)
    log.say("changed too", kind=Kind.EDIT, ref=4)
    for _ in range(4):
        fill(behind, 1)
    assert not is_behind(behind)
    assert seqs(behind, "first") == seqs(behind, "third") == []
    assert seqs(behind, "again") == [1]
    assert seqs(behind, "changed") == [4, 1]


def test_deleted_words_go_with_the_commit(behind: SqlStore) -> None:
    """Whether they are in the search already or not, and those of edits."""
    log = Log(behind)
    log.say("secret one", "kept")
    fill(behind)
    log.say("secret two")
    log.say("secret edit", kind=Kind.EDIT, ref=2)
    fill(behind, 1)
    log.say("secret three")
    for ref in (1, 2, 3, 5):
        log.say("", kind=Kind.DELETE, ref=ref)
    assert not any("secret" in words for words in words_in(behind))
    fill(behind)
    assert not is_behind(behind)
    assert list(words_in(behind)) == []


def test_times_never_go_down_across_parts(behind: SqlStore) -> None:
    log = Log(behind)
    log.say("one", "two", "three")
    fill(behind)
    log.set_clock(5)
    log.say("four")
    fill(behind)
    with behind.reading() as connection:
        times = list(connection.execute(select(schema.search.c.time_ms).order_by(schema.search.c.seq)).scalars())
    assert times == [5, 5, 5, 5]


def test_an_end_between_commit_and_index_is_made_good(database: Database) -> None:
    store = database.open()
    store.indexes_behind = True
    log = Log(store)
    log.say("apple", "pear")
    fill(store)
    log.say("red apple")
    log.say("plum", kind=Kind.EDIT, ref=2)
    store.close()
    store = database.open()
    assert is_behind(store)
    with store.transaction() as tx:
        assert tx.index_more(1) == IndexProgress(3, 4)
    with store.transaction() as tx:
        assert tx.index_more(200) is None
    assert not is_behind(store)
    assert seqs(store, "apple") == [3, 1]
    assert seqs(store, "plum") == [2]


def test_a_command_makes_good_what_a_server_left(database: Database) -> None:
    store = database.open()
    store.indexes_behind = True
    Log(store).say("apple")
    store.close()
    store = database.open()
    Log(store).say("pear", run=8)
    assert seqs(store, "apple") == [1]
    assert seqs(store, "pear") == [2]


def test_what_is_undone_is_still_to_do(behind: SqlStore) -> None:
    Log(behind).say("apple")

    def fail() -> None:
        with behind.transaction() as tx:
            tx.index_appended(200)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert is_behind(behind)
    fill(behind)
    assert seqs(behind, "apple") == [1]


def test_numbers_put_back_are_indexed_once(behind: SqlStore) -> None:
    Log(behind).say("apple", "pear")
    fill(behind)
    with behind.replacing() as connection:
        connection.execute(delete(schema.search_heads))
    fill(behind)
    assert seqs(behind, "apple") == [1]
    assert len(list(words_in(behind))) == 2


def test_words_of_an_older_release_count_as_filled(database: Database) -> None:
    """Until then a message was indexed in the transaction that stored it."""
    store = database.open()
    Log(store).say("apple")
    with store.replacing() as connection:
        connection.execute(update(schema.search).values(tokens=" zzkept"))
        connection.exec_driver_sql("DROP TABLE search_heads")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    store.close()
    store = database.open()
    assert lags(store) == []
    Log(store).say("pear", run=8)
    assert next(words_in(store)) == " zzkept"
    assert seqs(store, "pear") == [2]


def test_deleted_rooms_are_not_filled(behind: SqlStore) -> None:
    with behind.transaction() as tx:
        tx.add_room(room(behind, 5, "five"))
    Log(behind, 5).say("apple")
    fill(behind)
    Log(behind, 5).say("pear", run=8)
    with behind.transaction() as tx:
        tx.delete_rooms([5])
    fill(behind)
    assert not is_behind(behind)
    with behind.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.search_heads)).scalar() == 0


def test_restored_log_is_in_the_search_whole(behind: SqlStore) -> None:
    Log(behind).say("apple", "pear")
    with behind.replacing() as connection:
        rows = {table: list(dump.read_rows(connection, table)) for table in dump.TABLES}
        dump.clear(connection)
        for table, found in rows.items():
            dump.write_rows(connection, table, found)
        dump.set_log(connection, behind.log)
    assert lags(behind) == []
    assert seqs(behind, "apple") == [1]
