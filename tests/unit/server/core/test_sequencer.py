"""The sequencer: what is decided, in which order, and that a decision never changes."""

import pytest

from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Kind, Message
from lanchat.protocol.log.records import check_head
from lanchat_server.core.model import Decision
from lanchat_server.core.ports import CommitFailed, CommitUnknown, Fenced
from lanchat_server.core.sequencing.sequencer import BatchOutcome
from tests.support.memory_store import Fault, MemoryStore
from tests.support.rig import GENERAL, LOG_ID, LOG_PUBLIC, Rig, check_chain, make_author


@pytest.fixture
def rig() -> Rig:
    return Rig()


def commit(rig: Rig, *messages: Message, now_ms: int = 5_000, force: bool = False) -> BatchOutcome:
    batch = [rig.submission(message, force=force) for message in messages]
    return rig.sequencer.commit(rig.store, batch, now_ms)


def decisions(outcome: BatchOutcome) -> list[Decision]:
    return [decision for _, decision in outcome.decided]


def test_numbers_are_consecutive_and_chain_into_a_signed_head(rig: Rig) -> None:
    author = rig.authors[2]
    commit(rig, *(author.message(f"m{i}") for i in range(5)))
    outcome = commit(rig, author.message("m5"), rig.authors[3].message("other"))
    head = outcome.committed[GENERAL].head
    check_head(LOG_PUBLIC, LOG_ID, head)
    check_chain(GENERAL, [item.record for item in rig.database.records[GENERAL]], head)
    assert decisions(outcome) == [Decision(6, 0), Decision(7, 0)]


def test_repeated_message_gets_its_first_answer_after_a_restart(rig: Rig) -> None:
    message = rig.authors[2].message("once")
    first = decisions(commit(rig, message))
    assert decisions(commit(rig, message)) == first
    rig.start()
    assert decisions(commit(rig, message, message)) == first * 2
    assert rig.texts() == ["once"]


def test_repeat_inside_one_batch_is_stored_once(rig: Rig) -> None:
    message = rig.authors[2].message("twice")
    assert decisions(commit(rig, message, message)) == [Decision(1, 0)] * 2
    assert rig.texts() == ["twice"]


def test_first_of_two_bodies_under_one_key_is_kept(rig: Rig) -> None:
    author = rig.authors[2]
    commit(rig, author.message("first", n=1))
    assert decisions(commit(rig, author.message("second", n=1))) == [Decision(1, 0)]
    assert rig.texts() == ["first"]


def test_refusal_never_becomes_an_acceptance(rig: Rig) -> None:
    non_member = rig.authors[3]
    message = non_member.message("let me in", room=rig.PRIVATE)
    assert decisions(commit(rig, message)) == [Decision(0, Code.NOT_A_MEMBER)]
    rig.join(rig.PRIVATE, 3)
    rig.start()
    assert decisions(commit(rig, message)) == [Decision(0, Code.NOT_A_MEMBER)]
    assert decisions(commit(rig, non_member.message("now", room=rig.PRIVATE))) == [Decision(1, 0)]


def test_forged_message_does_not_block_the_genuine_one(rig: Rig) -> None:
    author = rig.authors[2]
    real = author.message("mine")
    forged = Message(real.header, b"not mine", real.signature)
    assert decisions(commit(rig, forged)) == [Decision(0, Code.BAD_SIGNATURE)]
    assert decisions(commit(rig, real)) == [Decision(1, 0)]
    unknown = make_author(200).message("who am I")
    assert decisions(commit(rig, unknown)) == [Decision(0, Code.UNKNOWN_DEVICE)]
    assert rig.texts() == ["mine"]


def test_order_of_arrival_within_a_batch_does_not_matter(rig: Rig) -> None:
    author = rig.authors[2]
    one, two, three = (author.message(text) for text in ("one", "two", "three"))
    outcome = commit(rig, three, one, two)
    assert not outcome.early
    assert rig.texts() == ["one", "two", "three"]


def test_early_message_waits_and_a_forced_one_leaves_a_gap(rig: Rig) -> None:
    author = rig.authors[2]
    one, two = author.message("one"), author.message("two")
    outcome = commit(rig, two)
    assert [expected for _, expected in outcome.early] == [1]
    assert not outcome.decided
    assert rig.texts() == []
    outcome = commit(rig, two, force=True)
    assert len(outcome.gaps) == 1
    assert rig.texts() == ["two"]
    # The late one is stored all the same: losing it would be worse than its place.
    assert decisions(commit(rig, one)) == [Decision(2, 0)]
    assert decisions(commit(rig, one, two)) == [Decision(2, 0), Decision(1, 0)]


@pytest.mark.parametrize(
    ("kind", "by", "code"),
    [
        (Kind.EDIT, 2, 0),
        (Kind.EDIT, 3, Code.TARGET_NOT_YOURS),
        (Kind.EDIT, 1, Code.TARGET_NOT_YOURS),
        (Kind.DELETE, 2, 0),
        (Kind.DELETE, 3, Code.TARGET_NOT_YOURS),
        (Kind.DELETE, 1, 0),
        (Kind.REACTION, 3, 0),
        (Kind.NOTICE, 2, Code.UNSUPPORTED_KIND),
    ],
)
def test_permission_to_change_messages(rig: Rig, kind: Kind, by: int, code: int) -> None:
    commit(rig, rig.authors[2].message("target"))
    body = "" if kind is Kind.DELETE else "x"
    message = rig.authors[by].message(body, kind=kind, ref=1)
    assert [decision.code for decision in decisions(commit(rig, message))] == [code]


