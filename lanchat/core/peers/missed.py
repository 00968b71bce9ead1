"""Single records that got lost, asked of another client when the server does not answer in time.

What comes is kept until, with what waits in the room, it reaches a head that the log signed (core/rooms/chain.py).
"""

from collections.abc import Callable, Sequence
from typing import Any

from lanchat.core.peers.records import Copies
from lanchat.core.people.statements import KnownStatements
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import INLINE_BODY_MAX, PEERS_MAX
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.log.records import Record

# Records that are asked for at a time, of all rooms; what comes takes 1 KiB each.
ASKED_MAX = 64
_AT_ONCE = 8
# What did not come is asked of another end.
_PATIENCE = 1.0
# Of one end: records that it is given, each read from the disk.
_GIVEN_RATE, _GIVEN_BURST = 20.0, 40.0


class MissedRecords:
    """Of a client of `user`."""

    def __init__(
        self,
        user: int,
        statements: KnownStatements,
        copies: Copies,
        take: Callable[[int, Sequence[Record]], None],
    ) -> None:
        """`take(room, records)`: what was given of a room; raises ProtocolError when it is not what the log has."""
        self._user = user
        self._statements = statements
        self._copies = copies
        self._take = take
        # Whom a record was asked of, and until when that counts; and what came.
        self._asked: dict[tuple[int, int], tuple[PeerEnd, float]] = {}
        self._given: dict[tuple[int, int], Record] = {}
        self._buckets: dict[PeerEnd, TokenBucket] = {}

    def may_read(self, room: int, user: int, seq: int) -> bool:
        """Whether a record may be given to this user, who is in a room of ours."""
        members = self._statements.members(room)
        return members is not None and self._user in members and 0 < members.get(user, 0) <= seq

    def ask(self, end: PeerEnd, room: int, missing: Sequence[int], now: float) -> list[Any]:
        """The question to an end whose user is in the room."""
        self._asked = {name: asked for name, asked in self._asked.items() if asked[1] > now}
        self._given = {name: record for name, record in self._given.items() if name in self._asked}
        wanted = [seq for seq in missing if (room, seq) not in self._asked]
        wanted = wanted[: min(_AT_ONCE, ASKED_MAX - len(self._asked))]
        self._asked |= {(room, seq): (end, now + _PATIENCE) for seq in wanted}
        return [wire.WantMissed(room, wanted)] if wanted else []

    def hand_out(self, end: PeerEnd, user: int, frame: wire.WantMissed, now: float) -> list[Any]:
        """Those that are here and fit a datagram. Raises ProtocolError, LocalStoreError."""
        if not all(self.may_read(frame.room, user, seq) for seq in frame.missing):
            raise ProtocolError("records that the user may not read")
        if len(self._buckets) > PEERS_MAX:
            self._buckets.clear()
        bucket = self._buckets.setdefault(end, TokenBucket(_GIVEN_RATE, _GIVEN_BURST))
        if bucket.take(now, len(frame.missing) or 1):
            raise ProtocolError("too many records asked for")
        found = [record for seq in frame.missing for record in self._copies.records(frame.room, seq, seq)]
        return [wire.Missed(frame.room, record) for record in found if len(record.body or b"") <= INLINE_BODY_MAX]

    def take(self, end: PeerEnd, frame: wire.Missed, now: float) -> None:
        """What was asked of this end. Raises ProtocolError."""
        name = frame.room, frame.record.seq
        asked, until = self._asked.get(name, (None, 0.0))
        if asked != end or now >= until:
            return
        self._given[name] = frame.record
        try:
            self._take(frame.room, [record for (room, _), record in self._given.items() if room == frame.room])
        except ProtocolError:
            self._given = {name: record for name, record in self._given.items() if name[0] != frame.room}
            raise
