"""Messages that wait for the writer: bounds per session, and early messages never block their predecessors."""

import pytest

from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from lanchat_server.core.config import CoreConfig
from tests.support.rig import Rig

BOUND = 4


@pytest.fixture
def rig() -> Rig:
    rig = Rig(CoreConfig(session_queue_max=BOUND))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    return rig


def submit(rig: Rig, *messages: object, now: float = 1.0) -> None:
    rig.core.receive(1, wire.Submit(list(messages)), Transport.TLS, now)  # type: ignore[arg-type]


def test_session_full_of_early_messages_can_send_the_predecessor(rig: Rig) -> None:
    author = rig.authors[1]
    first, *early = [author.message(f"m{n}") for n in range(BOUND + 3)]
    for now, message in enumerate(early, 1):
        submit(rig, message, now=float(now))
        rig.run_batches(float(now))
    assert rig.core.queue_lengths() == {"submissions": 0, "held": BOUND, "repairs": 0}
    submit(rig, first, now=8.0)
    rig.run_batches(8.0)
    rig.run_batches(8.5)
    assert rig.texts() == [f"m{n}" for n in range(BOUND + 1)]
    submit(rig, *early[-2:], now=9.0)
    rig.run_batches(9.0)
    assert rig.texts() == [f"m{n}" for n in range(BOUND + 3)]
    assert rig.core.queue_lengths() == {"submissions": 0, "held": 0, "repairs": 0}


def test_session_fills_only_its_own_part_of_the_queue(rig: Rig) -> None:
    rig.core.add_session(2, 2, rig.authors[2].device, 0.0)
    submit(rig, *(rig.authors[1].message(f"m{n}") for n in range(BOUND + 2)))
    assert rig.core.queue_lengths()["submissions"] == BOUND
    assert rig.core.counters["submit_busy"] == 2
    rig.core.receive(2, wire.Submit([rig.authors[2].message("other")]), Transport.TLS, 1.0)
    rig.run_batches(1.0)
    assert rig.texts() == [*(f"m{n}" for n in range(BOUND)), "other"]


def test_batch_has_bounded_octets() -> None:
    """Two messages of 4,000 octets fit, with what is around them; a single one is always taken."""
    rig = Rig(CoreConfig(batch_octets=11_000))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    submit(rig, *(rig.authors[1].message("x" * 4_000) for _ in range(4)))
    assert [len(batch) for batch in iter(lambda: rig.core._intake.take(1.0), [])] == [2, 2]
    rig = Rig(CoreConfig(batch_octets=100))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    submit(rig, *(rig.authors[1].message("x") for _ in range(2)))
    assert [len(batch) for batch in iter(lambda: rig.core._intake.take(1.0), [])] == [1, 1]
    assert rig.core._intake._octets == 0


def lost_first(rig: Rig, count: int) -> list[object]:
    """Messages whose predecessor was lost."""
    author = rig.authors[1]
    author.message("lost for good")
    return [author.message(f"m{n}") for n in range(2, count + 2)]


def offer_until(rig: Rig, messages: list[object], begin: float, end: float) -> None:
    now = begin
    while now < end:
        submit(rig, *messages, now=now)
        rig.run_batches(now)
        rig.core.handle_timer(now + 1.0)
        now += 2.0


def test_messages_after_a_gap_are_stored_in_order() -> None:
    rig = Rig(CoreConfig(hold_own=10.0))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    messages = lost_first(rig, 4)
    # They arrive one after the other, so that each has waited for another time.
    for second, message in enumerate(messages):
        submit(rig, message, now=1.0 + second / 2)
        rig.run_batches(1.0 + second / 2)
    offer_until(rig, messages, 4.0, 14.0)
    rig.run_batches(15.0)
    rig.run_batches(15.5)
    assert rig.texts() == ["m2", "m3", "m4", "m5"]
    assert rig.core.counters["gaps"] == 1


def test_second_gap_is_waited_for_as_long_as_the_first() -> None:
    rig = Rig(CoreConfig(hold_own=10.0))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    second, _, fourth = lost_first(rig, 3)
    offer_until(rig, [second, fourth], 1.0, 13.0)
    rig.run_batches(14.0)
    assert rig.texts() == ["m2"]
    offer_until(rig, [fourth], 14.0, 26.0)
    rig.run_batches(27.0)
    assert rig.texts() == ["m2", "m4"]
    assert rig.core.counters["gaps"] == 2


def test_lowest_numbers_are_kept_when_the_queue_is_full(rig: Rig) -> None:
    messages = lost_first(rig, BOUND + 2)
    for now, message in enumerate(reversed(messages), 1):
        submit(rig, message, now=float(now))
        rig.run_batches(float(now))
    assert rig.core.queue_lengths()["held"] == BOUND
    (run,) = rig.core._intake._held.values()
    assert sorted(run) == list(range(2, BOUND + 2))


def test_messages_of_an_older_session_are_dropped_for_lower_numbers() -> None:
    rig = Rig(CoreConfig(hold_per_run=2))
    for session in (1, 2):
        rig.core.add_session(session, 1, rig.authors[1].device, 0.0)
    two, three, four, five = lost_first(rig, 4)
    for session, message in ((1, four), (1, five), (2, two), (2, three)):
        rig.core.receive(session, wire.Submit([message]), Transport.TLS, 1.0)  # type: ignore[list-item]
        rig.run_batches(1.0)
    rig.run_batches(2.0)
    (run,) = rig.core._intake._held.values()
    assert sorted(run) == [2, 3]


