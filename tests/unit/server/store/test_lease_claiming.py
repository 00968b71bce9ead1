"""Whether the holder of the lease is alive, as a command judges it."""

from lanchat_server.store.transactions.claiming import (
    LEASE_FORGOTTEN_MS,
    LEASE_LIFETIME,
    LeaseHolder,
    LeaseVerdict,
    LeaseWatch,
)

HELD_LEASE = LeaseHolder(3, 1000, "host:1", 50)


def test_released_lease_is_free() -> None:
    assert LeaseWatch(0.0).look(HELD_LEASE._replace(renewed_ms=0), 0.0) is LeaseVerdict.FREE


def test_long_forgotten_lease_is_free_at_once() -> None:
    assert LeaseWatch(0.0).look(HELD_LEASE._replace(age_ms=LEASE_FORGOTTEN_MS), 0.0) is LeaseVerdict.FREE
    assert LeaseWatch(0.0).look(HELD_LEASE._replace(age_ms=LEASE_FORGOTTEN_MS - 1), 0.0) is LeaseVerdict.UNKNOWN


def test_age_alone_does_not_free_a_lease_after_an_outage() -> None:
    watch = LeaseWatch(100.0)
    assert watch.look(HELD_LEASE._replace(age_ms=60_000), 100.0) is LeaseVerdict.UNKNOWN
    assert watch.look(HELD_LEASE._replace(renewed_ms=61_000, age_ms=10), 100.5) is LeaseVerdict.LIVES


def test_lease_without_renewal_is_free_after_its_lifetime() -> None:
    watch = LeaseWatch(0.0)
    assert watch.look(HELD_LEASE, 1.0) is LeaseVerdict.UNKNOWN
    assert watch.look(HELD_LEASE, 1.0 + LEASE_LIFETIME - 0.01) is LeaseVerdict.UNKNOWN
    assert watch.look(HELD_LEASE, 1.0 + LEASE_LIFETIME) is LeaseVerdict.FREE


def test_database_clock_going_back_does_not_free_a_lease() -> None:
    watch = LeaseWatch(0.0)
    assert watch.look(HELD_LEASE._replace(age_ms=-5_000_000), 0.0) is LeaseVerdict.UNKNOWN
    assert watch.look(HELD_LEASE._replace(age_ms=-5_000_000), LEASE_LIFETIME) is LeaseVerdict.FREE


def test_each_new_holder_is_watched_but_not_for_ever() -> None:
    watch, now = LeaseWatch(0.0), 0.0
    verdicts = []
    for incarnation in range(20):
        now += LEASE_LIFETIME / 2
        verdicts.append(watch.look(HELD_LEASE._replace(incarnation=incarnation), now))
    assert verdicts[0] is LeaseVerdict.UNKNOWN
    assert LeaseVerdict.FREE not in verdicts
    assert verdicts[-1] is LeaseVerdict.LIVES
