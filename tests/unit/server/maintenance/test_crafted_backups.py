"""Crafted or invalid files given to `restore`: one error line, nothing written, existing data kept."""

import os
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lanchat_server.cli.main import run
from lanchat_server.maintenance.backup import backup_at_rest
from lanchat_server.store import open_store
from tests.chaos.test_killed_restore import expected_users_and_keys, make_server, users_and_keys

Craft = Callable[[Path, Path], None]


def _members(good: Path) -> list[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(good) as archive:
        return [(member, archive.read(member)) for member in archive.infolist()]


def _rewrite(good: Path, bad: Path, change: Callable[[zipfile.ZipInfo, bytes], tuple[zipfile.ZipInfo, bytes]]) -> None:
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in _members(good):
            archive.writestr(*change(member, content))


def _with_more(name: str, mode: int = 0o100644, content: bytes = b"/etc/passwd") -> Craft:
    """One member more, which the manifest does not name."""

    def craft(good: Path, bad: Path) -> None:
        with zipfile.ZipFile(bad, "w") as archive:
            for member, octets in _members(good):
                archive.writestr(member, octets)
            more = zipfile.ZipInfo(name)
            more.create_system, more.external_attr = 3, mode << 16
            archive.writestr(more, content)

    return craft


def _keys_as_links(good: Path, bad: Path) -> None:
    def change(member: zipfile.ZipInfo, content: bytes) -> tuple[zipfile.ZipInfo, bytes]:
        if member.filename.startswith("keys/"):
            member.create_system, member.external_attr = 3, 0o120777 << 16
            content = b"../../../outside"
        return member, content

    _rewrite(good, bad, change)


def _lying_size(good: Path, bad: Path) -> None:
    """The directory at the end states that the first member has four GiB."""
    octets = bytearray(good.read_bytes())
    place = octets.find(b"PK\x01\x02")
    struct.pack_into("<I", octets, place + 24, 2**32 - 2)
    bad.write_bytes(octets)


def _bomb(good: Path, bad: Path) -> None:
    def change(member: zipfile.ZipInfo, content: bytes) -> tuple[zipfile.ZipInfo, bytes]:
        return member, (b"[" * (64 << 20) if member.filename == "tables/records" else content)

    _rewrite(good, bad, change)


def _database(good: Path, bad: Path) -> None:
    connection = sqlite3.connect(bad)
    connection.execute("CREATE TABLE users (name)")
    connection.execute("CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM users; END")
    connection.commit()
    connection.close()


CRAFTED: dict[str, Craft] = {
    "empty": lambda good, bad: bad.write_bytes(b"") and None,
    "folder": lambda good, bad: bad.mkdir(),
    "link to nothing": lambda good, bad: bad.symlink_to("nowhere"),
    "link to a folder": lambda good, bad: bad.symlink_to(bad.parent),
    "device": lambda good, bad: bad.symlink_to("/dev/null"),
    "settings": lambda good, bad: bad.write_text('database = "sqlite:////etc/x"\n') and None,
    "database": _database,
    "cut off": lambda good, bad: bad.write_bytes(good.read_bytes()[:-100]) and None,
    "backup in a backup": lambda good, bad: _with_more("a.backup", content=good.read_bytes())(good, bad),
    "member above the folder": _with_more("../outside"),
    "member with an absolute path": _with_more("/tmp/outside"),
    "member that is a link": _with_more("keys/link", 0o120777),
    "member that is a folder": _with_more("keys/folder/", 0o40755, b""),
    "settings among the members": _with_more("server.toml"),
    "keys that are links": _keys_as_links,
    "a size that lies": _lying_size,
    "a row of 64 MiB": _bomb,
}


@pytest.mark.parametrize("craft", CRAFTED.values(), ids=CRAFTED)
@pytest.mark.skipif(os.name != "posix", reason="links and devices of POSIX")
def test_crafted_backup_is_refused_and_nothing_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], craft: Craft
) -> None:
    make_server(tmp_path / "source", "Anna")
    good, bad, target = tmp_path / "good.backup", tmp_path / "bad" / "bad.backup", tmp_path / "target"
    backup_at_rest(good, None, tmp_path / "source")
    bad.parent.mkdir()
    craft(good, bad)
    make_server(target, "Boris")
    before = {path for path in tmp_path.rglob("*") if target not in path.parents}
    code = run(["restore", str(bad), "--force", "--data-dir", str(target)])
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("lanchat-server: ")
    assert users_and_keys(target) == expected_users_and_keys("Boris")
    assert {path for path in tmp_path.rglob("*") if target not in path.parents} == before


def test_backup_is_read_through_a_link(tmp_path: Path) -> None:
    make_server(tmp_path / "source", "Anna")
    backup_at_rest(tmp_path / "good.backup", None, tmp_path / "source")
    (tmp_path / "link").symlink_to("good.backup")
    assert run(["restore", str(tmp_path / "link"), "--data-dir", str(tmp_path / "target")]) == 0
    open_store(None, tmp_path / "target").close()
    assert users_and_keys(tmp_path / "target") == expected_users_and_keys("Anna")
