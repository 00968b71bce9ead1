"""A search finds what was committed before it came, and waits for that no longer than it takes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.model import IndexingMarks
from lanchat_server.core.ports import StoreError
from lanchat_server.service.upkeep import filling


class Writing:
    """A writer and its store. `parts`: after so many everything that was appended by then is indexed."""

    def __init__(self, parts: int) -> None:
        self.indexing = IndexingMarks()
        self.done = 0
        self.during: Callable[[], None] = lambda: None
        self._parts = parts

    def index_appended(self, records: int) -> None:
        assert records > 0
        self.done += 1
        if self.done == self._parts:
            self.indexing.indexed = self.indexing.appended

    async def transact(self, job: Callable[[Any], DirectoryChange[None]]) -> None:
        job(self).apply()
        self.during()


def index(writing: Any) -> int:
    asyncio.run(filling.index_appended(writing, writing))
    return int(writing.done)


def test_each_part_is_a_transaction() -> None:
    assert index(Writing(3)) == 3


def test_nothing_is_asked_when_all_is_there() -> None:
    writing = Writing(1)
    assert index(writing) == 1
    assert index(writing) == 1


def test_what_comes_meanwhile_is_not_waited_for() -> None:
    writing = Writing(2)

    def append() -> None:
        writing.indexing.appended += 1

    writing.during = append
    assert index(writing) == 2
    assert writing.indexing.indexed < writing.indexing.appended


def test_a_log_that_is_far_behind_is_not_waited_for() -> None:
    assert index(Writing(1_000_000)) == filling.PARTS_MAX


def test_a_database_that_is_away_is_said() -> None:
    writing = Writing(9)

    def fail() -> None:
        raise StoreError("away")

    writing.during = fail
    with pytest.raises(StoreError, match="away"):
        index(writing)
