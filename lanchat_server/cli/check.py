"""`lanchat-server --check`: what the server needs of this computer and of its database, each used once."""

import asyncio
import re
import sqlite3
import tempfile
from pathlib import Path

from sqlalchemy import text as sql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lanchat.checks.network import network_checks
from lanchat.checks.runner import CheckFailed, Finding, SelfCheck, run_checks
from lanchat.checks.window import window_check
from lanchat.i18n import _
from lanchat.terminal.output import OutputWriter
from lanchat_server.config import Argon2, ServerConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import open_store
from lanchat_server.store.connection.engine import DatabaseTimeouts, make_engine
from lanchat_server.store.connection.errors import store_error
from lanchat_server.store.connection.url import DatabaseAddress, parse_url
from lanchat_server.store.tables import migrate
from lanchat_server.store.tables.schema import REVISION

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody
_SAMPLE = "Привет, 👋"
# Seconds for one answer of a database; the whole check has lanchat.checks.runner.CHECK_TIMEOUT.
_TIMEOUTS = DatabaseTimeouts(answer=8, node_answer=8, idle_write=0)
# As db/mysql/create.sql grants them: for running, and for making and changing tables.
_RUNNING = ("SELECT", "INSERT", "UPDATE", "DELETE")
_CHANGING = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW")
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?P<place>.+?) TO ")
# Each needs one right of an account, and changes no row: there is no lease 0.
_HARMLESS = (
    "SELECT holder FROM lease WHERE id = 0",
    "INSERT INTO lease SELECT * FROM lease WHERE id = 0",
    "UPDATE lease SET holder = holder WHERE id = 0",
    "DELETE FROM lease WHERE id = 0",
)


def check(settings: ServerConfig, output: OutputWriter) -> int:
    """Runs all checks; the exit code. The database is among them where a URL was given."""
    checks = [
        *network_checks(),
        SelfCheck("sqlite", "SQLite", check_sqlite),
        SelfCheck("argon2", "Argon2", lambda: check_argon2(settings.argon2)),
        window_check("lanchat_server", needed=False),
    ]
    if settings.database is not None:
        checks.append(SelfCheck("database", _("database"), lambda: check_database(settings)))
    return run_checks(checks, output)


# --- On this computer -------------------------------------------------------------------------------------------------


def check_sqlite() -> Finding:
    """An embedded database made in a scratch folder: all tables, a commit, and the same log after it was reopened."""
    with tempfile.TemporaryDirectory(prefix="lanchat-check-") as folder:
        try:
            made = open_store(None, Path(folder))
            made.close()
            again = open_store(None, Path(folder), migrate=False)
            again.close()
        except StoreError as error:
            raise CheckFailed(str(error)) from None
    if again.log != made.log:
        raise CheckFailed(_("what was written is not there any more"))
    text = _("a database made, written durably and read again in a scratch folder; SQLite {version}")
    return Finding(text.format(version=sqlite3.sqlite_version), {"version": sqlite3.sqlite_version})


def check_argon2(cost: Argon2) -> Finding:
    """A password's hash made with the parameters in use and recognized, and another password refused."""
    return asyncio.run(_check_argon2(cost))


async def _check_argon2(cost: Argon2) -> Finding:
    hasher = PasswordHasher(cost.memory_kib, cost.time_cost, cost.parallelism, workers=1)
    try:
        stored = await hasher.hash(_PASSWORD)
        if not await hasher.verify(_PASSWORD, stored):
            raise CheckFailed(_("the right password is refused"))
        if await hasher.verify(_PASSWORD + "r", stored):
            raise CheckFailed(_("a wrong password is taken"))
    finally:
        hasher.close()
    parameters = stored.split("$")[3]
    text = _("a password recognized and a wrong one refused ({parameters})")
    return Finding(text.format(parameters=parameters), {"parameters": parameters})


# --- The database of the configuration --------------------------------------------------------------------------------


