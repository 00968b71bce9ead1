"""For whom there is no room now, as far as it is known, so that the database need not be asked for each message."""

from lanchat.protocol.codes import Code
from lanchat_server.core.limits.meter import QuotaShortage

# Users who are remembered, 250 octets each; when there are more, those of whom nothing was heard for longest are
# forgotten: for them the database is asked.
_USERS_MAX = 4096


class Closed:
    """Times are the caller's."""

    def __init__(self, retry: float) -> None:
        """`retry`: seconds after which somebody comes again where nobody knows when there is room."""
        self._retry = retry
        self._users: dict[int, tuple[Code, float]] = {}
        self._everybody_until = 0.0
        # Set by who looks at the disk.
        self.disk_full = False

    def note(self, user: int, lack: QuotaShortage, now: float) -> None:
        """There was no room for a message of this user."""
        if lack.code is Code.LOG_FULL:
            self._everybody_until = now + lack.wait
            return
        self._users.pop(user, None)
        self._users[user] = (lack.code, now + lack.wait)
        if len(self._users) > _USERS_MAX:
            del self._users[next(iter(self._users))]

    def reason(self, user: int, now: float) -> QuotaShortage | None:
        """Why nothing more of this user is stored; None: as far as is known here it is."""
        everybody = self.for_everybody(now)
        if everybody is not None:
            return everybody
        code, until = self._users.get(user, (Code.USER_QUOTA, 0.0))
        return QuotaShortage(code, until - now) if until > now else None

    def for_everybody(self, now: float) -> QuotaShortage | None:
        """Why nothing more of anybody is stored, the disk first; None: as far as is known here it is."""
        if self.disk_full:
            return QuotaShortage(Code.DISK_FULL, self._retry)
        return QuotaShortage(Code.LOG_FULL, self._everybody_until - now) if self._everybody_until > now else None

    def users(self, now: float) -> list[int]:
        """Whose own quota is used up."""
        return sorted(user for user, (_, until) in self._users.items() if until > now)
