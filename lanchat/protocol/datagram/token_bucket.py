"""The token bucket behind every rate limit: the server's, and the client's, which keeps within what the server
announces instead of running into it.

What is no token bucket says at its place why: a day's allowance that outlives a restart, a window without a burst, the
growing delay after wrong passwords. Where something is merely not done again before a moment, that moment is all.
"""

from math import inf

# A caller who comes back exactly when he was told to must not fail for the last bit of a float.
_ROUNDING = 1e-9


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up; full at first. Times are float seconds of any steady clock."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        """`rate` may be 0 (nothing is refilled). The clock begins with the first `now` that is handed in."""
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._at: float | None = None

    def wait(self, now: float, n: float = 1) -> float:
        """Seconds until `take` would give `n` tokens; takes nothing."""
        self._refill(now)
        # More than the burst can never be saved up: it is given from a full bucket, which then owes the rest.
        missing = min(n, self.burst) - self._tokens
        if missing <= _ROUNDING:
            return 0.0
        return missing / self.rate if self.rate > 0 else inf

    def take(self, now: float, n: float = 1) -> float:
        """Take `n` tokens and return 0, or take nothing and return the seconds to wait."""
        wait = self.wait(now, n)
        if not wait:
            self._tokens -= n
        return wait

    def spend(self, n: float = 1) -> None:
        """Take `n` tokens that `wait` has just found."""
        self._tokens -= n

    def full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        self._refill(now)
        return self._tokens >= self.burst - _ROUNDING

    def _refill(self, now: float) -> None:
        if self._at is None:
            self._at = now
        elif now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
