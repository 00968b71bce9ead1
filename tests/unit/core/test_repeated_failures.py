"""A connection that fails the same way again and again is not made anew without end and without a pause."""

from lanchat.core.config import ClientConfig
from lanchat.core.events import LinkStateChanged
from lanchat.core.session.states import LinkState, Reason
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore

CONFIG = ClientConfig()


def live_again(client: Wire) -> None:
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 120)


def live() -> Wire:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.connect()
    live_again(client)
    return client


def break_off(client: Wire, reason: Reason = Reason.BROKEN) -> float:
    """The session ends; the seconds until the next try."""
    client.up = False
    client.core.disconnected(client.now, reason)
    client.pump()
    last = client.of_kind(LinkStateChanged)[-1]
    assert last.reason is reason
    return float(last.retry_at - client.now)


def test_what_breaks_the_protocol_twice_is_tried_later_and_later() -> None:
    client = live()
    waits = []
    for _ in range(6):
        waits.append(break_off(client))
        live_again(client)
    assert waits[0] <= CONFIG.reconnect_first
    longest = CONFIG.broken_first
    for wait in waits[1:]:
        assert longest / 2 <= wait <= longest
        longest = min(CONFIG.reconnect_longest, 2 * longest)


def test_short_sessions_are_failures_in_a_row() -> None:
    client = live()
    began, tries = client.now, 0
    while client.now < began + 600:
        break_off(client, Reason.LOST)
        live_again(client)
        tries += 1
    # One in half of the longest distance, and those of the first minute.
    assert tries < 600 / (CONFIG.reconnect_longest / 2) + 120


def test_a_session_that_held_begins_the_count_anew() -> None:
    client = live()
    for _ in range(4):
        break_off(client)
        live_again(client)
    client.beat_every(5.0)
    client.run_for(CONFIG.session_steady)
    assert break_off(client) <= CONFIG.reconnect_first


def test_another_way_of_failing_is_not_the_same() -> None:
    client = live()
    break_off(client)
    live_again(client)
    assert break_off(client, Reason.LOST) <= CONFIG.reconnect_early
    live_again(client)
    assert break_off(client) <= CONFIG.reconnect_early
