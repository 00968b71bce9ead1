"""Licences of all that the programs contain: from installed distributions, and from the folder of a frozen program."""

import json
from pathlib import Path
from typing import Any

import pytest

from lanchat import __version__
from lanchat.about import licences
from lanchat.about.licences import LicenceNotice, data_notices, licence_notices, write_index
from lanchat.cli.main import run
from lanchat_server.cli.main import run as run_server

NOTICES = [
    LicenceNotice("LAN Chat", "1.0", "MIT", {"LICENSE": "ours\n"}),
    LicenceNotice("Some/Library", "2", "BSD", {"licenses/LICENSE": "theirs, ©", "NOTICE": "a note"}),
]


def put(folder: Path) -> None:
    for name, text in write_index(NOTICES).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_installed_libraries_have_licences_and_texts() -> None:
    notices = licence_notices()
    assert [notices[0].name, notices[0].version] == ["LAN Chat", __version__]
    assert "MIT License" in notices[0].text
    names = {notice.name.lower().replace("_", "-") for notice in notices}
    assert {"alembic", "cryptography", "mysql-connector-python", "pillow", "zeroconf"} <= names
    assert [notice.name for notice in notices if not notice.licence or not notice.text.strip()] == []


def test_data_of_other_projects_have_their_whole_texts() -> None:
    texts = {notice.name: notice.text for notice in licence_notices()}
    assert "END OF TERMS AND CONDITIONS" in texts["Noto Emoji"]
    assert "Cal Henderson" in texts["emoji-datasource-google"]
    assert "2004-2026 Unicode, Inc." in texts["Unicode CLDR"]
    notice = (licences._CHECKOUT / "NOTICE").read_text(encoding="utf-8")
    listed = notice.partition("Data in the programs\n")[2].partition("\n\n")[0]
    assert [f"{each.name} {each.version}" in listed for each in data_notices()] == [True] * 3


def test_tools_of_development_are_not_among_them() -> None:
    assert not {"pytest", "mypy", "ruff"} & {notice.name for notice in licence_notices()}


def test_frozen_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path)
    monkeypatch.setattr(licences, "_FOLDER", tmp_path)
    notices = licence_notices()
    assert [notice.title for notice in notices] == ["LAN Chat 1.0 (MIT)", "Some/Library 2 (BSD)"]
    assert notices[1].text == "theirs, ©\n\na note\n"


@pytest.mark.parametrize("program", [run, run_server])
def test_both_programs_show_them(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    put(tmp_path)
    monkeypatch.setattr(licences, "_FOLDER", tmp_path)
    assert program(["--licences"]) == 0
    text = capsys.readouterr().out
    assert "Some/Library 2 (BSD)" in text
    assert "theirs, ©" in text
    assert program(["--licenses", "--json"]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert objects[1] == {"name": "Some/Library", "version": "2", "licence": "BSD", "text": "theirs, ©\n\na note\n"}
