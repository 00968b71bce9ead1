"""Files that are fetched: whole under their name or not there, resumed, never in another's place."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.platform.disk import saving
from lanchat.platform.disk.files import FileRefused
from lanchat.platform.disk.saving import Content, Place, SavedFile, place_of, saved_already
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import leaf_hash, root_hash
from lanchat.protocol.problems import Problem
from tests.support.small_disk import needs_root, small_disk

OCTETS = bytes(CHUNK_OCTETS) + b"\1" * CHUNK_OCTETS + b"the end"
CHUNKS = [OCTETS[first : first + CHUNK_OCTETS] for first in range(0, len(OCTETS), CHUNK_OCTETS)]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="links")


def content_of(chunks: list[bytes]) -> Content:
    size, leaves = sum(map(len, chunks)), b"".join(map(leaf_hash, chunks))
    return Content(root_hash(size, leaves), size, leaves)


CONTENT = content_of(CHUNKS)


def save(place: Place, chunks: list[bytes] = CHUNKS) -> Path:
    saved = SavedFile(place, content_of(chunks))
    for number, chunk in enumerate(chunks, 1):
        saved.write(number, chunk)
    return saved.finish()


def place(folder: Path, name: str = "report.pdf", *, exact: bool = False) -> Place:
    return Place(folder, name, exact)


def test_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    saved = SavedFile(place(tmp_path), CONTENT)
    for number in (3, 1, 2):
        saved.write(number, CHUNKS[number - 1])
        assert not (tmp_path / "report.pdf").exists()
    assert saved.finish() == tmp_path / "report.pdf"
    assert (tmp_path / "report.pdf").read_bytes() == OCTETS
    assert os.listdir(tmp_path) == ["report.pdf"]


def test_empty_file(tmp_path: Path) -> None:
    assert save(place(tmp_path), []).read_bytes() == b""
    assert os.listdir(tmp_path) == ["report.pdf"]


def test_later_call_goes_on_where_this_one_ended(tmp_path: Path) -> None:
    first = SavedFile(place(tmp_path), CONTENT)
    first.write(1, CHUNKS[0])
    first.write(2, CHUNKS[1])
    first.leave()
    second = SavedFile(place(tmp_path), CONTENT)
    assert list(second.present()) == [1, 2]
    second.write(3, CHUNKS[2])
    assert second.finish().read_bytes() == OCTETS


def test_only_chunks_whose_hash_holds_are_kept(tmp_path: Path) -> None:
    first = SavedFile(place(tmp_path), CONTENT)
    for number, chunk in enumerate(CHUNKS, 1):
        first.write(number, chunk)
    first.leave()
    (partial,) = tmp_path.iterdir()
    with partial.open("r+b") as file:
        file.seek(CHUNK_OCTETS)
        file.write(b"x")
        file.seek(0, os.SEEK_END)
        file.write(b"too much")
    second = SavedFile(place(tmp_path), CONTENT)
    assert list(second.present()) == [1, 3]
    second.write(2, CHUNKS[1])
    assert second.finish().read_bytes() == OCTETS


def test_partial_file_cut_within_a_chunk(tmp_path: Path) -> None:
    first = SavedFile(place(tmp_path), CONTENT)
    first.write(1, CHUNKS[0])
    first.write(2, CHUNKS[1])
    first.leave()
    (partial,) = tmp_path.iterdir()
    os.truncate(partial, CHUNK_OCTETS + 5)
    second = SavedFile(place(tmp_path), CONTENT)
    assert list(second.present()) == [1]
    second.discard()
    assert os.listdir(tmp_path) == []


def test_nothing_written_leaves_nothing(tmp_path: Path) -> None:
    SavedFile(place(tmp_path), CONTENT).leave()
    assert os.listdir(tmp_path) == []


def test_other_file_of_the_name_stays(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"mine")
    assert save(place(tmp_path)) == tmp_path / "report (2).pdf"
    assert save(place(tmp_path), [b"else"]) == tmp_path / "report (3).pdf"
    assert (tmp_path / "report.pdf").read_bytes() == b"mine"


def test_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    saved = SavedFile(place(tmp_path, exact=True), content_of([b"ours"]))
    saved.write(1, b"ours")
    (tmp_path / "report.pdf").write_bytes(b"mine")
    with pytest.raises(FileRefused) as caught:
        saved.finish()
    assert caught.value.problem is Problem.ALREADY_THERE
    saved.discard()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_file_system_without_second_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(saving.os, "link", refuse)
    (tmp_path / "report.pdf").write_bytes(b"mine")
    assert save(place(tmp_path)).read_bytes() == OCTETS
    assert sorted(os.listdir(tmp_path)) == ["report (2).pdf", "report.pdf"]


def test_same_content_is_found_again(tmp_path: Path) -> None:
    assert saved_already(place(tmp_path), CONTENT) is None
    (tmp_path / "report.pdf").write_bytes(b"mine")
    second = save(place(tmp_path))
    assert saved_already(place(tmp_path), CONTENT) == second
    assert saved_already(place(tmp_path, "other"), CONTENT) is None
    second.write_bytes(OCTETS[:-1] + b"!")
    assert saved_already(place(tmp_path), CONTENT) is None


def test_taken_name_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"mine")
    with pytest.raises(FileRefused) as caught:
        saved_already(place_of(str(tmp_path / "mine.txt"), "report.pdf"), CONTENT)
    assert caught.value.problem is Problem.ALREADY_THERE
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_two_at_once(tmp_path: Path) -> None:
    first = SavedFile(place(tmp_path), CONTENT)
    with pytest.raises(FileRefused) as caught:
        SavedFile(place(tmp_path), CONTENT)
    assert caught.value.problem is Problem.BEING_WRITTEN
    first.leave()
    SavedFile(place(tmp_path), CONTENT).leave()


@posix_only
def test_link_in_the_place_of_the_partial_file(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f".{CONTENT.root.hex()[:40]}.lanchat-part").symlink_to(victim)
    with pytest.raises(FileRefused):
        SavedFile(place(folder), CONTENT)
    assert victim.read_bytes() == b"mine"


@posix_only
def test_partial_file_that_is_another_file_too(tmp_path: Path) -> None:
    """As after a kill between the two names, and as a trap."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    os.link(other, tmp_path / f".{CONTENT.root.hex()[:40]}.lanchat-part")
    assert save(place(tmp_path)).read_bytes() == OCTETS
    assert other.read_bytes() == b"mine"


