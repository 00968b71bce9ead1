"""A connection that repeats the same failure is retried at growing intervals."""

from lanchat.core.config import ClientConfig
from lanchat.core.events import LinkStateChanged
from lanchat.core.session.states import LinkState, Reason
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore

CONFIG = ClientConfig()


def reconnect(client: Wire) -> None:
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 120)


def live() -> Wire:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.connect()
    reconnect(client)
    return client


def end_session(client: Wire, reason: Reason = Reason.BROKEN) -> float:
    """The session ends; returns the seconds until the next try."""
    client.up = False
    client.core.disconnected(client.now, reason)
    client.pump()
    last = client.of_kind(LinkStateChanged)[-1]
    assert last.reason is reason
    return float(last.retry_at - client.now)


def test_repeated_protocol_violations_are_retried_ever_later() -> None:
    client = live()
    waits = []
    for _ in range(6):
        waits.append(end_session(client))
        reconnect(client)
    assert waits[0] <= CONFIG.reconnect_first
    longest = CONFIG.broken_first
    for wait in waits[1:]:
        assert longest / 2 <= wait <= longest
        longest = min(CONFIG.reconnect_longest, 2 * longest)


def test_short_sessions_are_consecutive_failures() -> None:
    client = live()
    began, tries = client.now, 0
    while client.now < began + 600:
        end_session(client, Reason.LOST)
        reconnect(client)
        tries += 1
    # One in half of the longest distance, and those of the first minute.
    assert tries < 600 / (CONFIG.reconnect_longest / 2) + 120


def test_session_that_lasted_resets_the_count() -> None:
    client = live()
    for _ in range(4):
        end_session(client)
        reconnect(client)
    client.beat_every(5.0)
    client.run_for(CONFIG.session_steady)
    assert end_session(client) <= CONFIG.reconnect_first


def test_different_failures_are_retried_early() -> None:
    client = live()
    end_session(client)
    reconnect(client)
    assert end_session(client, Reason.LOST) <= CONFIG.reconnect_early
    reconnect(client)
    assert end_session(client) <= CONFIG.reconnect_early
