"""What sessions are told of each other and of the log: live records begin where the answer to a subscription says (I8),
and nobody is said to have received what he does not hold (the promise behind the ticks).
"""

from typing import Any

from lanchat.protocol import wire


class Telling:
    """Looks at frames on their way to a connection, and at what clients say of themselves."""

    def __init__(self, world: Any) -> None:
        self._world = world
        # Per session and room: the numbers that were handed over.
        self._handed: dict[tuple[Any, int], set[int]] = {}
        # The furthest that a copy of a user ever went, per room and user.
        self._held: dict[tuple[int, int], int] = {}

    # --- Live records -------------------------------------------------------------------------------------------------

    def handed(self, server: Any, session: int, frames: list[Any]) -> None:
        for frame in frames:
            if isinstance(frame, wire.Records):
                numbers = self._handed.setdefault((server, session), {}).setdefault(frame.room, set())
                numbers.update(record.seq for record in frame.records)
            elif isinstance(frame, wire.RoomCursors):
                self._receipts(frame.room, frame.cursors)
            elif isinstance(frame, wire.Response):
                self._answer(server, session, frame.result)

    def _answer(self, server: Any, session: int, result: Any) -> None:
        if isinstance(result, wire.Subscribed):
            for head in result.heads:
                self._begins_after(server, session, head)
        elif isinstance(result, wire.CursorList):
            pass

    def _begins_after(self, server: Any, session: int, head: Any) -> None:
        """Everything that was committed after this head and told to anybody was handed to this session as well."""
        known = server.core.sessions.get(session)
        present = server.core.heads[head.room]
        if known is None or head.room in known.lagging or session in server.cut_off:
            return
        handed = self._handed.get((server, session), {}).get(head.room, set())
        unannounced = self._world.ledger.rooms[head.room].unannounced
        missing = [seq for seq in range(head.seq + 1, present.seq + 1) if seq not in handed and seq not in unannounced]
        if missing:
            raise self._world.fail_now("I8", f"live begins after {head.seq} in room {head.room}, without {missing}")

    # --- Receipts -----------------------------------------------------------------------------------------------------

    def kept(self, user: int, room: int, seq: int) -> None:
        """A copy of this user goes up to here."""
        if seq > self._held.get((room, user), 0):
            self._held[room, user] = seq

    def says(self, user: int, cursors: list[wire.Cursor]) -> None:
        """A client says how far it is."""
        for cursor in cursors:
            self._check(cursor.room, user, cursor.received, cursor.read)

    def _receipts(self, room: int, cursors: list[wire.MemberCursor]) -> None:
        for cursor in cursors:
            self._check(room, cursor.user, cursor.received, cursor.read)

    def _check(self, room: int, user: int, received: int, read: int) -> None:
        held = self._held.get((room, user), 0)
        if not read <= received <= held and not self._world.may_fork:
            raise self._world.fail_now("receipt", f"user {user} has {held} of room {room}, told was {received}, {read}")
