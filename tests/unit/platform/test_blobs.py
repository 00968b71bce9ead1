"""The contract of BlobStore, on a folder of files by hash; hostile addresses, ranges and sizes."""

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lanchat.platform.disk import blobs as blobs_module
from lanchat.platform.disk.blobs import BlobFolder
from lanchat.platform.disk.files import FileRefused
from lanchat.protocol.blobs import RANGE_MAX, BlobMismatch, BlobStore, BlobWriter
from lanchat.protocol.errors import ProtocolError

SIZE_MAX = 4 << 20
CONTENT = b"the content of a file"


def address_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


ADDRESS = address_of(CONTENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "blobs"


@pytest.fixture
def store(folder: Path) -> BlobStore:
    return BlobFolder(folder, SIZE_MAX)


def put(store: BlobStore, content: bytes, part: int = 7) -> bytes:
    """In parts; the address."""
    write(store.writer(address_of(content), len(content)), content, part)
    return address_of(content)


def write(writer: BlobWriter, content: bytes, part: int) -> None:
    for start in range(0, len(content), part):
        writer.write(content[start : start + part])
    writer.finish()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


# --- The contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, os.urandom(RANGE_MAX + 3)], ids=len)
def test_written_content_is_read_back(store: BlobStore, content: bytes) -> None:
    address = put(store, content, 1 << 16)
    assert store.has(address)
    read = [store.read(address, first, RANGE_MAX) for first in range(0, len(content) + 1, RANGE_MAX)]
    assert b"".join(read) == content
    assert store.total_size() == len(content)


def test_ranges_end_with_the_blob(store: BlobStore) -> None:
    put(store, CONTENT)
    assert store.read(ADDRESS, 4, 7) == CONTENT[4:11]
    assert store.read(ADDRESS, 4, 0) == b""
    assert store.read(ADDRESS, len(CONTENT) - 2, 9) == CONTENT[-2:]
    assert store.read(ADDRESS, len(CONTENT), 9) == b""
    assert store.read(ADDRESS, 1 << 80, 9) == b""


def test_unknown_blob_is_missing(store: BlobStore) -> None:
    put(store, b"another")
    assert not store.has(ADDRESS)
    with pytest.raises(FileNotFoundError):
        store.read(ADDRESS, 0, 1)
    assert store.delete(ADDRESS) is False


def test_unfinished_blob_does_not_exist(store: BlobStore, folder: Path) -> None:
    writer = store.writer(ADDRESS, len(CONTENT))
    writer.write(CONTENT)
    assert not store.has(ADDRESS)
    assert store.total_size() == 0
    writer.abandon()
    writer.abandon()
    assert files(folder) == []


@pytest.mark.parametrize(
    ("size", "content"),
    [
        (len(CONTENT), CONTENT[:-1]),
        (len(CONTENT), CONTENT + b"x"),
        (len(CONTENT), CONTENT[::-1]),
        (0, CONTENT),
        (len(CONTENT) + 1, CONTENT),
        (SIZE_MAX, b""),
    ],
)
def test_content_that_differs_from_the_announcement_is_refused(
    store: BlobStore, folder: Path, size: int, content: bytes
) -> None:
    with pytest.raises(BlobMismatch):
        write(store.writer(ADDRESS, size), content, 1)
    assert not store.has(ADDRESS)
    assert files(folder) == []


def test_refused_content_keeps_the_existing_blob(store: BlobStore) -> None:
    put(store, CONTENT)
    writer = store.writer(ADDRESS, len(CONTENT))
    with pytest.raises(BlobMismatch):
        writer.write(CONTENT + b"x")
    assert store.read(ADDRESS, 0, 99) == CONTENT


def test_equal_content_is_stored_once(store: BlobStore, folder: Path) -> None:
    first, second = (store.writer(ADDRESS, len(CONTENT)) for _ in range(2))
    for writer in (first, second):
        writer.write(CONTENT)
    for writer in (second, first):
        writer.finish()
    assert len(files(folder)) == 1
    assert store.total_size() == len(CONTENT)


def test_damaged_blob_is_replaced_by_writing_it_again(store: BlobStore, folder: Path) -> None:
    put(store, CONTENT)
    files(folder)[0].write_bytes(b"damaged")
    put(store, CONTENT)
    assert store.read(ADDRESS, 0, 99) == CONTENT


def test_deleted_blob_is_missing_and_may_be_written_again(store: BlobStore) -> None:
    put(store, CONTENT)
    other = put(store, b"another")
    assert store.delete(ADDRESS) is True
    assert store.delete(ADDRESS) is False
    assert not store.has(ADDRESS)
    assert store.total_size() == len(b"another")
    assert store.read(other, 0, 99) == b"another"
    put(store, CONTENT)
    assert store.has(ADDRESS)


def test_two_openers_of_a_folder_share_it(store: BlobStore, folder: Path) -> None:
    other = BlobFolder(folder, SIZE_MAX)
    put(store, CONTENT)
    assert other.read(ADDRESS, 0, 99) == CONTENT
    assert other.delete(ADDRESS)
    assert not store.has(ADDRESS)


def test_threads_may_write_the_same_blob_and_others(store: BlobStore) -> None:
    contents = [bytes([number]) * 1000 for number in range(8)]

    def work() -> None:
        for content in contents:
            put(store, content, 100)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.read(address_of(content), 0, 2000) for content in contents] == contents
    assert store.total_size() == 8000


