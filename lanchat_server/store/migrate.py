"""Brings a database to the tables of this version, with Alembic and the revisions in db/versions.

A database at the right revision costs one query; Alembic is loaded only when there is something to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError
from lanchat_server.store.schema import REVISION, metadata
from lanchat_server.store.url import Address

# Seconds to wait for another server that is at the same work.
_MIGRATION_WAIT = 60
_PACKAGED = Path(__file__).parents[1] / "_db"
_CHECKOUT = Path(__file__).parents[2] / "db"


def script_folder() -> Path:
    """Where db/ is: inside the installed package, or beside it in a checkout."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def current_revision(connection: Connection) -> str | None:
    """The revision that the tables are at; None: there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(connection: Connection, address: Address) -> None:
    """Bring the tables to REVISION and commit. Raises StoreError when they are too new, or another program's."""
    with alone(connection):
        found = current_revision(connection)
        if found is None:
            _check_empty(connection, address)
        if found != REVISION:
            _upgrade(connection, found, address)


def _check_empty(connection: Connection, address: Address) -> None:
    """Raise StoreError when another program's tables are there. On MySQL some of ours may be, of a start cut short."""
    ours = set() if address.is_sqlite else {"alembic_version", *metadata.tables}
    if set(inspect(connection).get_table_names()) - ours:
        message = _("{database} holds tables of another program: give LAN Chat a database of its own")
        raise StoreError(message.format(database=address))


def check_revision(connection: Connection, address: Address) -> None:
    """Raise StoreError unless the tables are at REVISION."""
    found = current_revision(connection)
    if found is None:
        message = _("{database} holds no LAN Chat tables: create them with `lanchat-server init-db`")
        raise StoreError(message.format(database=address))
    check_known(found, address)
    if found != REVISION:
        message = _("{database} is of an older LAN Chat: bring it up to date with `lanchat-server init-db`")
        raise StoreError(message.format(database=address))


def check_known(found: str, address: Address) -> None:
    """Raise StoreError for a revision that this version does not know."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory(script_folder()).walk_revisions()}
    if found not in known:
        message = _("{database} was made by a newer LAN Chat (revision {revision}): install that version")
        raise StoreError(message.format(database=address, revision=found[:32]))


def _upgrade(connection: Connection, found: str | None, address: Address) -> None:
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
