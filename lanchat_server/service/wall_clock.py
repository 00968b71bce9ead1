"""The wall clock of the server's computer, and whether somebody set it.

Records carry what it shows when they are stored; their order is that of their numbers. What is durable and ends at a
time (codes, invitations) is moved along when the clock is set, so that it lasts as long as it was meant to.
"""

from typing import NamedTuple

import msgspec

from lanchat.platform.clock import Clock
from lanchat_server.core.ports import CommitUnknown

# Less is how computers keep in step with a time server. Milliseconds.
TOLERANCE_MS = 5_000


class ClockReport(msgspec.Struct):
    """`jumps`: how often the clock was set since the start; `last_jump_ms`: by how much the last time, negative for
    back."""

    jumps: int = 0
    last_jump_ms: int = 0


class UnknownMove(NamedTuple):
    """Stored deadlines were moved by `by_ms`, if the commit was stored: `error.stored` says so later."""

    by_ms: int
    error: CommitUnknown


class ClockWatch:
    """Compares the wall clock with a steady one. For one thread. `unsettled_ms`: what stored deadlines have not been
    moved by yet, `unknown_move` aside; None: nothing is to be done."""

    def __init__(self, clock: Clock) -> None:
        """What both clocks show now is what `look` compares with."""
        self.report = ClockReport()
        # What the clock showed while no server ran is not known, but no deadline may be too far away.
        self.unsettled_ms: int | None = 0
        self.unknown_move: UnknownMove | None = None
        self._clock = clock
        self._difference = clock.wall_ms() - clock.steady_ms()

    def look(self) -> int:
        """By how many milliseconds the clock was set since the last look; 0: it was not."""
        difference = self._clock.wall_ms() - self._clock.steady_ms()
        jump, self._difference = difference - self._difference, difference
        if abs(jump) <= TOLERANCE_MS:
            return 0
        self.report.jumps += 1
        self.report.last_jump_ms = jump
        self.unsettled_ms = (self.unsettled_ms or 0) + jump
        return jump
