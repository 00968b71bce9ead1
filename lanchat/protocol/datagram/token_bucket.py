"""A token bucket, so that a client keeps within the rates that the server announces instead of running into them."""

# A caller who comes back exactly when he was told to must not fail for the last bit of a float.
_ROUNDING = 1e-9


class Tokens:
    """`rate` a second, at most `burst` saved up; full at first."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until there is a token; takes nothing."""
        self._refill(now)
        missing = 1.0 - self._tokens
        return missing / self._rate if missing > _ROUNDING else 0.0

    def take(self, now: float) -> bool:
        """Take one, when there is one."""
        if self.wait(now) > 0.0:
            return False
        self._tokens -= 1.0
        return True

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
