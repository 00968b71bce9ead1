"""The link: states, UDP pings, silence, retries and their jitter, goodbyes, renewal of keys, requests."""

import itertools
from typing import Any

import pytest

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import (
    Answered,
    CertificateRenewed,
    ConnectionGivenUp,
    KeysChanged,
    LinkStateChanged,
    MessageStored,
    ReconnectDue,
    SearchDue,
)
from lanchat.core.session.states import TABLE, InvalidTransition, LinkEvent, LinkState, Reason, after
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire, key_of
from tests.support.memory_local import MemoryLocalStore


def live_wire(*, udp: bool = True, **options: Any) -> Wire:
    client = Wire(FakeLog(), MemoryLocalStore(), **options)
    if not udp:
        block_udp(client)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE and client.core._link.udp_open is udp, 5)
    return client


def block_udp(client: Wire) -> None:
    client.hook = lambda direction, path, frame: path is not Transport.UDP


def pings(client: Wire, path: Transport = Transport.UDP) -> list[int]:
    return [o.frame.token for o in client.sent if o.path is path and isinstance(o.frame, wire.Ping)]


def states(client: Wire) -> list[LinkState]:
    found: list[LinkState] = []
    for event in client.of_kind(LinkStateChanged):
        if not found or found[-1] is not event.state:
            found.append(event.state)
    return found


# --- States -----------------------------------------------------------------------------------------------------------


def test_every_state_can_be_entered_and_left() -> None:
    entered = {state for moves in TABLE.values() for state in moves.values()}
    assert entered == set(LinkState)
    assert set(TABLE) == set(LinkState)


def test_invalid_transition_raises_an_error() -> None:
    with pytest.raises(InvalidTransition, match="not while live"):
        after(LinkState.LIVE, LinkEvent.OPENED)
    client = live_wire()
    with pytest.raises(InvalidTransition):
        client.core.start(client.now)


def test_states_from_start_to_live() -> None:
    client = live_wire()
    assert states(client) == [
        LinkState.CONNECTING,
        LinkState.AUTHENTICATING,
        LinkState.SYNCING,
        LinkState.LIVE,
    ]


def test_away_after_three_seconds_of_failed_tries_and_back() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.log_in = lambda: client.core.disconnected(client.now)  # type: ignore[method-assign]
    start = client.now
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.AWAY, 10)
    assert client.now - start == pytest.approx(3.0)
    del client.log_in
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 60)
    assert states(client)[-4:] == [LinkState.AWAY, LinkState.AUTHENTICATING, LinkState.SYNCING, LinkState.LIVE]


def test_retry_delays_double_up_to_a_bound_that_grows_later() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.core._link._random = lambda: 1.0 - 1e-12
    client.core._random = client.core._link._random
    client.log_in = lambda: client.core.disconnected(client.now)  # type: ignore[method-assign]
    client.connect()
    times: list[float] = []
    while len(times) < 36:
        seen = len(client.of_kind(ReconnectDue))
        client.run_until(lambda seen=seen: len(client.of_kind(ReconnectDue)) > seen, 60)
        times.append(client.now)
    waits = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert waits == [0.5, 1, *[2] * 30, 30, 30, 30]


def test_session_that_lasted_makes_the_next_retry_quick() -> None:
    client = live_wire()
    client.core._link._random = lambda: 1.0
    client.beat_every(5.0)
    for _ in range(5):
        client.run_for(ClientConfig().session_steady)
        client.cut()
        start = client.now
        client.run_until(lambda: client.core.state is LinkState.LIVE, 60)
        assert client.now - start < 0.6


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (0, LinkState.CONNECTING, Reason.STOPPING),
        (int(wire.Code.BUSY), LinkState.CONNECTING, Reason.LOST),
        (int(wire.Code.DEVICE_REVOKED), LinkState.REFUSED, Reason.REFUSED),
        (int(wire.Code.ACCOUNT_DISABLED), LinkState.REFUSED, Reason.REFUSED),
    ],
)
def test_goodbye_codes_lead_to_their_states(code: int, state: LinkState, reason: Reason) -> None:
    client = live_wire()
    client.to_client(Transport.TLS, wire.Goodbye(code, ""))
    client.run_for(0.01)
    if state is LinkState.REFUSED:
        assert len(client.of_kind(ConnectionGivenUp)) == 1
        tries = len(client.of_kind(ReconnectDue))
        client.run_for(60)
        assert len(client.of_kind(ReconnectDue)) == tries
    else:
        client.cut()
    assert client.core.state is state
    last = [event for event in client.of_kind(LinkStateChanged) if event.state is state][-1]
    assert last.reason is reason
    assert last.code == (code if state is LinkState.REFUSED else 0)


