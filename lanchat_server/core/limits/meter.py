"""What one transaction takes of the quotas: of each author's for a day, and of the whole log's."""

from collections.abc import Collection
from typing import NamedTuple

from lanchat.protocol.codes import Code
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import allowance
from lanchat_server.core.limits.allowance import DAY_US, AllowanceKind, by_user
from lanchat_server.core.ports import Transaction

# Parts of a quota, in percent, at which somebody is told that its end is near.
STEPS = (80, 95)


class QuotaShortage(NamedTuple):
    """Why there is no room for a message, and the seconds until there may be."""

    code: Code
    wait: float


class QuotaWarning(NamedTuple):
    """A user has just come to so many percent of a day's quota."""

    user: int
    percent: int


class Meter:
    """Octets are those of usage.py."""

    def __init__(self, config: CoreConfig, tx: Transaction, now_ms: int) -> None:
        """For the one transaction `tx`. A quota of 0 in `config` is no bound."""
        self._config = config
        self._most = config.user_octets_per_day
        self._tx = tx
        self._now_ms = now_ms
        # By user: what is used of a day's quota, of DAY_US; and who took some of it now.
        self._used: dict[int, int] = {}
        self._takers: set[int] = set()
        self._taken = 0
        self.near: list[QuotaWarning] = []

    def look_up(self, users: Collection[int]) -> None:
        """Needed before anything else is asked about them."""
        if self._most:
            free = self._tx.allowances([by_user(AllowanceKind.OCTETS, user) for user in users])
            for user in users:
                self._used[user] = allowance.used(free.get(by_user(AllowanceKind.OCTETS, user), 0), self._now_ms)

    def lacks(self, user: int, octets: int) -> QuotaShortage | None:
        """Why so much cannot be taken; None: it can."""
        if self._config.log_octets and self._tx.log_octets() + self._taken + octets > self._config.log_octets:
            return QuotaShortage(Code.LOG_FULL, self._config.room_retry)
        if not self._most:
            return None
        over = self._used.get(user, 0) + allowance.cost_us(octets, self._most) - DAY_US
        return QuotaShortage(Code.USER_QUOTA, max(over / 1e6, 1.0)) if over > 0 else None

    def take(self, user: int, octets: int) -> None:
        """So much more is stored, whether there was room or not."""
        self._taken += octets
        if not self._most:
            return
        before = self._used.get(user, 0)
        after = self._used[user] = min(DAY_US, before + allowance.cost_us(octets, self._most))
        self._takers.add(user)
        if 100 * after >= STEPS[0] * DAY_US:
            self.near += [QuotaWarning(user, step) for step in STEPS if 100 * before < step * DAY_US <= 100 * after]

    def write(self) -> None:
        """What was taken of the days' quotas; that of the log is counted by the transaction itself."""
        if self._takers:
            now_us = self._now_ms * 1000
            self._tx.set_allowances(
                {by_user(AllowanceKind.OCTETS, user): now_us + self._used[user] for user in self._takers}
            )
