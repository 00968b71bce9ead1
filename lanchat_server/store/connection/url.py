"""Database addresses as people write them, and what SQLAlchemy makes of them. Passwords never leave this file in text.

    sqlite:///path                              a file
    mysql://user:password@host:port/name        MySQL or MariaDB (`mariadb://` means the same)
    mysql://user:password@h1:3306,h2,h3/name    the nodes of a Galera cluster, of which one is used at a time

Options after `?`: `unix_socket` and the connector's `ssl_ca`, `ssl_cert`, `ssl_key`, `ssl_verify_cert`,
`ssl_verify_identity`. There is no way to turn TLS off: MySQL sends passwords over TLS only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec.structs import replace
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError
from lanchat_server.store.connection.nodes import USUAL_PORT, DatabaseHost, NodeChoice

SQLITE_FILE = "lanchat.sqlite3"
_MYSQL_SCHEMES = ("mysql", "mariadb")
_MYSQL_OPTIONS = {"unix_socket", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity"}
_FLAGS = {"ssl_verify_cert", "ssl_verify_identity"}
_NAME_MAX = 64
# A cluster has three to nine nodes.
HOSTS_MAX = 16
_HOST = r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\s@:/?#\[\],;]*)(?::[0-9]{1,5})?"
_PLACE = re.compile(
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<name>[^@/?#]*)(?:\?(?P<options>[^?#]*))?)?",
)


class DatabaseAddress(msgspec.Struct, frozen=True):
    """Where the database is. `path` for SQLite, else None; `options` for the connector; `nodes`: which of several hosts
    is in use, shared by all engines of this object, None for SQLite. `url` names the first host. `str` shows no
    password."""

    url: URL
    path: Path | None
    options: Mapping[str, str | bool] = {}
    nodes: NodeChoice | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file, which one process at a time opens."""
        return self.path is not None

    @property
    def name(self) -> str:
        """The database's name on its server; "" when the URL has none."""
        return self.url.database or ""

    @property
    def user(self) -> str:
        """The account on the database server, decoded; "" for SQLite."""
        return self.url.username or ""

    @property
    def password(self) -> str:
        """In plain text, decoded; "" when the URL has none."""
        return str(self.url.password or "")

    @property
    def host(self) -> str:
        """Name or address of the first host, IPv6 without brackets; `localhost` when the URL has none."""
        return self.url.host or "localhost"

    @property
    def hosts(self) -> tuple[DatabaseHost, ...]:
        """All of them, in the order of the URL; none for SQLite."""
        return self.nodes.hosts if self.nodes is not None else ()

    def with_database(self, name: str) -> "DatabaseAddress":
        """The same server and account, another database ("": none)."""
        return replace(self, url=self.url._replace(database=name or None))

    def __str__(self) -> str:
        """A file's path, else a URL with account, hosts, ports and name, without password and options."""
        if self.path is not None:
            return str(self.path)
        return f"mysql://{self.user}@{','.join(map(str, self.hosts))}/{self.name}"

    __repr__ = __str__


def sqlite_address(path: Path) -> DatabaseAddress:
    """A database file."""
    return DatabaseAddress(URL.create("sqlite", database=str(path)), path)


def parse_url(url: str | None, data_dir: Path, *, name_required: bool = True) -> DatabaseAddress:
    """The database that `url` names; None: the SQLite file in `data_dir`. Raises StoreError, which quotes nothing of
    the URL: any part of it may be one of the password."""
    if url is None:
        return sqlite_address(data_dir / SQLITE_FILE)
    scheme, _separator, rest = url.partition("://")
    if scheme == "sqlite":
        return _parse_sqlite(url)
    if scheme in _MYSQL_SCHEMES:
        return _parse_mysql(rest, name_required)
    raise StoreError(_usage())


def _usage() -> str:
    text = _("A database is written as mysql://user:password@host:port/name or sqlite:///path")
    return (
        text
        + ". "
        + _("In user and password write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %25 for %")
    )


def _options_usage() -> str:
    text = _("A database address has these options only, each once: {options}")
    return text.format(options=", ".join(sorted(_MYSQL_OPTIONS)))


def _hosts_usage() -> str:
    text = _(
        "A database address names each host of a cluster once, {limit} at most: mysql://user:password@{hosts}/name"
    )
    return text.format(limit=HOSTS_MAX, hosts="h1:3306,h2,h3")


def _parse_sqlite(url: str) -> DatabaseAddress:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(_usage()) from None
    if not parsed.database or parsed.database == ":memory:" or parsed.host or parsed.query:
        raise StoreError(_("A SQLite database is a file: write sqlite:///path"))
    return sqlite_address(Path(parsed.database))


def _parse_mysql(rest: str, name_required: bool) -> DatabaseAddress:
    """What follows `mysql://`. Passwords hold any character, and people do not encode them: the account ends at the @
    where a URL says so, else at the last one after which there is nothing but a host, a port, a name and options."""
    complaint = _usage()
    for account, place in _splits(rest):
        found = _PLACE.fullmatch(place)
        if found is None or (name_required and not found["name"]):
            continue
        options = _options(found["options"] or "")
        hosts = _hosts(found["hosts"])
        user, colon, password = account.partition(":")
        if not user or any(host.port not in range(1, 65536) for host in hosts):
            continue
        if not _are_usable(hosts, options or {}):
            complaint = _hosts_usage()
            continue
        if options is None:
            complaint = _options_usage()
            continue
        url = URL.create(
            "mysql+mysqlconnector",
            username=unquote(user),
            password=unquote(password) if colon else None,
            host=hosts[0].name or None,
            port=hosts[0].port if hosts[0].says_port else None,
            database=unquote(found["name"] or "") or None,
        )
        if any(len(part) > _NAME_MAX or "\0" in part for part in (url.username or "", url.database or "")):
            raise StoreError(_("The names of database and user have at most 64 characters"))
        return DatabaseAddress(url, None, options, NodeChoice(hosts))
    raise StoreError(complaint)


def _hosts(text: str) -> tuple[DatabaseHost, ...]:
    """What stands between commas; a port that nobody has may be among them."""
    found = []
    for part in text.split(","):
        name, port = part, ""
        if not part.endswith("]"):
            name, _colon, port = part.rpartition(":") if ":" in part else (part, "", "")
        found.append(DatabaseHost(unquote(name.strip("[]")), int(port or USUAL_PORT), bool(port)))
    return tuple(found)


def _are_usable(hosts: Sequence[DatabaseHost], options: Mapping[str, str | bool]) -> bool:
    """One host, which may have no name, or several that differ."""
    if len(hosts) == 1:
        return True
    places = {(host.name.lower(), host.port) for host in hosts}
    is_named = all(host.name for host in hosts)
    return is_named and len(places) == len(hosts) <= HOSTS_MAX and "unix_socket" not in options


def _splits(rest: str) -> Iterator[tuple[str, str]]:
    """Before and after each @: first the one where the account of a URL ends (RFC 3986), then from the last one on."""
    end = re.split("[/?#]", rest, maxsplit=1)[0].rfind("@")
    if end >= 0:
        yield rest[:end], rest[end + 1 :]
    end = len(rest)
    while (end := rest.rfind("@", 0, end)) >= 0:
        yield rest[:end], rest[end + 1 :]


def _options(query: str) -> dict[str, str | bool] | None:
    """None when one of them is not known or stands there twice."""
    options: dict[str, str | bool] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _MYSQL_OPTIONS or name in options:
            return None
        options[name] = value.lower() in ("1", "true", "yes") if name in _FLAGS else value
    return options
