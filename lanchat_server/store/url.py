"""Database addresses as people write them, and what SQLAlchemy makes of them. Passwords never leave this file in text.

    sqlite:///path                              a file
    mysql://user:password@host:port/name        MySQL or MariaDB (`mariadb://` means the same)

Options after `?`: `unix_socket` and the connector's `ssl_ca`, `ssl_cert`, `ssl_key`, `ssl_verify_cert`,
`ssl_verify_identity`. There is no way to turn TLS off: MySQL sends passwords over TLS only.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError

SQLITE_FILE = "lanchat.sqlite3"
_MYSQL_SCHEMES = ("mysql", "mariadb")
_MYSQL_OPTIONS = {"unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity"}
_FLAGS = {"ssl_verify_cert", "ssl_verify_identity"}
_NAME_MAX = 64


class Address(msgspec.Struct, frozen=True):
    """Where the database is. `path` for SQLite, else None; `options` for the connector. `str` shows no password."""

    url: URL
    path: Path | None
    options: Mapping[str, str | bool] = {}

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @property
    def name(self) -> str:
        """The database's name on its server; "" when the URL has none."""
        return self.url.database or ""

    @property
    def user(self) -> str:
        return self.url.username or ""

    @property
    def password(self) -> str:
        return str(self.url.password or "")

    @property
    def host(self) -> str:
        return self.url.host or "localhost"

    def with_database(self, name: str) -> "Address":
        """The same server and account, another database ("": none)."""
        return replace(self, url=self.url._replace(database=name or None))

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        port = f":{self.url.port}" if self.url.port else ""
        return f"mysql://{self.user}@{self.host}{port}/{self.name}"

    __repr__ = __str__


def sqlite_address(path: Path) -> Address:
    """A database file."""
    return Address(URL.create("sqlite", database=str(path)), path)


def parse_url(url: str | None, data_dir: Path, *, name_required: bool = True) -> Address:
    """The database that `url` names; None: the SQLite file in `data_dir`. Raises StoreError, without the password."""
    if url is None:
        return sqlite_address(data_dir / SQLITE_FILE)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(_usage()) from None
    if parsed.drivername == "sqlite":
        return _parse_sqlite(parsed)
    if parsed.drivername in _MYSQL_SCHEMES:
        return _parse_mysql(parsed, name_required)
    raise StoreError(_usage())


def _usage() -> str:
    return _("A database is written as mysql://user:password@host:port/name or sqlite:///path")


def _parse_sqlite(parsed: URL) -> Address:
    if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
        raise StoreError(_("A SQLite database is a file: write sqlite:///path"))
    return sqlite_address(Path(parsed.database))


def _parse_mysql(parsed: URL, name_required: bool) -> Address:
    if not parsed.username or (name_required and not parsed.database):
        raise StoreError(_usage())
    if any(len(part) > _NAME_MAX or "\0" in part for part in (parsed.username, parsed.database or "")):
        raise StoreError(_("The names of database and user have at most 64 characters"))
    return Address(parsed.set(drivername="mysql+mysqlconnector", query={}), None, _options(parsed))


def _options(parsed: URL) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    for name, value in parsed.query.items():
        if name not in _MYSQL_OPTIONS or not isinstance(value, str):
            raise StoreError(_("Unknown option in the database URL: {name}").format(name=name))
        options[name] = value.lower() in ("1", "true", "yes") if name in _FLAGS else value
    return options
