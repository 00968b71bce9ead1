"""Sending: durable first, retries over UDP and TLS, decisions, several processes, the announced rate."""

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.config import ClientConfig
from lanchat.core.events import MessageRefused, MessageStored
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.datagram.packer import PAYLOAD_MAX, SUBMIT_PAYLOAD_MAX, message_size, pack_datagrams
from lanchat.protocol.datagram.seal import OVERHEAD, Sealer
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX, FRAME_MAX_TO_SERVER, INLINE_BODY_MAX, SUBMIT_MAX, Limits
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Header, Kind, Message, decode_header_untrusted
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def live_wire(**options: Any) -> Wire:
    client = Wire(FakeLog(), MemoryLocalStore(), **options)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE and client.core._link.udp_open, 5)
    client.run_for(1)
    client.sent.clear()
    return client


def drop_submissions(client: Wire) -> None:
    """Makes the network drop every submitted message."""
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Submit)


def numbers(frame: wire.Submit) -> list[int]:
    headers: list[Header] = [decode_header_untrusted(message.header) for message in frame.messages]
    return [header.n for header in headers]


def run_of(frame: wire.Submit) -> int:
    header: Header = decode_header_untrusted(frame.messages[0].header)
    return header.run


def submits(client: Wire) -> list[tuple[Transport, list[int]]]:
    return [(output.path, numbers(output.frame)) for output in client.sent if isinstance(output.frame, wire.Submit)]


def say(client: Wire, text: str = "hi", **options: Any) -> None:
    client.core.send(1, options.get("kind", Kind.TEXT), text, options.get("ref", 0), client.now)


def test_message_is_durable_before_sending_and_removed_when_stored() -> None:
    client = live_wire()
    store = client.core._store
    item = client.core.send(1, Kind.TEXT, "hi", 0, client.now)
    assert store.outgoing() == [item]
    assert client.sent == []
    client.run_for(0.5)
    assert store.outgoing() == []
    assert [(e.key, e.seq) for e in client.of_kind(MessageStored)] == [(item.key, 1)]


def test_full_disk_uses_no_number() -> None:
    client = live_wire()
    client.core._store.fail = True  # type: ignore[attr-defined]
    with pytest.raises(LocalStoreError):
        say(client)
    client.core._store.fail = False  # type: ignore[attr-defined]
    say(client)
    client.run_for(0.1)
    assert submits(client) == [(Transport.UDP, [1])]


def test_invalid_body_uses_no_number() -> None:
    client = live_wire()
    for body in ("", " ", "x" * 5000, "a\u202eb"):
        with pytest.raises(ProtocolError):
            say(client, body)
    assert client.core._store.outgoing() == []


def test_retries_double_to_two_seconds_and_every_third_is_tls() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    times: list[tuple[Transport, float]] = []
    while len(times) < 9:
        seen = len(submits(client))
        client.run_until(lambda seen=seen: len(submits(client)) > seen, 5)
        times.append((submits(client)[-1][0], client.now))
    waits = [round(later[1] - earlier[1], 6) for earlier, later in itertools.pairwise(times)]
    # After a try over TLS, which loses nothing, the longest wait.
    assert waits == [0.1, 0.2, 2.0, 0.8, 1.6, 2.0, 2.0, 2.0]
    assert [path for path, _ in times] == [*[Transport.UDP, Transport.UDP, Transport.TLS] * 3]


def test_frames_of_the_longest_messages_fit_the_server_limit() -> None:
    client = live_wire()
    for _ in range(SUBMIT_MAX):
        say(client, "\U00020bb7" * 4000)
    client.run_for(20)
    frames = [output.frame for output in client.sent if isinstance(output.frame, wire.Submit)]
    assert sum(len(frame.messages) for frame in frames) >= SUBMIT_MAX
    assert max(len(wire.pack_frame(frame)) - 4 for frame in frames) <= FRAME_MAX_TO_SERVER
    assert max(len(frame.messages) for frame in frames) > 1


def test_without_udp_everything_goes_over_tls() -> None:
    client = live_wire()
    client.core._link.udp_open = False
    say(client)
    client.run_for(0.1)
    assert submits(client) == [(Transport.TLS, [1])]


def test_large_body_and_messages_after_it_go_over_tls() -> None:
    client = live_wire()
    say(client, "small")
    say(client, "x" * (INLINE_BODY_MAX + 1))
    say(client, "small again")
    client.run_for(0.5)
    assert submits(client) == [(Transport.UDP, [1]), (Transport.TLS, [2, 3])]
    assert len(client.log.records[1]) == 3


@pytest.mark.parametrize(("over", "path"), [(0, Transport.UDP), (1, Transport.TLS)])
def test_announced_inline_limit_decides_between_udp_and_tls(over: int, path: Transport) -> None:
    client = live_wire()
    say(client, "x" * (client.core.limits.inline_body + over))
    client.run_for(0.05)
    assert submits(client) == [(path, [1])]


