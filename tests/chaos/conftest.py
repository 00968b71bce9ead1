"""Fixtures of databases that a test may kill, stop and fill."""

from collections.abc import Iterator

import pytest

from tests.support.mariadb import MariaDB


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None: SQLite in the server's folder."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("mariadb_url")
    return url


@pytest.fixture
def own_mariadb() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server
