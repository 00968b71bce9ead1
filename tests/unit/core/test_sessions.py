"""State at the start of a client session, and what is reset from the one before."""

from typing import Any

from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.unit.core.test_outbox import drop_submissions, live_wire, say, submits


def numbers(client: Any) -> list[int]:
    return [n for _, some in submits(client) for n in some]


def test_pending_messages_are_resent_at_once_in_a_new_session() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    # By now the tries are two seconds apart.
    client.run_for(12)
    client.cut()
    client.sent.clear()
    assert client.run_until(lambda: client.up, 10)
    began = client.now
    assert client.run_until(lambda: bool(submits(client)), 1)
    assert client.now - began < 0.5
    # And as if never sent: by UDP as soon as that is open, and again after the first wait.
    client.run_for(0.35)
    assert numbers(client) == [1] * len(submits(client))
    assert len(submits(client)) >= 3


def test_only_answers_without_a_request_are_counted() -> None:
    client = live_wire()
    assert client.core.counters["answer without question"] == 0
    client.to_client(Transport.TLS, wire.Response(4711, wire.Done()))
    client.run_for(0.1)
    assert client.core.counters["answer without question"] == 1


def test_udp_retry_timer_is_reset_with_the_session() -> None:
    client = live_wire()
    client.hook = lambda direction, path, frame: path is Transport.TLS
    # UDP stops, and is tried again every now and then.
    assert client.run_until(lambda: client.core._link._udp_retry_at is not None, 120)
    client.cut()
    assert client.core._link._udp_retry_at is None


def test_traffic_over_tls_does_not_replace_udp_pings() -> None:
    client = live_wire()
    client.beat_every(5)
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Ping) or path is Transport.UDP
    client.sent.clear()
    for _ in range(30):
        client.core.set_activity(wire.PresenceState.ONLINE, client.now)
        client.run_for(1)
    pings = [output for output in client.sent if isinstance(output.frame, wire.Ping) and output.path is Transport.UDP]
    assert pings


def test_missing_records_are_requested_over_tls_while_udp_is_closed() -> None:
    client = live_wire(config=ClientConfig(page_patience=60.0))
    client.beat_every(5)
    client.hook = lambda direction, path, frame: path is Transport.TLS
    assert client.run_until(lambda: not client.core._link.udp_open, 120)
    client.run_for(1)
    client.sent.clear()
    client.log.say(1, "one")
    client.log.say(1, "two")
    client.relay(client.log.records[1][-1])
    client.run_for(1)
    nacks = [output.path for output in client.sent if isinstance(output.frame, wire.Nack)]
    assert nacks
    assert set(nacks) == {Transport.TLS}