@pytest.mark.parametrize(("over", "path"), [(0, Transport.UDP), (1, Transport.TLS)])
def test_message_that_fills_a_datagram_goes_by_udp(over: int, path: Transport) -> None:
    """A larger one goes over TLS, even if the server announces more than fits."""
    client = live_wire()
    client.core._outbox.set_limits(replace(client.core.limits, inline_body=4000))
    say(client)
    client.run_for(0.05)
    spare = SUBMIT_PAYLOAD_MAX - message_size(Message(client.log.records[1][0].header, b"", bytes(64)))
    client.sent.clear()
    say(client, "x" * (spare + over))
    client.run_for(0.05)
    assert submits(client) == [(path, [2])]
    sent = next(output.frame for output in client.sent if isinstance(output.frame, wire.Submit))
    assert (message_size(sent.messages[0]) == SUBMIT_PAYLOAD_MAX) == (over == 0)


def test_messages_share_datagrams_within_the_size_limit() -> None:
    client = live_wire()
    for size in (10, 900, 900, 300, 300, 300, 1):
        say(client, "x" * size)
    outputs = client.core.take_outputs()
    payloads = pack_datagrams([output.frame for output in outputs])
    sealer = Sealer(bytes(32), 1, bytes(16), 1)
    assert all(len(sealer.seal(payload)) <= DATAGRAM_MAX for payload in payloads)
    frames = [frame for payload in payloads for frame in wire.decode_client_datagram_untrusted(payload)]
    assert [n for frame in frames for n in numbers(frame)] == list(range(1, 8))
    assert len(payloads) < 7


def test_frame_too_large_for_a_datagram_raises_value_error() -> None:
    with pytest.raises(ValueError, match="too large"):
        pack_datagrams([wire.Nack(1, [2**62] * 32), wire.Goodbye(1, "x" * PAYLOAD_MAX)])


def test_small_frames_share_datagrams_up_to_their_limit() -> None:
    payloads = pack_datagrams([wire.Ping(number) for number in range(1, 40)])
    assert [len(wire.decode_client_datagram_untrusted(payload)) for payload in payloads] == [15, 15, 9]
    assert max(len(payload) for payload in payloads) <= DATAGRAM_MAX - OVERHEAD


def test_messages_are_sent_in_order_within_a_window() -> None:
    client = live_wire()
    client.core.limits = Limits(message_rate=1e6, message_burst=1000)
    client.core._outbox.set_limits(client.core.limits)
    drop_submissions(client)
    for _ in range(SUBMIT_MAX + 20):
        say(client)
    client.pump()
    sent = [n for _, some in submits(client) for n in some]
    assert sent == list(range(1, SUBMIT_MAX + 1))
    client.hook = lambda direction, path, frame: True
    client.run_for(10)
    assert len(client.log.records[1]) == SUBMIT_MAX + 20


def test_expect_resends_from_its_number_at_once() -> None:
    client = live_wire()
    drop_submissions(client)
    for _ in range(3):
        say(client)
    client.pump()
    client.sent.clear()
    client.to_client(Transport.UDP, wire.Expect(1, client.core._composer.device, client.core.run, 2))
    client.run_for(0.01)
    assert submits(client) == [(Transport.UDP, [2, 3])]


def test_expect_of_a_lost_message_resends_nothing() -> None:
    client = live_wire()
    drop_submissions(client)
    for _ in range(3):
        say(client)
    client.pump()
    client.sent.clear()
    client.to_client(Transport.UDP, wire.Expect(1, client.core._composer.device, client.core.run, 7))
    client.to_client(
        Transport.UDP, wire.Decided([wire.Receipt(1, client.core._composer.device, client.core.run, 1, 0, 105)])
    )
    client.to_client(Transport.UDP, wire.Expect(1, client.core._composer.device, client.core.run, 1))
    client.run_for(0.01)
    assert submits(client) == []


def test_blocked_run_does_not_use_the_rate_of_another() -> None:
    client = live_wire()
    stuck = client.core.run
    client.hook = lambda direction, path, frame: not (isinstance(frame, wire.Submit) and run_of(frame) == stuck)
    for _ in range(60):
        say(client)
    client.run_for(10)
    client.core._composer._run = stuck + 1
    client.core._composer._numbers.clear()
    say(client, "another run")
    client.run_for(3)
    assert [record.body for record in client.log.records[1]] == [b"another run"]


def test_busy_pauses_sending() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.pump()
    client.sent.clear()
    client.to_client(Transport.UDP, wire.Busy(3000, []))
    client.run_for(2.9)
    assert submits(client) == []
    client.run_for(0.95)
    assert submits(client)[0] == (Transport.UDP, [1])


def test_announced_rate_is_kept() -> None:
    client = live_wire()
    for _ in range(60):
        say(client)
    client.run_for(1.0)
    sent = sum(len(some) for _, some in submits(client))
    assert 30 <= sent <= 30 + 10 + 1
    client.run_for(10)
    assert len(client.log.records[1]) == 60


def test_refusal_is_final() -> None:
    client = live_wire()
    item = client.core.send(1, Kind.EDIT, "not mine", 77, client.now)
    client.log.decisions[item.key] = (0, int(wire.Code.NO_SUCH_TARGET))
    client.run_for(0.5)
    assert client.of_kind(MessageRefused) == [MessageRefused(item.key, 105)]
    assert client.core._store.outgoing() == []
    client.sent.clear()
    client.run_for(5)
    assert submits(client) == []


