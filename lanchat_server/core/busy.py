"""What was handed in and not taken: collected over one turn, so that a session gets one `Busy` for all of it."""

from typing import NamedTuple

import msgspec

from lanchat.protocol.limits import NOT_TAKEN_MAX
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.wire import Busy, NotTaken


class Answer(NamedTuple):
    """What is due to a session; `now` is when its last part was noted."""

    session: int
    busy: Busy
    now: float


class BusyAnswers:
    """Bounded per session by what one `Busy` names; what is beyond that stays unnamed."""

    def __init__(self) -> None:
        self._untaken: dict[tuple[int, int], _Untaken] = {}

    def note(self, session: int, key: MessageKey, wait: float, now: float, code: int = 0) -> None:
        """A message was not taken; the session may come back after `wait` seconds. `code`: it waits for room."""
        untaken = self._untaken.setdefault((session, code), _Untaken(code))
        untaken.wait = max(untaken.wait, wait)
        untaken.now = now
        untaken.add(key)

    def take(self) -> list[Answer]:
        """One answer for each session and code of which something was noted since the last call."""
        untaken, self._untaken = self._untaken, {}
        return [Answer(session, item.busy(), item.now) for (session, _), item in untaken.items()]


class _Range(msgspec.Struct):
    """Messages of one run that follow one another."""

    first: MessageKey
    last: int

    def takes(self, key: MessageKey) -> bool:
        """Whether this message is in it, or extends it."""
        return key[:3] == self.first[:3] and self.first.n <= key.n <= self.last + 1


class _Untaken(msgspec.Struct):
    code: int
    wait: float = 0.0
    now: float = 0.0
    ranges: list[_Range] = []

    def add(self, key: MessageKey) -> None:
        for known in self.ranges:
            if known.takes(key):
                known.last = max(known.last, key.n)
                return
        if len(self.ranges) < NOT_TAKEN_MAX:
            self.ranges.append(_Range(key, key.n))

    def busy(self) -> Busy:
        return Busy(
            max(1, round(self.wait * 1000)), [NotTaken(*item.first, item.last) for item in self.ranges], self.code
        )