def test_second_connection_is_refused_after_a_final_goodbye() -> None:
    """It was being made when the first one received the goodbye."""
    client = live_wire()
    client.core.receive(SERVER, Transport.TLS, wire.Goodbye(wire.Code.DEVICE_REVOKED, ""), client.now)
    client.core.refused(client.now, code=wire.Code.DEVICE_REVOKED)
    assert client.core.state is LinkState.REFUSED


def test_start_is_possible_after_a_refusal() -> None:
    client = live_wire()
    client.core.refused(client.now, code=13)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)


def test_frames_without_session_are_dropped_and_counted() -> None:
    client = live_wire()
    client.core.disconnected(client.now)
    client.core.receive(SERVER, Transport.UDP, wire.Heads([client.log.head(1)]), client.now)
    assert client.core.counters["frame without session"] == 1


# --- UDP --------------------------------------------------------------------------------------------------------------


def test_first_pong_opens_the_udp_path() -> None:
    client = live_wire()
    # The first says that nothing was heard yet, the second that a pong came: only then the server sends there.
    assert pings(client) == [0, 1]


def test_failed_udp_pings_switch_to_tls_with_growing_retries() -> None:
    client = live_wire(udp=False)
    client.beat_every(5)
    times: list[float] = []
    while len(times) < 7:
        client.sent.clear()
        client.run_until(lambda: len(pings(client)) == 6, 60)
        times.append(client.now)
    waits = [round(later - earlier, 1) for earlier, later in itertools.pairwise(times)]
    # 4, 8, 16, then 30 s, and the second that the six pings and the patience after them take.
    assert waits == [5, 9, 17, 31, 31, 31]
    client.hook = lambda direction, path, frame: True
    assert client.run_until(lambda: client.core._link.udp_open, 60)


def test_unanswered_message_closes_the_udp_path() -> None:
    client = live_wire()
    client.beat_every(5)
    client.run_for(1)
    block_udp(client)
    start = client.now
    client.core.send(1, Kind.TEXT, "into a dead path", 0, start)
    assert client.run_until(lambda: not client.core._link.udp_open, 10)
    # 0.3 s until the third try, 0.6 s of pings, 0.4 s of patience.
    assert client.now - start == pytest.approx(1.3, abs=0.05)
    assert 0 in pings(client, Transport.TLS)
    assert client.core.state is LinkState.LIVE
    assert client.of_kind(SearchDue) == []


def test_unrepaired_records_close_the_udp_path() -> None:
    client = live_wire()
    client.run_for(1)
    block_udp(client)
    start = client.now
    client.log.say()
    client.to_client(Transport.TLS, wire.Heads([client.log.head(1)]))
    assert client.run_until(lambda: not client.core._link.udp_open, 10)
    assert client.now - start < 2
    client.run_for(2)
    assert client.core.cursor(1) == 1


def test_missing_heartbeats_close_the_udp_path() -> None:
    client = live_wire()
    client.beat_every(10)
    client.run_for(21)
    assert client.core._link.udp_open
    block_udp(client)
    start = client.now
    assert client.run_until(lambda: not client.core._link.udp_open, 30)
    assert client.now - start < 14


def test_idle_client_sends_few_datagrams() -> None:
    """The heartbeat every ten seconds, and a ping with its answer every 25: less than one datagram in five seconds."""
    client = live_wire()
    client.beat_every(10)
    client.run_for(60)
    client.sent.clear()
    client.run_for(600)
    assert len(pings(client)) <= 600 * (0.2 - 0.1) / 2
    client = live_wire()
    client.run_for(60)
    client.sent.clear()
    client.run_for(600)
    assert len(pings(client)) <= 600 * 0.2 / 2