def test_unreadable_header_is_refused_finally() -> None:
    client = live_wire()
    drop_submissions(client)
    item = client.core.send(1, Kind.TEXT, "hi", 0, client.now)
    client.pump()
    client.to_client(Transport.UDP, wire.Decided([], [b"?" * 32, sha256(item.message.header)]))
    client.run_for(0.1)
    assert client.of_kind(MessageRefused) == [MessageRefused(item.key, wire.Code.BAD_HEADER)]
    assert client.core._store.outgoing() == []


def test_repeated_decision_is_reported_once() -> None:
    client = live_wire()
    item = client.core.send(1, Kind.TEXT, "hi", 0, client.now)
    client.run_for(0.1)
    for _ in range(3):
        client.to_client(Transport.UDP, wire.Decided([wire.Receipt(*item.key, 1)]))
    client.run_for(0.1)
    assert len(client.of_kind(MessageStored)) == 1


def test_record_of_a_message_replaces_its_lost_decision() -> None:
    client = live_wire()
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Decided)
    say(client)
    client.run_for(0.1)
    assert [e.seq for e in client.of_kind(MessageStored)] == [1]
    assert client.core._store.outgoing() == []


def test_stored_message_is_listed_until_its_record_arrives() -> None:
    client = live_wire()
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Records)
    say(client)
    client.run_for(0.01)
    assert [(stored.item.key.n, stored.seq) for stored in client.core.stored_unseen(1)] == [(1, 1)]
    assert client.core.awaits_records
    client.hook = lambda direction, path, frame: True
    client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
    client.run_for(0.5)
    assert client.core.stored_unseen(1) == []
    assert not client.core.awaits_records


def test_decision_is_applied_after_a_full_disk() -> None:
    client = live_wire()
    store = client.core._store
    say(client)
    store.fail = True  # type: ignore[attr-defined]
    client.run_for(2)
    assert len(client.of_kind(MessageStored)) == 1
    assert len(store.outgoing()) == 1
    store.fail = False  # type: ignore[attr-defined]
    client.run_for(2)
    assert store.outgoing() == []
    assert len(client.log.records[1]) == 1


def test_messages_written_while_disconnected_are_sent_in_order() -> None:
    client = live_wire()
    client.cut()
    for number in range(5):
        say(client, f"away {number}")
    client.run_until(lambda: len(client.log.records[1]) == 5, 10)
    assert [record.body for record in client.log.records[1]] == [b"away %d" % number for number in range(5)]


def test_new_process_sends_messages_of_the_previous_one() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client, "left behind")
    client.run_for(1)
    successor = Wire(client.log, client.core._store, run=6)
    successor.connect()
    successor.run_until(lambda: successor.core.state is LinkState.LIVE, 5)
    say(successor, "mine")
    successor.run_for(1)
    assert [record.body for record in client.log.records[1]] == [b"left behind", b"mine"]
    assert client.core._store.outgoing() == []


def test_process_adopts_messages_of_a_living_one_after_a_delay() -> None:
    client = live_wire()
    other = Wire(client.log, client.core._store, run=6)
    other.now = client.now
    other.connect()
    other.run_for(1)
    client.now = other.now
    say(client, "mine")
    drop_submissions(client)
    other.run_for(ClientConfig().adopt_after - 0.5)
    assert client.log.records[1] == []
    other.run_for(ClientConfig().adopt_every + 1)
    assert [record.body for record in client.log.records[1]] == [b"mine"]
    # The process that made it hears of it all the same.
    client.hook = lambda direction, path, frame: True
    client.now = other.now
    client.run_for(3)
    assert [e.seq for e in client.of_kind(MessageStored)] == [1]


def test_adopts_outbox_items_with_future_timestamps() -> None:
    client = live_wire()
    other = Wire(client.log, client.core._store, run=6)
    other.now = client.now
    other.connect()
    other.run_for(1)
    client.core._composer.compose(1, Kind.TEXT, "from 2035", 0, 2_000_000_000_000)
    other.run_for(ClientConfig().adopt_after + ClientConfig().adopt_every + 1)
    assert [record.body for record in client.log.records[1]] == [b"from 2035"]


def test_numbers_count_per_room_and_lamport_time_continues() -> None:
    log = FakeLog(rooms=2)
    store = MemoryLocalStore()
    for _ in range(5):
        log.say(2)
    client = Wire(log, store)
    client.connect()
    client.run_for(1)
    headers = [decode_header_untrusted(client.core.send(room, Kind.TEXT, "x", 0, client.now).message.header)
               for room in (1, 2, 1)]  # fmt: skip
    assert [(header.room, header.n) for header in headers] == [(1, 1), (2, 1), (1, 2)]
    assert [header.lamport for header in headers] == [5, 6, 7]
    client.run_for(1)
    again = Wire(log, store, run=8)
    header = decode_header_untrusted(again.core.send(1, Kind.TEXT, "x", 0, again.now).message.header)
    assert (header.n, header.lamport) == (1, 8)
