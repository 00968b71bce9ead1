"""When a standby may take the lease, and until when the server that has it serves: never both, whatever the clocks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lanchat_server.store.transactions.claiming import (
    LEASE_LIFETIME,
    SERVES,
    TAKEOVER_MARGIN,
    LeaseHolder,
    StandbyWatch,
)

PROMISED = round(SERVES * 1000)
HELD = LeaseHolder(3, 1000, "host:1", 50, 70, b"", PROMISED)
PATIENCE = SERVES + TAKEOVER_MARGIN


def test_lease_given_back_is_free_at_once() -> None:
    assert StandbyWatch().look(HELD._replace(renewed_ms=0), 5.0)


def test_silent_holder_is_replaced_after_its_promise() -> None:
    watch = StandbyWatch()
    looks = [watch.look(HELD, 100.0 + seconds) for seconds in (0.0, SERVES, PATIENCE - 0.01, PATIENCE)]
    assert looks == [False, False, False, True]


def test_every_change_is_a_sign_of_life() -> None:
    watch = StandbyWatch()
    for number, change in enumerate(({}, {"changes": 71}, {"renewed_ms": 1001}, {"incarnation": 4}), 1):
        assert not watch.look(HELD._replace(**change), number * (PATIENCE - 0.1))


def test_age_by_the_clock_of_the_database_decides_nothing() -> None:
    watch = StandbyWatch()
    assert not watch.look(HELD._replace(age_ms=10**9), 0.0)
    assert not watch.look(HELD._replace(age_ms=2 * 10**9), PATIENCE - 0.1)


def test_holder_without_a_promise_is_waited_for_longer() -> None:
    watch = StandbyWatch()
    held = HELD._replace(serves_ms=0)
    assert not watch.look(held, 0.0)
    assert not watch.look(held, LEASE_LIFETIME - 0.1)
    assert watch.look(held, LEASE_LIFETIME)


def test_outage_counts_against_a_promise_only() -> None:
    promised, silent = StandbyWatch(), StandbyWatch()
    held = HELD._replace(serves_ms=0)
    promised.look(HELD, 0.0)
    silent.look(held, 0.0)
    promised.failed()
    silent.failed()
    assert promised.look(HELD, LEASE_LIFETIME)
    assert not silent.look(held, LEASE_LIFETIME)  # it could not renew while the database was away


TIMES = st.floats(0.0, 60.0)


@settings(max_examples=300)
@given(
    commits=st.lists(st.tuples(TIMES, st.floats(0.0, 5.0), st.floats(0.0, 3.0)), min_size=1, max_size=30),
    looks=st.lists(st.tuples(TIMES, st.floats(0.0, 2.0)), max_size=200),
    offset=st.floats(-1e6, 1e6),
)
def test_two_servers_never_serve_at_the_same_time(
    commits: list[tuple[float, float, float]], looks: list[tuple[float, float]], offset: float
) -> None:
    """Real time is one line. The holder's transactions begin at some times, take effect later and are known to it
    later still, or never; the standby looks at some times, each look takes a while, and its clock has another zero."""
    done: list[tuple[float, float]] = []  # when it began, when the database has it
    at = 0.0
    for begin, effect, _answer in sorted(commits):
        begin = max(begin, at)
        at = begin + effect
        done.append((begin, at))
    watch = StandbyWatch()
    for begun, taken in sorted(looks):
        # Anything that was there between the begin and the end of the look may be what is seen: the worst is the end.
        present = begun + taken
        seen = sum(effect <= present for _begin, effect in done)
        if watch.look(HELD._replace(changes=seen), begun + offset):
            # The last transaction that is there is also the last one that the holder may know of.
            last_begun = max((begin for begin, effect in done if effect <= present), default=0.0)
            assert last_begun + SERVES < present
            return
