"""On a server with `sql_safe_updates=1`, which refuses changes of rows that no key leads to, everything works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.store import dump
from tests.support.filled_store import content, fill, write_keys
from tests.support.mariadb import MariaDB
from tests.support.stores import Database, general

pytestmark = pytest.mark.mariadb


@pytest.fixture
def database(mariadb: MariaDB, mariadb_url: str, tmp_path: Path) -> Iterator[Database]:
    assert mariadb.execute("SELECT @@GLOBAL.sql_safe_updates") == [(1,)]
    made = Database(tmp_path, mariadb_url)
    yield made
    made.close()


def test_session_allows_all_changes(database: Database) -> None:
    with database.open().replacing() as connection:
        assert connection.exec_driver_sql("SELECT @@sql_safe_updates").scalar() == 0


def test_whole_tables_are_changed(database: Database, tmp_path: Path) -> None:
    store = database.open()
    fill(store)
    write_keys(tmp_path)
    before = content(store)
    backup(tmp_path / "a.backup", store, tmp_path / "keys")
    others = [room.id for room in store.snapshot().rooms if room.id != general(store).id]
    with store.transaction() as tx:
        tx.set_allowances({by_user(AllowanceKind.ROOMS, 5): 1})
        tx.forget_allowances(1_000)
        tx.move_deadlines(-5, 1_000)
        tx.renew_lease()
        tx.delete_rooms(others)
    with store.transaction() as tx:
        while tx.erase_more(500):
            pass
    with store.replacing() as connection:
        dump.clear(connection)
    store.close()
    restore(tmp_path / "a.backup", database.url, tmp_path, force=True)
    assert content(database.open()) == before
