"""The page of what happens now as plain values: who is connected, and how figures of the server went lately. No Tk."""

import collections
from collections.abc import Callable, Mapping
from typing import Any

from lanchat.i18n import _
from lanchat.protocol.administration import AccountDetails, SessionDetails
from lanchat.ui.administration.page_model import PageModel
from lanchat.ui.administration.people import moment
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.kit.table_rows import TableRow

# Values of a plot: five minutes, at two seconds for each.
VALUES_MAX = 150


class Series:
    """The last values of a figure, the oldest first."""

    def __init__(self) -> None:
        """Begins without values."""
        self.values: collections.deque[float] = collections.deque(maxlen=VALUES_MAX)

    @property
    def newest(self) -> float | None:
        """The last value; None: there is none yet."""
        return self.values[-1] if self.values else None


class NowModel(PageModel):
    """`messages` and `repairs` a second, `latency` of the database in milliseconds."""

    def __init__(self, server: AdministrationPort, changed: Callable[[], None], now: Callable[[], float]) -> None:
        """`now`: steady seconds. Nothing is asked before `look`."""
        super().__init__(changed)
        self._server = server
        self._now = now
        self._names: dict[int, str] = {}
        self._sessions: list[SessionDetails] = []
        self._before: tuple[float, Mapping[str, int]] | None = None
        self.messages, self.latency, self.repairs = Series(), Series(), Series()

    # What is shown

    @property
    def count_line(self) -> str:
        """How many are connected."""
        people, sessions = len({session.user for session in self._sessions}), len(self._sessions)
        return _("People online: {people}, sessions: {sessions}").format(people=people, sessions=sessions)

    def rows(self) -> list[TableRow]:
        """Who is connected, who came first in front."""
        return [self._row(place, session) for place, session in enumerate(self._sessions)]

    def _row(self, place: int, session: SessionDetails) -> TableRow:
        name = self._names.get(session.user) or str(session.user)
        way = "UDP" if session.by_udp else "TLS"
        state = _("away") if session.away else ""
        key = (session.user, session.device, session.since_ms, place)
        return TableRow(
            key, (name, session.device, session.address, moment(session.since_ms), way, state), session.away
        )

    # What is asked

    def look(self) -> None:
        """Asks for figures and sessions, unless the answer to the last look is still on its way."""
        self._read(self._server.status, self._have)

    def _have(self, report: Mapping[str, Any]) -> None:
        self.problem = ""
        self._note(report)
        self._read(self._server.list_sessions, self._have_sessions)

    def _have_sessions(self, sessions: list[SessionDetails]) -> None:
        self._sessions = sessions
        if any(session.user not in self._names for session in sessions):
            self._read(self._server.list_accounts, self._have_accounts)

    def _have_accounts(self, accounts: list[AccountDetails]) -> None:
        self._names = {account.id: account.name for account in accounts}
        for session in self._sessions:
            self._names.setdefault(session.user, "")

    def _note(self, report: Mapping[str, Any]) -> None:
        at, counters = self._now(), report.get("counters", {})
        self.latency.values.append(float(report.get("database", {}).get("latency_ms") or 0.0))
        if self._before is not None:
            seconds = max(at - self._before[0], 0.001)
            for series, name in ((self.messages, "stored"), (self.repairs, "nack")):
                # A server that was started anew begins at 0.
                more = max(0, counters.get(name, 0) - self._before[1].get(name, 0))
                series.values.append(more / seconds)
        self._before = at, counters
