"""`init-db` against real servers: what it makes, what rights it gives, and that it may be repeated."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import mysql.connector
import pytest

from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.initdb import init_db
from lanchat_server.store import open_store
from lanchat_server.store.tables.migrate import script_folder
from tests.support.mariadb import PASSWORD, MariaDB
from tests.support.small_disk import fill, needs_root, small_disk
from tests.support.stores import Log, added

# What a URL, SQL or a driver could stumble over.
AWKWARD_PASSWORD = "p@ss'w\"ord\\ %s {account} ; -- /:#?"


@pytest.fixture
def server(mariadb: MariaDB) -> Iterator[MariaDB]:
    yield mariadb
    for database in ("lan_chat", "lanXchat", "Büro-Chat"):
        mariadb.execute(f"DROP DATABASE IF EXISTS `{database}`")
    for user, host in mariadb.execute("SELECT user, host FROM mysql.user WHERE user LIKE 'lan%'"):
        mariadb.execute(f"DROP USER `{user}`@`{host}`")


def url(server: MariaDB, database: str = "lan_chat", password: str = AWKWARD_PASSWORD) -> str:
    return server.url(quote(database), "lanchat", quote(password, safe=""))


def refusal_text(*arguments: str | None, data_dir: Path) -> str:
    with pytest.raises(StoreError) as raised:
        init_db(*arguments, data_dir=data_dir)
    text = str(raised.value)
    assert "\n" not in text
    assert PASSWORD not in text
    assert AWKWARD_PASSWORD not in text
    return text


@pytest.mark.mariadb
@pytest.mark.parametrize("database", ["lan_chat", "Büro-Chat"])
def test_admin_url_creates_database_account_and_schema(server: MariaDB, tmp_path: Path, database: str) -> None:
    where = url(server, database)
    init_db(where, server.url())
    store = open_store(where, tmp_path)
    store.take_lease("test", 1)
    added(store, "Anna")
    Log(store).say("hello")
    store.close()
    init_db(where, server.url())
    init_db(where)
    store = open_store(where, tmp_path)
    assert [row.name for row in store.snapshot().users] == ["Anna"]
    store.close()
    [(charset, collation)] = server.execute(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
        " WHERE schema_name = %s",
        database,
    )
    assert (charset, collation) == ("utf8mb4", "utf8mb4_unicode_ci")


@pytest.mark.mariadb
def test_created_account_has_no_other_rights(server: MariaDB) -> None:
    """`_` in a GRANT stands for any character: lanXchat must stay inaccessible."""
    init_db(url(server), server.url())
    server.create_database("lanXchat")
    server.execute("CREATE TABLE lanXchat.secrets (x INT)")
    account = {"host": "127.0.0.1", "port": server.port, "user": "lanchat", "password": AWKWARD_PASSWORD}
    with mysql.connector.connect(**account, use_pure=True) as connection:
        cursor = connection.cursor()
        for statement in (
            "SELECT * FROM lanXchat.secrets",
            "SELECT * FROM mysql.user",
            "CREATE DATABASE other",
            "CREATE USER other",
            "GRANT SELECT ON lan_chat.* TO other",
            "SELECT LOAD_FILE('/etc/passwd') FROM mysql.db",
            "SET GLOBAL max_connections = 1",
            "CREATE TRIGGER lan_chat.t BEFORE INSERT ON lan_chat.users FOR EACH ROW SET @x = 1",
        ):
            with pytest.raises(mysql.connector.Error) as raised:
                cursor.execute(statement)
            assert raised.value.errno in (1044, 1142, 1227, 1419), statement
        cursor.execute("SHOW DATABASES")
        # Everybody sees these two; of the second, which MySQL lists, only what is his own.
        assert {row[0] for row in cursor.fetchall()} <= {"information_schema", "performance_schema", "lan_chat"}
    hosts = {host for (host,) in server.execute("SELECT host FROM mysql.user WHERE user = 'lanchat'")}
    assert hosts == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.mariadb
def test_init_db_replaces_the_accounts_password(server: MariaDB, tmp_path: Path) -> None:
    init_db(url(server, password="old"), server.url())
    init_db(url(server, password="new"), server.url())
    open_store(url(server, password="new"), tmp_path).close()
    with pytest.raises(StoreError, match="refuses this user or password"):
        open_store(url(server, password="old"), tmp_path)


@pytest.mark.mariadb
def test_without_admin_url_uses_the_rights_of_the_account(server: MariaDB, tmp_path: Path) -> None:
    """The account of the URL creates the database if it may; otherwise the error names what to do."""
    assert "refuses this user or password" in refusal_text(url(server), data_dir=tmp_path)
    init_db(server.url("lan_chat"))
    open_store(server.url("lan_chat"), tmp_path).close()
    init_db(server.url("lan_chat"), server.url())
    assert [user for (user,) in server.execute("SELECT user FROM mysql.user WHERE user = 'lanchat'")] == []
    server.execute("DROP DATABASE lan_chat")
    server.execute(f"CREATE USER lanpoor@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    assert "--admin-url" in refusal_text(server.url("lan_chat", "lanpoor"), data_dir=tmp_path)
    assert "lacks rights" in refusal_text(url(server), server.url("", "lanpoor"), data_dir=tmp_path)


@pytest.mark.mariadb
def test_errors_are_one_line_without_passwords(server: MariaDB, tmp_path: Path) -> None:
    assert "password" in refusal_text(server.url("lan_chat", "lanchat", ""), server.url(), data_dir=tmp_path)
    assert "refuses" in refusal_text(url(server), server.url(password="wrong"), data_dir=tmp_path)
    refusal_text(url(server), "sqlite:///x", data_dir=tmp_path)
    refusal_text(None, server.url(), data_dir=tmp_path)
    refusal_text("nonsense", server.url(), data_dir=tmp_path)
    assert server.execute("SELECT user FROM mysql.user WHERE user = 'lanchat'") == []


@pytest.mark.mariadb
@pytest.mark.parametrize("rights", ["USAGE", "CREATE, DROP"])
def test_administrator_without_rights_is_named_and_leaves_nothing(server: MariaDB, tmp_path: Path, rights: str) -> None:
    server.execute("CREATE USER lanweak@'127.0.0.1' IDENTIFIED BY 'weak-secret'")
    server.execute(f"GRANT {rights} ON *.* TO lanweak@'127.0.0.1'")
    before = server.execute("SHOW DATABASES")
    text = refusal_text(url(server), server.url("", "lanweak", "weak-secret"), data_dir=tmp_path)
    assert "User lanweak lacks rights on" in text
    if rights == "USAGE":
        own = server.url("lan_chat", "lanweak", "weak-secret")
        assert "--admin-url" in refusal_text(own, data_dir=tmp_path)
    assert server.execute("SHOW DATABASES") == before
    assert server.execute("SELECT user FROM mysql.user WHERE user = 'lanchat'") == []


@pytest.mark.mariadb
def test_wrong_password_of_the_administrator_is_named(server: MariaDB, tmp_path: Path) -> None:
    before = server.execute("SHOW DATABASES")
    text = refusal_text(url(server), server.url("", "root", "not-this-one"), data_dir=tmp_path)
    assert "refuses this user or password" in text
    assert server.execute("SHOW DATABASES") == before


@needs_root
def test_full_disk_leaves_no_sqlite_database(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        fill(disk)
        assert "No space left" in refusal_text(f"sqlite:///{disk}/chat.db", data_dir=tmp_path)
        assert [path.name for path in disk.glob("chat.db*")] == ["chat.db.lock"]
        (disk / "filling").unlink()
        init_db(f"sqlite:///{disk}/chat.db", data_dir=tmp_path)


def test_creates_sqlite_databases(tmp_path: Path) -> None:
    init_db(None, data_dir=tmp_path / "data")
    init_db(None, data_dir=tmp_path / "data")
    init_db(f"sqlite:///{tmp_path}/other.db")
    assert (tmp_path / "data" / "lanchat.sqlite3").exists()
    store = open_store(f"sqlite:///{tmp_path}/other.db", tmp_path, migrate=False)
    assert store.log.epoch == 1
    store.close()


def test_sql_template_documents_its_placeholders() -> None:
    script = (script_folder() / "mysql" / "create.sql").read_text(encoding="utf-8")
    for name in ("{database}", "{pattern}", "{account}", "{password}"):
        assert f"-- {name}" in script
    assert "ALL PRIVILEGES" not in script
    assert "*.*" not in script