def test_deleted_text_is_erased_and_cannot_be_changed_again(rig: Rig) -> None:
    author = rig.authors[2]
    commit(rig, author.message("secret"))
    before = rig.database.records[GENERAL][0].record.body_hash
    commit(rig, author.message("", kind=Kind.DELETE, ref=1))
    assert rig.texts() == [None, ""]
    assert rig.database.records[GENERAL][0].record.body_hash == before
    outcome = commit(rig, author.message("again", kind=Kind.EDIT, ref=1))
    assert decisions(outcome) == [Decision(0, Code.NO_SUCH_TARGET)]


def test_deletion_erases_the_edits_of_the_text(rig: Rig) -> None:
    author = rig.authors[2]
    commit(rig, author.message("secret"), author.message("more secret", kind=Kind.EDIT, ref=1), author.message("other"))
    outcome = commit(
        rig, author.message("most secret", kind=Kind.EDIT, ref=1), author.message("", kind=Kind.DELETE, ref=1)
    )
    assert [record.body for record in outcome.committed[GENERAL].records] == [None, b""]
    assert rig.texts() == [None, None, "other", None, ""]
    check_chain(GENERAL, [item.record for item in rig.database.records[GENERAL]], outcome.committed[GENERAL].head)


def test_text_deleted_in_its_own_batch_is_sent_without_body(rig: Rig) -> None:
    author = rig.authors[2]
    outcome = commit(rig, author.message("slip"), author.message("", kind=Kind.DELETE, ref=1))
    assert [record.body for record in outcome.committed[GENERAL].records] == [None, b""]
    check_chain(GENERAL, outcome.committed[GENERAL].records, outcome.committed[GENERAL].head)


@pytest.mark.parametrize(("kind", "ref"), [(Kind.TEXT, 5), (Kind.EDIT, 0), (Kind.EDIT, 2), (Kind.REACTION, 99)])
def test_targets_must_exist_and_be_texts(rig: Rig, kind: Kind, ref: int) -> None:
    commit(rig, rig.authors[2].message("target"), rig.authors[3].message("+1", kind=Kind.REACTION, ref=1))
    outcome = commit(rig, rig.authors[2].message("x", kind=kind, ref=ref))
    assert decisions(outcome) == [Decision(0, Code.NO_SUCH_TARGET)]


def test_invalid_texts_are_refused_finally(rig: Rig) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lanchat.protocol.codec import encode
    from lanchat.protocol.log import keys
    from lanchat.protocol.log.messages import Header

    def signed(key: Ed25519PrivateKey, n: int, body: bytes) -> Message:
        header = encode(Header(GENERAL, rig.authors[2].device, 5, n, Kind.TEXT, 0, 1, 1))
        signature = key.sign(keys.MESSAGE_CONTEXT + LOG_ID + header + keys.sha256(body))
        return Message(header, body, signature)

    bodies = [b"", b"  ", b"a\x00b", "\u202eevil".encode(), b"\xff\xfe", "\u200b\u2060".encode(), b"a\rb"]
    outcome = commit(rig, *(signed(rig.authors[2].key, n, body) for n, body in enumerate(bodies, 1)))
    assert [decision.code for decision in decisions(outcome)] == [Code.BAD_TEXT] * len(bodies)


def test_disabled_accounts_and_revoked_devices_store_nothing(rig: Rig) -> None:
    author = rig.authors[2]
    with rig.store.transaction() as tx:
        tx.revoke_devices([author.device], 1)
    rig.start()
    assert decisions(commit(rig, author.message("x"))) == [Decision(0, Code.AUTHOR_REVOKED)]
    with rig.store.transaction() as tx:
        tx.update_user(3, disabled=True)
    rig.start()
    assert decisions(commit(rig, rig.authors[3].message("x"))) == [Decision(0, Code.AUTHOR_DISABLED)]


def test_record_has_the_time_of_its_commit(rig: Rig) -> None:
    for now_ms in (9_000, 315_360_000_000, 10_000, 1_000):
        commit(rig, rig.authors[2].message("hello"), now_ms=now_ms)
    records = [item.record for item in rig.database.records[GENERAL]]
    assert [(record.seq, record.time_ms) for record in records] == [
        (1, 9_000), (2, 315_360_000_000), (3, 10_000), (4, 1_000)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "error", "stored"),
    [
        (Fault.FAILED, CommitFailed, False),
        (Fault.UNKNOWN_LOST, CommitUnknown, False),
        (Fault.UNKNOWN_STORED, CommitUnknown, True),
    ],
)
def test_retry_after_a_failed_commit_finds_its_true_outcome(
    rig: Rig, fault: Fault, error: type[Exception], stored: bool
) -> None:
    author = rig.authors[2]
    commit(rig, author.message("before"))
    message = author.message("risky")
    rig.store.fault = lambda: fault
    with pytest.raises(error):
        commit(rig, message)
    assert (len(rig.texts()) == 2) is stored
    rig.store.fault = lambda: Fault.NONE
    assert decisions(commit(rig, message)) == [Decision(2, 0)]
    assert rig.texts() == ["before", "risky"]
    assert decisions(commit(rig, author.message("after"))) == [Decision(3, 0)]


def test_older_server_on_the_same_database_is_fenced(rig: Rig) -> None:
    newer = MemoryStore(rig.database)
    newer.take_lease("newer", 0)
    with pytest.raises(Fenced):
        commit(rig, rig.authors[2].message("too late"))
    assert rig.texts() == []
