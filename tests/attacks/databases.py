"""Which kind of database the servers under attack get: SQLite, or MariaDB within `using("mariadb")`."""

import contextlib
import itertools
from collections.abc import Iterator

from tests.support.mariadb import MariaDB

KINDS = ("sqlite", "mariadb")
_running: list[MariaDB] = []
_numbers = itertools.count(1)


@contextlib.contextmanager
def using(kind: str) -> Iterator[None]:
    """One database server for all of them."""
    if kind == "sqlite":
        yield
        return
    with MariaDB() as server:
        _running.append(server)
        try:
            yield
        finally:
            _running.remove(server)


def new_database() -> str | None:
    """The URL of an empty one; None for SQLite in the server's folder."""
    return _running[-1].create_database(f"attacked{next(_numbers)}") if _running else None
