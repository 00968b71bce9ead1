"""Crafted SQLite files: triggers, views, computed tables. Nothing in them is executed."""

import sqlite3
from pathlib import Path

import pytest

from lanchat.core.ports import LocalStoreError
from lanchat.store import rescue
from lanchat.store.local import SqliteLocalStore
from lanchat_server.core.ports import StoreError
from lanchat_server.store import open_store
from tests.support.local_log import key, message
from tests.support.stores import added

# Never ends, and would be noticed by the time limit of the test.
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"


def prepare(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


SERVER = {
    "trigger": ("CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE users SET role = 3; END",),
    "trigger that removes": ("CREATE TRIGGER t AFTER UPDATE ON lease BEGIN DELETE FROM records; END",),
    "view in the place of a table": (
        "ALTER TABLE records RENAME TO kept",
        f"CREATE VIEW records AS {ENDLESS} SELECT i AS seq FROM n",
    ),
    "view in the place of the revision": (
        "DROP TABLE alembic_version",
        f"CREATE VIEW alembic_version AS {ENDLESS} SELECT max(i) AS version_num FROM n",
    ),
    "virtual table": ("CREATE VIRTUAL TABLE other USING fts5(text)",),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("statements", SERVER.values(), ids=SERVER)
@pytest.mark.parametrize("migrate", [True, False], ids=["server", "command"])
def test_server_refuses_a_database_with_foreign_statements(
    tmp_path: Path, statements: tuple[str, ...], migrate: bool
) -> None:
    store = open_store(None, tmp_path)
    store.take_lease("test", 1)
    added(store, "Anna")
    store.close()
    path = next(tmp_path.glob("*.sqlite3"))
    prepare(path, *statements)
    with pytest.raises(StoreError, match="that LAN Chat did not make") as refused:
        open_store(None, tmp_path, migrate=migrate)
    assert len(str(refused.value).splitlines()) == 1
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name, role FROM users").fetchall()[0][0] == "Anna"
    connection.close()


CLIENT = {
    "trigger": ("CREATE TRIGGER t AFTER INSERT ON outgoing BEGIN DELETE FROM outgoing; END",),
    "view": (f"CREATE VIEW other AS {ENDLESS} SELECT i FROM n",),
    "virtual table": ("CREATE VIRTUAL TABLE other USING fts5(text)",),
    "table of another shape": ("DROP TABLE users", "CREATE TABLE users (id INTEGER PRIMARY KEY, data BLOB, more)"),
    "index that computes": ("CREATE INDEX i ON users (length(data))",),
    "computed column": ("ALTER TABLE users ADD COLUMN more AS (zeroblob(length(data) * 1000000))",),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "log.sqlite"
    store = SqliteLocalStore(path)
    store.add_outgoing(key(1), message(1, "not sent yet"), 1)
    store.close()
    return path


@pytest.mark.timeout(60)
@pytest.mark.parametrize("statements", CLIENT.values(), ids=CLIENT)
def test_local_copy_with_foreign_statements_is_set_aside(copy: Path, statements: tuple[str, ...]) -> None:
    prepare(copy, *statements)
    store = SqliteLocalStore(copy)
    assert store.recovered
    assert [item.key for item in store.outgoing()] == [key(1)]
    store.close()
    store = SqliteLocalStore(copy)
    assert not store.recovered
    store.close()


@pytest.mark.timeout(60)
def test_computed_outbox_is_not_read(copy: Path) -> None:
    prepare(
        copy,
        "ALTER TABLE outgoing RENAME TO kept",
        f"CREATE VIEW outgoing AS {ENDLESS} SELECT i item, i room, i device, i run, i n, i data FROM n",
    )
    store = SqliteLocalStore(copy)
    assert store.recovered
    assert store.outgoing() == [] or [item.key for item in store.outgoing()] == [key(1)]
    store.add_outgoing(key(2), message(2, "another"), 2)
    store.close()
    assert rescue.read_outbox(copy)


def test_schemas_are_not_trusted(copy: Path) -> None:
    connection = rescue.connect(copy)
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    connection.close()
    with pytest.raises(LocalStoreError):
        SqliteLocalStore(copy.parent)
