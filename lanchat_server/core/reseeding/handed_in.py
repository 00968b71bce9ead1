"""What sessions handed in for others, as after a time without the server: how much of whom, since the start."""

from typing import NamedTuple

from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.sequencing.sequencer import BatchOutcome

# Pairs of people; 200 octets each.
PAIRS_MAX = 1000


class HandedInCount(NamedTuple):
    """User ids; how many messages were stored, and how many wait for an administrator."""

    by: int
    author: int
    stored: int
    quarantined: int


class HandedIn:
    """Counts each message once, for whoever came first with it."""

    def __init__(self, directory: Directory) -> None:
        """`directory` says whose devices are."""
        self._directory = directory
        self._counts: dict[tuple[int, int], list[int]] = {}

    def note(self, outcome: BatchOutcome) -> None:
        """A batch is durable."""
        brought = [entry for entry in outcome.decided if not entry[0].own]
        if not brought:
            return
        fresh = {record.header for committed in outcome.committed.values() for record in committed.records}
        for submission, decision in brought:
            if not submission.by or submission.message.header not in fresh or not decision.seq:
                continue
            fresh.discard(submission.message.header)
            device = self._directory.devices.get(submission.header.device)
            if device is not None and device.user != submission.by:
                self._count((submission.by, device.user), 0)
        for kept in outcome.quarantined:
            self._count((kept.brought_by, kept.author), 1)

    def _count(self, pair: tuple[int, int], place: int) -> None:
        counts = self._counts.get(pair)
        if counts is None:
            if len(self._counts) >= PAIRS_MAX:
                return
            counts = self._counts[pair] = [0, 0]
        counts[place] += 1

    def counts(self, most: int) -> list[HandedInCount]:
        """Who handed in most comes first; `most` entries at most."""
        found = [HandedInCount(*pair, *counts) for pair, counts in self._counts.items()]
        return sorted(found, key=lambda count: (-count.stored - count.quarantined, count))[:most]
