"""Whether whoever has the lease of a database still lives: looked at from outside, by commands. Pure.

A server renews its lease every four seconds (service/upkeep/housekeeping.py) and gives it back when it ends; a command
gives it back. One that was killed does not: then it takes LEASE_LIFETIME of watching to know. The age by the database's
clock alone does not tell, as a database that was away for a moment let nobody renew anything.
"""

import enum
from typing import NamedTuple

# Seconds.
LEASE_LIFETIME = 15.0
LEASE_LOOK = 0.25
# By the database's clock: after so long nobody waits to see whether the server lives after all.
LEASE_FORGOTTEN_MS = 600_000
# Others that come and go keep a command waiting for no more than so many lifetimes.
_LIFETIMES_MAX = 4


class LeaseHolder(NamedTuple):
    """Who has the lease. `renewed_ms` 0: it was given back; `age_ms` since it was renewed, by the database's clock."""

    incarnation: int
    renewed_ms: int
    holder: str
    age_ms: int


class LeaseVerdict(enum.Enum):
    """FREE: the lease may be taken. UNKNOWN: its holder has to be watched for longer. LIVES: its holder renewed it
    meanwhile, or others that came and went took all of the time."""

    FREE = enum.auto()
    UNKNOWN = enum.auto()
    LIVES = enum.auto()


class LeaseWatch:
    """Looks of one command; `now` is of a steady clock, in seconds."""

    def __init__(self, now: float) -> None:
        """The watching begins at `now` and takes _LIFETIMES_MAX lifetimes at most."""
        self._begun = now
        self._since = now
        self._first: LeaseHolder | None = None

    def look(self, held: LeaseHolder, now: float) -> LeaseVerdict:
        """The verdict after one more look. A holder that has not renewed for LEASE_LIFETIME since it was seen first
        counts as dead; another incarnation begins this time anew."""
        if not held.renewed_ms or held.age_ms >= LEASE_FORGOTTEN_MS:
            return LeaseVerdict.FREE
        if now - self._begun >= _LIFETIMES_MAX * LEASE_LIFETIME:
            return LeaseVerdict.LIVES
        if self._first is None or held.incarnation != self._first.incarnation:
            self._first, self._since = held, now
        elif held.renewed_ms != self._first.renewed_ms:
            return LeaseVerdict.LIVES
        return LeaseVerdict.FREE if now - self._since >= LEASE_LIFETIME else LeaseVerdict.UNKNOWN
