"""How the client handles `Busy`: pauses, order of resending, delayed messages."""

from typing import Any

from lanchat.core.events import MessagesDelayed
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.unit.core.test_outbox import drop_submissions, live_wire, say, submits


def not_taken(client: Any, n: int, last: int) -> wire.NotTaken:
    key = client.core.waiting(1)[0].key
    return wire.NotTaken(key.room, key.device, key.run, n, last)


def test_messages_named_in_busy_are_sent_first_after_the_pause() -> None:
    client = live_wire()
    drop_submissions(client)
    for _ in range(4):
        say(client)
    # The distance between tries has grown to its longest.
    client.run_for(10)
    client.to_client(Transport.UDP, wire.Busy(100, [not_taken(client, 2, 3)]))
    client.sent.clear()
    client.run_for(0.13)
    assert submits(client) == [(Transport.UDP, [2, 3])]


def test_try_answered_by_busy_does_not_count() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.pump()
    for _ in range(6):
        client.to_client(Transport.UDP, wire.Busy(100, [not_taken(client, 1, 1)]))
        client.sent.clear()
        client.run_for(0.13)
        # Over TLS goes only what got no answer by UDP.
        assert submits(client) == [(Transport.UDP, [1])]
        assert not [output for output in client.sent if isinstance(output.frame, wire.Ping)]


def test_busy_about_unknown_messages_only_pauses() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.pump()
    known = not_taken(client, 1, 1)
    strange = [wire.NotTaken(99, known.device, known.run, 1, 5), wire.NotTaken(1, known.device, known.run, 7, 2**62)]
    client.sent.clear()
    client.to_client(Transport.UDP, wire.Busy(500, strange))
    client.run_for(0.49)
    assert submits(client) == []
    client.run_for(0.2)
    assert submits(client) == [(Transport.UDP, [1])]


def test_unsent_message_named_in_busy_keeps_its_order() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.pump()
    client.to_client(Transport.UDP, wire.Busy(200, [not_taken(client, 1, 9)]))
    client.run_for(0.05)
    say(client)
    client.sent.clear()
    client.run_for(0.26)
    assert submits(client) == [(Transport.UDP, [1, 2])]


def test_delayed_message_blocks_no_other_and_is_sent_later() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.run_for(0.05)
    known = not_taken(client, 1, 1)
    client.to_client(Transport.UDP, wire.Busy(20_000, [known], wire.Code.USER_QUOTA))
    client.run_for(0.05)
    (delayed,) = client.of_kind(MessagesDelayed)
    assert [(key.n, delayed.code, delayed.wait) for key in delayed.keys] == [(1, wire.Code.USER_QUOTA, 20.0)]
    say(client)
    client.sent.clear()
    client.run_for(19.9)
    assert {n for _, numbers in submits(client) for n in numbers} == {2}
    client.sent.clear()
    client.run_for(5.2)
    assert {n for _, numbers in submits(client) for n in numbers} == {1, 2}
    assert len(client.core.waiting(1)) == 2


def test_delay_demanded_by_the_server_is_bounded() -> None:
    client = live_wire()
    drop_submissions(client)
    say(client)
    client.run_for(0.05)
    client.to_client(Transport.UDP, wire.Busy(2**32 - 1, [not_taken(client, 1, 1)], wire.Code.LOG_FULL))
    client.sent.clear()
    client.run_for(client.core.config.room_longest * 1.25 + 1)
    assert submits(client)


def test_delay_of_unknown_messages_is_ignored() -> None:
    client = live_wire()
    strange = wire.NotTaken(99, b"x" * 16, 5, 1, 2**62)
    client.to_client(Transport.UDP, wire.Busy(1, [strange], 999))
    client.run_for(0.05)
    assert client.of_kind(MessagesDelayed) == []
