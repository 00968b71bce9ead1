"""Whether whoever has the lease of a database still lives: looked at from outside, by commands and standbys. Pure.

A server renews its lease every four seconds (service/upkeep/housekeeping.py) and gives it back when it ends; a command
gives it back. One that was killed does not: then it takes LEASE_LIFETIME of watching to know. The age by the database's
clock alone does not tell, as a database that was away for a moment let nobody renew anything.

A server that knows of a standby promises to stop serving when it has not changed the lease for SERVES seconds, by its
own steady clock and from the beginning of its last transaction. The standby takes over when it has seen no change for
a little longer, by its own clock: the two never serve at the same time, whatever their wall clocks show. Without the
promise it waits as a command does.
"""

import enum
from typing import NamedTuple


class LeaseTiming(NamedTuple):
    """Seconds: so long a lease that nobody renews is watched before it counts as given up, and so often."""

    lifetime: float = 15.0
    look: float = 0.25


LEASE_TIMING = LeaseTiming()
LEASE_LIFETIME = LEASE_TIMING.lifetime
# By the database's clock: after so long nobody waits to see whether the server lives after all.
LEASE_FORGOTTEN_MS = 600_000
# In a cluster no commit ends while the nodes agree that one is gone (5 s and a little).
SERVES = 6.5
TAKEOVER_MARGIN = 0.75
# How often a standby says that it is there, and for how long that counts, in milliseconds of the database's clock.
STANDBY_SIGN = 5.0
STANDBY_SEEN_MS = 20_000
# Others that come and go keep a command waiting for no more than so many lifetimes.
_LIFETIMES_MAX = 4


class LeaseHolder(NamedTuple):
    """Who has the lease. `renewed_ms` 0: it was given back; `age_ms` since it was renewed, by the database's clock;
    `changes`, `identity`, `serves_ms` as in the table."""

    incarnation: int
    renewed_ms: int
    holder: str
    age_ms: int
    changes: int = 0
    identity: bytes = b""
    serves_ms: int = 0


class ServerTerms(NamedTuple):
    """What a server writes into the lease that it takes; see the table."""

    identity: bytes
    serves_ms: int = 0


class LeaseVerdict(enum.Enum):
    """FREE: the lease may be taken. UNKNOWN: its holder has to be watched for longer. LIVES: its holder renewed it
    meanwhile, or others that came and went took all of the time."""

    FREE = enum.auto()
    UNKNOWN = enum.auto()
    LIVES = enum.auto()


class LeaseWatch:
    """Looks of one command; `now` is of a steady clock, in seconds."""

    def __init__(self, now: float, lifetime: float = LEASE_LIFETIME) -> None:
        """The watching begins at `now` and takes _LIFETIMES_MAX lifetimes at most, each in seconds."""
        self._lifetime = lifetime
        self._begun = now
        self._since = now
        self._first: LeaseHolder | None = None

    def look(self, held: LeaseHolder, now: float) -> LeaseVerdict:
        """The verdict after one more look. A holder that has not renewed for a lifetime since it was seen first
        counts as dead; another incarnation begins this time anew."""
        if not held.renewed_ms or held.age_ms >= LEASE_FORGOTTEN_MS:
            return LeaseVerdict.FREE
        if now - self._begun >= _LIFETIMES_MAX * self._lifetime:
            return LeaseVerdict.LIVES
        if self._first is None or held.incarnation != self._first.incarnation:
            self._first, self._since = held, now
        elif held.renewed_ms != self._first.renewed_ms:
            return LeaseVerdict.LIVES
        return LeaseVerdict.FREE if now - self._since >= self._lifetime else LeaseVerdict.UNKNOWN


class StandbyWatch:
    """Looks of a standby; `now` is of a steady clock, in seconds."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._seen: tuple[int, int, int] | None = None
        # When the lease was seen first as it is now.
        self.since = 0.0
        self._patience = LEASE_LIFETIME

    def look(self, held: LeaseHolder, now: float) -> bool:
        """Whether the lease may be taken: it was given back, or its holder has not changed it for long enough. `now`:
        when the look began."""
        if not held.renewed_ms:
            return True
        seen = (held.incarnation, held.renewed_ms, held.changes)
        if seen != self._seen:
            self._seen, self.since = seen, now
            self._patience = held.serves_ms / 1000 + TAKEOVER_MARGIN if held.serves_ms else LEASE_LIFETIME
        return now - self.since >= self._patience

    def failed(self) -> None:
        """The database did not answer. Perhaps a holder that promised nothing could not renew either, and lives."""
        if self._patience == LEASE_LIFETIME:
            self._seen = None
