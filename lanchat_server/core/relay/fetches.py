"""Repairs that wait for the database: a bounded number, so that a database that hangs collects no work."""

from collections import Counter

from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import RecordFetch


class PendingFetches:
    """What is being read. What is refused needs no answer: the client asks again, at growing distances."""

    def __init__(self, config: CoreConfig) -> None:
        """Begins without any; the bounds are those of `config`."""
        self._config = config
        self._rooms: set[tuple[int, int]] = set()
        self._of_session: Counter[int] = Counter()

    def __len__(self) -> int:
        """Repairs that are being read."""
        return len(self._rooms)

    def begin(self, fetch: RecordFetch) -> bool:
        """Whether it may be read now: one at a time of a session and room, some of a session, so many in all."""
        place = (fetch.session, fetch.room)
        full = len(self._rooms) >= self._config.fetches_max
        if full or place in self._rooms or self._of_session[fetch.session] >= self._config.fetches_per_session:
            return False
        self._rooms.add(place)
        self._of_session[fetch.session] += 1
        return True

    def end(self, fetch: RecordFetch) -> None:
        """It was read, or could not be."""
        self._rooms.remove((fetch.session, fetch.room))
        self._of_session[fetch.session] -= 1
        if not self._of_session[fetch.session]:
            del self._of_session[fetch.session]
