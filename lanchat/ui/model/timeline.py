"""The loaded part of one room's log: a window of some hundred lines that moves over it. Pure.

Lines may arrive in any order: pages that were asked for, live messages, one's own before they are stored. The window is
always a contiguous part of the log as far as this computer knows; what would leave a hole is left out, because it
comes with the next page.
"""

import bisect
from collections.abc import Iterable, Sequence
from heapq import merge

from msgspec.structs import replace

from lanchat.app.api import Line
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import ProblemDetails

WINDOW = 400  # lines that are kept loaded
PAGE = 100
# The newest lines, as a room is opened: two screens of most windows. A taller one asks for more by itself.
FIRST_PAGE = 40


class Timeline:
    """`stored` ascends by number; `unstored` is in the order of writing. `at_top`, `at_bottom`: whether the window
    reaches the ends of the log."""

    def __init__(self, room: int) -> None:
        """Empty, and not `loaded` until the first `reset`."""
        self.room = room
        self.stored: list[Line] = []
        self.unstored: list[Line] = []
        self.at_top = False
        self.at_bottom = True
        self.loading_older = False
        self.loading_newer = False
        self.loaded = False

    @property
    def first(self) -> int:
        """The lowest number in the window; 0 for none."""
        return (self.stored[0].seq or 0) if self.stored else 0

    @property
    def last(self) -> int:
        """The highest number in the window; 0 for none."""
        return (self.stored[-1].seq or 0) if self.stored else 0

    def reset(self, lines: Sequence[Line], *, at_bottom: bool) -> None:
        """The window is somewhere else now: exactly these lines."""
        self.stored = [line for line in lines if line.seq is not None]
        fresh = [line for line in lines if line.seq is None]
        if fresh or at_bottom:
            self._keep_unstored(fresh)
        self.at_bottom = at_bottom
        self.at_top = not self.stored or self.first == 1
        self.loaded = True
        self.loading_older = self.loading_newer = False

    def _keep_unstored(self, fresh: Sequence[Line]) -> None:
        """Refused lines stay on the screen although the outbox has let them go."""
        ids = {line.id for line in fresh} | {line.id for line in self.stored}
        refused = [line for line in self.unstored if line.refused is not None and line.id not in ids]
        self.unstored = list(merge(refused, fresh, key=lambda line: line.sent_at))

    def rename(self, user: int, display_name: str) -> bool:
        """Whether any line is by this user, whose name is another one now."""
        found = False
        for lines in (self.stored, self.unstored):
            for place, line in enumerate(lines):
                if line.author == user and not line.imported:
                    lines[place] = replace(line, display_name=display_name)
                    found = True
        return found

    def prepend(self, lines: Sequence[Line]) -> None:
        """A page of older lines arrived; an empty one: there are none."""
        self.loading_older = False
        older = [line for line in lines if line.seq is not None and line.seq < self.first]
        self.at_top = not older or older[0].seq == 1
        self.stored = older + self.stored
        if len(self.stored) > WINDOW:
            del self.stored[WINDOW:]
            self.at_bottom = False

    def append(self, lines: Sequence[Line], *, at_bottom: bool) -> None:
        """A page of newer lines arrived."""
        self.loading_newer = False
        self.stored += [line for line in lines if line.seq is not None and line.seq > self.last]
        self.at_bottom = at_bottom
        self._cut_top()

    def _cut_top(self) -> None:
        if len(self.stored) > WINDOW:
            del self.stored[: len(self.stored) - WINDOW]
            self.at_top = False

    def add(self, line: Line) -> bool:
        """A line arrived or changed, stored or not; returns whether the window changed."""
        if line.seq is None:
            return self._add_unstored(line)
        before = len(self.unstored)
        self.unstored = [other for other in self.unstored if other.id != line.id]
        moved = len(self.unstored) != before
        index = bisect.bisect_left(self._numbers(), line.seq)
        if index < len(self.stored) and self.stored[index].seq == line.seq:
            changed = self.stored[index] != line
            self.stored[index] = line
            return changed or moved
        if index == len(self.stored) and not self.at_bottom:
            return moved
        if index == 0 and self.stored and not self.at_top:
            return moved
        self.stored.insert(index, line)
        self._cut_top()
        return True

    def _add_unstored(self, line: Line) -> bool:
        for index, other in enumerate(self.unstored):
            if other.id == line.id:
                # The answer to sending may come after the news that it was refused, or waits.
                kept = replace(line, refused=line.refused or other.refused, waits=line.waits or other.waits)
                self.unstored[index] = kept
                return other != kept
        if any(other.id == line.id for other in self.stored):
            return False
        self.unstored.append(line)
        return True

    def _numbers(self) -> list[int]:
        return [line.seq or 0 for line in self.stored]

    def change(self, line: Line) -> bool:
        """A line that may be in the window changed; it is never added."""
        known = any(other.id == line.id for other in (self.stored if line.seq is not None else self.unstored))
        return known and self.add(line)

    def was_stored(self, identity: str, seq: int) -> bool:
        """The server numbered a line of this person."""
        line = next((line for line in self.unstored if line.id == identity), None)
        return line is not None and self.add(replace(line, seq=seq, waits=None))

    def was_refused(self, identity: str, code: Code) -> bool:
        """The server refused a line of this person; it stays, with the reason."""
        for index, line in enumerate(self.unstored):
            if line.id == identity:
                self.unstored[index] = replace(line, refused=code)
                return True
        return False

    def withdraw(self, identity: str) -> bool:
        """A line of somebody else will never be stored; whether it was here."""
        before = len(self.unstored)
        self.unstored = [line for line in self.unstored if line.id != identity]
        return len(self.unstored) != before

    def now_waits(self, identity: str, reason: ProblemDetails) -> bool:
        """The server has no room for a line of this person now; whether it is one of these."""
        for index, line in enumerate(self.unstored):
            if line.id == identity:
                self.unstored[index] = replace(line, waits=reason)
                return True
        return False

    def renew(self, lines: Iterable[Line]) -> bool:
        """Lines of the window were read again (receipts); returns whether any differs."""
        changed = [self.change(line) for line in lines]
        return any(changed)

    def find(self, seq: int) -> Line | None:
        """The line with this number, when it is in the window."""
        index = bisect.bisect_left(self._numbers(), seq)
        return self.stored[index] if index < len(self.stored) and self.stored[index].seq == seq else None

    def last_own(self) -> Line | None:
        """The last message of this person that can be edited."""
        own = (line for line in reversed(self.stored) if line.mine and not line.deleted)
        return next(own, None) if self.at_bottom else None
