"""The token bucket, also compared with a naive model."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.protocol.datagram.token_bucket import TokenBucket


def test_burst_is_followed_by_the_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3)
    assert [bucket.take(100.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(100.0) == pytest.approx(0.1)
    assert bucket.take(100.1) == 0
    assert bucket.take(100.1) == pytest.approx(0.1)


def test_taking_after_the_reported_wait_succeeds() -> None:
    bucket = TokenBucket(rate=0.3, burst=1)
    now = 1e6
    for _ in range(1000):
        now += bucket.take(now)
        assert bucket.take(now) == 0 or bucket.wait(now) > 3
        assert bucket.wait(now) == pytest.approx(1 / 0.3)


def test_asking_for_the_wait_takes_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert [bucket.wait(0.0) for _ in range(5)] == [0] * 5
    assert bucket.take(0.0) == 0
    assert [bucket.take(0.5) for _ in range(5)] == [pytest.approx(0.5)] * 5
    assert bucket.take(1.0) == 0


def test_more_than_the_burst_is_taken_from_a_full_bucket() -> None:
    bucket = TokenBucket(rate=10, burst=5)
    assert bucket.take(0.0, 25) == 0
    assert bucket.take(0.0) == pytest.approx(2.1)
    assert bucket.take(2.0, 25) == pytest.approx(0.5)


def test_clock_stepping_back_adds_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=2)
    bucket.take(100.0, 2)
    assert bucket.take(50.0) == pytest.approx(1)
    assert bucket.take(100.5) == pytest.approx(0.5)


def test_bucket_without_a_rate_never_refills() -> None:
    bucket = TokenBucket(rate=0, burst=1)
    assert bucket.take(0.0) == 0
    assert bucket.take(1e9) == inf


def test_full_bucket_equals_a_new_one() -> None:
    bucket = TokenBucket(rate=1, burst=2)
    assert bucket.full(0.0)
    bucket.take(0.0)
    assert not bucket.full(0.9)
    assert bucket.full(1.0)


@given(
    rate=st.integers(1, 20),
    burst=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 5)), max_size=60),
)
def test_bucket_agrees_with_a_naive_model(rate: int, burst: int, steps: list[tuple[int, int]]) -> None:
    """All times are multiples of 1/64 s, so that floats are exact."""
    bucket, saved, now = TokenBucket(rate, burst), float(burst), 0.0
    for gap, n in steps:
        now += gap / 64
        saved = min(burst, saved + rate * gap / 64)
        wait = bucket.take(now, n)
        assert (wait == 0) == (saved >= min(n, burst))
        if wait == 0:
            saved -= n
        else:
            assert wait == pytest.approx((min(n, burst) - saved) / rate)