# --- The disk ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_files_are_private(store: BlobStore, folder: Path) -> None:
    before = os.umask(0)
    try:
        put(store, CONTENT)
        store.writer(address_of(b"draft"), 5)
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_blob_is_synced_before_it_is_renamed(store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_rename(*names: Any) -> None:
        done.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    put(store, CONTENT)
    folders = sys.platform != "win32"
    assert done == [*["folder"] * folders, "file", "rename", *["folder"] * folders]
    done.clear()
    store.delete(ADDRESS)
    assert done == ["folder"] * folders


@pytest.mark.parametrize("step", ["write", "flush", "fsync", "replace"])
def test_full_disk_leaves_nothing(store: BlobStore, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    writer: Any = store.writer(ADDRESS, len(CONTENT))
    with monkeypatch.context() as patch:
        if step in ("write", "flush"):
            patch.setattr(writer, "_file", FullFile(writer._file, step))
        else:
            patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space"):
            write(writer, CONTENT, 99)
    assert not store.has(ADDRESS)
    assert files(folder) == []
    put(store, CONTENT)


class FullFile:
    """A file on a disk on which `step` finds no space."""

    def __init__(self, file: Any, step: str) -> None:
        self._file = file
        self._step = step

    def __getattr__(self, name: str) -> Any:
        if name == self._step:
            raise OSError(28, "No space left on device")
        return getattr(self._file, name)


def test_short_system_reads_are_continued(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, CONTENT)
    read = os.read
    monkeypatch.setattr(blobs_module.os, "read", lambda descriptor, count: read(descriptor, min(count, 3)))
    assert store.read(ADDRESS, 1, 10) == CONTENT[1:11]


def test_drafts_of_killed_processes_are_removed_by_age(folder: Path) -> None:
    store = BlobFolder(folder, SIZE_MAX)
    put(store, CONTENT)
    old, young = (store.writer(address_of(name), 9) for name in (b"old", b"young"))
    for writer in (old, young):
        writer.write(b"123456789")
    old._file.close()  # as those of a process that was killed
    draft = next(path for path in files(folder) if address_of(b"old").hex() in path.name)
    os.utime(draft, (1000.0, 1000.0))
    stranger = folder / ADDRESS.hex()[:2] / "notes.txt"
    stranger.write_text("not a blob")
    os.utime(stranger, (1000.0, 1000.0))
    store.remove_drafts(before=2000.0)
    assert not draft.exists()
    assert len(files(folder)) == 3
    assert store.total_size() == len(CONTENT)
    with contextlib.suppress(OSError):
        old.abandon()


# --- Hostile input ----------------------------------------------------------------------------------------------------


def entries_outside(folder: Path) -> list[Path]:
    """Entries beside the folder of blobs, and links in it."""
    around = folder.parent
    return sorted(path for path in around.rglob("*") if folder not in (path, *path.parents) or path.is_symlink())


BAD_ADDRESSES = st.one_of(
    st.binary(max_size=80).filter(lambda octets: len(octets) != 32),
    st.sampled_from(["../../../etc/passwd", "..", "a" * 32, "\0" * 32, "/", "C:\\nul", "con"]),
    st.sampled_from([None, 0, 32, bytearray(32), memoryview(bytes(32)), ("a",) * 32, b"../" * 10 + b"ab\0"]),
    st.text(max_size=64),
)


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "blobs"


@settings(max_examples=200, deadline=None)
@given(BAD_ADDRESSES)
def test_invalid_address_is_refused_everywhere(address: Any) -> None:
    with fresh_folder() as folder:
        store = BlobFolder(folder, SIZE_MAX)
        for use in (
            lambda: store.writer(address, 1),
            lambda: store.read(address, 0, 1),
            lambda: store.has(address),
            lambda: store.delete(address),
        ):
            with pytest.raises(ProtocolError):
                use()
        assert list(folder.iterdir()) == []
        assert entries_outside(folder) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_every_address_stays_in_the_folder(address: bytes) -> None:
    with fresh_folder() as folder:
        store = BlobFolder(folder, SIZE_MAX)
        assert not store.has(address)
        assert not store.delete(address)
        with pytest.raises(FileNotFoundError):
            store.read(address, 0, 1)
        writer = store.writer(address, 3)
        writer.write(b"abc")
        with pytest.raises(BlobMismatch):
            writer.finish()
        assert entries_outside(folder) == files(folder) == []


@pytest.mark.parametrize("size", [-1, SIZE_MAX + 1, 1 << 63, 1 << 200])
def test_invalid_sizes_are_refused_before_creating_files(store: BlobStore, folder: Path, size: int) -> None:
    with pytest.raises(ProtocolError):
        store.writer(ADDRESS, size)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, -1), (-(1 << 70), 1), (0, RANGE_MAX + 1), (0, 1 << 200)])
