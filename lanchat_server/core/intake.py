"""What waits for the writer: the queue of submissions, and the early ones that wait for their predecessor."""

from collections import deque

from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import RunKey
from lanchat_server.core.sequencer import Submission


class Intake:
    """Bounded in all: the queue, what one run may hold, and what all runs hold together."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._queue: deque[Submission] = deque()
        self._held: dict[RunKey, dict[int, tuple[Submission, float]]] = {}
        self._held_count = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def held(self) -> int:
        """Early messages that wait for their predecessor."""
        return self._held_count

    @property
    def full(self) -> bool:
        return len(self._queue) >= self._config.queue_max

    def put(self, submission: Submission) -> None:
        self._queue.append(submission)

    def take(self) -> list[Submission]:
        """The next batch, in order of arrival."""
        return [self._queue.popleft() for _ in range(min(len(self._queue), self._config.batch_max))]

    def hold(self, submission: Submission, now: float) -> bool:
        """Keep an early message. False when it is held already, or there is no room: its client offers it again."""
        held = self._held.get(submission.run, {})
        n = submission.header.n
        if n in held or len(held) >= self._config.hold_per_run or self._held_count >= self._config.hold_max:
            return False
        self._held.setdefault(submission.run, held)[n] = (submission, now + self._config.hold_time)
        self._held_count += 1
        return True

    def release(self, run: RunKey, last: int) -> None:
        """`last` of this run was decided: queue the held successors that are next to it."""
        held = self._held.get(run)
        if not held:
            return
        n = last + 1
        while n in held:
            self._queue.append(held.pop(n)[0])
            self._held_count -= 1
            n += 1
        if not held:
            del self._held[run]

    def next_expiry(self) -> float | None:
        """When the first held message has waited long enough."""
        return min((until for held in self._held.values() for _, until in held.values()), default=None)

    def expire(self, now: float) -> None:
        """Queue, with `force`, the first of each run whose waiting is over; its successors follow by release."""
        for run in list(self._held):
            held = self._held[run]
            first = min(held)
            submission, until = held[first]
            if until <= now:
                del held[first]
                self._held_count -= 1
                if not held:
                    del self._held[run]
                self._queue.append(Submission(submission.session, submission.message, submission.header, force=True))