def check_database(settings: ServerConfig, timeouts: DatabaseTimeouts = _TIMEOUTS) -> Finding:
    """Connects and looks: version, character set, rights, tables. Nothing in the database is changed."""
    try:
        address = parse_url(settings.database, settings.data_dir)
        if address.path is not None and not address.path.exists():
            return _no_file(address.path)
        engine = make_engine(address, timeouts)
        try:
            with engine.connect() as connection:
                return _look(connection, address)
        except SQLAlchemyError as error:
            raise store_error(error, address) from None
        finally:
            engine.dispose()
    except StoreError as error:
        raise CheckFailed(str(error)) from None


def _no_file(path: Path) -> Finding:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with tempfile.NamedTemporaryFile(dir=folder):  # raises OSError where nothing can be made
        pass
    text = _("{path} is not there yet; the server will make it")
    return Finding(text.format(path=path), {"tables": "none"})


def _look(connection: Connection, address: DatabaseAddress) -> Finding:
    found = migrate.current_revision(connection, address)
    if found not in (None, REVISION):
        migrate.check_known(found, address)
    tables = {None: "none", REVISION: "current"}.get(found, "older")
    said = {
        "none": _("no tables yet"),
        "current": _("tables of this version"),
        "older": _("tables of an older version, which the next start will update"),
    }[tables]
    if address.is_sqlite:
        text = _("{path} opened; {tables}; SQLite {version}")
        values = {"version": sqlite3.sqlite_version, "tables": tables}
        return Finding(text.format(path=address, tables=said, version=sqlite3.sqlite_version), values)
    version, charset, collation = connection.execute(
        sql("SELECT VERSION(), @@character_set_database, @@collation_database")
    ).one()
    _check_charset(connection)
    note = _check_rights(connection, address, tables)
    text = _("connected to {address}, version {version}; {charset}, {collation}; rights suffice; {tables}")
    values = {"version": version, "charset": charset, "collation": collation, "tables": tables}
    line = text.format(address=address, version=version, charset=charset, collation=collation, tables=said)
    return Finding(line + note, values)


def _check_charset(connection: Connection) -> None:
    came = connection.execute(sql("SELECT :sample"), {"sample": _SAMPLE}).scalar()
    if came != _SAMPLE:
        raise CheckFailed(_("the database does not give back all characters: utf8mb4 is needed"))


def _check_rights(connection: Connection, address: DatabaseAddress, tables: str) -> str:
    """Raises CheckFailed when the account may do too little now, or SQLAlchemyError; what it may not do later, as the
    end of a line."""
    if tables != "none":
        for statement in _HARMLESS:
            connection.execute(sql(statement))
        connection.rollback()
    granted = _granted(connection, address.name)
    if granted is None:
        return ""
    wanted = _CHANGING if tables == "current" else (*_RUNNING, *_CHANGING)
    missing = ", ".join(right for right in wanted if right not in granted)
    if missing and tables != "current":
        raise CheckFailed(_("the account lacks these rights: {rights}").format(rights=missing))
    if missing:
        return "; " + _("to update tables it will need these rights: {rights}").format(rights=missing)
    return ""


def _granted(connection: Connection, database: str) -> set[str] | None:
    """The rights of this account on a database; None when they cannot be told from its grants (roles)."""
    granted: set[str] = set()
    for (line,) in connection.execute(sql("SHOW GRANTS FOR CURRENT_USER")).all():
        found = _GRANT.match(line)
        if found is None:  # a role
            return None
        if _covers(found["place"], database):
            granted |= {right.strip() for right in found["rights"].split(",")}
    if granted & {"ALL", "ALL PRIVILEGES"}:
        granted |= {*_RUNNING, *_CHANGING}
    return granted


def _covers(place: str, database: str) -> bool:
    """Whether a grant's place (`*.*`, or a pattern of names in backquotes) holds for all tables of a database."""
    name, _dot, table = place.rpartition(".")
    if table != "*":
        return False
    if name == "*":
        return True
    pieces = re.findall(r"\\?.", name.strip("`").replace("``", "`"), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(piece) or re.escape(piece.removeprefix("\\")) for piece in pieces)
    return re.fullmatch(expression, database, re.IGNORECASE) is not None
