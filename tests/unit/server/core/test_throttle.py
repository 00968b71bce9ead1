"""The login throttle: guessing passwords becomes slow, regular users are not affected."""

import itertools
import tracemalloc

import pytest

from lanchat_server.core.limits.throttle import LoginThrottle, ThrottleConfig, _digest

HOME = "192.0.2.1"


def guess(throttle: LoginThrottle, user: str, address: str, now: float) -> float:
    """A try with a wrong password; returns the delay, 0 when it was made."""
    delay = throttle.delay(user, address, now)
    if not delay:
        throttle.failed(user, address, now)
    return delay


def guesses_within(throttle: LoginThrottle, user: str, address: str, start: float, seconds: float) -> int:
    """How many wrong tries a program makes in this time, retrying as soon as allowed."""
    now, made = start, 0
    while now < start + seconds:
        delay = guess(throttle, user, address, now)
        made += not delay
        now += delay or 0.03
    return made


def addresses(first: int = 0) -> "itertools.chain[str]":
    return itertools.chain(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(first))


def test_delay_doubles_after_five_failures_to_fifteen_minutes() -> None:
    throttle, now, waits = LoginThrottle(), 0.0, []
    for _ in range(16):
        if delay := throttle.delay("ann", HOME, now):
            waits.append(delay)
            now += delay
            assert throttle.delay("ann", HOME, now) == 0
        throttle.failed("ann", HOME, now)
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900])


def test_day_of_guessing_allows_about_a_hundred_tries() -> None:
    assert 96 <= guesses_within(LoginThrottle(), "ann", HOME, 0.0, 86_400) <= 120


def test_failures_expire_after_fifteen_quiet_minutes() -> None:
    throttle = LoginThrottle()
    for _ in range(4):
        assert guess(throttle, "ann", HOME, 0.0) == 0
    for _ in range(5):
        assert guess(throttle, "ann", HOME, 901.0) == 0
    assert guess(throttle, "ann", HOME, 901.0) == pytest.approx(5)


def test_long_delay_is_remembered_after_it_ends() -> None:
    throttle = LoginThrottle()
    end = 4 * 3600.0
    guesses_within(throttle, "ann", HOME, 0.0, end)
    now = end + throttle.delay("ann", HOME, end)
    throttle.failed("ann", HOME, now)
    assert throttle.delay("ann", HOME, now) == pytest.approx(900)
    assert throttle.delay("ann", HOME, now + 1801) == 0


def test_success_resets_the_address() -> None:
    throttle = LoginThrottle()
    for _ in range(4):
        guess(throttle, "ann", HOME, 0.0)
    assert throttle.delay("ann", HOME, 1.0) == 0
    throttle.succeeded("ann", HOME, 1.0)
    assert [guess(throttle, "ann", HOME, 2.0) for _ in range(5)] == [0] * 5


def test_attacker_does_not_lock_out_another_address() -> None:
    throttle = LoginThrottle()
    guesses_within(throttle, "ann", "10.6.6.6", 0.0, 3600)
    assert throttle.delay("ann", HOME, 3600.0) == 0


def test_pending_tries_count() -> None:
    throttle = LoginThrottle()
    assert sum(throttle.delay("ann", HOME, 0.0) == 0 for _ in range(64)) == 5
    assert throttle.delay("ann", HOME, 0.0) == 1
    for _ in range(5):
        throttle.failed("ann", HOME, 0.2)
    assert throttle.delay("ann", HOME, 0.2) == pytest.approx(5)
    # Then one at a time.
    assert sum(throttle.delay("ann", HOME, 5.2) == 0 for _ in range(64)) == 1


def test_unanswered_try_expires() -> None:
    throttle = LoginThrottle()
    assert sum(throttle.delay("ann", HOME, 0.0) == 0 for _ in range(64)) == 5
    assert throttle.delay("ann", HOME, 31.0) == 0


def test_one_address_gets_twenty_tries_a_minute_for_all_names() -> None:
    throttle = LoginThrottle()
    names = [f"user{n}" for n in range(40)]
    assert sum(throttle.delay(name, HOME, 0.0) == 0 for name in names) == 20
    assert throttle.delay("other", HOME, 0.0) == pytest.approx(3)
    assert throttle.delay("other", HOME, 3.0) == 0
    assert throttle.delay("somebody", "192.0.2.2", 3.0) == 0


def test_spellings_of_one_address_are_one() -> None:
    throttle = LoginThrottle()
    for spelling in ("192.0.2.9", "::ffff:192.0.2.9", "::ffff:c000:209", "192.0.2.9", "::FFFF:192.0.2.9"):
        assert guess(throttle, "ann", spelling, 0.0) == 0
    assert throttle.delay("ann", "192.0.2.9", 0.0) == pytest.approx(5)


def test_tries_of_one_ipv6_network_are_bounded() -> None:
    throttle = LoginThrottle()
    made = sum(throttle.delay(f"user{n}", f"2001:db8:0:7::{n:x}", 0.0) == 0 for n in range(1000))
    assert made == 200
    assert throttle.delay("ann", "2001:db8:0:8::1", 0.0) == 0
    assert throttle.delay("ann", "fe80::1%eth0", 0.0) == 0


