"""A server that is killed with SIGKILL while clients write: twenty times with six of them here, three hundred times
with ten in `make chaos`."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.campaign import campaign, draw_kills
from tests.chaos.launcher import kill_at
from tests.chaos.points import WRITING
from tests.chaos.server_with_clients import LAUNCHER, ServerWithClients
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient

KILLS = 10
CLIENTS = 6
UNSEEN_MAX = 120  # messages of all clients, five seconds' worth
# Seconds; `make chaos` measures.
SLOWEST = patient(20.0)


def test_repeated_kills_lose_no_messages(tmp_path: Path, database: str | None) -> None:
    kills = draw_kills(KILLS, seed=5, first=0 if database is None else len(WRITING) - KILLS // 2)
    tally = asyncio.run(
        campaign(ServerWithClients(tmp_path, database=database, size=CLIENTS), kills, unseen_max=UNSEEN_MAX)
    )
    assert tally.faults == []
    assert tally.killed == KILLS
    assert tally.stored == tally.made > 0
    assert max(tally.recoveries) < SLOWEST


def die_at_start(data_dir: Path, database: str | None, point: str, passing: int) -> None:
    """A first start that kills itself at that passing of the point."""
    with pytest.raises(RuntimeError, match=r"exit code -9"):
        ServerProcess(data_dir, database=database, module=LAUNCHER, env=kill_at(point, passing))


def assert_serves(data_dir: Path, database: str | None) -> None:
    with ServerProcess(data_dir, database=database) as server, RawClient(server.port) as client:
        client.register("anna")
        assert client.say(client.rooms["general"], "at last").seq == 1


@pytest.mark.parametrize("passing", [1, 2, 3])
def test_first_start_killed_between_key_files_is_repeatable(tmp_path: Path, passing: int) -> None:
    die_at_start(tmp_path, None, "key-file", passing)
    assert_serves(tmp_path, None)


@pytest.mark.parametrize("passing", [2, 25])
def test_first_start_killed_while_creating_tables_is_repeatable(
    tmp_path: Path, database: str | None, passing: int
) -> None:
    die_at_start(tmp_path, database, "statement", passing)
    assert_serves(tmp_path, database)


def test_first_start_killed_after_taking_the_lease_is_repeatable(tmp_path: Path) -> None:
    die_at_start(tmp_path, None, "lease-taken", 1)
    assert_serves(tmp_path, None)
