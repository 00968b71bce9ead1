"""Two servers on one database at random moments: one is fenced, and the log stays one."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.duel import FENCED_WITHIN, duel
from tests.chaos.scene import Scene
from tests.support.ports import free_port
from tests.support.waiting import patient

ROUNDS = 3


@pytest.mark.mariadb
def test_a_second_server_on_the_database_ends_the_first(tmp_path: Path, mariadb_url: str) -> None:
    scene = Scene(tmp_path, database=mariadb_url, discovery_port=free_port())
    outcome = asyncio.run(duel(scene, ROUNDS, seed=1))
    assert outcome.faults == []
    assert outcome.stored == outcome.made > 0
    assert len(outcome.fenced) == ROUNDS
    assert max(outcome.fenced) < patient(FENCED_WITHIN)
