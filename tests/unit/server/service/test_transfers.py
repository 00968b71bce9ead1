"""Tickets and connections for files are bounded."""

from typing import Any

import pytest

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.codes import Code
from lanchat_server.core.refusals import Refused
from lanchat_server.service.transfers import limits, tickets
from lanchat_server.service.transfers.tickets import TicketHolder, Tickets
from lanchat_server.service.transfers.transfers import Transfers


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_tickets_are_bounded() -> None:
    kept = Tickets(Clock(), SYSTEM_ENTROPY)
    issued = [kept.issue(TicketHolder(1, 2)) for _ in range(3 * tickets.PER_SESSION_MAX)]
    assert len(kept) == tickets.PER_SESSION_MAX
    assert kept.use(issued[0]) is None
    assert kept.use(issued[-1]) == TicketHolder(1, 2)
    assert kept.use(issued[-1]) is None
    kept.end_session(1)
    assert len(kept) == 0


def test_ticket_ends_by_itself() -> None:
    clock = Clock()
    kept = Tickets(clock, SYSTEM_ENTROPY)
    ticket = kept.issue(TicketHolder(1, 2))
    clock.now = tickets.LIFETIME
    assert kept.use(ticket) is None
    assert len(kept) == 0


class Connection:
    """As far as `Transfers` looks at one."""

    upload = None
    holder: TicketHolder | None = None


class Parts:
    """As far as tickets and places need them."""

    entropy = SYSTEM_ENTROPY

    class config:
        file_octets = 1
        data_dir: Any = None

    def now(self) -> float:
        return 0.0


def admitted(transfers: Transfers, session: int, user: int) -> Code | None:
    connection: Any = Connection()
    try:
        connection.holder = transfers.admit(connection, transfers.open_ticket(session, user).ticket)
    except Refused as refused:
        return refused.code
    return None


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanchat_server.service.transfers.transfers.ContentsFolder", lambda data_dir: None)
    parts: Any = Parts()
    transfers = Transfers(parts)
    of_session = [admitted(transfers, 1, 1) for _ in range(limits.SESSION_CONNECTIONS_MAX + 1)]
    assert of_session == [None] * limits.SESSION_CONNECTIONS_MAX + [Code.BUSY]
    more = [admitted(transfers, 2, 1) for _ in range(limits.USER_CONNECTIONS_MAX)]
    assert more.count(None) == limits.USER_CONNECTIONS_MAX - limits.SESSION_CONNECTIONS_MAX
    others = [admitted(transfers, session, session) for session in range(3, 3 + limits.CONNECTIONS_MAX)]
    assert others.count(None) == limits.CONNECTIONS_MAX - limits.USER_CONNECTIONS_MAX
    assert limits.WAITING_MAX >= limits.CONNECTIONS_MAX