def test_idle_udp_path_is_kept_open_by_pings() -> None:
    client = live_wire()
    client.beat_every(5)
    client.sent.clear()
    client.run_for(1)
    client.sent.clear()
    start = client.now
    client.run_until(lambda: bool(pings(client)), 60)
    assert 24 <= client.now - start <= 26
    client.run_for(60)
    assert pings(client) == [1, 1, 1]
    assert client.core._link.udp_open


def test_dead_udp_path_is_reported_to_the_server() -> None:
    client = live_wire()
    client.sent.clear()
    block_udp(client)
    assert client.run_until(lambda: not client.core._link.udp_open, 20)
    assert client.core.state is LinkState.LIVE
    assert 0 in pings(client, Transport.TLS)
    client.core.send(1, Kind.TEXT, "over tls", 0, client.now)
    client.run_for(0.5)
    assert len(client.log.records[1]) == 1


def test_client_without_udp_sends_no_udp_pings() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())

    def log_in() -> None:
        client.up = True
        client.core.opened(client.now)
        client.core.connected(client.log.logged_in(client.key), client.now, use_udp=False)

    client.log_in = log_in  # type: ignore[method-assign]
    client.connect()
    client.run_for(60)
    assert pings(client) == []
    assert client.core.state is LinkState.LIVE


# --- Silence ----------------------------------------------------------------------------------------------------------


def test_silent_server_is_pinged_then_the_connection_ends() -> None:
    client = live_wire()
    client.run_for(1)
    client.sent.clear()
    last_received = client.core._link._heard
    client.hook = lambda direction, path, frame: direction == "up"
    assert client.run_until(lambda: bool(pings(client, Transport.TLS)), 20)
    assert client.now - last_received == pytest.approx(7.5)
    assert client.run_until(lambda: bool(client.of_kind(ConnectionGivenUp)), 20)
    assert client.now - last_received == pytest.approx(10)
    assert client.core.state is LinkState.AWAY
    assert client.of_kind(LinkStateChanged)[-1].reason is Reason.SILENT


def test_server_that_answers_pings_alone_is_kept() -> None:
    client = live_wire()
    client.run_for(120)
    assert client.core.state is LinkState.LIVE
    assert client.of_kind(ConnectionGivenUp) == []


def cut(client: Wire) -> None:
    client.hook = lambda direction, path, frame: False


def test_unresponsive_server_is_searched_for_during_the_session() -> None:
    client = live_wire()
    client.run_for(1)
    cut(client)
    start = client.now
    client.core.send(1, Kind.TEXT, "is anybody there", 0, start)
    assert client.run_until(lambda: bool(client.of_kind(SearchDue)), 10)
    assert 1.5 <= client.now - start <= 1.9
    assert client.core.silent
    assert client.core.state is LinkState.LIVE
    client.run_until(lambda: bool(client.of_kind(ConnectionGivenUp)), 20)
    # 1, 2, 4 s and up to a quarter more from one to the next.
    assert 3 <= len(client.of_kind(SearchDue)) <= 4


def test_silence_of_an_idle_session_starts_a_search() -> None:
    client = live_wire()
    client.run_for(1)
    last_received = client.core._link._heard
    cut(client)
    assert client.run_until(lambda: bool(client.of_kind(SearchDue)), 20)
    assert 8.7 <= client.now - last_received <= 9.1


@pytest.mark.parametrize("seconds", [2.0, 5.0])
def test_outage_resends_at_once_and_keeps_udp_open(seconds: float) -> None:
    client = live_wire()
    client.run_for(1)
    cut(client)
    start = client.now
    for number in range(3):
        client.core.send(1, Kind.TEXT, f"into the hole {number}", 0, client.now)
        client.run_for(seconds / 3)
    # TLS takes longer to recover: what TCP repeats seldom comes late.
    client.hook = lambda direction, path, frame: path is Transport.UDP
    start = client.now
    assert client.run_until(lambda: len(client.of_kind(MessageStored)) == 3, 10)
    assert client.now - start < 0.6
    client.hook = lambda direction, path, frame: True
    client.run_for(5)
    assert client.core._link.udp_open
    assert not client.core.silent
    assert client.of_kind(ConnectionGivenUp) == []


