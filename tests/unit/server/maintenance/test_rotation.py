"""Folders of backups: which files are deleted, and when the next nightly one is due."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat_server.maintenance.rotation import backup_name, delete_oldest, newest_ms
from lanchat_server.service.upkeep.nightly import RETRY_MS, is_due

DAYS = [f"lanchat-202601{day:02}-030000-00ff.backup" for day in range(1, 6)]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*DAYS, "mine.backup", "lanchat-20200101-000000-00ff.backup.txt", ".lanchat-x.backup.1.new"):
        (tmp_path / name).write_text(name)
    return tmp_path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name in DAYS)


def test_newest_are_kept_and_other_files_left_alone(folder: Path) -> None:
    delete_oldest(folder, DAYS[-1], 2)
    assert left(folder) == DAYS[-2:]
    assert len(list(folder.iterdir())) == 5


def test_just_made_one_is_kept_when_the_clock_was_set_back(folder: Path) -> None:
    delete_oldest(folder, DAYS[0], 2)
    assert left(folder) == [DAYS[0], DAYS[-1]]


def test_fewer_than_are_kept_lose_none(folder: Path) -> None:
    delete_oldest(folder, DAYS[-1], 9)
    assert left(folder) == DAYS


def test_names_say_when_they_were_made(folder: Path) -> None:
    made = ms("2026-02-01 04:05:06")
    assert newest_ms(folder, made) == ms("2026-01-05 03:00:00")
    name = backup_name(made, SYSTEM_ENTROPY)
    (folder / name).touch()
    assert newest_ms(folder, made) == made
    assert newest_ms(folder / "none", made) == 0


FUTURE = [f"lanchat-203601{day:02}-030000-00ff.backup" for day in range(1, 4)]


def test_backups_from_the_future_do_not_hide_when_the_last_one_was_made(folder: Path) -> None:
    """Else one is due each hour, until that future has come."""
    for name in FUTURE:
        (folder / name).touch()
    assert newest_ms(folder, ms("2026-01-05 04:00:00")) == ms("2026-01-05 03:00:00")


def test_backups_from_the_future_go_before_those_of_the_past(folder: Path) -> None:
    """Made while the clock was ahead, they would be the newest for years, and each night's the oldest."""
    for name in FUTURE:
        (folder / name).touch()
    newest = "lanchat-20260106-030000-00ff.backup"
    (folder / newest).touch()
    delete_oldest(folder, newest, 5)
    assert left(folder) == DAYS[1:]
    assert (folder / newest).exists()
    assert not any((folder / name).exists() for name in FUTURE)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_files_of_others_are_no_backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder such as /tmp anybody may lay files with such names: they neither count nor stop the rotation."""
    (tmp_path / DAYS[0]).touch()
    for name in (*DAYS[1:], *FUTURE):
        (tmp_path / name).touch()
        os.chown(tmp_path / name, 12345, 12345)
    (tmp_path / "lanchat-20260109-030000-00ff.backup").symlink_to(tmp_path / DAYS[0])
    assert newest_ms(tmp_path, ms("2026-01-10 03:00:00")) == ms("2026-01-01 03:00:00")
    delete_oldest(tmp_path, DAYS[0], 1)
    assert len(list(tmp_path.iterdir())) == len(DAYS) + len(FUTURE) + 1


@pytest.mark.parametrize(
    ("now", "made", "tried", "due"),
    [
        ("2026-01-02 03:00:00", "2026-01-01 03:00:10", None, True),
        ("2026-01-02 02:59:59", "2026-01-01 03:00:10", None, False),
        ("2026-01-02 03:00:30", "2026-01-02 03:00:05", None, False),
        ("2026-01-02 14:00:00", "2026-01-01 03:00:10", None, True),  # it was not running at three
        ("2026-01-02 02:00:00", "2025-12-31 03:00:10", None, True),
        ("2026-01-02 14:00:00", None, None, True),
        ("2026-01-02 14:00:00", None, "2026-01-02 13:30:00", False),  # that one failed
        ("2026-01-02 14:30:00", None, "2026-01-02 13:30:00", True),
        ("2026-01-02 14:30:00", None, "2026-01-03 13:30:00", True),  # the clock was set back
        ("2026-01-02 14:30:00", "2027-01-01 00:00:00", None, True),  # a backup from the future
    ],
)
def test_backup_is_due_once_after_its_time(now: str, made: str | None, tried: str | None, due: bool) -> None:
    assert RETRY_MS == 3_600_000
    moments = [0 if moment is None else ms(moment) for moment in (now, made, tried)]
    assert is_due(*moments, "03:00", UTC) is due
