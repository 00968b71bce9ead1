"""A second server on one database at random moments: the first is fenced, and the log has no fork."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.replacement import FENCED_WITHIN, replace_servers
from tests.chaos.server_with_clients import ServerWithClients
from tests.support.ports import free_port
from tests.support.waiting import patient

ROUNDS = 3
CLIENTS = 6
UNSEEN_MAX = 120  # messages of all clients, five seconds' worth


@pytest.mark.mariadb
def test_second_server_on_a_database_fences_the_first(tmp_path: Path, mariadb_url: str) -> None:
    scene = ServerWithClients(tmp_path, database=mariadb_url, discovery_port=free_port(), size=CLIENTS)
    outcome = asyncio.run(replace_servers(scene, ROUNDS, seed=1, unseen_max=UNSEEN_MAX))
    assert outcome.faults == []
    assert outcome.stored == outcome.made > 0
    assert len(outcome.fenced) == ROUNDS
    assert max(outcome.fenced) < patient(FENCED_WITHIN)
