"""What others hand in of authors who were shut out: kept for an administrator, answered, and decided by nobody else."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Kind, Message, decode_header_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import Decision, QuarantinedMessage
from lanchat_server.core.reseeding.handed_in import PAIRS_MAX, HandedIn, HandedInCount
from lanchat_server.core.sequencing.sequencer import BatchOutcome, Submission, Verdict, judged
from tests.support.rig import GENERAL, Rig

MALLORY, BORIS = 3, 2


def revoke(rig: Rig) -> None:
    device = rig.authors[MALLORY].device
    rig.database.devices[device] = replace(rig.database.devices[device], revoked_ms=1)
    rig.start()


def disable(rig: Rig) -> None:
    rig.database.users[MALLORY] = replace(rig.database.users[MALLORY], disabled=True)
    rig.start()


def handed_in(message: Message, by: int = BORIS) -> Submission:
    return Submission(1, message, decode_header_untrusted(message.header), own=False, by=by)


def commit(rig: Rig, *submissions: Submission) -> BatchOutcome:
    return rig.sequencer.commit(rig.store, list(submissions), 5_000)


def codes(outcome: BatchOutcome) -> list[int]:
    return [decision.code for _submission, decision in outcome.decided]


def waiting(rig: Rig) -> list[QuarantinedMessage]:
    return rig.store.quarantined()


@pytest.mark.parametrize(("end", "code"), [(revoke, Code.AUTHOR_REVOKED), (disable, Code.AUTHOR_DISABLED)])
def test_messages_of_shut_out_authors_wait_in_any_order(end: Callable[[Rig], None], code: Code) -> None:
    rig = Rig()
    one, two, three = (rig.authors[MALLORY].message(text) for text in ("one", "two", "three"))
    end(rig)
    outcome = commit(rig, handed_in(three), handed_in(one), handed_in(three))
    assert codes(outcome) == [code] * 3
    assert not outcome.early
    assert [(row.author, row.brought_by, row.brought_ms) for row in waiting(rig)] == [(MALLORY, BORIS, 5_000)] * 2
    assert (rig.texts(), rig.database.decisions) == ([], {})
    assert codes(commit(rig, handed_in(two), handed_in(one))) == [code] * 2
    assert [row.message.body for row in waiting(rig)] == [b"one", b"two", b"three"]


@pytest.mark.parametrize("end", [revoke, disable])
def test_nothing_is_kept_of_what_a_revoked_device_hands_in(end: Callable[[Rig], None]) -> None:
    rig = Rig()
    message = handed_in(rig.authors[MALLORY].message("of the same account's other device"), MALLORY)
    message.by_device = rig.authors[MALLORY].device
    end(rig)
    outcome = commit(rig, message)
    assert (len(codes(outcome)), waiting(rig)) == (1, [])


def test_taken_messages_get_numbers_and_dropped_ones_are_refused_for_good() -> None:
    rig = Rig()
    messages = [rig.authors[MALLORY].message(text) for text in ("one", "two", "three")]
    revoke(rig)
    assert commit(rig, *map(handed_in, messages)).quarantine == 3
    one, two, three = waiting(rig)
    outcome = commit(rig, judged(one, Verdict.TAKE), judged(three, Verdict.TAKE))
    assert [decision for _submission, decision in outcome.decided] == [Decision(1, 0), Decision(2, 0)]
    assert (rig.texts(), outcome.quarantine) == (["one", "three"], 1)
    outcome = commit(rig, judged(two, Verdict.DROP))
    assert (codes(outcome), outcome.quarantine, waiting(rig)) == ([Code.AUTHOR_REVOKED], 0, [])
    again = commit(rig, *map(handed_in, messages))
    assert [decision for _submission, decision in again.decided] == [
        Decision(1, 0),
        Decision(0, Code.AUTHOR_REVOKED),
        Decision(2, 0),
    ]
    assert waiting(rig) == []


def test_taken_message_is_judged_as_any_other() -> None:
    rig = Rig()
    commit(rig, rig.submission(rig.authors[BORIS].message("theirs")))
    edit = rig.authors[MALLORY].message("forged", kind=Kind.EDIT, ref=1)
    revoke(rig)
    commit(rig, handed_in(edit))
    outcome = commit(rig, judged(waiting(rig)[0], Verdict.TAKE))
    assert (codes(outcome), waiting(rig)) == ([Code.TARGET_NOT_YOURS], [])


def test_what_could_not_be_stored_anyway_is_refused() -> None:
    rig = Rig()
    author = rig.authors[MALLORY]
    elsewhere = author.message("x", room=Rig.PRIVATE)
    unknown = author.message("x", kind=Kind.NOTICE)
    own = author.message("own", n=9)
    revoke(rig)
    outcome = commit(rig, handed_in(elsewhere), handed_in(unknown))
    assert codes(outcome) == [Code.AUTHOR_REVOKED] * 2
    assert codes(commit(rig, rig.submission(own, force=True))) == [Code.AUTHOR_REVOKED]
    assert waiting(rig) == []
    assert len(rig.database.decisions) == 3


def test_forgeries_are_not_kept() -> None:
    rig = Rig()
    message = rig.authors[MALLORY].message("x")
    revoke(rig)
    assert codes(commit(rig, handed_in(replace(message, signature=bytes(64))))) == [Code.BAD_SIGNATURE]
    assert waiting(rig) == []


def test_quarantine_is_bounded_in_all_and_for_each_author() -> None:
    rig = Rig(CoreConfig(quarantine_author_max=3))
    messages = [rig.authors[MALLORY].message(f"text {number}") for number in range(5)]
    revoke(rig)
    outcome = commit(rig, *map(handed_in, messages))
    assert (codes(outcome), len(waiting(rig))) == ([Code.AUTHOR_REVOKED] * 5, 3)
    assert codes(commit(rig, *map(handed_in, messages))) == [Code.AUTHOR_REVOKED] * 5
    assert len(waiting(rig)) == 3
    for bound in ({"quarantine_max": 3}, {"quarantine_octets": 10}, {"quarantine_author_octets": 10}):
        rig.config = CoreConfig(**bound)
        rig.start()
        commit(rig, *map(handed_in, messages))
        assert len(waiting(rig)) == 3
    rig.config = CoreConfig()
    rig.start()
    commit(rig, *map(handed_in, messages))
    assert len(waiting(rig)) == 5


def test_deleted_room_takes_its_messages_out_of_the_quarantine() -> None:
    rig = Rig()
    message = rig.authors[MALLORY].message("x")
    revoke(rig)
    commit(rig, handed_in(message))
    with rig.store.transaction() as tx:
        tx.delete_rooms([GENERAL])
    assert waiting(rig) == []


def test_what_was_handed_in_counts_once_for_whoever_came_first() -> None:
    rig = Rig()
    lost = rig.authors[1].message("of the first")
    one = rig.authors[MALLORY].message("one")
    counted = HandedIn(rig.directory)
    counted.note(commit(rig, handed_in(lost), handed_in(lost, by=MALLORY), rig.submission(one)))
    counted.note(commit(rig, handed_in(lost)))
    assert counted.counts(10) == [HandedInCount(BORIS, 1, 1, 0)]
    two = rig.authors[MALLORY].message("two")
    revoke(rig)
    counted.note(commit(rig, handed_in(two)))
    counted.note(commit(rig, handed_in(two)))
    assert counted.counts(10) == [HandedInCount(BORIS, 1, 1, 0), HandedInCount(BORIS, MALLORY, 0, 1)]
    assert counted.counts(1) == [HandedInCount(BORIS, 1, 1, 0)]


def test_counted_pairs_are_bounded() -> None:
    rig = Rig()
    counted = HandedIn(rig.directory)
    message = rig.authors[MALLORY].message("x")
    header = decode_header_untrusted(message.header)
    kept = [QuarantinedMessage(message, header, 1, by, 0) for by in range(PAIRS_MAX + 5)]
    counted.note(BatchOutcome([(handed_in(message), Decision(0, Code.AUTHOR_REVOKED))], quarantined=kept))
    assert len(counted.counts(2 * PAIRS_MAX)) == PAIRS_MAX