def test_udp_is_kept_after_an_outage_when_tls_recovers_first() -> None:
    client = live_wire()
    client.run_for(1)
    cut(client)
    client.core.send(1, Kind.TEXT, "into the hole", 0, client.now)
    client.run_for(3)
    client.hook = lambda direction, path, frame: path is Transport.TLS
    client.to_client(Transport.TLS, wire.Heads([]))
    client.run_for(0.55)
    client.hook = lambda direction, path, frame: True
    client.run_for(2)
    assert client.core._link.udp_open
    assert 0 not in pings(client, Transport.TLS)


def test_briefly_slow_server_is_not_searched_for() -> None:
    client = live_wire()
    client.run_for(1)
    client.delay = lambda path: 0.5
    client.core.send(1, Kind.TEXT, "slowly", 0, client.now)
    client.run_for(20)
    assert client.core._link.udp_open
    assert client.of_kind(SearchDue) == []


def test_connection_on_a_removed_address_is_replaced_at_once() -> None:
    client = live_wire()
    client.run_for(1)
    cut(client)
    client.core.cut_off(client.now)
    client.run_for(0)
    client.core.handle_timer(client.now)
    client.pump()
    assert len(client.of_kind(SearchDue)) == 1
    # The shell did it: the old session ends and the new one begins without a wait between them.
    client.hook = lambda direction, path, frame: True
    client.core.disconnected(client.now)
    client.core.connected(client.log.logged_in(client.key), client.now, epoch=client.log.epoch)
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 1)
    tries = len(client.of_kind(ReconnectDue))
    client.run_for(30)
    assert len(client.of_kind(ReconnectDue)) == tries


# --- Keys, requests ---------------------------------------------------------------------------------------------------


def test_dead_tls_is_noticed_while_datagrams_arrive() -> None:
    client = live_wire()
    client.hook = lambda direction, path, frame: path is Transport.UDP
    config = ClientConfig()

    def pass_time(seconds: float) -> None:
        end = client.now + seconds
        while client.now < end:
            client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
            client.run_for(1)

    pass_time(config.keep_alive + config.tls_silence_max - 2)
    assert not client.of_kind(ConnectionGivenUp)
    pass_time(4)
    assert len(client.of_kind(ConnectionGivenUp)) == 1
    assert Reason.SILENT in {event.reason for event in client.of_kind(LinkStateChanged)}


def test_quiet_tls_that_answers_is_kept() -> None:
    client = live_wire()
    for _ in range(200):
        client.to_client(Transport.UDP, wire.Heads([client.log.head(1)]))
        client.run_for(1)
    assert not client.of_kind(ConnectionGivenUp)


def test_keys_are_renewed_before_they_expire() -> None:
    client = live_wire()
    requests = lambda: [o.frame.operation for o in client.sent if isinstance(o.frame, wire.Request)]  # noqa: E731
    client.sent.clear()
    assert client.run_until(lambda: wire.Renew() in requests(), 3600)
    fresh = wire.SessionKeys(2, bytes(32), bytes(32), 3_600_000)
    client.to_client(Transport.TLS, fresh)
    client.run_for(1)
    assert client.of_kind(KeysChanged)[-1].keys == fresh
    assert client.core._link.udp_open


def test_exhausted_keys_are_renewed_once() -> None:
    client = live_wire()
    client.sent.clear()
    for _ in range(5):
        client.core.renew(client.now)
    client.pump()
    assert len(client.sent) == 1


def test_new_own_certificate_is_reported() -> None:
    client = live_wire()
    fresh = client.log.enrol(client.key, 7, "me")
    client.to_client(Transport.TLS, wire.NewCertificate(fresh))
    client.run_for(0.1)
    assert client.of_kind(CertificateRenewed)[1:] == [CertificateRenewed(fresh)]


