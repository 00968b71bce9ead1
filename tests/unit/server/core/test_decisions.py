"""After a decision: which sessions receive it in how many frames, and which held messages are released."""

import pytest

from lanchat.protocol import wire
from lanchat.protocol.limits import SUBMIT_MAX
from lanchat.protocol.log.messages import Message
from lanchat.protocol.transport import Transport
from lanchat_server.core.config import CoreConfig
from tests.support.rig import GENERAL, Rig
from tests.unit.server.core.test_hub import log_in, of_kind, sent


@pytest.fixture
def rig() -> Rig:
    rig = Rig(CoreConfig(message_burst=100))
    for user in (2, 3):
        log_in(rig, user)
    return rig


def submit(rig: Rig, user: int, *messages: Message, now: float = 1.0) -> None:
    rig.core.receive(user, wire.Submit(list(messages)), Transport.TLS, now)


def test_decisions_of_a_batch_are_sent_once_in_small_frames(rig: Rig) -> None:
    submit(rig, 2, *(rig.authors[2].message("x") for _ in range(20)))
    rig.run_batches(1.0)
    frames = of_kind(sent(rig)[2], wire.Decided)
    assert [len(frame.receipts) for frame in frames] == [SUBMIT_MAX // 8, SUBMIT_MAX // 8, 20 % (SUBMIT_MAX // 8)]
    assert [receipt.n for frame in frames for receipt in frame.receipts] == list(range(1, 21))


def test_all_held_messages_follow_their_predecessor(rig: Rig) -> None:
    author = rig.authors[2]
    first, *others = [author.message(f"m{n}") for n in range(1, 6)]
    submit(rig, 2, *others)
    rig.run_batches(1.0)
    assert rig.core.queue_lengths()["held"] == 4
    submit(rig, 2, first, now=2.0)
    batch = rig.core.next_batch(2.0)
    assert batch is not None
    rig.core.committed(rig.sequencer.commit(rig.store, batch, 2000), 2.0)
    assert rig.core.queue_lengths() == {"submissions": 4, "held": 0, "repairs": 0}
    rig.run_batches(3.0)
    assert rig.texts() == ["m1", "m2", "m3", "m4", "m5"]


def test_forged_message_does_not_extend_the_hold_time(rig: Rig) -> None:
    author = rig.authors[2]
    one, two = author.message("one"), author.message("two")
    submit(rig, 2, two)
    rig.run_batches(1.0)
    until = rig.core._intake.next_expiry()
    submit(rig, 3, Message(one.header, b"forged", one.signature), now=5.0)
    rig.run_batches(5.0)
    assert rig.core._intake.next_expiry() == until


def test_messages_are_accepted_after_the_pause_of_a_failure(rig: Rig) -> None:
    author = rig.authors[2]
    submit(rig, 2, author.message("x"))
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    rig.core.commit_failed(batch, 1.0)
    end = 1.0 + rig.config.busy_retry
    submit(rig, 2, batch[0].message, now=end - 0.001)
    assert rig.core.queue_lengths()["submissions"] == 0
    submit(rig, 2, batch[0].message, now=end)
    assert rig.core.queue_lengths()["submissions"] == 1
    rig.run_batches(end)
    assert len(rig.database.records[GENERAL]) == 1
