"""`init-db`: the database, the account that the server uses, and the tables. Safe to repeat.

What is executed on MySQL and MariaDB stands in db/mysql/create.sql, for administrators who rather run it by hand.
"""

import re
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text as sql_text
from sqlalchemy.exc import SQLAlchemyError

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError, StoreRefused
from lanchat_server.store import open_store
from lanchat_server.store.connection.engine import make_engine
from lanchat_server.store.connection.errors import is_missing_database, lacks_rights, store_error
from lanchat_server.store.connection.url import DatabaseAddress, parse_url
from lanchat_server.store.tables.migrate import script_folder

# Of the account that asks, on everything.
_OWN_RIGHTS = (
    "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = CONCAT("
    "QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))"
)
_DATABASES = sql_text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def init_db(url: str | None, admin_url: str | None = None, data_dir: Path = Path()) -> None:
    """Make what is missing of the database at `url` (None: the SQLite file in `data_dir`) and its tables.

    With `admin_url`, an account that may do so, also the database itself and the account of `url` with the few rights
    that it needs; its password becomes the one in `url`. Without it, the account of `url` makes the database if it
    may. Raises StoreError with one line for a person.
    """
    address = parse_url(url, data_dir)
    if address.is_sqlite:
        if admin_url is not None:
            raise StoreError(_("A SQLite database needs no administrator: leave out --admin-url"))
    elif admin_url is not None:
        admin = parse_url(admin_url, data_dir, name_required=False)
        if admin.is_sqlite:
            raise StoreError(_("--admin-url is the URL of a MySQL or MariaDB administrator"))
        _run(admin, address, _statements(address, with_account=admin.user != address.user))
    elif _is_missing(address):
        _run(address, address, _statements(address, with_account=False))
    open_store(url, data_dir, command=True).close()


def check_init(url: str | None, admin_url: str | None = None, data_dir: Path = Path()) -> bool:
    """Whether the database at `url` is there already, for somebody who is about to call `init_db` with the same values:
    connects, looks at rights, changes nothing. Raises StoreError as `init_db` would, as far as that can be known."""
    address = parse_url(url, data_dir)
    if address.path is not None:
        if admin_url is not None:
            raise StoreError(_("A SQLite database needs no administrator: leave out --admin-url"))
        return address.path.exists()
    if admin_url is None:
        return not _is_missing(address)
    admin = parse_url(admin_url, data_dir, name_required=False)
    if admin.is_sqlite:
        raise StoreError(_("--admin-url is the URL of a MySQL or MariaDB administrator"))
    with_account = admin.user != address.user
    _statements(address, with_account=with_account)  # raises for a URL without a password
    return _administrator_sees(admin.with_database(""), address.name, with_account)


def _administrator_sees(server: DatabaseAddress, name: str, with_account: bool) -> bool:
    """Whether there is a database with this name. Raises StoreError, also when the account lacks a right."""
    engine = make_engine(server)
    try:
        with engine.connect() as connection:
            rights = {row[0] for row in connection.exec_driver_sql(_OWN_RIGHTS)}
            found = {row[0].casefold() for row in connection.exec_driver_sql("SHOW DATABASES")}
    except SQLAlchemyError as error:
        raise store_error(error, server) from None
    finally:
        engine.dispose()
    missing = [right for right in ("CREATE", *(("CREATE USER",) if with_account else ())) if right not in rights]
    if missing:
        text = _("User {user} may not create databases and accounts on {database}: it lacks {rights}")
        raise StoreRefused(text.format(user=server.user, database=server, rights=", ".join(missing)))
    return name.casefold() in found


def _is_missing(address: DatabaseAddress) -> bool:
    engine = make_engine(address)
    try:
        engine.connect().close()
    except SQLAlchemyError as error:
        if is_missing_database(error):
            return True
        raise store_error(error, address) from error
    finally:
        engine.dispose()
    return False


def _run(admin: DatabaseAddress, address: DatabaseAddress, statements: list[str]) -> None:
    """Execute all of them, or leave no database that was not there before."""
    server = admin.with_database("")
    engine = make_engine(server)
    try:
        with engine.connect() as connection, connection.begin():
            was_there = connection.execute(_DATABASES, {"name": address.name}).first() is not None
            try:
                for statement in statements:
                    connection.exec_driver_sql(statement)
            except SQLAlchemyError:
                if not was_there:
                    with suppress(SQLAlchemyError):
                        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quoted(address.name)}")
                raise
    except SQLAlchemyError as error:
        # None of both: the error holds the statement, and so the password.
        if lacks_rights(error) and admin is not address:
            complaint = _(
                "User {user} lacks rights on {database} to make databases and accounts: name an administrator"
            )
            raise StoreRefused(complaint.format(user=admin.user, database=server)) from None
        raise store_error(error, server, address.password) from None
    finally:
        engine.dispose()


def _statements(address: DatabaseAddress, *, with_account: bool) -> list[str]:
    """db/mysql/create.sql for this address; with `with_account` False only what makes the database."""
    if with_account and not address.password:
        raise StoreError(_("The database URL needs a password for the account to be made"))
    script = (script_folder() / "mysql" / "create.sql").read_text(encoding="utf-8")
    found = []
    for statement in re.sub(r"^--.*$", "", script, flags=re.MULTILINE).split(";"):
        if "{account}" not in statement:
            found.append(_fill(statement, address, ""))
        elif with_account:
            found += [_fill(statement, address, host) for host in _hosts(address)]
    return [statement for statement in found if statement]


def _hosts(address: DatabaseAddress) -> tuple[str, ...]:
    """From where the account may connect: this computer when a node is on it, anywhere when one is elsewhere."""
    here = [not host.name or host.name in _LOOPBACK for host in address.hosts]
    if all(here) or "unix_socket" in address.options:
        return _LOOPBACK
    return (*_LOOPBACK, "%") if any(here) else ("%",)


def _fill(statement: str, address: DatabaseAddress, host: str) -> str:
    names = {
        "database": _quoted(address.name),
        "pattern": _quoted(re.sub(r"([\\_%])", r"\\\1", address.name)),
        "account": f"{_text(address.user)}@{_text(host)}",
        "password": _text(address.password),
    }
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], statement).strip()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
