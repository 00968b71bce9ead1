"""Quotas: what one user may have stored within a day, what the log may take, and a disk that is nearly full."""

from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.log.messages import Kind, Message
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import decode_server_datagram_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import usage
from lanchat_server.core.relay.outbound import SendFrames
from tests.support.memory_store import Fault
from tests.support.rig import GENERAL, Author, Rig

DAY = 86_400.0
# With a body of ten octets.
SHORT = 10


def rig_with(**quotas: int) -> Rig:
    free = {"message_rate": 1e6, "message_burst": 10_000, "total_rate": 1e6, "gather": 0.0, "gather_receiver": 0.0}
    rig = Rig(CoreConfig(**(free | quotas)))  # type: ignore[arg-type]
    connect(rig)
    return rig


def connect(rig: Rig, now: float = 0.0) -> None:
    for user, author in rig.authors.items():
        rig.core.add_session(user, user, author.device, now)
        rig.core.receive(user, wire.Ping(5), Transport.UDP, now)
    rig.core.take_outputs()


def hand_in(rig: Rig, user: int, *messages: Message, now: float = 0.0) -> list[Any]:
    """What the server says to it: decisions and `Busy` frames."""
    rig.core.receive(user, wire.Ping(5), Transport.UDP, now)
    rig.core.receive(user, wire.Submit(list(messages)), Transport.UDP, now)
    rig.run_batches(now)
    sent: list[Any] = rig.core.take_outputs()
    mine = [output for output in sent if isinstance(output, SendFrames) and output.path is Transport.UDP]
    frames = [
        frame
        for output in mine
        if user in output.sessions
        for frame in decode_server_datagram_untrusted(output.payload)
    ]
    return [frame for frame in frames if isinstance(frame, wire.Decided | wire.Busy)]


def say(rig: Rig, user: int, *, now: float = 0.0, count: int = 1, text: str = "x" * SHORT) -> list[int]:
    """The code of each message: 0 stored, else why it was refused or waits."""
    codes = []
    for _ in range(count):
        (answer,) = hand_in(rig, user, rig.authors[user].message(text), now=now)
        if isinstance(answer, wire.Busy):
            # What waits is offered again first.
            rig.authors[user].counters[GENERAL] -= 1
        codes.append(answer.code if isinstance(answer, wire.Busy) else answer.receipts[0].code)
    return codes


def size_of(message: Message) -> int:
    return usage.message_octets(len(message.header), len(message.body))


def quota_of(rig: Rig, count: int) -> int:
    """So many short messages and a half."""
    probe = Author(1, rig.authors[1].key).message("x" * SHORT)
    return size_of(probe) * count + size_of(probe) // 2


def test_who_has_used_up_the_day_waits_and_the_others_do_not() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    assert say(rig, 1, count=5) == [0, 0, 0, Code.USER_QUOTA, Code.USER_QUOTA]
    assert say(rig, 2, count=3) == [0, 0, 0]
    assert len(rig.texts()) == 6


def test_the_answer_says_which_messages_wait_and_until_when() -> None:
    quota = quota_of(Rig(), 3)
    rig = rig_with(user_octets_per_day=quota)
    author = rig.authors[1]
    messages = [author.message("x" * SHORT) for _ in range(5)]
    decided, busy = hand_in(rig, 1, *messages)
    assert [receipt.code for receipt in decided.receipts] == [0, 0, 0]
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 4, 5)]
    missing = 4 * size_of(messages[0]) - quota
    assert busy.retry_ms == pytest.approx(missing * DAY / quota * 1000, rel=0.01)
    # Nothing was decided: the same messages are stored when there is room.
    assert len(rig.database.decisions) == 3
    later = busy.retry_ms / 1000 + 0.1
    (stored, waits) = hand_in(rig, 1, *messages[3:], now=later)
    assert [receipt.seq for receipt in stored.receipts] == [4]
    assert waits.code == Code.USER_QUOTA


def test_what_waits_is_asked_of_the_database_once() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    say(rig, 1, count=2)
    rig.core.receive(1, wire.Submit([rig.authors[1].message("x" * SHORT)]), Transport.UDP, 0.5)
    assert rig.core.next_batch(0.5) is None


@pytest.mark.parametrize("kind", [Kind.EDIT, Kind.REACTION])
def test_changes_count_too(kind: Kind) -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 2))
    assert say(rig, 1) == [0]
    author = rig.authors[1]
    answers = [hand_in(rig, 1, author.message("y" * SHORT, kind=kind, ref=1))[0] for _ in range(2)]
    assert isinstance(answers[0], wire.Decided)
    assert answers[1].code == Code.USER_QUOTA


def test_refusals_count_too_and_end() -> None:
    rig = rig_with(user_octets_per_day=10 * usage.REJECTION_OCTETS)
    author = rig.authors[1]
    answers = [hand_in(rig, 1, author.message("z", kind=Kind.EDIT, ref=99))[0] for _ in range(30)]
    refused = [answer for answer in answers if isinstance(answer, wire.Decided)]
    assert len(refused) <= 10
    assert len(rig.database.decisions) == len(refused)


