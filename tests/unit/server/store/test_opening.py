"""Opening a database: what is created, what is refused, and that every refusal is one line without a password."""

import gc
import os
import sqlite3
import stat
import sys
import threading
from pathlib import Path

import mysql.connector
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.store import open_store
from lanchat_server.store.connection.url import parse_url
from lanchat_server.store.tables import schema
from lanchat_server.store.tables.migrate import script_folder
from tests.support.mariadb import PASSWORD, MariaDB
from tests.support.ports import free_port
from tests.support.stores import Database, general, octets, user


def refused(url: str | None, folder: Path, **options: bool) -> str:
    """The one line that states why the database is not opened."""
    with pytest.raises(StoreError) as raised:
        open_store(url, folder, **options)
    text = str(raised.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def test_identities_are_drawn_once(database: Database) -> None:
    store = database.open(seed="first")
    room = general(store)
    assert store.log.log_id == octets("first", 16)
    assert room.id == int.from_bytes(octets("first", 8)) >> 1
    store.close()
    again = database.open(seed="second")
    assert (again.log, general(again)) == (store.log, room)


def test_database_from_before_the_first_release_is_refused_and_left_alone(database: Database) -> None:
    """Its revision has the name of one of today."""
    store = database.open()
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        connection.exec_driver_sql("DROP TABLE quarantine")
    store.close()
    before = (database.folder / "lanchat.sqlite3").read_bytes() if database.url is None else b""
    for options in ({}, {"migrate": False}, {"command": True}):
        assert "before its first release" in refused(database.url, database.folder, **options)
    assert not before or (database.folder / "lanchat.sqlite3").read_bytes() == before


def test_without_a_seed_every_log_is_different(tmp_path: Path) -> None:
    stores = [open_store(None, tmp_path / name) for name in "ab"]
    assert len({store.log.log_id for store in stores}) == 2
    assert len({general(store).id for store in stores}) == 2
    for store in stores:
        store.close()


def test_migrations_create_the_tables_of_the_schema(database: Database) -> None:
    store = database.open()
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            difference
            for difference in compare_metadata(context, schema.metadata)
            if "search_words" not in str(difference)
        ]
    assert differences == []


def test_newest_migration_is_the_expected_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


