"""Commits of unknown outcome: the next access determines it, and nothing is done twice."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mysql.connector.errors import DatabaseError
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.ports import CommitUnknown, StoreError
from lanchat_server.core.sequencing.sequencer import Sequencer
from lanchat_server.service.upkeep import housekeeping
from lanchat_server.service.wall_clock import ClockWatch
from lanchat_server.service.work.writer import Writer
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.tables import schema
from tests.support.fake_log import key_of
from tests.support.stores import KINDS, added, databases, user
from tests.support.waiting import patient

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    for database in databases(request, tmp_path, request.param):
        yield database.open()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, store: SqlStore) -> Any:
    """`broken(stored)`: the connection breaks at the next COMMIT, before or after it was carried out."""
    commit = Connection.commit

    def lost() -> DBAPIError:
        if not store.address.is_sqlite:
            return DBAPIError("COMMIT", None, DatabaseError(msg="Lost connection", errno=2013))
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR  # type: ignore[misc]
        return DBAPIError("COMMIT", None, error)

    def break_next(stored: bool) -> None:
        def once(connection: Connection) -> None:
            monkeypatch.setattr(Connection, "commit", commit)
            if stored:
                commit(connection)
            else:
                connection.rollback()
            raise lost()

        monkeypatch.setattr(Connection, "commit", once)

    return break_next


def unknown(store: SqlStore, name: str) -> CommitUnknown:
    with pytest.raises(CommitUnknown) as caught, store.transaction() as tx:
        tx.add_user(user(name))
    assert caught.value.stored is None
    return caught.value


@pytest.mark.parametrize("stored", [True, False])
def test_snapshot_determines_the_outcome_of_a_commit(store: SqlStore, broken: Any, stored: bool) -> None:
    broken(stored)
    error = unknown(store, "Anna")
    assert [row.name for row in store.snapshot().users] == ["Anna"] * stored
    assert error.stored is stored


@pytest.mark.parametrize("stored", [True, False])
def test_committed_transaction_determines_outcomes_before_it(store: SqlStore, broken: Any, stored: bool) -> None:
    added(store, "Anna")
    broken(stored)
    first = unknown(store, "Boris")
    broken(not stored)
    second = unknown(store, "Carla")
    # In a cluster the first one may still come, as long as no later one was committed.
    assert first.stored is None
    added(store, "Dora")
    assert (first.stored, second.stored) == (stored, not stored)


@pytest.mark.parametrize("stored", [True, False])
def test_snapshot_is_read_after_a_later_commit(store: SqlStore, broken: Any, stored: bool) -> None:
    """What is still under way at a node that was cut off collides with it, and is refused by the cluster."""

    def changes() -> int:
        with store.reading() as connection:
            return int(connection.execute(select(schema.lease.c.changes)).scalar_one())

    broken(stored)
    before = changes()
    unknown(store, "Anna")
    store.snapshot()
    after = changes()
    # Not a number that another transaction of unknown outcome may have made.
    assert after - before > 2
    store.snapshot()
    assert changes() == after


class SetClock:
    """A wall clock that is set while a steady one goes on."""

    def __init__(self) -> None:
        self.set_by_ms = 0

    def wall_ms(self) -> int:
        return NOW_MS + self.set_by_ms

    def steady_ms(self) -> int:
        return 1000


class Keeper:
    """What housekeeping needs to settle the clock, with the server's own writer."""

    def __init__(self, store: SqlStore) -> None:
        self.set_clock = SetClock()
        self.clock = ClockWatch(self.set_clock)  # type: ignore[arg-type]
        self.wall_ms = self.set_clock.wall_ms
        self.directory = Directory(store.snapshot())
        sequencer = Sequencer(self.directory, key_of(1), CoreConfig())
        ignore = lambda *_: None  # noqa: E731
        self.writer = Writer(store, self.directory, sequencer, ignore, ignore, self.wall_ms)

    async def jump(self, by_ms: int) -> None:
        self.set_clock.set_by_ms += by_ms
        housekeeping.watch_clock(self)  # type: ignore[arg-type]
        await self.settle()

    async def settle(self) -> None:
        await housekeeping.settle_clock(self)  # type: ignore[arg-type]


def end_of_invite(store: SqlStore) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(schema.invites.c.not_after_ms)).scalar_one())


@pytest.mark.parametrize("stored", [True, False])
def test_deadlines_move_once_after_a_commit_of_unknown_outcome(store: SqlStore, broken: Any, stored: bool) -> None:
    with store.transaction() as tx:
        tx.add_invite(b"i" * 32, 5, NOW_MS + HOUR_MS, 0)

    async def scenario() -> None:
        keeper = Keeper(store)
        await keeper.settle()
        for number in (1, 2):
            broken(stored)
            with pytest.raises(CommitUnknown):
                await keeper.jump(HOUR_MS)
            await keeper.settle()
            await keeper.settle()
            assert end_of_invite(store) == NOW_MS + (number + 1) * HOUR_MS
        # Set again before what came before is known.
        broken(stored)
        with pytest.raises(CommitUnknown):
            await keeper.jump(HOUR_MS)
        # Breaks the transaction that comes before the next one, to know.
        broken(not stored)
        with pytest.raises(StoreError):
            await keeper.jump(HOUR_MS)
        await keeper.settle()
        assert end_of_invite(store) == NOW_MS + 5 * HOUR_MS
        assert await keeper.writer.close(patient(5))

    asyncio.run(scenario())


def test_failed_check_keeps_both_moves() -> None:
    """Neither is lost when the database stays away after a commit of unknown outcome."""
    error = CommitUnknown("broken")
    failures: list[Exception] = [error, housekeeping.StoreError("away")]
    moved: list[int] = []

    async def transact(job: Any) -> None:
        if failures and not isinstance(failures[0], CommitUnknown):
            raise failures.pop(0)
        job(SimpleNamespace(move_deadlines=lambda by_ms, _now_ms: moved.append(by_ms)))
        if failures:
            raise failures.pop(0)

    set_clock = SetClock()
    context: Any = SimpleNamespace(
        clock=ClockWatch(set_clock),  # type: ignore[arg-type]
        wall_ms=set_clock.wall_ms,
        directory=SimpleNamespace(users={}),
        writer=SimpleNamespace(transact=transact),
    )

    async def scenario() -> None:
        for _ in range(2):
            set_clock.set_by_ms += HOUR_MS
            housekeeping.watch_clock(context)
            with pytest.raises(housekeeping.StoreError):
                await housekeeping.settle_clock(context)
        error.stored = False
        await housekeeping.settle_clock(context)

    asyncio.run(scenario())
    assert moved == [HOUR_MS, 2 * HOUR_MS]


@pytest.mark.mariadb
@pytest.mark.parametrize("number", [1180, 1047, 1317, 2013, 1927])
def test_unknown_outcome_is_looked_at_over_a_new_connection(
    mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What a node says that has lost the others leaves its connection open; another node may have the answer."""
    store = open_store(mariadb_url, tmp_path)
    store.take_lease("test", 1)

    def connection_id() -> int:
        with store.transaction() as tx:
            return int(tx._connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())

    before, commit = connection_id(), Connection.commit

    def once(connection: Connection) -> None:
        monkeypatch.setattr(Connection, "commit", commit)
        connection.rollback()
        raise DBAPIError("COMMIT", None, DatabaseError(msg="Got error 5 during COMMIT", errno=number))

    monkeypatch.setattr(Connection, "commit", once)
    error = unknown(store, "Anna")
    assert store.snapshot().users == []
    assert error.stored is False
    assert connection_id() != before
    store.close()
