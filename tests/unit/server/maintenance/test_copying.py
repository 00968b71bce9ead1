"""`copy-database` between every pair of database kinds: complete, compared, interrupted, resumed, refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from lanchat_server.core.limits.allowance import AllowanceKind, by_user
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.copying import CopyProgress, copy_database
from lanchat_server.store import dump, open_store
from lanchat_server.store.connection.url import parse_url
from lanchat_server.store.tables import schema
from tests.support.filled_store import content, fill
from tests.support.mariadb import MariaDB
from tests.support.stores import KINDS, Database, Log, added, databases


class Place:
    """A database by its URL, for a command that opens it by itself."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.url = database.url or f"sqlite:///{parse_url(None, database.folder).path}"


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "source").mkdir()
    for database in databases(request, tmp_path / "source", request.param):
        yield Place(database)


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "target").mkdir()
    if request.param == "sqlite":
        for database in databases(request, tmp_path / "target", "sqlite"):
            yield Place(database)
        return
    server: MariaDB = request.getfixturevalue("mariadb")
    database = Database(tmp_path / "target", server.create_database("copied"))
    yield Place(database)
    database.close()
    server.execute("DROP DATABASE copied")


@pytest.fixture
def filled(source: Place) -> object:
    """What the closed source holds."""
    store = source.database.open()
    fill(store)
    with store.transaction() as tx:
        tx.set_allowances({by_user(AllowanceKind.ROOMS, 5): 123_456})
    found = content(store), store.log
    source.database.close()
    return found


def copied(source: Place, target: Place, tell: Callable[[CopyProgress], None] = lambda _progress: None) -> int:
    """How many rows an earlier copy had."""
    return copy_database(source.url, target.url, target.database.folder, tell).found


def refusal(source: Place, target: Place) -> str:
    with pytest.raises(StoreError) as raised:
        copied(source, target)
    assert "\n" not in str(raised.value)
    return str(raised.value)


class Interrupted(Exception):
    """Ctrl+C."""


def interrupt_after(batches: int) -> Callable[[CopyProgress], None]:
    said = iter(range(batches - 1))

    def tell(_progress: CopyProgress) -> None:
        if next(said, None) is None:
            raise Interrupted

    return tell


def test_copy_has_everything_and_the_same_log(source: Place, target: Place, filled: object) -> None:
    said: list[CopyProgress] = []
    assert copied(source, target, said.append) == 0
    store = target.database.open()
    assert (content(store), store.log) == filled
    with store.transaction() as tx:
        spender = by_user(AllowanceKind.ROOMS, 5)
        assert tx.allowances([spender]) == {spender: 123_456}
        octets = tx.log_octets()
    original = source.database.open()
    with original.transaction() as tx:
        assert tx.log_octets() == octets
    Log(store).say("a new message", device="new")
    assert CopyProgress("records", 1000, 1404, comparing=False) in said
    assert CopyProgress("records", 1404, 1404, comparing=True) in said


def test_interrupted_copy_goes_on_where_it_was(source: Place, target: Place, filled: object) -> None:
    with pytest.raises(Interrupted):
        copied(source, target, interrupt_after(5))
    with pytest.raises(StoreError, match="copy-database"):
        open_store(target.database.url, target.database.folder)
    with pytest.raises(Interrupted):
        copied(source, target, interrupt_after(1))
    assert copied(source, target) > 1000
    store = target.database.open()
    assert (content(store), store.log) == filled


def test_copy_begins_anew_when_the_original_was_used_since(source: Place, target: Place, filled: object) -> None:
    with pytest.raises(Interrupted):
        copied(source, target, interrupt_after(5))
    store = source.database.open()
    Log(store).say("meanwhile", device="other")
    now = content(store)
    source.database.close()
    assert copied(source, target) == 0
    assert content(target.database.open()) == now


def test_full_target_is_refused_and_left_alone(source: Place, target: Place, filled: object) -> None:
    store = target.database.open(seed="another")
    added(store, "Carla")
    before = content(store)
    target.database.close()
    assert "is not empty" in refusal(source, target)
    assert content(target.database.open()) == before


def test_second_copy_is_refused(source: Place, target: Place, filled: object) -> None:
    copied(source, target)
    assert "is not empty" in refusal(source, target)


@pytest.mark.parametrize("which", ["source", "target"])
def test_database_in_use_by_a_server_is_refused(
    source: Place, target: Place, filled: object, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = source if which == "source" else target
    store = place.database.open()
    if not place.database.is_sqlite:
        # It lives: whoever looks sees it renew the lease.
        renewed = iter(range(1, 1000))

        def look(_seconds: float) -> None:
            next(renewed)
            with store.transaction() as tx:
                tx.renew_lease()

        monkeypatch.setattr("lanchat_server.store.sqlstore.time.sleep", look)
        with store.transaction() as tx:
            tx.renew_lease()
    assert ("stop it first" in refusal(source, target)) is True


def test_the_same_database_twice_is_refused(source: Place, filled: object) -> None:
    assert "are the same database" in refusal(source, source)


def test_missing_original_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database"):
        copy_database(f"sqlite:///{tmp_path}/a", f"sqlite:///{tmp_path}/b", tmp_path, lambda _progress: None)
    assert not (tmp_path / "a").exists()


def test_altered_row_of_the_copy_is_found(source: Place, target: Place, filled: object) -> None:
    """A row of the part that an earlier run copied."""
    with pytest.raises(Interrupted):
        copied(source, target, interrupt_after(4))
    store = open_store(target.database.url, target.database.folder, filling=True)
    store.claim_lease()
    with store.replacing() as connection:
        connection.execute(update(schema.users).values(display_name="Mallory"))
    store.close()
    assert "the table users differs" in refusal(source, target)
    with pytest.raises(StoreError, match="copy-database"):
        open_store(target.database.url, target.database.folder)


def test_damaged_original_is_not_copied(source: Place, target: Place, filled: object) -> None:
    store = source.database.open()
    with store.replacing() as connection:
        connection.execute(update(schema.records).where(schema.records.c.seq == 5).values(body="forged"))
    source.database.close()
    assert "damaged" in refusal(source, target)
    assert dump.TABLES  # the original is as it was: nothing of it is written but the lease


def test_batches_move_the_log_of_a_sqlite_database_into_its_file(tmp_path: Path) -> None:
    """SQLite changes the database file then, which is nobody else's work."""
    database = Database(tmp_path, None)
    store = database.open()
    with store.batches() as begin:
        for _ in range(3):
            with begin() as connection:
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS large (x)")
                connection.exec_driver_sql("INSERT INTO large VALUES (zeroblob(12000000))")
    store.snapshot()
    added(store, "Anna")
    database.close()
