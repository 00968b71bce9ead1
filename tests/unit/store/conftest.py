"""Stores under test: each implementation, with a second opener of the same data."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanchat.core.ports import LocalStore
from lanchat.store.local import SqliteLocalStore
from tests.support.memory_local import MemoryLocalStore

Pair = tuple[LocalStore, LocalStore]


def _sqlite(folder: Path) -> Iterator[Pair]:
    path = folder / "deep" / "log.sqlite"
    stores = SqliteLocalStore(path), SqliteLocalStore(path)
    yield stores
    for store in stores:
        store.close()


def _memory(folder: Path) -> Iterator[Pair]:
    store = MemoryLocalStore()
    yield store, store


@pytest.fixture(params=[_sqlite, _memory], ids=["sqlite", "memory"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Two openers of one store; in memory they are the same object."""
    make: Callable[[Path], Iterator[Pair]] = request.param
    yield from make(tmp_path)


@pytest.fixture
def store(pair: Pair) -> LocalStore:
    return pair[0]


@pytest.fixture
def other(pair: Pair) -> LocalStore:
    """A second opener of the same data."""
    return pair[1]
