"""Folders with keys on Windows: who may use them is set with icacls, which is recorded here."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lanchat.platform.disk import access
from lanchat.platform.disk.files import FileRefused, close_folder_to_others, make_private_folder
from lanchat.protocol.problems import Problem
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import load_or_create


class Icacls:
    """In place of the program: what it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.folders: list[Path] = []
        self.commands: list[list[str]] = []
        self.code = 0
        monkeypatch.setattr(access.sys, "platform", "win32")
        monkeypatch.setattr(access.subprocess, "run", self._run)
        monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)
        monkeypatch.setattr(Path, "home", lambda: home)

    def _run(self, command: list[str], **_options: Any) -> "subprocess.CompletedProcess[bytes]":
        assert Path(command[0].replace("\\", "/")).name == "icacls.exe"
        self.folders.append(Path(command[1]))
        self.commands.append(command)
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


def test_keys_remain_usable_by_the_account_of_the_service(icacls: Icacls, tmp_path: Path) -> None:
    """An administrator who restores a backup owns the keys; the service reads them."""
    close_folder_to_others(tmp_path)
    assert [part for part in icacls.commands[0] if part.startswith("*")] == [
        f"*{who}:(OI)(CI)F" for who in ("S-1-3-4", "S-1-5-18", "S-1-5-32-544", "S-1-5-19")
    ]


@pytest.mark.parametrize(
    ("owner", "trusted"),
    [
        ("S-1-5-18", True),
        ("S-1-5-32-544", True),
        ("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464", True),
        ("S-1-5-21-1-2-3-1001", True),
        ("S-1-5-21-1-2-3-1002", False),
        ("S-1-5-32-545", False),
        ("S-1-1-0", False),
        ("", False),
    ],
)
def test_files_of_administrators_and_ones_own_are_trusted(owner: str, trusted: bool) -> None:
    assert access.is_trusted_owner(owner, "S-1-5-21-1-2-3-1001") is trusted


def test_nobody_trusts_an_owner_that_is_not_known() -> None:
    assert not access.is_trusted_owner("", "")


@pytest.mark.skipif(sys.platform != "win32", reason="owners of Windows")
def test_own_file_belongs_to_oneself_or_the_administrators(tmp_path: Path) -> None:
    if sys.platform == "win32":
        user = access.current_user()
        assert user.startswith("S-1-5-")
        assert access.is_trusted_owner(access.owner_of(tmp_path), user)
        assert access.owner_of(tmp_path / "missing") == ""


def test_programs_of_windows_are_started_from_its_own_folder() -> None:
    assert Path(access.system_program("sc.exe").replace("\\", "/")).parts[-2:] == ("System32", "sc.exe")


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