def test_a_deletion_is_taken_past_what_waits_and_what_it_passed_is_stored_later() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    author = rig.authors[1]
    assert say(rig, 1, count=3) == [0, 0, 0]
    waiting, deletion = author.message("w" * SHORT), author.message("", kind=Kind.DELETE, ref=1)
    decided, busy = hand_in(rig, 1, waiting, deletion)
    assert (decided.receipts[0].n, decided.receipts[0].code) == (5, 0)
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 4, 4)]
    # The same when the wait is known already.
    (decided,) = hand_in(rig, 1, author.message("", kind=Kind.DELETE, ref=2))
    assert decided.receipts[0].code == 0
    (late,) = hand_in(rig, 1, waiting, now=DAY)
    assert (late.receipts[0].n, late.receipts[0].code) == (4, 0)
    assert rig.texts()[:2] == [None, None]
    assert rig.texts()[-1] == "w" * SHORT


def test_deletions_that_cannot_be_carried_out_wait_with_the_rest() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    say(rig, 1, count=2)
    before = len(rig.database.decisions)
    answers = [hand_in(rig, 1, rig.authors[1].message("", kind=Kind.DELETE, ref=99)) for _ in range(20)]
    assert {answer.code for (answer,) in answers} == {Code.USER_QUOTA}
    assert len(rig.database.decisions) == before


def test_what_follows_in_a_run_does_not_overtake_what_waits() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    author = rig.authors[1]
    messages = [author.message("x" * SHORT), author.message("L" * 4000), author.message("s")]
    decided, busy = hand_in(rig, 1, *messages)
    assert [receipt.n for receipt in decided.receipts] == [1]
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 2, 3)]
    decided, busy = hand_in(rig, 1, *messages[1:], now=DAY)
    assert [receipt.n for receipt in decided.receipts] == [2]


def test_a_restart_forgives_nothing() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    say(rig, 1, count=3)
    rig.start()
    connect(rig)
    assert say(rig, 1) == [Code.USER_QUOTA]
    assert say(rig, 1, now=DAY) == [0]


def test_a_commit_that_failed_is_not_counted() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    message = rig.authors[1].message("x" * SHORT)
    rig.store.fault = lambda: Fault.FAILED
    rig.core.receive(1, wire.Submit([message]), Transport.UDP, 0.0)
    batch = rig.core.next_batch(0.0)
    assert batch is not None
    with pytest.raises(Exception, match="planned"):
        rig.sequencer.commit(rig.store, batch, 0)
    rig.core.commit_failed(batch, 0.0)
    rig.store.fault = lambda: Fault.NONE
    rig.core.take_outputs()
    (decided,) = hand_in(rig, 1, message, now=1.0)
    assert decided.receipts[0].code == 0


def test_one_message_larger_than_the_quota_is_taken_once_a_day() -> None:
    rig = rig_with(user_octets_per_day=100)
    assert say(rig, 1, count=2) == [0, Code.USER_QUOTA]
    assert say(rig, 1, now=DAY) == [0]


def test_a_full_log_takes_nothing_of_anybody_until_something_is_deleted() -> None:
    rig = rig_with(log_octets=quota_of(Rig(), 3) + 2 * 4000)
    assert say(rig, 1, text="L" * 4000) == [0]
    assert say(rig, 1, count=3) == [0, 0, Code.LOG_FULL]
    assert say(rig, 2) == [Code.LOG_FULL]
    author = rig.authors[1]
    (decided,) = hand_in(rig, 1, author.message("", kind=Kind.DELETE, ref=1))
    assert decided.receipts[0].code == 0
    assert say(rig, 2) == [Code.LOG_FULL]
    assert say(rig, 2, now=CoreConfig().room_retry + 1) == [0]


def test_a_disk_that_is_nearly_full_stops_all_but_deletions_at_once() -> None:
    rig = rig_with()
    assert say(rig, 1, count=2) == [0, 0]
    rig.core.closed.disk_full = True
    assert say(rig, 2) == [Code.DISK_FULL]
    assert rig.core.next_batch(0.0) is None
    waiting, deletion = rig.authors[1].message("w"), rig.authors[1].message("", kind=Kind.DELETE, ref=1)
    decided, busy = hand_in(rig, 1, waiting, deletion)
    assert (decided.receipts[0].code, busy.code) == (0, Code.DISK_FULL)
    rig.core.closed.disk_full = False
    (decided,) = hand_in(rig, 1, waiting)
    assert decided.receipts[0].code == 0


def test_messages_that_somebody_else_hands_in_are_their_authors() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    message = rig.authors[2].message("x" * SHORT)
    (decided,) = hand_in(rig, 1, message)
    assert decided.receipts[0].code == 0
    assert say(rig, 1) == [0]
    assert say(rig, 2) == [Code.USER_QUOTA]


def test_whose_quota_comes_to_its_end_is_told_once_for_each_step() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 20))
    near = []
    for _ in range(20):
        batch = [rig.submission(rig.authors[1].message("x" * SHORT))]
        near += rig.sequencer.commit(rig.store, batch, 0).near
    assert [tuple(step) for step in near] == [(1, 80), (1, 95)]


def test_without_quotas_nothing_is_written_of_users() -> None:
    rig = rig_with()
    say(rig, 1, count=3)
    assert rig.database.allowances == {}
    assert rig.database.octets > 0
