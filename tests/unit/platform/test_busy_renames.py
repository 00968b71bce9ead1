"""Renames while a virus scanner has the file open, as Windows refuses them: tried again for a second."""

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform.disk import files, renames

ROOT = Path(__file__).parents[3]


class Scanner:
    """Has each file open for the first so many attempts; `pauses` are what the program waited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, attempts: int, winerror: int = 32) -> None:
        self.pauses: list[float] = []
        self._left = attempts
        self._winerror = winerror
        monkeypatch.setattr(renames.time, "sleep", self.pauses.append)
        for name in ("rename", "replace"):
            monkeypatch.setattr(os, name, self._guarded(getattr(os, name)))

    def _guarded(self, move: Callable[..., None]) -> Callable[..., None]:
        def guarded(*paths: Any) -> None:
            if self._left:
                self._left -= 1
                error = PermissionError(13, "in use", str(paths[0]))
                error.winerror = self._winerror  # type: ignore[attr-defined,unused-ignore]
                raise error
            move(*paths)

        return guarded


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_private_file_is_replaced_once_the_scanner_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winerror: int
) -> None:
    path = tmp_path / "settings"
    files.replace_file(path, b"old")
    scanner = Scanner(monkeypatch, 3, winerror)
    files.replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert len(scanner.pauses) == 3


def test_a_named_file_is_replaced_once_the_scanner_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(monkeypatch, 2)
    with files.writing(tmp_path / "export") as stream:
        stream.write(b"all of it")
    assert (tmp_path / "export").read_bytes() == b"all of it"
    assert len(scanner.pauses) == 2


def test_a_file_that_stays_open_is_reported_after_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings"
    files.replace_file(path, b"old")
    scanner = Scanner(monkeypatch, 1000)
    with pytest.raises(PermissionError):
        files.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert sum(scanner.pauses) == pytest.approx(1.0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings"]


def test_other_errors_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner(monkeypatch, 0)
    with pytest.raises(FileNotFoundError):
        renames.rename(tmp_path / "absent", tmp_path / "name")
    assert scanner.pauses == []


def test_nothing_renames_past_these_functions() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("lanchat", "lanchat_server")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "renames.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("os", "rename"), ("os", "replace"), ("shutil", "move")}
    ]
    assert found == []
