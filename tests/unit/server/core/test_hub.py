"""The server core: what is sent to which session, when, by which transport; all queues are bounded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, PresenceState
from lanchat.protocol.datagram.seal import OVERHEAD
from lanchat.protocol.limits import DATAGRAM_MAX, INLINE_BODY_MAX
from lanchat.protocol.log.messages import Message
from lanchat.protocol.log.records import Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import FrameReader, decode_from_server_untrusted, decode_server_datagram_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import RecordFetch, SendFrames, pack_records
from tests.support.memory_store import Fault
from tests.support.rig import GENERAL, Rig


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    for user in (1, 2, 3):
        log_in(rig, user)
    return rig


def log_in(rig: Rig, user: int, session: int = 0, now: float = 0.0) -> None:
    """Session number = user number, unless given; subscribes every room."""
    session = session or user
    rig.core.add_session(session, user, rig.authors[user].device, now)
    rig.core.subscribe(session, sorted(rig.directory.rooms_of(user)))


def sent(rig: Rig) -> dict[int, list[tuple[Transport, Any]]]:
    """Session to the frames that were sent to it, with their transport."""
    frames: dict[int, list[tuple[Transport, Any]]] = {}
    for output in rig.core.take_outputs():
        assert isinstance(output, SendFrames)
        for session in output.sessions:
            frames.setdefault(session, []).extend((output.path, frame) for frame in unpack(output))
    return frames


def unpack(send: SendFrames) -> list[Any]:
    if send.path is Transport.UDP:
        assert len(send.payload) + OVERHEAD <= DATAGRAM_MAX
        return list(decode_server_datagram_untrusted(send.payload))
    return [decode_from_server_untrusted(octets) for octets in FrameReader().feed_untrusted(send.payload)]


def of_kind(frames: list[tuple[Transport, Any]], kind: type) -> list[Any]:
    return [frame for _, frame in frames if isinstance(frame, kind)]


def submit(rig: Rig, session: int, *messages: Message, path: Transport = Transport.TLS, now: float = 1.0) -> None:
    rig.core.receive(session, wire.Submit(list(messages)), path, now)


def test_nothing_is_sent_before_the_commit(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("hello"))
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    assert sent(rig) == {}
    rig.core.committed(rig.sequencer.commit(rig.store, batch, 1_000), 1.0)
    frames = sent(rig)
    assert set(frames) == {1, 2, 3}
    (decided,) = of_kind(frames[2], wire.Decided)
    assert decided.receipts[0].seq == 1
    for session in (1, 2, 3):
        (records,) = of_kind(frames[session], wire.Records)
        assert records.head.seq == 1
        assert [record.body for record in records.records] == [b"hello"]
    assert not of_kind(frames[1], wire.Decided)


def test_room_is_sent_to_its_members_only(rig: Rig) -> None:
    submit(rig, 1, rig.authors[1].message("psst", room=rig.PRIVATE))
    rig.run_batches(1.0)
    assert set(sent(rig)) == {1, 2}
    rig.core.receive(3, wire.Nack(rig.PRIVATE, [1]), Transport.TLS, 2.0)
    assert rig.core.subscribe(3, [rig.PRIVATE]) == []
    assert sent(rig) == {}


def test_removed_member_receives_nothing_more(rig: Rig) -> None:
    rig.directory.drop_members(rig.PRIVATE, [2])
    rig.core.drop_member(rig.PRIVATE, 2)
    submit(rig, 1, rig.authors[1].message("after", room=rig.PRIVATE))
    rig.run_batches(1.0)
    assert set(sent(rig)) == {1}
    rig.core.receive(2, wire.Nack(rig.PRIVATE, [1]), Transport.TLS, 2.0)
    assert sent(rig) == {}


def test_subscription_starts_after_the_head_that_it_returns(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("before"))
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    outcome = rig.sequencer.commit(rig.store, batch, 1_000)
    # Committed, but not relayed yet: a newcomer is told head 0 and must then get record 1.
    rig.core.add_session(9, 3, rig.authors[3].device, 1.0)
    (head,) = rig.core.subscribe(9, [GENERAL])
    assert head.seq == 0
    rig.core.committed(outcome, 1.0)
    (records,) = of_kind(sent(rig)[9], wire.Records)
    assert [record.seq for record in records.records] == [1]


def test_udp_is_used_after_a_datagram_until_it_is_stale(rig: Rig) -> None:
    rig.core.receive(3, wire.Ping(5), Transport.UDP, 1.0)
    assert sent(rig) == {3: [(Transport.UDP, wire.Pong(5))]}
    submit(rig, 2, rig.authors[2].message("one"), now=2.0)
    rig.run_batches(2.0)
    assert {session: frames[0][0] for session, frames in sent(rig).items()} == {
        1: Transport.TLS,
        2: Transport.TLS,
        3: Transport.UDP,
    }
    late = 2.0 + rig.config.udp_fresh
    submit(rig, 2, rig.authors[2].message("two"), now=late)
    rig.run_batches(late)
    assert {frames[0][0] for frames in sent(rig).values()} == {Transport.TLS}


@pytest.mark.parametrize("path", [Transport.UDP, Transport.TLS])
def test_udp_is_not_used_to_a_client_that_does_not_receive_it(rig: Rig, path: Transport) -> None:
    rig.core.receive(3, wire.Ping(5), Transport.UDP, 1.0)
    rig.core.receive(3, wire.Ping(0), path, 2.0)
    assert sent(rig)[3][-1] == (path, wire.Pong(0))
    submit(rig, 2, rig.authors[2].message("one"), now=2.0)
    rig.run_batches(2.0)
    assert {frames[0][0] for frames in sent(rig).values()} == {Transport.TLS}


def test_large_body_goes_over_tls_even_with_udp(rig: Rig) -> None:
    rig.core.receive(3, wire.Ping(5), Transport.UDP, 1.0)
    sent(rig)
    author = rig.authors[2]
    submit(rig, 2, author.message("small"), author.message("x" * (INLINE_BODY_MAX + 1)))
    rig.run_batches(1.0)
    paths = {
        tuple(r.seq for r in frame.records): path for path, frame in sent(rig)[3] if isinstance(frame, wire.Records)
    }
    assert paths == {(1,): Transport.UDP, (2,): Transport.TLS}


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=64))
def test_packing_keeps_all_records_in_order_within_datagrams(sizes: list[int]) -> None:
    rig = Rig()
    head = rig.core.heads[GENERAL]
    records = [Record(i, 2**40, b"h" * 80, bytes(64), b"x" * size) for i, size in enumerate(sizes, 1)]
    packed = pack_records(GENERAL, records, head, INLINE_BODY_MAX)
    assert all(len(payload) + OVERHEAD <= DATAGRAM_MAX for payload in packed.datagrams)
    small = [r for payload in packed.datagrams for f in decode_server_datagram_untrusted(payload) for r in f.records]
    large = _records(packed.large)
    assert small == [record for record in records if len(record.body or b"") <= INLINE_BODY_MAX]
    assert large == [record for record in records if len(record.body or b"") > INLINE_BODY_MAX]
    assert _records(packed.stream) == records
    (*_, last) = packed.datagrams
    assert decode_server_datagram_untrusted(last)[-1].head == head


def _records(stream: bytes) -> list[Record]:
    frames = [decode_from_server_untrusted(octets) for octets in FrameReader().feed_untrusted(stream)]
    return [record for frame in frames for record in frame.records]


def test_records_of_one_batch_share_a_datagram(rig: Rig) -> None:
    rig.core.receive(3, wire.Ping(5), Transport.UDP, 1.0)
    sent(rig)
    author = rig.authors[2]
    submit(rig, 2, *(author.message(f"m{i}") for i in range(4)))
    rig.run_batches(1.0)
    to_three = [output for output in rig.core.take_outputs() if isinstance(output, SendFrames) and 3 in output.sessions]
    assert len(to_three) == 1


def test_messages_over_the_rate_are_delayed_and_not_lost(rig: Rig) -> None:
    author = rig.authors[2]
    messages = [author.message(f"m{i}") for i in range(40)]
    submit(rig, 2, *messages, now=1.0)
    (busy,) = of_kind(sent(rig)[2], wire.Busy)
    assert 0 < busy.retry_ms <= 100
    assert busy.not_taken == [wire.NotTaken(GENERAL, author.device, author.run, rig.config.message_burst + 1, 40)]
    rig.run_batches(1.0)
    assert len(rig.texts()) == rig.config.message_burst
    now = 1.0
    while len(rig.texts()) < 40:
        now += 1.0
        submit(rig, 2, *messages[len(rig.texts()) :], now=now)
        rig.run_batches(now)
        assert now < 4
    assert rig.texts() == [f"m{i}" for i in range(40)]


def test_queue_is_bounded() -> None:
    config = CoreConfig(queue_max=10, session_queue_max=6, message_burst=1000, message_rate=1000, total_rate=1000)
    rig = Rig(config)
    for user in (2, 3):
        log_in(rig, user)
        submit(rig, user, *(rig.authors[user].message(f"m{i}") for i in range(20)))
    assert rig.core.queue_lengths()["submissions"] == 10
    assert rig.core.counters["submit_busy"] == 30
    rig.run_batches(1.0)
    assert len(rig.texts()) == 10
    # The places are free again.
    submit(rig, 2, rig.authors[2].message("m6", n=7), now=2.0)
    rig.run_batches(2.0)
    assert len(rig.texts()) == 11


def test_failed_commit_sends_nothing_and_the_retry_is_stored_once(rig: Rig) -> None:
    message = rig.authors[2].message("again")
    submit(rig, 2, message)
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    rig.store.fault = lambda: Fault.UNKNOWN_STORED
    with pytest.raises(Exception, match="planned"):
        rig.sequencer.commit(rig.store, batch, 1_000)
    rig.core.commit_failed(batch, 1.0)
    frames = sent(rig)
    assert set(frames) == {2}
    ((_, busy),) = frames[2]
    author = rig.authors[2]
    assert busy == wire.Busy(500, [wire.NotTaken(GENERAL, author.device, author.run, 1, 1)])
    rig.store.fault = lambda: Fault.NONE
    assert rig.core.next_batch(1.1) is None
    submit(rig, 2, message, now=2.0)
    rig.run_batches(2.0)
    assert rig.texts() == ["again"]
    (decided,) = of_kind(sent(rig)[2], wire.Decided)
    assert decided.receipts[0].seq == 1


def test_second_batch_is_taken_early_when_enough_waits() -> None:
    rig = Rig(CoreConfig(batch_max=4, ahead_enough=3, message_rate=1000.0, message_burst=1000))
    log_in(rig, 1)
    messages = [rig.authors[1].message(f"no. {number}") for number in range(9)]
    submit(rig, 1, *messages[:2])
    first = rig.core.next_batch(1.0)
    submit(rig, 1, *messages[2:4])
    assert rig.core.next_batch(1.0) is None
    submit(rig, 1, *messages[4:])
    second = rig.core.next_batch(1.0)
    assert first is not None
    assert second is not None
    assert (len(first), len(second)) == (2, 4)
    # A third one waits, however much there is.
    assert rig.core.next_batch(1.0) is None
    rig.core.committed(rig.sequencer.commit(rig.store, first, 1_000), 1.0)
    third = rig.core.next_batch(1.0)
    assert third is not None
    for batch in (second, third):
        rig.core.committed(rig.sequencer.commit(rig.store, batch, 1_000), 1.0)
    assert rig.texts() == [f"no. {number}" for number in range(9)]


def test_batch_after_a_failed_one_waits_for_it() -> None:
    rig = Rig(CoreConfig(batch_max=2, ahead_enough=2))
    log_in(rig, 1)
    messages = [rig.authors[1].message(f"no. {number}") for number in range(4)]
    submit(rig, 1, *messages)
    first, second = rig.core.next_batch(1.0), rig.core.next_batch(1.0)
    assert first is not None
    assert second is not None
    rig.core.commit_failed(first, 1.0)
    rig.core.committed(rig.sequencer.commit(rig.store, second, 1_000), 1.0)
    assert rig.texts() == []
    assert of_kind(sent(rig)[1], wire.Expect)[0].n == 1
    submit(rig, 1, *messages[:2], now=2.0)
    rig.run_batches(2.0)
    assert rig.texts() == [f"no. {number}" for number in range(4)]


def test_reloaded_heads_are_sent_to_subscribers(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("stored, nobody knows"))
    batch = rig.core.next_batch(1.0)
    assert batch is not None
    outcome = rig.sequencer.commit(rig.store, batch, 1_000)
    rig.core.commit_failed(batch, 1.0)
    sent(rig)
    rig.core.reload_heads({GENERAL: outcome.committed[GENERAL].head}, 1.5)
    frames = sent(rig)
    assert {session: of_kind(frames[session], wire.Heads)[0].heads[0].seq for session in frames} == {1: 1, 2: 1, 3: 1}
    rig.core.receive(3, wire.Nack(GENERAL, [1]), Transport.TLS, 2.0)
    (fetch,) = rig.core.take_outputs()
    assert fetch == RecordFetch(3, GENERAL, (1,))
    rig.core.fetched(fetch, rig.store.records(GENERAL, fetch.seqs), 2.0)
    assert of_kind(sent(rig)[3], wire.Records)[0].records[0].body == b"stored, nobody knows"


def test_early_messages_are_held_and_expected_ones_requested(rig: Rig) -> None:
    author = rig.authors[2]
    one, two, three = (author.message(text) for text in ("one", "two", "three"))
    submit(rig, 2, three, two)
    rig.run_batches(1.0)
    (expect,) = of_kind(sent(rig)[2], wire.Expect)
    assert (expect.room, expect.device, expect.run, expect.n) == (GENERAL, author.device, author.run, 1)
    assert rig.core.queue_lengths()["held"] == 2
    submit(rig, 2, one, now=2.0)
    rig.run_batches(2.0)
    assert rig.texts() == ["one", "two", "three"]
    assert rig.core.queue_lengths() == {"submissions": 0, "held": 0, "repairs": 0}
    assert rig.core._intake.queued(2) == 0


def test_gap_is_accepted_when_the_author_is_disconnected(rig: Rig) -> None:
    author = rig.authors[2]
    author.message("lost for good")
    submit(rig, 1, author.message("two"), author.message("three"))
    rig.run_batches(1.0)
    rig.core.remove_session(2, 1.0)
    rig.core.handle_timer(1.0 + rig.config.hold_time - 0.1)
    rig.run_batches(10.9)
    assert rig.texts() == []
    rig.core.handle_timer(1.0 + rig.config.hold_time)
    rig.run_batches(11.0)
    rig.run_batches(11.5)
    assert rig.texts() == ["two", "three"]
    assert rig.core.counters["gaps"] == 1


def test_gap_is_not_accepted_while_the_author_is_connected(rig: Rig) -> None:
    author = rig.authors[2]
    author.message("comes late")
    second = author.message("two")
    submit(rig, 1, second)
    rig.run_batches(1.0)
    rig.core.handle_timer(100.0)
    rig.run_batches(100.0)
    assert rig.texts() == []
    assert rig.core.queue_lengths() == {"submissions": 0, "held": 0, "repairs": 0}
    # The author himself: only when he offers it all the time without its predecessor, as with a damaged outbox.
    for second_of_time in range(200, 262):
        submit(rig, 2, second, now=float(second_of_time))
        rig.core.handle_timer(float(second_of_time))
        rig.run_batches(float(second_of_time))
    rig.run_batches(300.0)
    assert rig.texts() == ["two"]
    assert rig.core._intake.queued(2) == 0


def test_repair_comes_from_memory_with_the_head(rig: Rig) -> None:
    submit(rig, 2, *(rig.authors[2].message(f"m{i}") for i in range(5)))
    rig.run_batches(1.0)
    sent(rig)
    rig.core.receive(3, wire.Nack(GENERAL, [2, 4, 99]), Transport.TLS, 2.0)
    (records,) = of_kind(sent(rig)[3], wire.Records)
    assert [record.seq for record in records.records] == [2, 4]
    assert records.head.seq == 5
    rig.core.receive(3, wire.Nack(GENERAL, []), Transport.TLS, 2.0)
    (heads,) = of_kind(sent(rig)[3], wire.Heads)
    assert heads.heads[0].seq == 5


def test_repairs_are_limited(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("x"))
    rig.run_batches(1.0)
    sent(rig)
    for _ in range(50):
        rig.core.receive(3, wire.Nack(GENERAL, [1]), Transport.TLS, 2.0)
    assert len(of_kind(sent(rig)[3], wire.Records)) == rig.config.nack_burst
    assert rig.core.counters["nack_over_rate"] == 50 - rig.config.nack_burst


def test_records_before_joining_are_not_repaired(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("old"), rig.authors[2].message("new"))
    rig.run_batches(1.0)
    rig.join(GENERAL, 3, first_seq=2)
    rig.directory.load(rig.store.snapshot())
    sent(rig)
    rig.core.receive(3, wire.Nack(GENERAL, [1, 2]), Transport.TLS, 2.0)
    (records,) = of_kind(sent(rig)[3], wire.Records)
    assert [record.seq for record in records.records] == [2]


def test_deleted_body_is_not_repaired(rig: Rig) -> None:
    from lanchat.protocol.log.messages import Kind

    submit(rig, 2, rig.authors[2].message("secret"))
    rig.run_batches(1.0)
    submit(rig, 2, rig.authors[2].message("", kind=Kind.DELETE, ref=1))
    rig.run_batches(1.5)
    sent(rig)
    rig.core.receive(3, wire.Nack(GENERAL, [1]), Transport.TLS, 2.0)
    (records,) = of_kind(sent(rig)[3], wire.Records)
    assert records.records[0].body is None
    assert records.records[0].body_hash == rig.database.records[GENERAL][0].record.body_hash


def test_head_is_repeated_at_growing_intervals_then_by_heartbeat(rig: Rig) -> None:
    submit(rig, 2, rig.authors[2].message("last words"), now=0.5)
    rig.run_batches(0.5)
    sent(rig)
    times: list[float] = []
    now = 0.5
    while now < 30:
        now = rig.core.timer() or 99
        rig.core.handle_timer(now)
        if any(frame.heads for frame in of_kind(sent(rig).get(3, []), wire.Heads)):
            times.append(round(now, 3))
    assert times == [0.75, 1.0, 1.5, 2.5, 4.5, 8.5, 10.0, 20.0, 30.0]


def test_heartbeat_continues_without_quiet_rooms() -> None:
    rig = Rig(CoreConfig(heartbeat_rooms=5.0))
    log_in(rig, 2)
    submit(rig, 2, rig.authors[2].message("x"), now=1.0)
    rig.run_batches(1.0)
    rig.core.handle_timer(9.9)
    sent(rig)
    rig.core.handle_timer(10.0)
    (heads,) = of_kind(sent(rig)[2], wire.Heads)
    assert heads.heads == []


def test_slow_session_is_lagging_until_it_pulls(rig: Rig) -> None:
    session = rig.core.sessions.get(3)
    assert session is not None
    session.tls_queued = rig.config.lag_octets + 1
    for i in range(3):
        submit(rig, 2, rig.authors[2].message(f"m{i}"), now=1.0 + i)
        rig.run_batches(1.0 + i)
    frames = sent(rig)
    assert len(of_kind(frames[3], wire.Lagging)) == 1
    assert not of_kind(frames[3], wire.Records)
    assert len(of_kind(frames[1], wire.Records)) == 3
    session.tls_queued = 0
    rig.core.pulled(3, GENERAL)
    submit(rig, 2, rig.authors[2].message("m3"), now=5.0)
    rig.run_batches(5.0)
    assert [r.seq for f in of_kind(sent(rig)[3], wire.Records) for r in f.records] == [4]


def test_presence_changes_are_sent_once_in_one_frame(rig: Rig) -> None:
    rig.core.handle_timer(1.0)
    sent(rig)
    rig.core.remove_session(3, 2.0)
    rig.core.receive(2, wire.Activity(PresenceState.AWAY), Transport.TLS, 2.1)
    rig.core.handle_timer(2.4)
    assert sent(rig) == {}
    rig.core.handle_timer(2.5)
    (users,) = of_kind(sent(rig)[1], wire.Users)
    assert [(user.id, user.state) for user in users.users] == [(2, PresenceState.AWAY), (3, PresenceState.OFFLINE)]


def test_user_is_online_while_one_session_is(rig: Rig) -> None:
    log_in(rig, 3, session=30)
    rig.core.remove_session(3, 1.0)
    assert rig.core.sessions.user_state(3) is PresenceState.ONLINE
    rig.core.receive(30, wire.Activity(PresenceState.AWAY), Transport.TLS, 1.0)
    assert rig.core.sessions.user_state(3) is PresenceState.AWAY


def test_read_marks_only_grow_up_to_the_head_and_are_batched(rig: Rig) -> None:
    submit(rig, 2, *(rig.authors[2].message(f"m{i}") for i in range(3)), now=1.0)
    rig.run_batches(1.0)
    sent(rig)
    for received, read in ((1, 0), (9, 9), (2, 1)):
        rig.core.receive(3, wire.Cursors([wire.Cursor(GENERAL, received, read)]), Transport.TLS, 1.2)
    rig.core.receive(3, wire.Cursors([wire.Cursor(rig.PRIVATE, 1, 1)]), Transport.TLS, 1.2)
    rig.core.handle_timer(2.2)
    (cursors,) = of_kind(sent(rig)[1], wire.RoomCursors)
    assert cursors == wire.RoomCursors(GENERAL, [wire.MemberCursor(3, 3, 3)])
    assert rig.core.receipts.take_unsaved() == {3: [wire.Cursor(GENERAL, 3, 3)]}
    assert rig.core.receipts.take_unsaved() == {}


def test_forged_message_does_not_release_a_held_one(rig: Rig) -> None:
    author = rig.authors[2]
    one, two = author.message("one"), author.message("two")
    submit(rig, 2, two)
    rig.run_batches(1.0)
    submit(rig, 3, Message(one.header, b"forged", one.signature), now=2.0)
    rig.run_batches(2.0)
    (decided,) = of_kind(sent(rig)[3], wire.Decided)
    assert decided.receipts[0].code == Code.BAD_SIGNATURE
    assert rig.core.queue_lengths() == {"submissions": 0, "held": 1, "repairs": 0}