def test_request_ends_by_answer_disconnect_or_timeout() -> None:
    client = live_wire()
    answered = client.core.request(wire.ListRooms(), client.now)
    client.run_for(0.1)
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Request)
    late = client.core.request(wire.ListRooms(), client.now)
    client.run_for(ClientConfig().request_timeout + 1)
    cut = client.core.request(wire.ListRooms(), client.now)
    client.pump()
    client.cut()
    reported = Answered(answered, wire.RoomList(client.log.rooms()))  # type: ignore[arg-type]
    assert client.of_kind(Answered) == [reported, Answered(late, None), Answered(cut, None)]  # type: ignore[arg-type]
    assert client.core.request(wire.ListRooms(), client.now) is None


def test_answer_without_a_request_is_counted() -> None:
    client = live_wire()
    client.to_client(Transport.TLS, wire.Response(4000, wire.Done()))
    client.run_for(0.1)
    assert client.core.counters["answer without question"] == 1


def test_unknown_devices_are_requested_once() -> None:
    client = live_wire()
    client.sent.clear()
    client.log.devices.pop(next(device for device in client.log.devices if device != client.core._composer.device))
    for _ in range(3):
        client.relay(client.log.say())
        client.run_for(0.1)
    asked = [o for o in client.sent if isinstance(o.frame, wire.Request)]
    assert len(asked) == 1
    assert not client.core.asks_for_certificates


def test_rooms_are_added_and_removed() -> None:
    client = live_wire()
    log = client.log
    log.records[5] = []
    log.hashes[5] = [FakeLog(rooms=5).hashes[5][0]]
    log.say(5, "in the new room")
    room = log.rooms()[-1]
    client.to_client(Transport.TLS, wire.RoomChanged(room))
    client.run_for(0.5)
    assert client.core.cursor(5) == 1
    client.to_client(Transport.TLS, wire.RoomGone(5))
    client.relay(log.say(5, "after leaving"))
    client.run_for(0.5)
    assert client.core._store.records(5, 1, 9)[-1].seq == 1
    assert 5 not in client.core.directory.rooms
    assert client.core.state is LinkState.LIVE


def test_read_marks_are_sent_once_a_second_when_they_grow() -> None:
    client = live_wire()
    client.run_for(2)
    client.sent.clear()
    for _ in range(20):
        client.relay(client.log.say())
        client.run_for(0.1)
    client.core.mark_read(1, 15, client.now)
    client.run_for(3)
    reported = [o.frame.cursors[0] for o in client.sent if isinstance(o.frame, wire.Cursors)]
    assert len(reported) <= 4
    assert reported[-1] == wire.Cursor(1, 20, 15)
    client.sent.clear()
    client.core.mark_read(1, 10, client.now)
    client.run_for(3)
    assert [o for o in client.sent if isinstance(o.frame, wire.Cursors)] == []


def test_read_mark_set_while_disconnected_is_sent_later() -> None:
    client = live_wire()
    client.relay(client.log.say())
    client.run_for(2)
    client.cut()
    client.sent.clear()
    client.core.mark_read(1, 1, client.now)
    client.run_for(5)
    reported = [o.frame.cursors for o in client.sent if isinstance(o.frame, wire.Cursors)]
    assert reported[-1] == [wire.Cursor(1, 1, 1)]


def test_certificate_of_another_log_is_ignored() -> None:
    client = live_wire()
    other_log = FakeLog()
    other_log.key = key_of(50)
    certificate = other_log.enrol(key_of(51), 3, "mallory")
    client.core.authors.learn_untrusted([certificate])
    assert client.core.authors.owner(next(iter(other_log.devices))) is None


def test_state_is_reported_only_when_it_or_its_reason_changes() -> None:
    client = live_wire()
    for _ in range(3):
        client.relay(client.log.say())
        client.run_for(1)
    client.cut()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 10)
    reported = [(event.state, event.reason) for event in client.of_kind(LinkStateChanged)]
    assert [one for before, one in itertools.pairwise(reported) if one == before] == []
    assert [state for state, _reason in reported].count(LinkState.LIVE) == 2
