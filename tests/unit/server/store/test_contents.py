"""Contents of files: what the database knows of them, on SQLite and MariaDB; what is on the disk after any break."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import encode_file_body
from lanchat.protocol.log.messages import Kind
from lanchat_server.core.model import ContentsOctets, ContentsRow
from lanchat_server.store.contents import ContentsFolder
from tests.support.raw_files import chunks_of, offer_of
from tests.support.stores import Database, Log
from tests.vectors.files import contents, leaves_of, manifest_of

USER = 7
OCTETS = contents(2 * CHUNK_OCTETS + 9)
OFFER = offer_of(OCTETS)


# --- On the disk -------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def bring(folder: ContentsFolder) -> None:
    upload = folder.begin(OFFER, USER)
    try:
        for number, octets in chunks_of(OCTETS).items():
            if number >= upload.next:
                upload.write(number, octets)
        upload.finish()
    finally:
        upload.close()


def dying_at(point: str) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == point:
            raise Killed

    return reached


@pytest.mark.parametrize("point", ["upload: chunk", "upload: complete", "upload: flushed", "upload: renamed"])
def test_upload_that_was_killed_goes_on_and_nothing_half_is_seen(tmp_path: Path, point: str) -> None:
    with pytest.raises(Killed):
        bring(ContentsFolder(tmp_path, dying_at(point)))
    folder = ContentsFolder(tmp_path)
    assert folder.has(OFFER.root, OFFER.size) is (point == "upload: renamed")
    bring(folder)
    assert folder.has(OFFER.root, OFFER.size)
    found = [folder.read_chunk(OFFER.root, OFFER.size, number) for number in chunks_of(OCTETS)]
    assert b"".join(found) == OCTETS
    assert folder.read_leaves(OFFER.root, OFFER.size) == leaves_of(OCTETS)
    assert [path.name for path in (tmp_path / "files" / "partial").iterdir()] == []


@pytest.mark.parametrize("damage", [b"", b"x", bytes(CHUNK_OCTETS)])
def test_torn_end_of_an_upload_does_not_count(tmp_path: Path, damage: bytes) -> None:
    folder = ContentsFolder(tmp_path)
    upload = folder.begin(OFFER, USER)
    upload.write(1, chunks_of(OCTETS)[1])
    upload.close()
    (partial,) = (tmp_path / "files" / "partial").iterdir()
    with partial.open("ab") as file:
        file.write(damage)
    assert folder.begin(OFFER, USER).next == 2
    assert partial.stat().st_size == CHUNK_OCTETS


def test_chunk_of_other_contents_or_out_of_turn_is_refused(tmp_path: Path) -> None:
    upload = ContentsFolder(tmp_path).begin(OFFER, USER)
    for number, octets in ((2, chunks_of(OCTETS)[2]), (1, bytes(CHUNK_OCTETS)), (1, b"short")):
        with pytest.raises(ProtocolError):
            upload.write(number, octets)
    assert upload.next == 1


def test_nothing_is_written_after_the_end(tmp_path: Path) -> None:
    upload = ContentsFolder(tmp_path).begin(OFFER, USER)
    upload.close()
    with pytest.raises(OSError, match="ended"):
        upload.write(1, chunks_of(OCTETS)[1])


def test_damaged_contents_are_not_given_as_leaves(tmp_path: Path) -> None:
    folder = ContentsFolder(tmp_path)
    bring(folder)
    os.truncate(folder.path(OFFER.root), OFFER.size + 5)
    assert not folder.has(OFFER.root, OFFER.size)
    with pytest.raises(ProtocolError):
        folder.read_leaves(OFFER.root, OFFER.size)


def test_old_partials_and_contents_alone_are_found(tmp_path: Path) -> None:
    folder = ContentsFolder(tmp_path)
    bring(folder)
    folder.begin(offer_of(b"other"), USER).close()
    assert list(folder.left_alone(0)) == []
    assert list(folder.left_alone(1e12)) == [OFFER.root]
    folder.remove_partials(0)
    assert len(list((tmp_path / "files" / "partial").iterdir())) == 1
    folder.remove_partials(1e12)
    assert list((tmp_path / "files" / "partial").iterdir()) == []
    folder.erase(OFFER.root)
    assert list(folder.left_alone(1e12)) == []


# --- In the database ---------------------------------------------------------------------------------------------


def row_of(octets: bytes) -> ContentsRow:
    manifest = manifest_of(octets)
    return ContentsRow(manifest.root, manifest.size, manifest.sha256, 5)


def test_contents_are_known_named_and_forgotten(database: Database) -> None:
    store = database.open()
    log = Log(store)
    general = log.room
    one, two = row_of(b"one"), row_of(b"two!")
    with store.transaction() as tx:
        for row in (one, two):
            tx.keep_contents(row, 1, 100)
            tx.keep_contents(row, 1, 100)
    assert store.nameable(1, [one.root, bytes(32)], {}) == {one.root: one}
    assert store.nameable(2, [one.root], {general: 1}) == {}
    assert store.contents_octets(1) == ContentsOctets(7, 7)
    body = encode_file_body("see the numbers", [manifest_of(b"one", "plan.ods", "text/plain")])
    (record,) = log.say(body, kind=Kind.FILE, author=1)
    seq = record.record.seq
    assert store.nameable(2, [one.root], {general: seq}) == {one.root: one}
    assert store.nameable(2, [one.root], {general: seq + 1}) == {}
    assert store.contents_of(general, seq, one.root) == one
    assert store.contents_of(general, seq, two.root) is None
    with store.transaction() as tx:
        tx.index_appended(100)
    assert [found.seq for _room, found in store.search({general: 1}, "plan", before=0, limit=5)] == [seq]
    with store.transaction() as tx:
        assert tx.forget_contents(100, 10) == []
        assert tx.forget_contents(101, 10) == [two.root]
    assert store.known_contents([one.root, two.root]) == {one.root}
    log.say("", kind=Kind.DELETE, ref=seq, author=1)
    assert store.contents_of(general, seq, one.root) is None
    with store.transaction() as tx:
        assert tx.forget_contents(0, 10) == [one.root]
    assert store.contents_octets(1) == ContentsOctets(0, 0)
