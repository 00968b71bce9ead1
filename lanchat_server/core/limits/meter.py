"""What one transaction takes of the quotas: of each author's for a day, and of the whole log's."""

from collections.abc import Collection
from typing import NamedTuple

from lanchat.protocol.codes import Code
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import allowance
from lanchat_server.core.limits.allowance import Spender, What, by_user
from lanchat_server.core.ports import Transaction

# Parts of a quota, in percent, at which somebody is told that its end is near.
STEPS = (80, 95)


class Lack(NamedTuple):
    """Why there is no room for a message, and the seconds until there may be."""

    code: Code
    wait: float


class Near(NamedTuple):
    """A user has just come to so many percent of a day's quota."""

    user: int
    percent: int


class Meter:
    """Octets are those of usage.py."""

    def __init__(self, config: CoreConfig, tx: Transaction, now_ms: int) -> None:
        self._config = config
        self._tx = tx
        self._now_ms = now_ms
        self._free_us: dict[Spender, int] = {}
        self._spent: dict[Spender, int] = {}
        self._taken = 0
        self.near: list[Near] = []

    def look_up(self, users: Collection[int]) -> None:
        """Needed before anything else is asked about them."""
        if self._config.user_octets_per_day:
            self._free_us = self._tx.allowances([by_user(What.OCTETS, user) for user in users])

    def lacks(self, user: int, octets: int) -> Lack | None:
        """Why so much cannot be taken; None: it can."""
        most = self._config.user_octets_per_day
        if self._config.log_octets and self._tx.log_octets() + self._taken + octets > self._config.log_octets:
            return Lack(Code.LOG_FULL, self._config.room_retry)
        wait = allowance.wait(self._used(user), most, octets, self._now_ms) if most else 0.0
        return Lack(Code.USER_QUOTA, max(wait, 1.0)) if wait else None

    def take(self, user: int, octets: int) -> None:
        """So much more is stored, whether there was room or not."""
        self._taken += octets
        most = self._config.user_octets_per_day
        if not most:
            return
        before = self._used(user)
        after = self._spent[by_user(What.OCTETS, user)] = allowance.after(before, most, octets, self._now_ms)
        low, high = (100 * allowance.share(free_us, self._now_ms) for free_us in (before, after))
        self.near += [Near(user, step) for step in STEPS if low < step <= high]

    def write(self) -> None:
        """What was taken of the days' quotas; that of the log is counted by the transaction itself."""
        if self._spent:
            self._tx.set_allowances(self._spent)

    def _used(self, user: int) -> int:
        spender = by_user(What.OCTETS, user)
        return self._spent.get(spender, self._free_us.get(spender, 0))
