"""Temporary folders of tests are in memory only where nothing else would miss it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.memory_folder import use_memory_folder

PLENTY = 64 << 30


@pytest.fixture(autouse=True)
def usual_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As for a process whose environment names no folder; afterwards it is the same one as before."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setenv("TMPDIR", "")  # so that it is put back, whatever the test sets
    monkeypatch.delenv("TMPDIR")
    yield
    monkeypatch.undo()


def room(monkeypatch: pytest.MonkeyPatch, octets: int, flags: int = 0) -> None:
    system = SimpleNamespace(f_flag=flags, f_bavail=octets >> 12, f_frsize=1 << 12)
    monkeypatch.setattr(os, "statvfs", lambda path: system, raising=False)
    monkeypatch.setattr(os, "ST_NOEXEC", 8, raising=False)


def test_used_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room(monkeypatch, PLENTY)
    assert use_memory_folder(tmp_path, PLENTY)
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize(
    ("octets", "flags", "available"),
    [(64 << 20, 0, PLENTY), (PLENTY, 8, PLENTY), (PLENTY, 0, 1 << 30)],
    ids=["small, as in a container", "no programs start from it", "little memory is left"],
)
def test_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, octets: int, flags: int, available: int) -> None:
    room(monkeypatch, octets, flags)
    before = tempfile.gettempdir()
    assert not use_memory_folder(tmp_path, available)
    assert "TMPDIR" not in os.environ
    assert tempfile.gettempdir() == before


def test_named_folder_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room(monkeypatch, PLENTY)
    monkeypatch.setenv("TMPDIR", "elsewhere")
    assert not use_memory_folder(tmp_path, PLENTY)
    assert os.environ["TMPDIR"] == "elsewhere"


def test_missing_folder_is_no_error(tmp_path: Path) -> None:
    assert not use_memory_folder(tmp_path / "none", PLENTY)
