"""What the log has said of accounts, rooms and revoked devices, passed on between clients while the server is away.

A statement is proof by itself, so it does not matter who hands it on: who was removed from a room, and whose device
was revoked, is refused by everybody who has heard of it. Each end tells a digest of what it knows with the other
signs of life; where two differ, the one without the server asks for what is newer than what it was told. A list that a
statement is about comes in parts with it, and counts when all of it is there and fits; a room and its members are told
to its members alone.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import LocalStoreError, StatementStore
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    StatementKind,
    read_statement_untrusted,
    subject_of,
)
from lanchat.protocol.wire.peers import DEVICES_TOLD, MEMBERS_TOLD

# Seconds until an end is asked again: when it had something, and when it had nothing.
_NEXT, _AGAIN = 4.0, 30.0
# Parts that answer one question, 1 KiB each; of one list more may go.
_PARTS_AT_ONCE = 48
# Of one end: questions, and parts that it tells, 0.1 ms of a check of a signature each.
_ASKED_RATE, _ASKED_BURST = 0.2, 4.0
_TOLD_RATE, _TOLD_BURST = 20.0, 200.0
# Parts of lists that are not complete, 1 KiB each, of all ends: a room of 5,000 has 84.
PARTS_MAX = 512


class _Exchange:
    """With one end. `since`: up to this number it told what it has."""

    def __init__(self) -> None:
        self.asked = TokenBucket(_ASKED_RATE, _ASKED_BURST)
        self.told = TokenBucket(_TOLD_RATE, _TOLD_BURST)
        self.ask_at = 0.0
        self.since: int | None = None


class _List(msgspec.Struct):
    """Of a statement, while its parts come."""

    number: int
    parts: dict[int, wire.Told]


class StatementExchange:
    """Methods return the frames that are sent to the end which they are about."""

    def __init__(
        self, statements: KnownStatements, store: StatementStore, is_shared: Callable[[int, int], bool]
    ) -> None:
        """`is_shared(room, user)`: whether both this client's user and that one are in a room."""
        self._statements = statements
        self._store = store
        self._is_shared = is_shared
        self._away = False
        self._ends: dict[PeerEnd, _Exchange] = {}
        self._lists: OrderedDict[tuple[PeerEnd, StatementKind, int], _List] = OrderedDict()

    def set_away(self, away: bool) -> None:
        """Whether the server is away: with it nothing is asked of others."""
        self._away = away

    def forget(self, live: Iterable[PeerEnd]) -> None:
        """Other ends than these are gone."""
        kept = set(live)
        self._ends = {end: exchange for end, exchange in self._ends.items() if end in kept}
        for key in [key for key in self._lists if key[0] not in kept]:
            del self._lists[key]

    def digest(self, user: int) -> int:
        """Of what is known that a user may know, too; never 0."""
        rooms = [room for room in self._statements.rooms if self._is_shared(room, user)]
        return self._statements.digest(sorted(rooms))

    def compare(self, end: PeerEnd, user: int, said: int, carried: int, now: float) -> list[Any]:
        """An end tells its digest, 0: it tells none. `carried`: the digest of what is carried here."""
        if not said or said == self.digest(user):
            return []
        exchange = self._ends.setdefault(end, _Exchange())
        if now < exchange.ask_at:
            return []
        exchange.ask_at = now + _AGAIN
        if not self._away:
            # It may have missed what this end knows, and asks when it sees that.
            return [wire.Digest(carried, 0, self.digest(user))]
        since, exchange.since = exchange.since, None
        return [wire.WantStatements(self._statements.number if since is None else since)]

    def take(self, end: PeerEnd, user: int, frame: wire.WantStatements | wire.Told, now: float) -> list[Any]:
        """A frame of `end`, of `user`. Raises ProtocolError."""
        exchange = self._ends.setdefault(end, _Exchange())
        if isinstance(frame, wire.Told):
            if exchange.told.take(now):
                raise ProtocolError("too many statements of a peer")
            self._take_told(end, exchange, frame, now)
            return []
        if exchange.asked.take(now):
            raise ProtocolError("too many statements asked for")
        return self._tell(user, frame.number)

    # --- Telling ------------------------------------------------------------------------------------------------------

    def _tell(self, user: int, number: int) -> list[wire.Told]:
        """What is newer: revoked devices first, then in the order of the numbers, so that the rest can be asked for."""
        try:
            statements = self._store.statements().statements
        except LocalStoreError:
            return []
        bodies = [(read_statement_untrusted(statement), statement) for statement in statements]
        newer = [(body, statement) for body, statement in bodies if body.number > number]
        newer.sort(key=lambda entry: (not isinstance(entry[0], RevocationsBody), entry[0].number))
        told: list[wire.Told] = []
        for body, statement in newer:
            parts = self._parts(body, statement, user)
            if told and len(told) + len(parts) > _PARTS_AT_ONCE:
                break
            told += parts
        return told

    def _parts(self, body: StatementBody, statement: Statement, user: int) -> list[wire.Told]:
        """With its list; nothing when that is not here, or the user may not know of it."""
        match body:
            case AccountBody():
                return [wire.Told(statement, 0)]
            case RevocationsBody():
                devices = self._statements.revoked_of(body)
                return [wire.Told(statement, n, [], part) for n, part in _split(devices or [], DEVICES_TOLD)]
            case RoomBody():
                if not self._is_shared(body.room, user) or self._statements.rooms[body.room] != body:
                    return []
                members = [
                    wire.Member(*member) for member in sorted((self._statements.members(body.room) or {}).items())
                ]
                return [wire.Told(statement, n, part) for n, part in _split(members, MEMBERS_TOLD)]

    # --- Hearing ------------------------------------------------------------------------------------------------------

    def _take_told(self, end: PeerEnd, exchange: _Exchange, frame: wire.Told, now: float) -> None:
        body = self._statements.open_untrusted(frame.statement)
        if not self._statements.lacks(body):
            return
        exchange.ask_at = min(exchange.ask_at, now + _NEXT)
        if isinstance(body, RevocationsBody):
            parts = self._collect(end, body, frame, -(-body.devices // DEVICES_TOLD))
        elif isinstance(body, RoomBody):
            parts = self._collect(end, body, frame, -(-body.members // MEMBERS_TOLD))
        else:
            parts = [frame]
        if parts is None:
            return
        members = {member.user: member.first_seq for part in parts for member in part.members}
        devices = [device for part in parts for device in part.devices]
        self._statements.take_given_untrusted(frame.statement, members, devices)
        if not isinstance(body, RevocationsBody):
            exchange.since = max(exchange.since or 0, body.number)

    def _collect(
        self, end: PeerEnd, body: RevocationsBody | RoomBody, frame: wire.Told, count: int
    ) -> list[wire.Told] | None:
        """All parts of a list, once they are here."""
        if frame.part >= count:
            raise ProtocolError("part that no list has")
        key = (end, *subject_of(body))
        known = self._lists.get(key)
        if known is None or known.number != body.number:
            known = self._lists[key] = _List(body.number, {})
        known.parts[frame.part] = frame
        if len(known.parts) == count:
            del self._lists[key]
            return [known.parts[part] for part in range(count)]
        while sum(len(waiting.parts) for waiting in self._lists.values()) > PARTS_MAX:
            self._lists.popitem(last=False)
        return None


def _split(items: Sequence[Any], size: int) -> Iterable[tuple[int, list[Any]]]:
    return [(start // size, list(items[start : start + size])) for start in range(0, len(items), size)]