@posix_only
def test_link_of_the_name_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (tmp_path / "report.pdf").symlink_to(victim)
    assert save(place(tmp_path)) == tmp_path / "report (2).pdf"
    assert not victim.exists()


@needs_root
def test_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(OSError, match="No space") as caught:
            SavedFile(place(disk), CONTENT)
        assert caught.value.errno == errno.ENOSPC
        assert os.listdir(disk) == []
        half = content_of([bytes(CHUNK_OCTETS // 2)])
        saved = SavedFile(place(disk), half)
        (disk / "filling").write_bytes(bytes(CHUNK_OCTETS * 3 // 4))
        with pytest.raises(OSError, match="No space"):
            saved.write(1, bytes(CHUNK_OCTETS // 2))
        assert os.listdir(disk) == ["filling"]


def test_file_is_for_this_user_alone(tmp_path: Path) -> None:
    path = save(place(tmp_path), [b"x"])
    assert sys.platform == "win32" or path.stat().st_mode & 0o777 == 0o600


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("", "a") == Place(Path(), "a", exact=False)
    assert place_of(str(tmp_path), "a") == Place(tmp_path, "a", exact=False)
    assert place_of(f"{tmp_path}/new.bin", "a") == Place(tmp_path, "new.bin", exact=True)
    for missing in ("none/", "none/file", str(tmp_path / "none" / "file")):
        with pytest.raises(FileNotFoundError):
            place_of(missing, "a")


@posix_only
def test_killed_writer_leaves_what_the_next_one_takes(tmp_path: Path) -> None:
    """The operating system ends the lock of a process that was killed."""
    code = f"""
import os, signal
from tests.unit.platform.test_saving import CHUNKS, CONTENT, Path, SavedFile, place
saved = SavedFile(place(Path({str(tmp_path)!r})), CONTENT)
saved.write(1, CHUNKS[0])
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[3])
    saved = SavedFile(place(tmp_path), CONTENT)
    assert list(saved.present()) == [1]
    saved.discard()
