"""Requests under way on the TLS channel, and who waits for their answers."""

from collections.abc import Callable

from lanchat.core.endpoints import SERVER
from lanchat.core.events import Output
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import AfterLogin, Failure, Request, Result

# None: the connection ended first, or no answer came in time.
Answer = Result | Failure | None
Handler = Callable[[Answer], None]

# What a request is answered with unless it is refused; those that are not here with Done.
RESULTS: dict[type, type] = {
    wire.Subscribe: wire.Subscribed,
    wire.History: wire.Page,
    wire.Search: wire.Found,
    wire.ListRooms: wire.RoomList,
    wire.CreateRoom: wire.RoomResult,
    wire.JoinRoom: wire.RoomResult,
    wire.OpenDirect: wire.RoomResult,
    wire.SetHistoryPolicy: wire.RoomResult,
    wire.ListUsers: wire.UserList,
    wire.ListMembers: wire.MemberList,
    wire.GetCertificates: wire.Certificates,
    wire.ListDevices: wire.DeviceList,
    wire.ListCursors: wire.CursorList,
    wire.GetProfile: wire.Profile,
    wire.Status: wire.StatusReport,
    wire.CreateInvite: wire.InviteCode,
    wire.ListInvites: wire.InviteList,
    wire.ListAccounts: wire.AccountList,
    wire.FindAccount: wire.AccountResult,
    wire.AddAccount: wire.AccountResult,
    wire.DisableAccount: wire.AccountResult,
    wire.SetRole: wire.AccountResult,
    wire.ResetPassword: wire.RecoveryCode,
    wire.SetDisplayName: wire.AccountResult,
    wire.EndSessions: wire.SessionsEnded,
    wire.ListAllRooms: wire.RoomSummaryList,
    wire.ListSessions: wire.SessionList,
    wire.CreateBackup: wire.BackupMade,
    wire.ListQuarantine: wire.QuarantineList,
    wire.JudgeQuarantined: wire.QuarantineJudged,
    wire.ListStatements: wire.StatementList,
    wire.ListRevoked: wire.RevokedList,
    wire.AnnouncePeer: wire.Roster,
    wire.OfferRecords: wire.RecordsWanted,
    wire.GiveRecords: wire.RecordsWanted,
    wire.OpenTransfers: wire.TransferTicket,
}


class Requests:
    """Numbers run on over all sessions of a client, so that a late answer never meets another question."""

    def __init__(self, timeout: float) -> None:
        """`timeout`: seconds after which a request counts as not answered."""
        self._timeout = timeout
        self._last = 0
        self._waiting: dict[int, tuple[Handler, float, type]] = {}

    def ask(self, operation: AfterLogin, handler: Handler, now: float) -> tuple[int, Output]:
        """The request's number and the frame to send; `handler` is called exactly once."""
        self._last = self._last % (2**32 - 1) + 1
        self._waiting[self._last] = (handler, now + self._timeout, RESULTS.get(type(operation), wire.Done))
        return self._last, Output(SERVER, Transport.TLS, Request(self._last, operation))

    def answered(self, number: int, answer: Answer) -> bool:
        """False when nobody waits for this number. Raises ProtocolError for an answer to another question: whoever
        asked goes on waiting, and hears of it when the connection ends."""
        waiting = self._waiting.get(number)
        if waiting is None:
            return False
        handler, _until, expected = waiting
        if answer is not None and not isinstance(answer, Failure | expected):
            raise ProtocolError("an answer to another question")
        del self._waiting[number]
        handler(answer)
        return True

    def abandon(self) -> None:
        """The connection ended."""
        waiting, self._waiting = self._waiting, {}
        for handler, _until, _expected in waiting.values():
            handler(None)

    def timer(self) -> float | None:
        """When `expire` has something; None without a request under way."""
        if not self._waiting:
            return None
        return min(until for _handler, until, _expected in self._waiting.values())

    def expire(self, now: float) -> None:
        """Calls the handlers of requests that were not answered in time with None; a later answer is dropped."""
        for number in [number for number, (_handler, until, _expected) in self._waiting.items() if until <= now]:
            self.answered(number, None)
