"""Folders with keys on Windows: who may use them is set with icacls, which is recorded here."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform import access
from lanchat.platform.files import FileRefused, close_folder_to_others, make_private_folder
from lanchat.protocol.problems import Problem
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import load_or_create


class Icacls:
    """In place of the program: what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.folders: list[Path] = []
        self.code = 0
        monkeypatch.setattr(access.sys, "platform", "win32")
        monkeypatch.setattr(access.subprocess, "run", self._run)
        monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)
        monkeypatch.setattr(Path, "home", lambda: home)

    def _run(self, command: list[str], **_options: Any) -> "subprocess.CompletedProcess[bytes]":
        assert Path(command[0].replace("\\", "/")).name == "icacls.exe"
        self.folders.append(Path(command[1]))
        return subprocess.CompletedProcess(command, self.code)


@pytest.fixture
def icacls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Icacls:
    return Icacls(monkeypatch, tmp_path / "home")


def test_the_owner_the_system_and_administrators_remain() -> None:
    command = access.owner_only_command(Path("keys"))
    assert "/inheritance:r" in command
    assert [part for part in command if part.startswith("*")] == [
        f"*{who}:(OI)(CI)F" for who in ("S-1-3-4", "S-1-5-18", "S-1-5-32-544")
    ]


def test_a_new_folder_outside_of_the_users_own_is_closed_to_others(icacls: Icacls, tmp_path: Path) -> None:
    make_private_folder(tmp_path / "shared" / "profile")
    assert icacls.folders == [tmp_path / "shared"]


def test_the_users_own_folder_is_closed_already(icacls: Icacls, tmp_path: Path) -> None:
    make_private_folder(tmp_path / "home" / "profile")
    assert [folder for folder in icacls.folders if folder.is_relative_to(tmp_path / "home")] == [tmp_path / "home"] * (
        len(icacls.folders)
    )


def test_keys_are_closed_to_others_before_they_are_written_and_at_each_start(icacls: Icacls, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    load_or_create(data)
    assert [folder.name.startswith(".keys-") for folder in icacls.folders] == [True, False]
    load_or_create(data)
    assert icacls.folders[2:] == [data / "keys"]


def test_a_server_whose_keys_others_can_read_does_not_start(icacls: Icacls, tmp_path: Path) -> None:
    icacls.code = 5
    with pytest.raises(StartError, match="others on this computer can read it"):
        load_or_create(tmp_path / "data")


def test_the_refusal_names_the_folder(icacls: Icacls, tmp_path: Path) -> None:
    icacls.code = 5
    with pytest.raises(FileRefused) as refused:
        close_folder_to_others(tmp_path)
    assert (refused.value.errno, refused.value.problem) == (errno.EPERM, Problem.OPEN_TO_OTHERS)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are for other systems")
def test_elsewhere_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(access.subprocess, "run", lambda *_args, **_options: pytest.fail("started a program"))
    close_folder_to_others(tmp_path)
