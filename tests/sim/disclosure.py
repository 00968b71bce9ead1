"""I10: no octet of a room to a non-member; and whatever is handed over is true and was committed before.

A membership that ended is in force for the loop of the server that ended it within moments; a server that does not know
yet (it lost its lease, or its commit's outcome is unknown) may be late, but never hands on what was said after the end.
"""

from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codes import RoomKind
from lanchat.protocol.log.messages import MessageKey
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.log.statements import RoomBody, Statement, open_statement_untrusted
from lanchat_server.core.model import Decision
from tests.support.rig import LOG_ID, LOG_PUBLIC

# From a commit to the loop that acts on it.
GRACE = 0.25


class Disclosure:
    """Looks at frames on their way to a connection. Raises the world's failure."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._checks = {
            wire.Records: self._records,
            wire.Heads: self._heads,
            wire.Decided: self._decided,
            wire.RoomCursors: lambda frame: self._room(frame.room),
            wire.RoomKey: lambda frame: self._room(frame.room),
            wire.MembersChanged: lambda frame: self._room(frame.room),
            wire.RoomChanged: lambda frame: self._view(frame.room),
            wire.Statements: lambda frame: self._statements(frame.statements),
            wire.Response: lambda frame: self._result(frame.result),
        }

    def check(self, server: Any, connection: Any, frames: list[Any]) -> None:
        """Everything that these frames tell."""
        self._server = server
        self._user = connection.user
        for frame in frames:
            check = self._checks.get(type(frame))
            if check is not None:
                if self._user is None:
                    self._before_login(frame)
                else:
                    self._device(connection, frame)
                    check(frame)

    def _fail(self, detail: str) -> None:
        raise self._world.fail_now("I10", f"user {self._user}: {detail}")

    @property
    def _slow(self) -> bool:
        """Whether this server may not know yet what was decided."""
        return self._server.store.fenced or self._server.service.writer.stale

    def _elapsed(self, since: float) -> float:
        """Seconds in which this server could have acted."""
        server = self._server
        now: float = self._world.clock.now
        return now - max(since, server.loop.asleep_until, server.service.writer.refreshed_at)

    def _before_login(self, frame: Any) -> None:
        if not isinstance(frame, wire.Response) or not isinstance(frame.result, wire.Welcome | wire.Done):
            self._fail(f"{frame} before log-in")

    def _device(self, connection: Any, frame: Any) -> None:
        revoked = self._world.ledger.revoked.get(connection.device)
        if revoked is None or self._elapsed(revoked) <= GRACE or self._slow:
            return
        if not (isinstance(frame, wire.Response) and isinstance(frame.result, wire.Done)):
            self._fail(f"{type(frame).__name__} to a revoked device")

    def _room(self, room: int) -> None:
        ledger = self._world.ledger
        known = ledger.memberships.get((room, self._user))
        if known is None:
            self._fail(f"told of room {room}, where he never was")
        ended = known[-1].ended
        if ended is not None and self._elapsed(ended) > GRACE and not self._slow:
            self._fail(f"told of room {room} {self._elapsed(ended):.2f} s after his membership ended")

    def _view(self, room: wire.Room) -> None:
        if room.joined:
            self._room(room.id)

    def _statements(self, statements: list[Statement]) -> None:
        for statement in statements:
            body = open_statement_untrusted(LOG_PUBLIC, LOG_ID, statement)
            if isinstance(body, RoomBody) and body.kind is not RoomKind.PUBLIC and not body.deleted:
                self._room(body.room)

    def _head(self, head: Head) -> None:
        self._room(head.room)
        if head.hash != self._world.ledger.hash_at(head.room, head.seq) and head.epoch == self._world.epoch:
            raise self._world.fail_now("I1", f"head {head.seq} of room {head.room} is not that of the log")

    def _heads(self, frame: wire.Heads) -> None:
        for head in frame.heads:
            self._head(head)

    def _records(self, frame: wire.Records) -> None:
        self._room(frame.room)
        for record in frame.records:
            self._record(frame.room, record)
        if frame.head is not None:
            self._head(frame.head)

    def _record(self, room: int, record: Record) -> None:
        ledger = self._world.ledger
        truth = ledger.record(room, record.seq)
        if truth is None or (truth.header, truth.signature) != (record.header, record.signature):
            raise self._world.fail_now("I1", f"record {record.seq} of room {room} is handed on, but not committed")
        if not ledger.may_read(room, self._user, record.seq):
            self._fail(f"gets record {record.seq} of room {room}")
        erased = ledger.rooms[room].erased.get(record.seq)
        late = erased is not None and self._elapsed(erased) > GRACE and not self._slow
        if record.body is not None and late:
            raise self._world.fail_now("erased", f"the body of {record.seq} in room {room} is handed on")

    def _decided(self, frame: wire.Decided) -> None:
        for receipt in frame.receipts:
            key = MessageKey(receipt.room, receipt.device, receipt.run, receipt.n)
            self._world.checker.told(key, Decision(receipt.seq, receipt.code))

    def _result(self, result: Any) -> None:
        match result:
            case wire.Page():
                self._room(result.room)
                for record in result.records:
                    self._record(result.room, record)
                self._head(result.head)
                if result.proof is not None:
                    self._head(result.proof)
            case wire.Subscribed():
                for head in result.heads:
                    self._head(head)
                for key in result.keys:
                    self._room(key.room)
            case wire.LoggedIn() | wire.RoomList():
                for room in result.rooms:
                    self._view(room)
            case wire.RoomResult():
                self._view(result.room)
            case wire.StatementList():
                self._statements(result.statements)
