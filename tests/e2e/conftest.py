"""What these tests share: a database for all tests of a file, whose servers take long to fill or to start."""

import random
from collections.abc import Iterator

import pytest

from tests.support.mariadb import MariaDB


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def file_database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of an empty database that the tests of this file share; None: SQLite in the server's folder."""
    if request.param == "sqlite":
        yield None
        return
    server: MariaDB = request.getfixturevalue("mariadb")
    name = f"file_{random.getrandbits(40):x}"
    yield server.create_database(name)
    server.execute(f"DROP DATABASE IF EXISTS `{name}`")
