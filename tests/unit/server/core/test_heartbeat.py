"""When the head of a room is repeated, compared with the rule in its plainest form."""

from hypothesis import given
from hypothesis import strategies as st

from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.heartbeat import HeartbeatTimer

CONFIG = CoreConfig(heartbeat=1e9)

# Seconds in 64ths, which floats hold exactly.
times = st.integers(1, 64 * 40).map(lambda n: n / 64)


def plain(records: list[tuple[float, int]]) -> set[tuple[float, int]]:
    """After a room's record at each step, unless a newer record was stored before."""
    sent = set()
    for at, room in records:
        later = [other for other, of in records if of == room and other > at]
        for step in CONFIG.head_steps:
            if not later or min(later) >= at + step:
                sent.add((at + step, room))
    return sent


def run(records: list[tuple[float, int]]) -> tuple[set[tuple[float, int]], int]:
    """What was sent when, and the number of wake-ups."""
    heartbeat = HeartbeatTimer(CONFIG, 0.0)
    sent: set[tuple[float, int]] = set()
    wakes = 0
    for at, room in [*sorted(records), (100.0, -1)]:
        while heartbeat.timer() < at:
            now = heartbeat.timer()
            sent |= {(now, each) for each in heartbeat.due(now)}
            wakes += 1
        if room >= 0:
            sent |= {(at, each) for each in heartbeat.due(at)}
            heartbeat.recorded(room, at)
    return sent, wakes


@given(st.lists(st.tuples(times, st.integers(1, 3)), max_size=30))
def test_heads_are_repeated_at_their_steps(records: list[tuple[float, int]]) -> None:
    assert run(records)[0] == plain(records)


def test_busy_room_does_not_wake_the_timer_for_each_record() -> None:
    records = [(n / 64, 1) for n in range(1, 64 * 10)]
    sent, wakes = run(records)
    assert len(sent) == len(CONFIG.head_steps)
    assert wakes <= 10 / CONFIG.head_steps[0] + len(CONFIG.head_steps) + 1
