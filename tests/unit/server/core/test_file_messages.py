"""Messages with files: taken when their contents are here and their author may name them; else they wait."""

from typing import Any

import pytest

from lanchat.protocol.codes import Code
from lanchat.protocol.log.files import Manifest, encode_file_body
from lanchat.protocol.log.messages import Kind, Message
from lanchat_server.core.model import ContentsRow, Decision
from lanchat_server.core.sequencing.sequencer import BatchOutcome
from tests.support.rig import GENERAL, Rig
from tests.vectors.files import contents, manifest_of

FILE = manifest_of(contents(5))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def commit(rig: Rig, *messages: Message) -> BatchOutcome:
    return rig.sequencer.commit(rig.store, [rig.submission(message) for message in messages], 5_000)


def decisions(outcome: BatchOutcome) -> list[Decision]:
    return [decision for _, decision in outcome.decided]


def with_files(rig: Rig, user: int, *manifests: Manifest, **more: Any) -> Message:
    return rig.authors[user].message(encode_file_body("", manifests), kind=Kind.FILE, **more)


def keep(rig: Rig, manifest: Manifest, user: int) -> None:
    with rig.store.transaction() as tx:
        tx.keep_contents(ContentsRow(manifest.root, manifest.size, manifest.sha256, 1), user, 1)


def test_who_brought_the_contents_names_them(rig: Rig) -> None:
    keep(rig, FILE, 2)
    assert decisions(commit(rig, with_files(rig, 2, FILE))) == [Decision(1, 0)]
    assert rig.database.uses == {(FILE.root, GENERAL, 1): 2}
    assert not rig.database.uploads


def test_message_waits_for_contents_and_the_run_waits_with_it(rig: Rig) -> None:
    waits, after = with_files(rig, 2, FILE), rig.authors[2].message("after")
    outcome = commit(rig, waits, after)
    assert not outcome.decided
    assert [lack.code for _submission, _author, lack in outcome.waiting] == [Code.CONTENTS_MISSING] * 2
    keep(rig, FILE, 2)
    assert decisions(commit(rig, waits, after)) == [Decision(1, 0), Decision(2, 0)]


def test_who_only_knows_a_root_waits_and_who_may_read_it_forwards(rig: Rig) -> None:
    keep(rig, FILE, 2)
    guessed = with_files(rig, 3, FILE)
    assert not commit(rig, guessed).decided
    commit(rig, with_files(rig, 2, FILE))
    assert decisions(commit(rig, guessed)) == [Decision(2, 0)]


@pytest.mark.parametrize(("size", "sha256"), [(6, FILE.sha256), (5, bytes(32))])
def test_manifest_that_lies_is_refused(rig: Rig, size: int, sha256: bytes) -> None:
    keep(rig, FILE, 2)
    lie = Manifest("a", size, "text/plain", FILE.root, sha256)
    assert decisions(commit(rig, with_files(rig, 2, lie))) == [Decision(0, Code.BAD_TEXT)]


def test_files_are_replied_to_reacted_to_and_deleted_and_then_nothing_names_them(rig: Rig) -> None:
    keep(rig, FILE, 2)
    author = rig.authors[2]
    commit(rig, with_files(rig, 2, FILE), rig.authors[3].message("nice", ref=1))
    assert decisions(commit(rig, rig.authors[3].message("+1", kind=Kind.REACTION, ref=1))) == [Decision(3, 0)]
    with rig.store.transaction() as tx:
        assert tx.forget_contents(10_000, 10) == []
    assert decisions(commit(rig, author.message("", kind=Kind.DELETE, ref=1))) == [Decision(4, 0)]
    with rig.store.transaction() as tx:
        assert tx.forget_contents(10_000, 10) == [FILE.root]
    assert not rig.database.contents


def test_contents_without_a_message_go_after_their_time(rig: Rig) -> None:
    keep(rig, FILE, 2)
    with rig.store.transaction() as tx:
        assert tx.forget_contents(1, 10) == []
    with rig.store.transaction() as tx:
        assert tx.forget_contents(2, 10) == [FILE.root]
