"""Bounds of memory: output to clients, input to the writer, records kept for repair, filled to the limit."""

import itertools
import tracemalloc

import pytest

from lanchat.protocol.log.records import Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import Submit
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.recent import RecentRecords
from lanchat_server.service.net.outgoing import Outgoing
from tests.support.rig import Rig

MIB = 1 << 20


class Client:
    """A connection with so many unsent octets."""

    def __init__(self, queued: int, read_at: float = 0.0) -> None:
        self.queued = queued
        self.read_at = read_at
        self.ended = False

    def too_slow(self) -> None:
        self.ended = True
        self.queued = 0


def test_longest_unread_client_ends_when_the_budget_is_used() -> None:
    outgoing: Outgoing[Client] = Outgoing(itertools.count().__next__, 100)
    stuck, slow, quick = Client(40, 1.0), Client(40, 2.0), Client(40, 3.0)
    for client in (quick, slow, stuck):
        outgoing.note(client, client.queued)
    assert [client.ended for client in (stuck, slow, quick)] == [True, False, False]
    assert outgoing.total == 80


def test_budget_of_a_server_is_256_mib() -> None:
    outgoing: Outgoing[Client] = Outgoing(itertools.count().__next__)
    stuck = [Client(3 * MIB, read_at) for read_at in range(200)]
    for client in stuck:
        outgoing.note(client, client.queued)
    assert 250 * MIB < sum(client.queued for client in stuck) <= 256 * MIB


def test_octets_read_meanwhile_are_not_counted() -> None:
    outgoing: Outgoing[Client] = Outgoing(itertools.count().__next__, 100)
    readers = [Client(40) for _ in range(10)]
    for client in readers:
        outgoing.note(client, client.queued)
        client.queued = 0
    assert not any(client.ended for client in readers)
    assert not outgoing.busy


def test_outgoing_is_busy_above_half_of_the_budget() -> None:
    outgoing: Outgoing[Client] = Outgoing(itertools.count().__next__, 100)
    client = Client(60)
    outgoing.note(client, 60)
    assert outgoing.busy
    outgoing.note(client, 0)
    assert (outgoing.busy, outgoing.total) == (False, 0)


def test_message_queue_is_bounded_in_octets() -> None:
    config = CoreConfig(queue_octets=MIB, session_queue_max=10_000, message_burst=10_000, total_rate=10_000.0)
    rig = Rig(config)
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    for _ in range(100):
        rig.core.receive(1, Submit([rig.authors[1].message("x" * 4000) for _ in range(16)]), Transport.TLS, 0.0)
    assert rig.core.queue_lengths()["submissions"] <= MIB // 4000 + 1
    rig.core.take_outputs()
    assert rig.core.counters["busy"]


def test_held_messages_are_bounded_in_octets() -> None:
    config = CoreConfig(hold_octets=100_000, hold_per_run=1000, hold_max=1000, session_queue_max=1000)
    rig = Rig(config)
    first, *later = [rig.submission(rig.authors[1].message("x" * 4000)) for _ in range(200)]
    intake = rig.core._intake
    for submission in later:
        intake.hold(submission, 0.0)
    assert 15 <= intake.held <= 100_000 // 4000 + 1
    intake.put(first)
    assert intake.take(0.0) == [first]
    assert intake._octets == 0


@pytest.mark.parametrize("body", [0, 900, 12_000])
def test_records_kept_for_repair_stay_within_their_bound(body: int) -> None:
    config = CoreConfig(recent_per_room=1 << 30, recent_octets=4 * MIB)
    recent = RecentRecords(config)
    tracemalloc.start()
    try:
        for seq in range(1, 20_000):
            recent.add(1, [Record(seq, 1_700_000_000_000 + seq, bytes([seq % 256]) * 70, bytes(64), bytes(body + 1))])
        taken, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2 * MIB < taken < 5 * MIB
