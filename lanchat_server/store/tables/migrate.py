"""Brings a database to the tables of this version, with Alembic and the revisions in db/versions.

A database at the right revision costs one query; Alembic is loaded only when there is something to do.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError
from lanchat_server.store.connection.url import DatabaseAddress
from lanchat_server.store.tables.schema import REVISION, metadata

# Seconds to wait for another server that is at the same work.
_MIGRATION_WAIT = 60
_CARRIED_OUT = (
    "SELECT name, coalesce(sql, '') FROM sqlite_master"
    " WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
)
# What the revisions make of that, by the digests of the statements.
_OURS = {
    "search_words": "d94d298b19362d9a2d538eb7bd880302",
    "search_deleted": "098ff4dee5ef6667adac58cf0b37db11",
    "search_updated": "905d72e79f59d5a18afc4f46c250ba0c",
    "messages": "6f5f781c5e829c3ee100c45b69fd95de",
}
# Tables of the first revision as it was released, which earlier ones of that name had not.
_RELEASED = frozenset({"quarantine", "search"})
_PACKAGED = Path(__file__).parents[2] / "_db"
_CHECKOUT = Path(__file__).parents[3] / "db"


def script_folder() -> Path:
    """Where db/ is: inside the installed package, or beside it in a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def current_revision(connection: Connection, address: DatabaseAddress) -> str | None:
    """The revision that the tables are at; None: there are none. Raises StoreError as `check_statements`, and when they
    were made before the first release."""
    _check_revision_table(connection, address)
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found != REVISION and not set(inspect(connection).get_table_names()) >= _RELEASED:
        message = _("{database} was made by LAN Chat before its first release: it cannot be used, and is left as it is")
        raise StoreError(message.format(database=address))
    return found


def migrate(connection: Connection, address: DatabaseAddress) -> None:
    """Bring the tables to REVISION and commit. Raises StoreError when they are too new, or another program's."""
    with alone(connection):
        found = current_revision(connection, address)
        if found is None:
            _check_empty(connection, address)
        if found != REVISION:
            _upgrade(connection, found, address)


def _check_empty(connection: Connection, address: DatabaseAddress) -> None:
    """Raise StoreError when another program's tables are there. On MySQL some of ours may be, of a start cut short."""
    ours = set() if address.is_sqlite else {"alembic_version", *metadata.tables}
    if set(inspect(connection).get_table_names()) - ours:
        message = _("{database} holds tables of another program: give LAN Chat a database of its own")
        raise StoreError(message.format(database=address))


def check_statements(connection: Connection, address: DatabaseAddress) -> None:
    """Raise StoreError when a SQLite file would carry out what somebody else put into it, as triggers and views are."""
    if address.is_sqlite:
        rows = connection.execute(text(_CARRIED_OUT)).all()
        _refuse_unless(all(_digest(sql) == _OURS.get(name) for name, sql in rows), address)


def _check_revision_table(connection: Connection, address: DatabaseAddress) -> None:
    """The same of what is read before anything else."""
    if address.is_sqlite:
        kinds = connection.execute(text("SELECT type FROM sqlite_master WHERE name = 'alembic_version'")).scalars()
        _refuse_unless(all(kind == "table" for kind in kinds), address)


def _refuse_unless(ours: bool, address: DatabaseAddress) -> None:
    if not ours:
        message = _("{database} has triggers, views or tables that LAN Chat did not make: it is not used")
        raise StoreError(message.format(database=address))


def _digest(sql: str) -> str:
    return hashlib.sha256(" ".join(sql.split()).encode()).hexdigest()[:32]


def check_revision(connection: Connection, address: DatabaseAddress) -> None:
    """Raise StoreError unless the tables are at REVISION."""
    found = current_revision(connection, address)
    if found is None:
        message = _("{database} holds no LAN Chat tables: create them with `lanchat-server init-db`")
        raise StoreError(message.format(database=address))
    if found != REVISION:
        check_known(found, address)
        message = _("{database} is of an older LAN Chat: bring it up to date with `lanchat-server init-db`")
        raise StoreError(message.format(database=address))


def check_known(found: str, address: DatabaseAddress) -> None:
    """Raise StoreError for a revision that this version does not know."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(script_folder()).walk_revisions()}
    if found not in known:
        message = _("{database} was made by a newer LAN Chat (revision {revision}): install that version")
        raise StoreError(message.format(database=address, revision=found[:32]))


def _upgrade(connection: Connection, found: str | None, address: DatabaseAddress) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(script_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found is not None:
        check_known(found, address)
    command.upgrade(config, REVISION)


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """The block, which is committed, runs in one server at a time. SQLite has its file lock for that."""
    name = "CONCAT(LEFT(DATABASE(), 40), '.lanchat')"
    if connection.dialect.name == "sqlite":
        yield
        connection.commit()
        return
    if not connection.execute(text(f"SELECT GET_LOCK({name}, {_MIGRATION_WAIT})")).scalar():
        raise StoreError(_("Another server is changing the tables: try again"))
    connection.commit()
    try:
        yield
        connection.commit()  # before the next one looks
    finally:
        with suppress(SQLAlchemyError):
            connection.rollback()
            connection.execute(text(f"DO RELEASE_LOCK({name})"))
