"""What a server keeps of its lease, and which databases it refuses for it at the next start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from lanchat_server.core.model import LogState
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import last_lease
from lanchat_server.maintenance.backup import backup, restore
from lanchat_server.maintenance.last_lease import LAST_LEASE_FILE
from lanchat_server.store import SqlStore, open_store
from tests.support.stores import KINDS, Database, added, databases


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    yield from databases(request, tmp_path, request.param)


def opened(folder: Path, url: str | None = None) -> SqlStore:
    store = open_store(url, folder)
    store.take_lease("test", 1)
    return store


def test_database_as_it_was_left_is_taken_and_an_older_one_refused(database: Database) -> None:
    store = opened(database.folder, database.url)
    added(store, "Anna")
    before = store.lease_holder()
    added(store, "Boris")
    last_lease.remember(database.folder, store)
    last_lease.check(database.folder, store, store.lease_holder())
    for older in (before, before._replace(incarnation=before.incarnation - 1)):
        with pytest.raises(StoreError, match="older copy") as caught:
            last_lease.check(database.folder, store, older)
        assert LAST_LEASE_FILE in str(caught.value)
    # Another server, or a command, has had it since: the count begins anew.
    last_lease.check(database.folder, store, before._replace(incarnation=before.incarnation + 1, changes=0))
    store.close()


@pytest.mark.parametrize(("field", "other"), [("database", "mysql://h/x"), ("log_id", "00" * 16), ("epoch", 7)])
def test_other_databases_and_restored_ones_are_not_compared(tmp_path: Path, field: str, other: str | int) -> None:
    store = opened(tmp_path)
    last_lease.remember(tmp_path, store)
    last = last_lease.read(tmp_path)
    assert last is not None
    last_lease.write(tmp_path, replace(last, **{field: other}))
    last_lease.check(tmp_path, store, store.lease_holder()._replace(incarnation=0))
    store.close()


@pytest.mark.parametrize("text", ["", "{", "[" * 4000, '{"epoch": 1}', "null"])
def test_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / LAST_LEASE_FILE).write_text(text)
    assert last_lease.read(tmp_path) is None
    assert last_lease.newest_epoch(tmp_path, LogState(bytes(16), 1)) == 0


def test_nothing_is_kept_without_a_lease(tmp_path: Path) -> None:
    store = open_store(None, tmp_path)
    last_lease.remember(tmp_path, store)
    assert last_lease.read(tmp_path) is None
    store.close()


def test_backup_restored_again_into_a_new_database_has_a_newer_epoch(tmp_path: Path) -> None:
    """Else clients that know the first one would not see that it was restored."""
    data, file = tmp_path / "data", tmp_path / "a.backup"
    store = opened(data)
    backup(file, store, data / "keys")
    store.close()
    epochs = []
    for _ in range(2):
        (data / "lanchat.sqlite3").unlink()
        epochs.append(restore(file, None, data).log.epoch)
        store = opened(data)
        last_lease.remember(data, store)
        store.close()
    assert epochs == [2, 3]
