"""What waits for the writer: the queue of submissions, and the early ones that wait for their predecessor.

What a session has waiting is counted apart for the queue and for the early ones: these must never take the place of the
very message that they wait for.
"""

from collections import Counter, deque
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lanchat.protocol.log.messages import MessageKey
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import RunKey
from lanchat_server.core.sequencing.sequencer import Submission

# The values around a message and its signature.
SUBMISSION_OCTETS = 1000


class Intake:
    """Bounded: the queue in all (by the caller), what one run, one session and all together may hold."""

    def __init__(self, config: CoreConfig) -> None:
        """Begins empty; the bounds are those of `config`."""
        self._config = config
        self._queue: deque[Submission] = deque()
        self._queued: Counter[int] = Counter()
        self._held_for: Counter[int] = Counter()
        self._held: dict[RunKey, dict[int, _Held]] = {}
        self._held_count = 0
        self._octets = self._held_octets = 0
        # When each in the queue that has `force` was put there.
        self._forced: dict[MessageKey, float] = {}

    def __len__(self) -> int:
        """Messages in the queue; early ones that are held do not count."""
        return len(self._queue)

    @property
    def held(self) -> int:
        """Early messages that wait for their predecessor."""
        return self._held_count

    @property
    def full(self) -> bool:
        """Whether the queue has as many messages or octets as it may have. `put` does not look at it."""
        return len(self._queue) >= self._config.queue_max or self._octets >= self._config.queue_octets

    def queued(self, session: int) -> int:
        """How many in the queue this session handed in."""
        return self._queued[session]

    def put(self, submission: Submission) -> None:
        """Append to the queue, full or not; `release` and `expire` do so with messages that were held."""
        self._queue.append(submission)
        self._octets += _size(submission)
        self._queued[submission.session] += 1

    def take(self, now: float) -> list[Submission]:
        """The next batch, in order of arrival, at most `batch_max` messages and, but for a single one, `batch_octets`.
        What was queued with `force` and waited long for a slow writer is no longer forced: its author may have come
        meanwhile."""
        batch: list[Submission] = []
        octets = 0
        while self._queue and len(batch) < self._config.batch_max:
            size = _size(self._queue[0])
            if batch and octets + size > self._config.batch_octets:
                break
            octets += size
            submission = self._queue.popleft()
            _count_down(self._queued, submission.session)
            if submission.force and now - self._forced.pop(submission.header.key, now) > self._config.hold_fresh:
                submission = replace(submission, force=False)
            batch.append(submission)
        self._octets -= octets
        return batch

    def hold(self, submission: Submission, now: float) -> bool:
        """Keep an early message. False when it is held already, or there is no room: its client offers it again. The
        lowest numbers of a run are kept: they are needed first, and tell how far the gap goes."""
        held = self._held.get(submission.run, {})
        n, session = submission.header.n, submission.session
        known = held.get(n)
        if known is not None:
            if submission.own or not known.submission.own:
                known.offered = now
            return False
        if not self._make_room(submission):
            return False
        self._held.setdefault(submission.run, {})[n] = _Held(submission, now, now)
        self._held_count += 1
        self._held_octets += _size(submission)
        self._held_for[session] += 1
        return True

    def _make_room(self, submission: Submission) -> bool:
        config = self._config
        held, session = self._held.get(submission.run, {}), submission.session
        session_full = self._held_for[session] >= config.session_queue_max
        few = self._held_count < config.hold_max and self._held_octets < config.hold_octets
        if not session_full and len(held) < config.hold_per_run and few:
            return True
        # A session that is full gives up one of its own.
        mine = (n for n, item in held.items() if not session_full or item.submission.session == session)
        highest = max(mine, default=0)
        if highest < submission.header.n:
            return False
        self._drop(submission.run, highest)
        return True

    def offered(self, run: RunKey, n: int, now: float) -> None:
        """The author's own session offers `n`, whether there is room for it or not: what waits for it waits on, and if
        it waits itself, its author has not given it up."""
        held = self._held.get(run, {})
        if n in held:
            held[n].offered = now
        elif n < min(held, default=0):
            self._wait_anew(run, now)

    def release(self, run: RunKey, last: int) -> None:
        """`last` of this run was decided: queue the held successors that are next to it, and a copy of itself, which
        then gets the same answer."""
        copy = self._drop(run, last)
        if copy is not None:
            self.put(copy)
        n = last + 1
        while (submission := self._drop(run, n)) is not None:
            self.put(submission)
            n += 1

    def next_expiry(self) -> float | None:
        """When the first message of a run has waited long enough."""
        return min((self._expiry(run[min(run)]) for run in self._held.values()), default=None)

    def expire(self, now: float, is_online: Callable[[bytes], bool]) -> None:
        """End the waiting of runs whose first message waited long enough. When nobody can be expected to bring what is
        missing before it, it is queued with `force`; else it is dropped. Those behind it go on waiting, for it:
        `release` lets them go."""
        for run in list(self._held):
            dropped = False
            while (held := self._first_if_due(run, now)) is not None:
                gone = self._predecessor_is_lost(held, now, is_online(run.device))
                if gone and dropped:
                    # What was here a moment ago may be brought again.
                    self._wait_anew(run, now)
                    break
                self._drop(run, held.submission.header.n)
                dropped = True
                if gone:
                    self.put(replace(held.submission, force=True))
                    self._forced[held.submission.header.key] = now
                    self._wait_anew(run, now)

    def _first_if_due(self, run: RunKey, now: float) -> "_Held | None":
        entries = self._held.get(run)
        if not entries:
            return None
        first = entries[min(entries)]
        return first if self._expiry(first) <= now else None

    def _wait_anew(self, run: RunKey, now: float) -> None:
        for held in self._held.get(run, {}).values():
            held.since = now

    def _expiry(self, held: "_Held") -> float:
        submission = held.submission
        return held.since + (self._config.hold_own if submission.own else self._config.hold_time)

    def _predecessor_is_lost(self, held: "_Held", now: float, author_online: bool) -> bool:
        """Whether nobody can be expected to bring it: the author is away, or offers what follows all the time without
        it (a damaged outbox)."""
        if held.submission.own:
            return now - held.offered <= self._config.hold_fresh
        return not author_online

    def _drop(self, run: RunKey, n: int) -> Submission | None:
        held = self._held.get(run, {})
        item = held.pop(n, None)
        if item is None:
            return None
        self._held_count -= 1
        self._held_octets -= _size(item.submission)
        _count_down(self._held_for, item.submission.session)
        if not held:
            del self._held[run]
        return item.submission


def _size(submission: Submission) -> int:
    """Octets that this holds, with what Python needs around them."""
    return SUBMISSION_OCTETS + len(submission.message.header) + len(submission.message.body)


def _count_down(counts: Counter[int], session: int) -> None:
    """Only who has something waiting is listed."""
    counts[session] -= 1
    if not counts[session]:
        del counts[session]


class _Held(msgspec.Struct):
    """An early message: since when, and when it was offered last."""

    submission: Submission
    since: float
    offered: float