@pytest.mark.mariadb
@pytest.mark.parametrize("last", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_interrupted_first_start_is_completed(mariadb: MariaDB, mariadb_url: str, tmp_path: Path, last: str) -> None:
    """MySQL commits after each table: any number of them may exist."""
    open_store(mariadb_url, tmp_path).close()
    name = mariadb_url.rsplit("/", 1)[1]
    for left in ("DROP VIEW messages", "DROP TABLE search", "DROP TABLE records", last):
        mariadb.execute(left, database=name)
    mariadb.execute("DELETE FROM log", database=name)
    mariadb.execute("DELETE FROM lease", database=name)
    mariadb.execute("DELETE FROM rooms", database=name)
    store = open_store(mariadb_url, tmp_path)
    assert general(store).head.seq == 0
    store.close()


@pytest.mark.mariadb
def test_concurrent_first_starts_share_one_log(mariadb_url: str, tmp_path: Path) -> None:
    logs: list[bytes] = []

    def start(name: str) -> None:
        store = open_store(mariadb_url, tmp_path / name)
        logs.append(store.log.log_id)
        store.close()

    threads = [threading.Thread(target=start, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(logs) == 3
    assert len(set(logs)) == 1


def test_database_of_a_newer_version_is_refused(database: Database) -> None:
    store = database.open()
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    for may_migrate in (True, False):
        text = refused(database.url, database.folder, migrate=may_migrate)
        assert "newer" in text
        assert "9999" in text


def test_older_version_leaves_the_lease_of_a_newer_server(database: Database) -> None:
    store = database.open()
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    if database.is_sqlite:
        store.close()
    for command in (False, True):
        with pytest.raises(StoreError, match="newer"):
            open_store(database.url, database.folder, command=command)
    if not database.is_sqlite:
        with store.transaction():
            pass
        store.close()


def test_migration_fences_the_older_server_first(mariadb_url: str, tmp_path: Path) -> None:
    older = open_store(mariadb_url, tmp_path)
    older.take_lease("older", 1)
    with older.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    open_store(mariadb_url, tmp_path).close()
    with pytest.raises(Fenced), older.transaction():
        pass
    older.close()


def test_migration_leaves_no_connection_open(database: Database) -> None:
    store = database.open()
    store.take_lease("host:1", 1)
    with store.replacing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    store.close()
    gc.collect()
    gc.disable()
    try:
        again = database.open(lease=False)
        assert again._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        again.close()
    finally:
        gc.enable()


def test_nothing_is_created_without_migrating(database: Database) -> None:
    refused(database.url, database.folder, migrate=False)
    assert not (database.folder / "lanchat.sqlite3").exists()
    database.open().close()
    open_store(database.url, database.folder, migrate=False).close()


class TestFiles:
    @pytest.mark.skipif(sys.platform == "win32", reason="no file modes there")
    def test_files_are_private(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "data"
        old = os.umask(0)
        try:
            store = open_store(None, folder)
            store.take_lease("test", 1)
        finally:
            os.umask(old)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert set(modes.values()) == {0o600}
        assert {"lanchat.sqlite3", "lanchat.sqlite3-wal"} <= set(modes)
        store.close()

    def test_every_commit_is_synced_to_disk(self, tmp_path: Path) -> None:
        store = open_store(None, tmp_path)
        with store.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        store.close()

    def test_file_is_chosen_by_url(self, tmp_path: Path) -> None:
        open_store(f"sqlite:///{tmp_path}/other/chat.db", tmp_path / "unused").close()
        assert (tmp_path / "other" / "chat.db").exists()
        assert not (tmp_path / "unused").exists()

    def test_file_that_is_no_database_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "lanchat.sqlite3").write_bytes(b"some text, long enough to be seen as no database " * 40)
        assert "is not a LAN Chat database" in refused(None, tmp_path)

    def test_folder_in_place_of_the_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "lanchat.sqlite3").mkdir()
        refused(None, tmp_path)
        (tmp_path / "file").write_text("")
        refused(None, tmp_path / "file")

    def test_damaged_file_is_refused(self, tmp_path: Path) -> None:
        open_store(None, tmp_path).close()
        path = tmp_path / "lanchat.sqlite3"
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000)
        assert "damaged" in refused(None, tmp_path)

    def test_tables_of_another_program_are_not_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "lanchat.sqlite3"
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE users (id INTEGER)")
        other.close()
        refused(None, tmp_path)
        with sqlite3.connect(path) as other:
            assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["users"]
        other.close()


@pytest.mark.mariadb
class TestServers:
    def test_wrong_password_is_reported(self, mariadb: MariaDB, tmp_path: Path) -> None:
        assert "refuses this user or password" in refused(mariadb.url("x", password="wrong"), tmp_path)

    def test_missing_database_is_reported(self, mariadb: MariaDB, tmp_path: Path) -> None:
        text = refused(mariadb.url("not_there"), tmp_path)
        assert "not_there does not exist" in text
        assert "init-db" in text

    def test_unreachable_server_is_reported(self, tmp_path: Path) -> None:
        assert "No database server answers" in refused(f"mysql://u:{PASSWORD}@127.0.0.1:{free_port()}/x", tmp_path)

    def test_unknown_host_is_reported(self, tmp_path: Path) -> None:
        assert "No database server answers" in refused(f"mysql://u:{PASSWORD}@no-such-host.invalid/x", tmp_path)

    def test_missing_rights_are_reported(self, mariadb: MariaDB, mariadb_url: str, tmp_path: Path) -> None:
        name = mariadb_url.rsplit("/", 1)[1]
        mariadb.execute("DROP USER IF EXISTS reader@'127.0.0.1'")
        mariadb.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x'")
        assert "lacks rights" in refused(mariadb.url(name, "reader", "x"), tmp_path)
        mariadb.execute(f"GRANT SELECT ON `{name}`.* TO reader@'127.0.0.1'")
        assert "lacks rights" in refused(mariadb.url(name, "reader", "x"), tmp_path)

    def test_connection_limit_is_reported(self, tmp_path: Path) -> None:
        with MariaDB(("--max-connections=10",)) as server:
            url = server.create_database("chat")
            open_store(url, tmp_path).close()
            settings = {"host": "127.0.0.1", "port": server.port, "user": "root", "password": PASSWORD}
            held = [mysql.connector.connect(**settings, use_pure=True) for _ in range(11)]
            assert "takes no connection" in refused(url, tmp_path)
            for connection in held:
                connection.close()

    def test_unusual_database_names_are_accepted(self, mariadb: MariaDB, tmp_path: Path) -> None:
        url = mariadb.create_database("Chat-1 %_x")
        open_store(url.replace("Chat-1 %_x", "Chat-1%20%25_x"), tmp_path).close()
        mariadb.execute("DROP DATABASE `Chat-1 %_x`")

    def test_unusual_server_settings_are_overridden(self, tmp_path: Path) -> None:
        """Settings of the server that would change what is stored, or how statements are parsed."""
        options = (
            "--character-set-server=latin1",
            "--collation-server=latin1_swedish_ci",
            "--sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT",
            "--default-time-zone=+09:00",
            "--transaction-isolation=READ-UNCOMMITTED",
        )
        with MariaDB(options) as server:
            server.execute("CREATE DATABASE chat")
            store = open_store(server.url("chat"), tmp_path)
            store.take_lease("test", 1)
            with store.transaction() as tx:
                added = tx.add_user(user("Zoë 'x' \"\\"))
            assert store.snapshot().users == [added]
            collation = "SELECT collation_name FROM information_schema.columns WHERE table_schema = 'chat'"
            assert server.execute(f"{collation} AND table_name = 'users' AND column_name = 'name'") == [
                ("utf8mb4_unicode_ci",)
            ]
            store.close()


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "nonsense",
            "postgresql://u:secret@h/x",
            "mysql+pymysql://u:secret@h/x",
            "mysql://h/x",
            "mysql://u:secret@h",
            "mysql://u:secret@h/",
            "mysql://u:secret@h:port/x",
            "mysql://u:secret@h/x?ssl_disabled=true",
            "mysql://u:secret@h/x?use_pure=false",
            "mysql://u:secret@h/" + "x" * 65,
            "mysql://u:secret@h1,/x",
            "mysql://u:secret@,h2/x",
            "mysql://u:secret@h1,,h3/x",
            "mysql://u:secret@h1,h2,H1:3306/x",
            "mysql://u:secret@h1:0,h2/x",
            "mysql://u:secret@h1,h2:65536/x",
            "mysql://u:secret@h1,h2:port/x",
            "mysql://u:secret@h1, h2/x",
            "mysql://u:secret@h1;h2/x",
            "mysql://u:secret@h1,h2/x?unix_socket=/s",
            "mysql://u:secret@" + ",".join(f"h{number}" for number in range(17)) + "/x",
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite://host/x",
            "sqlite:///x?mode=ro",
        ],
    )
    def test_invalid_urls_are_refused(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(StoreError) as raised:
            parse_url(url, tmp_path)
        assert "secret" not in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_parts_are_parsed(self, tmp_path: Path) -> None:
        address = parse_url(
            "mariadb://lan%40x:p%2Fw%3A%25@db.example:3307/chat?ssl_ca=/ca.pem&ssl_verify_cert=1", tmp_path
        )
        assert (address.user, address.password, address.name, address.host) == ("lan@x", "p/w:%", "chat", "db.example")
        assert address.options == {"ssl_ca": "/ca.pem", "ssl_verify_cert": True}
        assert str(address) == "mysql://lan@x@db.example:3307/chat"
        assert "p/w" not in repr(address)
        assert parse_url(None, tmp_path).path == tmp_path / "lanchat.sqlite3"
        assert parse_url("sqlite:////srv/chat.db", tmp_path).path == Path("/srv/chat.db")
