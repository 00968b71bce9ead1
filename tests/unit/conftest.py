"""Fixtures that several unit tests share: the server's store, once on SQLite and once on MariaDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat_server.store import SqlStore
from tests.support.stores import KINDS, Database, databases


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    yield from databases(request, tmp_path, request.param)


@pytest.fixture
def store(database: Database) -> SqlStore:
    """A store on it that holds the lease."""
    return database.open()
