"""Databases of released versions are brought to this version's tables, with all that is in them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.store import dump
from lanchat_server.store.connection.engine import make_engine
from lanchat_server.store.connection.url import parse_url
from lanchat_server.store.soundness import ConsistencyCheck
from lanchat_server.store.tables import schema
from tests.releases.make import FOLDER, ROOM, rows_of
from tests.support.mariadb import MariaDB
from tests.support.stores import KINDS, Database, Log, added

RELEASES = sorted(path.name for path in FOLDER.iterdir() if (path / "rows.json.gz").exists())


def expected(release: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(
        gzip.decompress((FOLDER / release / "rows.json.gz").read_bytes())
    )
    return found


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=RELEASES)
def database(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[Database]:
    folder = FOLDER / request.param
    if kind == "sqlite":
        content = gzip.decompress((folder / "lanchat.sqlite3.gz").read_bytes())
        (tmp_path / "lanchat.sqlite3").write_bytes(content)
        made = Database(tmp_path, None)
    else:
        server: MariaDB = request.getfixturevalue("mariadb")
        made = Database(tmp_path, request.getfixturevalue("mariadb_url"))
        name = parse_url(made.url, tmp_path).name
        for statement in gzip.decompress((folder / "mysql.sql.gz").read_bytes()).decode().split(";\n"):
            if statement:
                server.execute(statement.replace("%", "%%"), database=name)
    yield made
    made.close()


@pytest.fixture
def rows(request: pytest.FixtureRequest, database: Database) -> dict[str, list[dict[str, Any]]]:
    return expected(request.node.callspec.params["database"])


def change(database: Database, *statements: str) -> None:
    engine = make_engine(parse_url(database.url, database.folder))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def revision(database: Database) -> str:
    engine = make_engine(parse_url(database.url, database.folder))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    return str(found)


def check(database: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    """All of it is there, it is a whole log, is found by the search, and goes on."""
    store = database.open()
    assert revision(database) == schema.REVISION
    columns = {table: list(found[0]) for table, found in rows.items()}
    with store.reading() as connection:
        assert rows_of(connection, columns) == rows
        soundness = ConsistencyCheck(store.log.log_id)
        for table in dump.TABLES:
            for row in dump.read_rows(connection, table):
                soundness.check(table, row)
        soundness.finish()
    assert [record.seq for _room, record in store.search({ROOM: 1}, "apple", before=0, limit=9)] == [1]
    assert [record.seq for _room, record in store.search({ROOM: 1}, "message 7", before=0, limit=9)] == [8]
    added(store, "Carla")
    Log(store, ROOM).say("a new message", device="new")


def test_there_is_a_release() -> None:
    assert RELEASES


def test_start_takes_the_database_over(database: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    check(database, rows)


def test_init_db_takes_the_database_over(database: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    init_db(database.url, data_dir=database.folder)
    init_db(database.url, data_dir=database.folder)
    check(database, rows)


def test_tables_from_before_the_search_rules_are_taken_over(
    database: Database, rows: dict[str, list[dict[str, Any]]]
) -> None:
    """An older schema than any release has: so that a step is taken while there is only one."""
    change(database, "DROP TABLE search_state", "UPDATE alembic_version SET version_num = '0001'")
    check(database, rows)


def test_newer_tables_are_refused_in_one_line_and_left_alone(database: Database) -> None:
    change(database, "UPDATE alembic_version SET version_num = '9999'", "UPDATE lease SET holder = 'newer'")
    for start in (database.open, lambda: init_db(database.url, data_dir=database.folder)):
        with pytest.raises(StoreError, match=r"made by a newer LAN Chat \(revision 9999\)") as raised:
            start()
        assert "\n" not in str(raised.value)
    assert revision(database) == "9999"
