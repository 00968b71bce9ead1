"""What was handed in and not taken: collected over one turn, so that a session gets one `Busy` for all of it, or as
many as it takes to name all of it."""

from typing import NamedTuple

import msgspec

from lanchat.protocol.limits import NOT_TAKEN_MAX
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.wire import Busy, NotTaken
from lanchat_server.core.model import RunKey


class DueAnswer(NamedTuple):
    """What is due to a session; `now` is when its last part was noted."""

    session: int
    frames: list[Busy]
    now: float


class BusyAnswers:
    """Bounded by what a session hands in within one turn: a range takes less than the messages in it."""

    def __init__(self) -> None:
        """Begins without anything that was noted."""
        self._untaken: dict[tuple[int, int], _Untaken] = {}

    def note(self, session: int, key: MessageKey, wait: float, now: float, code: int = 0) -> None:
        """A message was not taken; the session may come back after `wait` seconds. `code`: it waits for room."""
        untaken = self._untaken.setdefault((session, code), _Untaken(code))
        untaken.wait = max(untaken.wait, wait)
        untaken.now = now
        untaken.add(key)

    def take(self) -> list[DueAnswer]:
        """One answer for each session and code of which something was noted since the last call."""
        untaken, self._untaken = self._untaken, {}
        return [DueAnswer(session, item.frames(), item.now) for (session, _), item in untaken.items()]


class _Range(msgspec.Struct):
    """Messages of one run that follow one another."""

    first: MessageKey
    last: int

    def takes(self, key: MessageKey) -> bool:
        """Whether this message of the same run is in it, or extends it."""
        return self.first.n <= key.n <= self.last + 1


class _Untaken(msgspec.Struct):
    code: int
    wait: float = 0.0
    now: float = 0.0
    ranges: list[_Range] = []
    # The latest range of each run: what follows in it extends it.
    latest: dict[RunKey, _Range] = {}

    def add(self, key: MessageKey) -> None:
        run = RunKey(key.room, key.device, key.run)
        known = self.latest.get(run)
        if known is not None and known.takes(key):
            known.last = max(known.last, key.n)
            return
        self.latest[run] = _Range(key, key.n)
        self.ranges.append(self.latest[run])

    def frames(self) -> list[Busy]:
        named = [NotTaken(*item.first, item.last) for item in self.ranges]
        retry_ms = max(1, round(self.wait * 1000))
        return [Busy(retry_ms, named[i : i + NOT_TAKEN_MAX], self.code) for i in range(0, len(named), NOT_TAKEN_MAX)]
