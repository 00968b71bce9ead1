"""Storage: steps, warnings, and the report for an administrator."""

import logging
from pathlib import Path
from typing import Any

import pytest

from lanchat.i18n import set_language
from lanchat.i18n.sizes import size_text
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.figures_text import storage_lines, storage_warning
from lanchat_server.maintenance.reserve import EVERY, MIB, DiskReserve
from lanchat_server.service.upkeep.storage import REPEATED, StorageState, folders_of
from lanchat_server.window.model import ServiceState, WindowModel

RESERVE = 100


@pytest.fixture(autouse=True)
def english() -> None:
    set_language("en")


def storage(tmp_path: Path, **settings: Any) -> StorageState:
    return StorageState(ServerConfig("Office", tmp_path, **({"disk_reserve_mib": RESERVE} | settings)))


@pytest.mark.parametrize(
    ("free", "percent", "state"),
    [(1000, 0, "ok"), (201, 0, "ok"), (199, 80, "near"), (124, 95, "close"), (99, 100, "full"), (0, 100, "full")],
)
def test_reserve_has_steps(tmp_path: Path, free: int, percent: int, state: str) -> None:
    found = storage(tmp_path)
    found.look_at(free * MIB)
    assert (found.disk_percent, found.state, found.disk_full) == (percent, state, percent == 100)


def test_reached_reserve_is_left_with_hysteresis(tmp_path: Path) -> None:
    found = storage(tmp_path)
    full = []
    for free in (101, 99, 101, 104, 106, 101):
        found.look_at(free * MIB)
        full.append(found.disk_full)
    assert full == [False, True, True, True, False, False]


def test_unknown_free_space_or_no_reserve_stops_nothing(tmp_path: Path) -> None:
    for found, free in ((storage(tmp_path, disk_reserve_mib=0), 0), (storage(tmp_path), None)):
        found.look_at(free)
        assert (found.disk_full, found.state) == (False, "ok")


@pytest.mark.parametrize(("octets", "state"), [(799, "ok"), (800, "near"), (950, "close"), (1000, "full")])
def test_log_has_steps(tmp_path: Path, octets: int, state: str) -> None:
    found = storage(tmp_path, log_octets=1000, disk_reserve_mib=0)
    found.octets = octets
    assert found.state == state


def test_each_step_is_logged_once_and_repeated_hourly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = storage(tmp_path)
    caplog.set_level(logging.INFO, "lanchat_server")

    def logged(free: int, now: float) -> list[tuple[str, str]]:
        caplog.clear()
        found.look_at(free * MIB)
        found.warn(now)
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    assert logged(1000, 0) == []
    assert [level for level, _ in logged(150, 2)] == ["WARNING"]
    assert logged(150, 4) == []
    assert [level for level, _ in logged(150, 4 + REPEATED)] == ["WARNING"]
    ((level, text),) = logged(50, 6 + REPEATED)
    assert (level, "nothing new is stored" in text) == ("WARNING", True)
    assert [level for level, _ in logged(1000, 8 + REPEATED)] == ["INFO"]


def test_folders_that_the_server_writes_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    here = ServerConfig("Office", tmp_path)
    assert folders_of(here) == ({tmp_path}, True)
    moved = ServerConfig("Office", tmp_path, database=f"sqlite:///{elsewhere / 'chat.sqlite3'}")
    assert folders_of(moved) == ({tmp_path, elsewhere}, True)
    remote = ServerConfig("Office", tmp_path, database="mysql://anna:secret@db.example/chat")
    assert folders_of(remote) == ({tmp_path}, False)


def report(**changes: Any) -> dict[str, Any]:
    return {
        "state": "ok",
        "log_octets": 12_300_000,
        "log_octets_max": 0,
        "disk_free_octets": 3_200_000_000,
        "disk_reserve_octets": 256 * MIB,
        "database_disk_known": True,
        "users_over_quota": [],
    } | changes


def test_report_lists_storage_and_users_over_quota() -> None:
    assert storage_lines({}) == []
    (line,) = storage_lines(report())
    assert line == "Messages take 11.7 MiB, 3.0 GiB free on the disk, 256.0 MiB of it a reserve"
    near = storage_lines(report(state="near", log_octets_max=15_000_000, users_over_quota=["anna", "tom"]))
    assert near[0].startswith("Messages take 11.7 MiB of 14.3 MiB")
    assert near[1:] == [
        "Warning: room for new messages is getting short",
        "Have used up what one person may store a day: anna, tom",
    ]
    remote = storage_lines(report(database_disk_known=False, disk_free_octets=None))
    assert remote == ["Messages take 11.7 MiB, the disk of the database server is not known here"]
    assert [size_text(octets) for octets in (0, 999, 1024, MIB, 5 << 30)] == [
        "0 B",
        "999 B",
        "1.0 KiB",
        "1.0 MiB",
        "5.0 GiB",
    ]


def test_window_shows_storage_warnings_only() -> None:
    model = WindowModel("Office", ServiceState.RUNNING)
    assert model.storage_line() == ""
    model.status = {"storage": report()}
    assert model.storage_line() == ""
    model.status = {"storage": report(state="full", disk_free_octets=200 * MIB)}
    assert model.storage_line().startswith(storage_warning(report(state="full")))
    assert "200.0 MiB free" in model.storage_line()


def test_backup_stops_at_the_reserve(tmp_path: Path) -> None:
    DiskReserve(tmp_path, 0).wrote(EVERY)
    DiskReserve(tmp_path, 1).wrote(EVERY)
    with pytest.raises(StoreError, match="a reserve"):
        DiskReserve(tmp_path, 1 << 60).wrote(1)
    DiskReserve(tmp_path / "nowhere", 1 << 60).wrote(1)
