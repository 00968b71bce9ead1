"""Databases that are killed, stopped, read-only or full while ten clients write and one floods: nothing is acknowledged
meanwhile, the server answers `Busy` and does not grow, and it recovers when the outage is over."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.chaos.disks import SmallDisk
from tests.chaos.outages import Outage, full_disk, killed, prepared, read_only, run_outages, stopped
from tests.chaos.server_with_clients import ServerWithClients
from tests.support.mariadb import MariaDB
from tests.support.waiting import patient

# What a server may grow by under a flood of some 10 MiB a second: its queues, not what came.
GROWTH_MAX = 16 << 20
# Seconds until the first message is acknowledged again, on a computer that runs other tests besides.
BACK_MAX = patient(15.0)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def check_outages(scene: ServerWithClients, *troubles: Outage) -> None:
    reports, audit = asyncio.run(run_outages(scene, troubles))
    assert audit.faults == []
    assert [text for report in reports for text in report.complaints(growth_max=GROWTH_MAX, back_max=BACK_MAX)] == []


@pytest.mark.mariadb
def test_killed_read_only_and_stopped_database_server(tmp_path: Path, own_mariadb: MariaDB) -> None:
    troubles = (killed(own_mariadb, 1.5), read_only(own_mariadb, 1.5), stopped(own_mariadb, 10.0))
    check_outages(ServerWithClients(tmp_path, database=prepared(own_mariadb)), *troubles)


@needs_root
@pytest.mark.mariadb
def test_database_server_with_a_full_disk(tmp_path: Path) -> None:
    with SmallDisk(160 << 20) as disk:
        server = MariaDB(parent=disk.path)
        try:
            server.start()
            check_outages(ServerWithClients(tmp_path, database=prepared(server)), full_disk(disk, 2.0, server))
        finally:
            server.remove()


@needs_root
def test_server_with_a_full_disk(tmp_path: Path) -> None:
    with SmallDisk(64 << 20) as disk:
        check_outages(ServerWithClients(tmp_path, data_dir=disk.path / "server"), full_disk(disk, 2.0))
