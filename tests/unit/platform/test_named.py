"""A path that was typed or pasted names the file of exactly that name before one without its unseen marks."""

import sys
from pathlib import Path

import pytest

from lanchat.app import api
from lanchat.app.cleaning import cleaned
from lanchat.platform.disk.named import named_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names of Windows end with no such marks")
MARKS = ["report.txt\N{LEFT-TO-RIGHT MARK}", "\N{RIGHT-TO-LEFT OVERRIDE}report.txt", "report.txt\N{ZERO WIDTH SPACE}"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MARKS)
def test_file_of_exactly_this_name_is_meant(folder: Path, name: str) -> None:
    (folder / "report.txt").write_text("plain")
    assert named_path(name) == "report.txt"
    (folder / name).write_text("special")
    assert named_path(name) == name
    command = cleaned(api.SendFilesCommand(1, (name, "report.txt")))
    assert command.paths == (name, "report.txt")


def test_link_that_leads_nowhere_has_a_name_too(folder: Path) -> None:
    (folder / MARKS[0]).symlink_to(folder / "nothing")
    assert named_path(MARKS[0]) == MARKS[0]


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "\N{LEFT-TO-RIGHT EMBEDDING}C:\\report.txt", "\udcff"])
def test_what_no_file_can_be_called_is_no_error(path: str) -> None:
    assert named_path(path) == path.strip("\N{LEFT-TO-RIGHT EMBEDDING}")
