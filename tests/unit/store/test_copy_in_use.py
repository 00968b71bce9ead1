"""Local copies on Windows: damaged ones that another LAN Chat has open, and profiles in folders of the network."""

import os
import sqlite3
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk import renames
from lanchat.protocol.problems import Problem
from lanchat.store import rescue
from lanchat.store.database import Database


def damage(path: Path) -> None:
    Database(path).close()
    path.write_bytes(b"no database" * 1000)


class OtherProgram:
    """Has a file open: Windows lets nobody rename it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.open = True
        rename = os.rename

        def guarded(source: Any, target: Any) -> None:
            if self.open and Path(source) == path:
                error = PermissionError(13, "The process cannot access the file", str(source))
                error.winerror = 32  # type: ignore[attr-defined,unused-ignore]
                raise error
            rename(source, target)

        monkeypatch.setattr(os, "rename", guarded)
        monkeypatch.setattr(renames.time, "sleep", lambda _seconds: None)


def test_a_damaged_copy_that_is_open_elsewhere_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "copy.db"
    damage(path)
    OtherProgram(monkeypatch, path)
    with pytest.raises(LocalStoreError) as raised:
        Database(path)
    assert raised.value.details.problem is Problem.COPY_IN_USE


def test_a_damaged_copy_is_replaced_once_the_other_program_has_closed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "copy.db"
    damage(path)
    other = OtherProgram(monkeypatch, path)
    with pytest.raises(LocalStoreError):
        Database(path)
    other.open = False
    database = Database(path)
    assert database.recovered is not None
    database.close()


def test_damage_found_under_an_open_copy_is_repaired_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "copy.db"
    database = Database(path)
    other = OtherProgram(monkeypatch, path)

    def damaged(_connection: sqlite3.Connection) -> None:
        if other.open or database.recovered is None:
            raise rescue.Damaged

    with pytest.raises(LocalStoreError) as raised:
        database.write(damaged)
    assert raised.value.details.problem is Problem.COPY_IN_USE
    other.open = False
    database.write(damaged, again=True)
    assert database.recovered is not None
    database.close()


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PureWindowsPath(r"\\server\share\anna b\copy.db"), "file:////server/share/anna%20b/copy.db?mode=rw"),
        (PureWindowsPath(r"C:\Users\Анна\copy.db"), "file:///C:/Users/%D0%90%D0%BD%D0%BD%D0%B0/copy.db?mode=rw"),
        (PurePosixPath("/home/anna/a?b#c.db"), "file:///home/anna/a%3Fb%23c.db?mode=rw"),
    ],
)
def test_sqlite_is_given_no_host(path: Any, uri: str) -> None:
    assert rescue.sqlite_uri(path, "mode=rw") == uri


def test_sqlite_takes_the_path_after_the_empty_host(tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    Database(path).close()
    with sqlite3.connect(f"file:///{path}?mode=rw", uri=True) as connection:  # as that of a folder of the network
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    connection.close()
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file://server{path}?mode=rw", uri=True)