def test_full_session_drops_its_highest_number_for_a_lower_one() -> None:
    rig = Rig(CoreConfig(session_queue_max=2))
    for session in (1, 2):
        rig.core.add_session(session, 1, rig.authors[1].device, 0.0)
    two, three, four, five = lost_first(rig, 4)
    for now, (session, message) in enumerate(((1, three), (1, four), (2, five), (1, two)), 1):
        rig.core.receive(session, wire.Submit([message]), Transport.TLS, float(now))  # type: ignore[list-item]
        rig.run_batches(float(now))
    (run,) = rig.core._intake._held.values()
    assert sorted(run) == [2, 3, 5]


def test_busy_server_accepts_no_gap_while_the_author_offers() -> None:
    rig = Rig(CoreConfig(hold_own=10.0, message_burst=1, message_rate=0.5))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    first, second = rig.authors[1].message("first"), rig.authors[1].message("second")
    # What comes later is always quicker, and nothing is left of the rate for what is missing.
    offer_until(rig, [second, first], 1.0, 30.0)
    assert rig.texts() == []
    assert rig.core.counters["submit_over_rate"] > 5
    offer_until(rig, [first, second], 40.0, 45.0)
    assert rig.texts() == ["first", "second"]
    assert rig.core.counters["gaps"] == 0


def test_messages_refused_as_busy_count_as_offered() -> None:
    rig = Rig(CoreConfig(hold_own=10.0, hold_fresh=5.0, message_burst=2, message_rate=0.5))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    second, third = lost_first(rig, 2)
    submit(rig, second, third, now=1.0)
    rig.run_batches(1.0)
    # From now on the rate suffices for one of them.
    offer_until(rig, [third, second], 3.0, 15.0)
    rig.run_batches(15.0)
    assert rig.core.counters["submit_over_rate"] > 3
    assert rig.texts() == ["m2", "m3"]
    assert rig.core.counters["gaps"] == 1


def test_gap_delayed_by_a_slow_writer_is_not_accepted() -> None:
    rig = Rig(CoreConfig(hold_own=10.0, hold_fresh=5.0))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    first, second = rig.authors[1].message("first"), rig.authors[1].message("second")
    offer_until(rig, [second], 1.0, 9.0)
    submit(rig, second, now=10.0)
    rig.run_batches(10.0)
    rig.core.handle_timer(12.0)
    assert rig.core.queue_lengths() == {"submissions": 1, "held": 0, "repairs": 0}
    rig.run_batches(30.0)
    assert rig.texts() == []
    submit(rig, first, now=31.0)
    rig.run_batches(31.0)
    rig.run_batches(31.5)
    assert rig.texts() == ["first", "second"]
    assert rig.core.counters["gaps"] == 0


def test_recently_dropped_message_is_no_gap() -> None:
    """The author's offers of one number are lost for long; those of the next one arrive."""
    rig = Rig(CoreConfig(hold_own=10.0, hold_fresh=5.0))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    second, third = lost_first(rig, 2)
    submit(rig, second, third, now=1.0)
    rig.run_batches(1.0)
    offer_until(rig, [third], 3.0, 15.0)
    assert rig.texts() == []
    offer_until(rig, [second, third], 15.0, 35.0)
    rig.run_batches(35.0)
    assert rig.texts() == ["m2", "m3"]
    assert rig.core.counters["gaps"] == 1


def test_offers_by_other_users_do_not_count() -> None:
    rig = Rig(CoreConfig(hold_own=10.0, hold_fresh=5.0))
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    rig.core.add_session(2, 2, rig.authors[2].device, 0.0)
    (second,) = lost_first(rig, 1)
    submit(rig, second, now=1.0)
    rig.run_batches(1.0)
    for now in (4.0, 7.0, 10.0):
        rig.core.receive(2, wire.Submit([second]), Transport.TLS, now)  # type: ignore[list-item]
        rig.run_batches(now)
    rig.core.handle_timer(12.0)
    rig.run_batches(12.0)
    assert rig.texts() == []


def test_early_messages_of_all_runs_are_bounded_in_number() -> None:
    rig = Rig(CoreConfig(hold_max=5, hold_per_run=100, session_queue_max=100))
    for user in (1, 2):
        author = rig.authors[user]
        for run in range(1, 11):
            author.run = run
            author.counters.clear()
            author.message("lost")
            for _ in range(3):
                rig.core._intake.hold(rig.submission(author.message("early")), 0.0)
    assert sum(len(held) for held in rig.core._intake._held.values()) == 5


def test_runs_with_requested_predecessors_are_bounded() -> None:
    rig = Rig(CoreConfig(hold_max=5, message_rate=1e6, message_burst=1_000))
    author = rig.authors[1]
    rig.core.add_session(1, 1, author.device, 0.0)
    for run in range(1, 101):
        author.run = run
        author.counters.clear()
        author.message("lost")
        submit(rig, author.message("early"), now=float(run))
        rig.run_batches(float(run))
        assert (1, author.device, run) in rig.core._expected
    assert len(rig.core._expected) <= 6