def test_many_addresses_get_few_tries_for_one_account() -> None:
    throttle = LoginThrottle()
    throttle.delay("ann", HOME, 0.0)
    throttle.succeeded("ann", HOME, 0.0)
    pool = addresses()
    made = sum(guess(throttle, "ann", next(pool), n / 100) == 0 for n in range(100_000))
    assert made <= 30
    # Where Ann works she notices nothing, not even after a typing error of her own.
    assert guess(throttle, "ann", HOME, 1000.0) == 0
    assert throttle.delay("ann", HOME, 1001.0) == 0
    throttle.succeeded("ann", HOME, 1001.0)


def test_address_of_a_device_login_is_known() -> None:
    throttle, pool = LoginThrottle(), addresses()
    throttle.seen("ann", HOME)
    for _ in range(100):
        guess(throttle, "ann", next(pool), 0.0)
    assert throttle.delay("ann", "192.0.2.2", 0.0) > 0
    assert throttle.delay("ann", HOME, 0.0) == 0


def test_last_addresses_of_an_account_are_remembered() -> None:
    throttle, pool = LoginThrottle(), addresses()
    places = [f"192.0.2.{n}" for n in range(17)]
    for place in places:
        throttle.seen("ann", place)
    for _ in range(100):
        guess(throttle, "ann", next(pool), 0.0)
    assert [place for place in places if throttle.delay("ann", place, 0.0)] == places[:1]


def test_known_address_is_throttled_too() -> None:
    throttle = LoginThrottle()
    throttle.seen("ann", HOME)
    assert guesses_within(throttle, "ann", HOME, 0.0, 86_400) <= 120


def test_known_addresses_do_not_displace_those_of_other_accounts() -> None:
    throttle, pool = LoginThrottle(ThrottleConfig(entries=100)), addresses()
    throttle.seen("ann", HOME)
    for _ in range(1000):
        throttle.seen("mallory", next(pool))
    for _ in range(30):
        guess(throttle, "ann", next(pool), 0.0)
    assert throttle.delay("ann", next(pool), 0.0) > 0
    assert throttle.delay("ann", HOME, 0.0) == 0


def test_full_map_keeps_delayed_entries() -> None:
    config = ThrottleConfig(entries=1000)
    throttle, pool = LoginThrottle(config), addresses()
    for _ in range(5):
        guess(throttle, "ann", HOME, 0.0)
    for n in range(20_000):
        guess(throttle, f"invented{n}", next(pool), 0.1)
    assert throttle.delay("ann", HOME, 0.2) == pytest.approx(4.8)


def test_delayed_entries_are_bounded_and_new_ones_count() -> None:
    config = ThrottleConfig(entries=100)
    throttle, pool = LoginThrottle(config), addresses()
    for n in range(1000):
        place = next(pool)
        for _ in range(5):
            guess(throttle, f"user{n}", place, 0.0)
    assert [guess(throttle, "ann", HOME, 0.0) for _ in range(6)] == [0, 0, 0, 0, 0, pytest.approx(5)]


def test_memory_is_bounded() -> None:
    config = ThrottleConfig(entries=500)
    throttle = LoginThrottle(config)
    pool = addresses()

    def load(start: int) -> int:
        for n in range(start, start + 5000):
            guess(throttle, f"user{n}", next(pool), float(n))
            throttle.seen(f"user{n}", HOME)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = load(0)
        assert load(5000) < first * 1.2
    finally:
        tracemalloc.stop()


def test_success_resets_a_delayed_address() -> None:
    throttle = LoginThrottle()
    for _ in range(5):
        guess(throttle, "ann", HOME, 0.0)
    assert throttle.delay("ann", HOME, 5.0) == 0
    throttle.succeeded("ann", HOME, 5.0)
    for _ in range(5):
        assert guess(throttle, "ann", HOME, 5.0) == 0


def test_pending_try_counts_until_its_answer_is_overdue() -> None:
    config = ThrottleConfig(failures=1)
    throttle = LoginThrottle(config)
    assert throttle.delay("ann", HOME, 0.0) == 0
    assert throttle.delay("ann", HOME, config.answer_within) == config.answer_wait
    assert throttle.delay("ann", HOME, config.answer_within + 0.001) == 0


def test_address_seen_again_is_remembered_longer() -> None:
    throttle = LoginThrottle(ThrottleConfig(known_addresses=2, account_failures=1))
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"):
        throttle.seen("ann", address)
    guess(throttle, "ann", "10.9.9.9", 0.0)
    assert [throttle.delay("ann", f"10.0.0.{n}", 0.0) > 0 for n in (1, 2, 3)] == [False, True, False]


def test_known_accounts_are_bounded_by_last_use() -> None:
    throttle = LoginThrottle(ThrottleConfig(entries=2, account_failures=1))
    for user in ("ann", "bob", "ann"):
        throttle.seen(user, HOME)
    assert len(throttle._known) == 2
    throttle.seen("cid", HOME)
    assert list(throttle._known) == [_digest("ann"), _digest("cid")]
