"""What is handed in as a file: the same octets each time, or a clear refusal."""

import io
import os
import stat
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.platform.disk import packing
from lanchat.platform.disk.files import FileRefused
from lanchat.platform.disk.packing import pack_folder
from lanchat.platform.disk.sources import FileSource
from lanchat.protocol.problems import Problem

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and names of POSIX")
SIZE_MAX = 1 << 20


def read_all(given: Path | str, part: int = 7) -> bytes:
    source = FileSource(str(given), SIZE_MAX)
    try:
        return b"".join(source.parts(part))
    finally:
        source.close()


def refused(given: Path | str, size_max: int = SIZE_MAX) -> Problem:
    with pytest.raises(FileRefused) as caught:
        FileSource(str(given), size_max)
    return caught.value.problem


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is written into the descriptor is read as standard input."""
    kept = os.dup(0)
    out, into = os.pipe()
    os.dup2(out, 0)
    os.close(out)
    try:
        yield into
    finally:
        os.dup2(kept, 0)
        os.close(kept)


# --- Files ------------------------------------------------------------------------------------------------------------


def test_file_is_read_from_any_place(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(bytes(range(256)))
    source = FileSource(str(path), SIZE_MAX)
    assert (source.name, source.type, source.size) == ("photo.png", "image/png", 256)
    assert source.read(250, 6) == bytes(range(250, 256))
    assert source.read(0, 3) == bytes(3)[:1] + b"\1\2"
    assert b"".join(source.parts(100)) == bytes(range(256))
    source.close()
    source.close()


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_all(tmp_path / "empty") == b""


@pytest.mark.parametrize("name", ["a", "a.unknown", "a.tar.gz", "a.zip.exe"])
def test_type_of_an_unknown_ending(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    source = FileSource(str(tmp_path / name), SIZE_MAX)
    source.close()
    assert source.type in ("application/octet-stream", "application/x-msdownload")


@pytest.mark.parametrize("change", ["grows", "shrinks", "is overwritten"])
def test_file_that_changes_while_it_is_read(tmp_path: Path, change: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(100))
    os.utime(path, (1, 1))
    source = FileSource(str(path), SIZE_MAX)
    parts = source.parts(40)
    next(parts)
    if change == "grows":
        with path.open("ab") as file:
            file.write(b"more")
    elif change == "shrinks":
        os.truncate(path, 50)
    else:
        with path.open("r+b") as file:
            file.write(b"else")
    with pytest.raises(FileRefused) as caught:
        list(parts)
    source.close()
    assert caught.value.problem is Problem.CHANGED_WHILE_READ
    assert caught.value.filename == str(path)


def test_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(11))
    assert refused(tmp_path / "large", 10) is Problem.LARGER_THAN_TAKEN


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSource(str(tmp_path / "none"), SIZE_MAX)


@posix_only
def test_device_is_refused() -> None:
    assert refused("/dev/null") is Problem.NOT_A_FILE


@posix_only
def test_standard_input_is_copied(standard_input: int) -> None:
    os.write(standard_input, b"typed text")
    os.close(standard_input)
    source = FileSource("-", SIZE_MAX)
    assert (source.name, source.size, source.read(6, 4)) == ("stdin", 10, b"text")
    source.close()


@posix_only
def test_standard_input_without_end_is_refused(standard_input: int) -> None:
    os.write(standard_input, bytes(100))  # the writer stays
    os.set_blocking(0, False)
    os.close(standard_input)
    assert refused("-", 10) is Problem.LARGER_THAN_TAKEN


@posix_only
def test_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(b"x")
    source = FileSource(str(path), SIZE_MAX)
    source.close()
    assert source.name == "caf\ufffd.txt"


# --- Folders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "plans"
    (root / "sub" / "empty").mkdir(parents=True)
    (root / "b.txt").write_bytes(b"second")
    (root / "a.txt").write_bytes(b"first")
    (root / "sub" / "ж.bin").write_bytes(bytes(1000))
    return root


def packed(folder: Path, size_max: int = SIZE_MAX) -> bytes:
    stream = io.BytesIO()
    pack_folder(folder, stream, size_max)
    return stream.getvalue()


def test_folder_is_one_archive_with_its_tree(folder: Path) -> None:
    source = FileSource(str(folder), SIZE_MAX)
    octets = source.read(0, source.size)
    source.close()
    assert (source.name, source.type) == ("plans.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        assert archive.namelist() == [
            "plans/", "plans/a.txt", "plans/b.txt", "plans/sub/", "plans/sub/empty/", "plans/sub/ж.bin",
        ]  # fmt: skip
        assert archive.read("plans/b.txt") == b"second"
        assert archive.testzip() is None


def test_archive_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    first = packed(folder)
    again = tmp_path / "copy" / "plans"
    (again / "sub" / "empty").mkdir(parents=True)
    (again / "sub" / "ж.bin").write_bytes(bytes(1000))
    for name, text in (("a.txt", b"first"), ("b.txt", b"second")):  # the other order, other times and rights
        (again / name).write_bytes(text)
        os.utime(again / name, (5, 5))
        (again / name).chmod(0o600)
    assert packed(again) == first


@posix_only
def test_link_to_a_file_inside_is_stored_as_that_file(folder: Path) -> None:
    (folder / "sub" / "link").symlink_to("../a.txt")
    with zipfile.ZipFile(io.BytesIO(packed(folder))) as archive:
        assert archive.read("plans/sub/link") == b"first"
        assert not stat.S_ISLNK(archive.getinfo("plans/sub/link").external_attr >> 16)


@posix_only
@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "..", ".", "sub", "nowhere"])
def test_link_that_leads_out_or_to_a_folder_is_refused(folder: Path, target: str) -> None:
    (folder.parent / "outside").write_bytes(b"secret")
    (folder / "link").symlink_to(target)
    with pytest.raises(FileRefused) as caught:
        packed(folder)
    assert caught.value.problem is Problem.LINK_LEADS_OUT
    assert caught.value.filename == str(folder / "link")


@posix_only
def test_pipe_in_a_folder_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert refused(folder) is Problem.NOT_A_FILE


@posix_only
def test_name_in_a_folder_that_is_no_text(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff")).touch()
    assert refused(folder) is Problem.NAME_NOT_TEXT


def test_folder_that_is_too_large(folder: Path) -> None:
    assert refused(folder, 500) is Problem.LARGER_THAN_TAKEN


def test_folder_with_too_many_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "ENTRIES_MAX", 5)
    assert refused(folder) is Problem.TOO_MANY_ENTRIES


def test_file_in_a_folder_that_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = packing.shutil.copyfileobj

    def growing(source: object, target: object, length: int) -> None:
        copy(source, target, length)  # type: ignore[arg-type]
        with (folder / "a.txt").open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(packing.shutil, "copyfileobj", growing)
    assert refused(folder) is Problem.CHANGED_WHILE_READ
