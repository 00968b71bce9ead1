"""Signed heads of one room above the cursor: kept cheap, checked once, only when something depends on them.

A batch of a lively room comes in several datagrams and each may carry a head. Only the newest matters, so signatures
are checked from the top, and of a head that something else has overtaken never.
"""

from collections.abc import Callable

from lanchat.protocol.log.records import Head


class HeadBook:
    """`check(head)` says whether the log signed it, in this epoch. Bounded by `bound` of each sort."""

    def __init__(self, check: Callable[[Head], bool], bound: int) -> None:
        """Begins empty. Above `bound` the head with the lowest number is forgotten."""
        self._check = check
        self._bound = bound
        self._candidates: dict[int, Head] = {}
        self._proven: dict[int, Head] = {}
        # Two signed heads for one number: the server has two histories.
        self.conflict = False

    def offer(self, head: Head) -> None:
        """A head from outside, not checked yet."""
        known = self._proven.get(head.seq) or self._candidates.get(head.seq)
        if known is None:
            self._candidates[head.seq] = head
            self._trim(self._candidates)
        elif known.hash != head.hash:
            if not self.prove(known):
                self._candidates[head.seq] = head
            elif self.prove(head):
                self.conflict = True

    def prove(self, head: Head) -> bool:
        """Check a head now; a good one is kept, a bad one forgotten."""
        known = self._proven.get(head.seq)
        if known is not None and known.hash == head.hash:
            return True
        if self._candidates.get(head.seq) == head:
            del self._candidates[head.seq]
        if not self._check(head):
            return False
        self._proven.setdefault(head.seq, head)
        self._trim(self._proven)
        return True

    def best(self) -> Head | None:
        """The highest proven head; candidates above it are checked first."""
        return self.covering(0, None)

    def covering(self, low: int, high: int | None) -> Head | None:
        """The highest proven head with `low` < seq <= `high` (None: no bound)."""
        if not self._candidates and not self._proven:
            return None
        for seq in sorted(self._candidates | self._proven, reverse=True):
            if seq <= low:
                return None
            if high is not None and seq > high:
                continue
            # Not looked up again after the proof: a full book does not keep a low one.
            head = self._proven.get(seq) or self._candidates[seq]
            if self.prove(head):
                return head
        return None

    def forget(self, seq: int) -> None:
        """Drop what is at or below `seq`: it has served."""
        for book in (self._candidates, self._proven):
            for old in [number for number in book if number <= seq]:
                del book[old]

    def _trim(self, book: dict[int, Head]) -> None:
        if len(book) > self._bound:
            del book[min(book)]
