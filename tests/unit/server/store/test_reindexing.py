"""A log that was indexed by other rules is reindexed in parts while it grows; a stop loses nothing."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from lanchat.protocol.log.messages import Kind
from lanchat.protocol.text.search_words import VERSION
from lanchat_server.core.model import IndexProgress
from lanchat_server.core.ports import StoreError
from lanchat_server.service.upkeep import parts, reindexing
from lanchat_server.store import SqlStore
from lanchat_server.store.tables import schema
from tests.support.stores import Database, Log, room
from tests.unit.server.store.test_search import corpus, expected, queries, seqs


def index_more(store: SqlStore, messages: int) -> IndexProgress | None:
    with store.transaction() as tx:
        return tx.index_more(messages)


def index_all(store: SqlStore, messages: int) -> list[IndexProgress]:
    steps = []
    while progress := index_more(store, messages):
        steps.append(progress)
    return steps


def make_outdated(store: SqlStore) -> None:
    """As if indexed by other rules: other words, some messages missing, some superfluous."""
    search = schema.search.c
    with store.replacing() as connection:
        connection.execute(update(schema.search).where(search.seq % 3 == 0).values(tokens=" zzold zzwords"))
        connection.execute(delete(schema.search).where(search.seq % 7 == 0))
        connection.execute(update(schema.search_state).values(version=VERSION - 1))


def check(store: SqlStore, present: dict[int, str]) -> None:
    for query in queries()[::7]:
        assert seqs(store, query, limit=500) == expected(present, query, 500), query
    assert seqs(store, "old words") == []


def times(store: SqlStore) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(select(schema.search.c.time_ms).order_by(schema.search.c.seq)).scalars())


def test_new_database_is_current(store: SqlStore) -> None:
    assert index_more(store, 10) is None


def test_outdated_index_is_rebuilt_with_progress(store: SqlStore) -> None:
    present = corpus(Log(store), 200)
    before = times(store)
    make_outdated(store)
    assert index_all(store, 60) == [IndexProgress(done, 200) for done in (60, 120, 180, 200)]
    check(store, present)
    assert times(store) == before
    assert index_more(store, 60) is None


def test_database_without_the_state_table_is_migrated(database: Database) -> None:
    store = database.open()
    present = corpus(Log(store), 50)
    make_outdated(store)
    with store.replacing() as connection:
        connection.exec_driver_sql("DROP TABLE search_state")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()
    store = database.open()
    assert index_all(store, 500) == [IndexProgress(50, 50)]
    check(store, present)


def test_reindexing_continues_after_a_stop(database: Database) -> None:
    store = database.open()
    log = Log(store)
    present = corpus(log, 200)
    make_outdated(store)
    for done in (50, 100, 150):
        assert index_more(store, 50) == IndexProgress(done, 200)
        store.close()
        store = database.open()
    assert index_more(store, 50) == IndexProgress(200, 200)
    assert index_more(store, 50) is None
    check(store, present)


def test_uncommitted_part_is_repeated(store: SqlStore) -> None:
    present = corpus(Log(store), 100)
    make_outdated(store)

    def fail() -> None:
        with store.transaction() as tx:
            tx.index_more(60)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert index_all(store, 60) == [IndexProgress(60, 100), IndexProgress(100, 100)]
    check(store, present)


def test_messages_stored_meanwhile_are_found(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.add_room(room(store, 5, "five"))
    other, log = Log(store, 5), Log(store)
    present = corpus(log, 120)
    other.say("apple elsewhere", "pear elsewhere")
    make_outdated(store)
    index_more(store, 50)
    index_more(store, 50)
    (new,) = log.say("brand new")
    first = next(iter(present))
    log.say("edited meanwhile", kind=Kind.EDIT, ref=first)
    gone = list(present)[1]
    log.say("", kind=Kind.DELETE, ref=gone)
    del present[gone]
    present |= {new.record.seq: "brand new", first: "edited meanwhile"}
    assert seqs(store, "brand") == [new.record.seq]
    index_all(store, 50)
    check(store, present)
    assert seqs(store, "edited meanwhile") == [first]
    assert seqs(store, "elsewhere", rooms={5: 1}) == [2, 1]


def test_other_rules_meanwhile_restart_the_reindexing(store: SqlStore) -> None:
    present = corpus(Log(store), 100)
    make_outdated(store)
    index_more(store, 60)
    with store.replacing() as connection:
        connection.execute(update(schema.search).values(tokens=" zzold"))
        connection.execute(update(schema.search_state).values(building=VERSION + 7))
    assert index_all(store, 100) == [IndexProgress(100, 100)]
    check(store, present)


# --- In the server ----------------------------------------------------------------------------------------------------


class Parts:
    """A service whose writer indexes in so many parts, with failures of the database between them."""

    def __init__(self, answers: list[Any]) -> None:
        self.state = reindexing.IndexingState()
        self.seen: list[IndexProgress | None] = []
        self._answers = answers
        self._now = 0.0

    def now(self) -> float:
        self._now += 3.0
        return self._now

    async def transact(self, job: Any) -> Any:
        self.seen.append(self.state.progress)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return job(SimpleNamespace(index_more=lambda messages: answer)).value


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The lengths of the pauses in seconds, which take no time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(parts.asyncio, "sleep", sleep)
    return slept


def test_progress_is_logged_and_an_outage_is_retried(slept: list[float], caplog: pytest.LogCaptureFixture) -> None:
    service: Any = Parts(
        [IndexProgress(200, 500), StoreError("away"), IndexProgress(400, 500), IndexProgress(500, 500), None]
    )
    with caplog.at_level(logging.INFO):
        asyncio.run(reindexing.index_anew(service, service.now, service.state))
    assert service.seen == [None, (200, 500), (200, 500), (400, 500), (500, 500)]
    assert service.state.progress is None
    assert slept == [pytest.approx(slept[0]), parts.RETRY, *slept[2:]]
    assert "indexing the search anew: 200 of 500 messages" in caplog.messages
    assert "the search could not be indexed: away" in caplog.messages
    assert caplog.messages[-1] == "the search is indexed: 500 messages"


@pytest.mark.usefixtures("slept")
def test_current_index_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        service: Any = Parts([None])
        asyncio.run(reindexing.index_anew(service, service.now, service.state))
    assert caplog.messages == []
