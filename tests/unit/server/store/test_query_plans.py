"""SQLite reads only the rows that a statement is about, however many messages the room has: no scan of whole rooms.

Each plan is that of this Python's SQLite and that of the newest one, which choose indexes by other rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.engine import Engine

from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat_server.core.model import RunKey
from lanchat_server.store import SqlStore
from lanchat_server.store.tables import schema
from tests.support.newest_sqlite import NewestSqlite
from tests.support.stores import Database, Log, octets

# What SQLite calls reading all of a room, or all of everything.
FULL_SCANS = (
    "PRIMARY KEY (room_id=?)",
    "INDEX records_ref (room_id=?)",
    "INDEX records_message (room_id=?)",
    "SCAN records",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    database = Database(tmp_path, None)
    yield database.open()
    database.close()


class Plans:
    """SQLite's query plans for statements about a table."""

    def __init__(self, table: str = "records", whole: tuple[str, ...] = FULL_SCANS) -> None:
        self.steps: list[str] = []
        self._table = table
        self._whole = whole

    def __enter__(self) -> "Plans":
        event.listen(Engine, "before_cursor_execute", self._explain)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._explain)

    def _explain(self, _connection: Any, cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if self._table in statement and not statement.startswith("INSERT") and not many:
            rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            newest = NewestSqlite(cursor).plan(statement, values)
            self.steps += [f"{step}   for   {statement}" for step in (*(row[-1] for row in rows), *newest)]

    def check(self) -> None:
        assert self.steps
        assert [step for step in self.steps if any(sign in step for sign in self._whole)] == []


def long_room(store: SqlStore) -> Log:
    log = Log(store)
    log.say(*(f"said {number}" for number in range(300)))
    log.say("better", kind=Kind.EDIT, ref=7)
    log.say("👍", kind=Kind.REACTION, ref=9)
    return log


def test_reading_scans_no_room(store: SqlStore) -> None:
    room = long_room(store).room
    with Plans() as plans:
        store.page(room, anchor=200, forward=False, limit=50, first_seq=1, octets=1 << 20)
        store.page(room, anchor=100, forward=True, limit=50, first_seq=1, octets=1 << 20)
        store.records(room, range(40, 60))
        store.search({room: 1}, "said", before=0, limit=50)
        assert [record.seq for record in store.changes(room, range(1, 51))] == [301, 302]
        assert [record.seq for record in store.changes(room, [9])] == [302]
    plans.check()


def test_deleting_scans_no_room(store: SqlStore) -> None:
    log = long_room(store)
    with Plans() as plans:
        log.say("", kind=Kind.DELETE, ref=7)
    plans.check()
    gone = store.records(log.room, [6, 7, 8, 301])
    assert [record.body is None for record in gone] == [False, True, False, True]


def test_deciding_scans_no_room(store: SqlStore) -> None:
    room, device = long_room(store).room, octets("a", 16)
    with Plans() as plans, store.transaction() as tx:
        assert len(tx.decisions([MessageKey(room, device, 7, n) for n in range(1, 20)])) == 19
        assert tx.last_numbers([RunKey(room, device, 7)]) == {RunKey(room, device, 7): 302}
        assert len(tx.targets(room, range(1, 20))) == 19
    plans.check()


def test_reindexing_scans_no_room(store: SqlStore) -> None:
    long_room(store)
    with store.replacing() as connection:
        connection.execute(update(schema.search).values(tokens=" zzold"))
        connection.execute(update(schema.search_state).values(version=0))
    with Plans() as plans, store.transaction() as tx:
        assert tx.index_more(50) is not None
        assert tx.index_more(50) is not None
    plans.check()


def test_storing_while_the_clock_is_behind_scans_no_room(store: SqlStore) -> None:
    log = long_room(store)
    log.say("later")
    log.set_clock(5)
    with Plans("search", ("INDEX search_record (room_id=?)", "SCAN search")) as plans:
        log.say("earlier")
    plans.check()


def test_the_newest_sqlite_reads_whole_rooms_without_the_hint(store: SqlStore) -> None:
    """What `REF_AS_FILTER` is for, and that the plans above would show it."""
    numbers = ", ".join(map(str, range(1, 51)))
    about = f"ref_seq BETWEEN 1 AND 50 AND {{}} IN ({numbers})"
    statement = f"SELECT body FROM records WHERE room_id = 1 AND {about} AND kind IN (3, 4)"
    with store.reading() as connection:
        newest = NewestSqlite(connection.connection.cursor())
    assert any("records_ref (room_id=? AND ref_seq>?" in step for step in newest.plan(statement.format("+ref_seq")))
    without = newest.plan(statement.format("ref_seq"))
    assert any(sign in step for step in without for sign in FULL_SCANS), without
