"""Transactions that collide with those of another node of a cluster: they are done again, and nothing is done twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mysql.connector.errors import DatabaseError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import UserRow
from lanchat_server.core.ports import CommitConflict, CommitFailed, Transaction
from lanchat_server.core.sequencing.sequencer import Sequencer
from lanchat_server.service.work.writer import CONFLICTS_MAX, Writer
from lanchat_server.store import SqlStore
from tests.support.fake_log import key_of
from tests.support.mariadb import MariaDB
from tests.support.stores import databases, user

pytestmark = pytest.mark.mariadb


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    for database in databases(request, tmp_path, "mariadb"):
        yield database.open()


@pytest.fixture
def conflicting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`conflicting(n)`: the cluster refuses the next n commits. Returns a list that has one entry more for each."""
    commit, refused = Connection.commit, [0]

    def refuse(times: int) -> list[int]:
        def once(connection: Connection) -> None:
            if len(refused) > times:
                return commit(connection)
            refused.append(len(refused))
            connection.rollback()
            raise DBAPIError("COMMIT", None, DatabaseError(msg="Deadlock found", errno=1213))

        monkeypatch.setattr(Connection, "commit", once)
        return refused

    return refuse


async def add(store: SqlStore, name: str) -> str:
    """Adds an account by the writer; its name."""
    directory = Directory(store.snapshot())
    ignore = lambda *_: None  # noqa: E731
    writer = Writer(store, directory, Sequencer(directory, key_of(1), CoreConfig()), ignore, ignore, lambda: 1)

    def job(tx: Transaction) -> DirectoryChange[UserRow]:
        row = tx.add_user(user(name))
        return DirectoryChange(row, lambda: None)

    try:
        return (await writer.transact(job)).name
    finally:
        await writer.close(30.0)


def test_refused_transaction_is_done_again(store: SqlStore, conflicting: Any) -> None:
    refused = conflicting(CONFLICTS_MAX)
    assert asyncio.run(add(store, "Anna")) == "Anna"
    assert [row.name for row in store.snapshot().users] == ["Anna"]
    assert len(refused) == CONFLICTS_MAX + 1


def test_transaction_that_is_always_refused_fails_in_the_end(store: SqlStore, conflicting: Any) -> None:
    conflicting(10**6)
    with pytest.raises(CommitConflict):
        asyncio.run(add(store, "Anna"))


def test_lease_is_taken_in_spite_of_a_busy_holder(store: SqlStore, conflicting: Any) -> None:
    # `Connection.commit` is not what ends this transaction: the block does.
    refused: list[int] = []
    take = store._writing.take_lease

    def busy(holder: str, now_ms: int, terms: Any = None) -> int:
        if len(refused) < 20:
            refused.append(1)
            raise DBAPIError("COMMIT", None, DatabaseError(msg="Deadlock found", errno=1213))
        return take(holder, now_ms, terms)

    store._writing.take_lease = busy  # type: ignore[method-assign]
    assert store.take_lease("again", 1) > 1


def test_conflict_in_the_middle_of_a_transaction_is_one_too(store: SqlStore, mariadb: MariaDB) -> None:
    """A real deadlock: the error comes with a statement, and the transaction is gone."""
    with pytest.raises(CommitConflict) as caught, store.transaction():
        raise DBAPIError("UPDATE", None, DatabaseError(msg="Deadlock found", errno=1213))
    assert isinstance(caught.value, CommitFailed)
    assert asyncio.run(add(store, "Anna")) == "Anna"
