"""How much somebody may take within a day: so much at once, and then as evenly as the day goes on.

What is used is kept as one number, which lasts beyond a restart: the time at which all of it is free again, in
microseconds UTC, as if each unit took its part of a day. A clock that is set forgives at most what was used: a time
that lies further ahead than a day can reach was written while the clock was ahead.

This is a token bucket (protocol/datagram/token_bucket.py) in another form, for what that class cannot do: one whole
number of the wall clock that a database keeps, compares and drops, while a bucket is two floats of a steady clock,
which begins anew with each process.
"""

import enum
from typing import NamedTuple

DAY_US = 86_400_000_000
_TOLERANCE_US = 60_000_000


class AllowanceKind(enum.IntEnum):
    """Of what there is so much a day, and for whom; the log has so much for ever."""

    LOG = 0
    OCTETS = 1  # of records and refusals, by user
    ROOMS = 2  # by user
    ACCOUNTS = 3  # by network
    INVITES = 4  # registration codes, by user
    DEVICES = 5  # by user
    MEMBERS = 6  # whom a user made members of rooms


class AllowanceHolder(NamedTuple):
    """Whose allowance; `name` at most 64 octets."""

    what: AllowanceKind
    name: bytes


def by_user(what: AllowanceKind, user: int) -> AllowanceHolder:
    """Named by the user's id, eight octets in network order."""
    return AllowanceHolder(what, user.to_bytes(8, "big"))


def after(free_us: int, most: int, cost: int, now_ms: int) -> int:
    """When all is free again after `cost` more of `most` a day was taken."""
    return now_ms * 1000 + min(DAY_US, used(free_us, now_ms) + cost_us(cost, most))


def wait(free_us: int, most: int, cost: int, now_ms: int) -> float:
    """Seconds until `cost` more may be taken; 0: now."""
    return max(0, used(free_us, now_ms) + cost_us(cost, most) - DAY_US) / 1e6


def used_between(now_ms: int) -> tuple[int, int]:
    """Times above the first, up to the second, say that something is used; all others that nothing is."""
    return now_ms * 1000, now_ms * 1000 + DAY_US + _TOLERANCE_US


def used(free_us: int, now_ms: int) -> int:
    """What is used of a day's allowance, as a time: DAY_US is all of it."""
    left = free_us - now_ms * 1000
    return 0 if left > DAY_US + _TOLERANCE_US else max(0, min(left, DAY_US))


def cost_us(cost: int, most: int) -> int:
    """How much of DAY_US `cost` takes where `most` may be taken a day."""
    return min(DAY_US, cost * DAY_US // most)