def test_invalid_ranges_are_refused(store: BlobStore, first: int, count: int) -> None:
    put(store, CONTENT)
    with pytest.raises(ProtocolError):
        store.read(ADDRESS, first, count)


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_links_are_not_followed(store: BlobStore, folder: Path, tmp_path: Path) -> None:
    put(store, CONTENT)
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    path = files(folder)[0]
    path.unlink()
    path.symlink_to(secret)
    assert not store.has(ADDRESS)
    with pytest.raises(FileRefused):
        store.read(ADDRESS, 0, 9)
    put(store, CONTENT)
    assert not path.is_symlink()
    assert store.delete(ADDRESS)
    assert secret.read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_linked_folders_are_not_followed(store: BlobStore, folder: Path, tmp_path: Path) -> None:
    put(store, CONTENT)
    place = files(folder)[0].parent
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert not store.has(ADDRESS)
    for use in (
        lambda: store.read(ADDRESS, 0, 9),
        lambda: store.delete(ADDRESS),
        lambda: store.writer(ADDRESS, 3),
    ):
        with pytest.raises(FileRefused):
            use()
    assert len(files(tmp_path / "elsewhere")) == 1


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_pipe_in_place_of_a_blob_does_not_block(store: BlobStore, folder: Path) -> None:
    put(store, CONTENT)
    path = files(folder)[0]
    path.unlink()
    os.mkfifo(path)
    assert not store.has(ADDRESS)
    with pytest.raises(OSError):
        store.read(ADDRESS, 0, 9)
    assert store.total_size() == 0


# --- Histories --------------------------------------------------------------------------------------------------------


class BlobMachine(RuleBasedStateMachine):
    """Compared with a dict."""

    contents = st.sampled_from([b"", b"a", b"bc" * 50, bytes(300), CONTENT])

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name) / "blobs"
        self.store = BlobFolder(self.folder, SIZE_MAX)
        self.model: dict[bytes, bytes] = {}

    def teardown(self) -> None:
        self.temporary.cleanup()

    @rule(content=contents, part=st.integers(1, 400))
    def put(self, content: bytes, part: int) -> None:
        self.model[put(self.store, content, part)] = content

    @rule(content=contents, sent=contents)
    def put_another(self, content: bytes, sent: bytes) -> None:
        writer = self.store.writer(address_of(content), len(sent))
        writer.write(sent)
        if sent == content:
            writer.finish()
            self.model[address_of(content)] = content
        else:
            with pytest.raises(BlobMismatch):
                writer.finish()

    @rule(content=contents)
    def delete(self, content: bytes) -> None:
        address = address_of(content)
        assert self.store.delete(address) == (self.model.pop(address, None) is not None)

    @rule(content=contents, first=st.integers(0, 400), count=st.integers(0, 400))
    def read(self, content: bytes, first: int, count: int) -> None:
        address = address_of(content)
        if address in self.model:
            assert self.store.read(address, first, count) == content[first : first + count]
        else:
            with pytest.raises(FileNotFoundError):
                self.store.read(address, first, count)

    @rule()
    def reopen(self) -> None:
        self.store = BlobFolder(self.folder, SIZE_MAX)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self.store.total_size() == sum(map(len, self.model.values()))
        assert {path.name for path in files(self.folder)} == {address.hex() for address in self.model}


TestBlobs = BlobMachine.TestCase
TestBlobs.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
