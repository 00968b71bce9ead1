"""Quotas: octets of one user per day, octets of the log, and a disk that is nearly full."""

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


def submit(rig: Rig, user: int, *messages: Message, now: float = 0.0) -> list[Any]:
    """The server's answers: decisions and `Busy` frames."""
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
    """The code of each message: 0 stored, else why it was refused or delayed."""
    codes = []
    for _ in range(count):
        (answer,) = submit(rig, user, rig.authors[user].message(text), now=now)
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


def test_user_over_the_daily_quota_waits_and_others_do_not() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    assert say(rig, 1, count=5) == [0, 0, 0, Code.USER_QUOTA, Code.USER_QUOTA]
    assert say(rig, 2, count=3) == [0, 0, 0]
    assert len(rig.texts()) == 6


def test_answer_names_the_delayed_messages_and_the_delay() -> None:
    quota = quota_of(Rig(), 3)
    rig = rig_with(user_octets_per_day=quota)
    author = rig.authors[1]
    messages = [author.message("x" * SHORT) for _ in range(5)]
    decided, busy = submit(rig, 1, *messages)
    assert [receipt.code for receipt in decided.receipts] == [0, 0, 0]
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 4, 5)]
    missing = 4 * size_of(messages[0]) - quota
    assert busy.retry_ms == pytest.approx(missing * DAY / quota * 1000, rel=0.01)
    # Nothing was decided: the same messages are stored when there is room.
    assert len(rig.database.decisions) == 3
    later = busy.retry_ms / 1000 + 0.1
    (stored, waits) = submit(rig, 1, *messages[3:], now=later)
    assert [receipt.seq for receipt in stored.receipts] == [4]
    assert waits.code == Code.USER_QUOTA


def test_known_delay_needs_no_database_query() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    say(rig, 1, count=2)
    rig.core.receive(1, wire.Submit([rig.authors[1].message("x" * SHORT)]), Transport.UDP, 0.5)
    assert rig.core.next_batch(0.5) is None


@pytest.mark.parametrize("kind", [Kind.EDIT, Kind.REACTION])
def test_changes_count(kind: Kind) -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 2))
    assert say(rig, 1) == [0]
    author = rig.authors[1]
    answers = [submit(rig, 1, author.message("y" * SHORT, kind=kind, ref=1))[0] for _ in range(2)]
    assert isinstance(answers[0], wire.Decided)
    assert answers[1].code == Code.USER_QUOTA


def test_refusals_count_and_end() -> None:
    rig = rig_with(user_octets_per_day=10 * usage.REJECTION_OCTETS)
    author = rig.authors[1]
    answers = [submit(rig, 1, author.message("z", kind=Kind.EDIT, ref=99))[0] for _ in range(30)]
    refused = [answer for answer in answers if isinstance(answer, wire.Decided)]
    assert len(refused) <= 10
    assert len(rig.database.decisions) == len(refused)


def test_deletion_is_stored_before_delayed_messages() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    author = rig.authors[1]
    assert say(rig, 1, count=3) == [0, 0, 0]
    waiting, deletion = author.message("w" * SHORT), author.message("", kind=Kind.DELETE, ref=1)
    decided, busy = submit(rig, 1, waiting, deletion)
    assert (decided.receipts[0].n, decided.receipts[0].code) == (5, 0)
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 4, 4)]
    # The same when the wait is known already.
    (decided,) = submit(rig, 1, author.message("", kind=Kind.DELETE, ref=2))
    assert decided.receipts[0].code == 0
    (late,) = submit(rig, 1, waiting, now=DAY)
    assert (late.receipts[0].n, late.receipts[0].code) == (4, 0)
    assert rig.texts()[:2] == [None, None]
    assert rig.texts()[-1] == "w" * SHORT


def test_invalid_deletions_are_delayed() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    say(rig, 1, count=2)
    before = len(rig.database.decisions)
    answers = [submit(rig, 1, rig.authors[1].message("", kind=Kind.DELETE, ref=99)) for _ in range(20)]
    assert {answer.code for (answer,) in answers} == {Code.USER_QUOTA}
    assert len(rig.database.decisions) == before


def test_later_messages_of_a_run_do_not_overtake_delayed_ones() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    author = rig.authors[1]
    messages = [author.message("x" * SHORT), author.message("L" * 4000), author.message("s")]
    decided, busy = submit(rig, 1, *messages)
    assert [receipt.n for receipt in decided.receipts] == [1]
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, 2, 3)]
    decided, busy = submit(rig, 1, *messages[1:], now=DAY)
    assert [receipt.n for receipt in decided.receipts] == [2]


def test_usage_survives_a_restart() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 3))
    say(rig, 1, count=3)
    rig.start()
    connect(rig)
    assert say(rig, 1) == [Code.USER_QUOTA]
    assert say(rig, 1, now=DAY) == [0]


def test_failed_commit_is_not_counted() -> None:
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
    (decided,) = submit(rig, 1, message, now=1.0)
    assert decided.receipts[0].code == 0


def test_message_larger_than_the_quota_is_stored_once_a_day() -> None:
    rig = rig_with(user_octets_per_day=100)
    assert say(rig, 1, count=2) == [0, Code.USER_QUOTA]
    assert say(rig, 1, now=DAY) == [0]


def test_full_log_delays_all_messages_until_a_deletion() -> None:
    rig = rig_with(log_octets=quota_of(Rig(), 3) + 2 * 4000)
    assert say(rig, 1, text="L" * 4000) == [0]
    assert say(rig, 1, count=3) == [0, 0, Code.LOG_FULL]
    assert say(rig, 2) == [Code.LOG_FULL]
    author = rig.authors[1]
    (decided,) = submit(rig, 1, author.message("", kind=Kind.DELETE, ref=1))
    assert decided.receipts[0].code == 0
    assert say(rig, 2) == [Code.LOG_FULL]
    assert say(rig, 2, now=CoreConfig().room_retry + 1) == [0]


def test_nearly_full_disk_delays_all_but_deletions() -> None:
    rig = rig_with()
    assert say(rig, 1, count=2) == [0, 0]
    rig.core.closed.disk_full = True
    assert say(rig, 2) == [Code.DISK_FULL]
    assert rig.core.next_batch(0.0) is None
    waiting, deletion = rig.authors[1].message("w"), rig.authors[1].message("", kind=Kind.DELETE, ref=1)
    decided, busy = submit(rig, 1, waiting, deletion)
    assert (decided.receipts[0].code, busy.code) == (0, Code.DISK_FULL)
    rig.core.closed.disk_full = False
    (decided,) = submit(rig, 1, waiting)
    assert decided.receipts[0].code == 0


def test_messages_sent_by_another_session_count_for_the_author() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 1))
    message = rig.authors[2].message("x" * SHORT)
    (decided,) = submit(rig, 1, message)
    assert decided.receipts[0].code == 0
    assert say(rig, 1) == [0]
    assert say(rig, 2) == [Code.USER_QUOTA]


def test_nearing_the_quota_is_reported_once_per_step() -> None:
    rig = rig_with(user_octets_per_day=quota_of(Rig(), 20))
    near = []
    for _ in range(20):
        batch = [rig.submission(rig.authors[1].message("x" * SHORT))]
        near += rig.sequencer.commit(rig.store, batch, 0).near
    assert [tuple(step) for step in near] == [(1, 80), (1, 95)]


def test_without_quotas_no_allowances_are_written() -> None:
    rig = rig_with()
    say(rig, 1, count=3)
    assert rig.database.allowances == {}
    assert rig.database.octets > 0
