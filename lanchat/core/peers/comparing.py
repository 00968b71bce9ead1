"""What two ends tell each other to find out what one of them lacks: frames in, frames out."""

from collections.abc import Callable, Iterable
from typing import Any

from lanchat.core.peers.carried import CarriedMessages
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import MessageKey

# One holder is asked at a time, another one when nothing came.
_ASK_AGAIN = 1.0
_ROOMS_AT_ONCE = 8
_ROOMS_IN_A_FRAME = 48
_RUNS_IN_A_FRAME = 10
_NAMES_IN_A_FRAME = 16
NAMES_AT_ONCE = 64


class Comparison:
    """Of what is carried with what others carry. `is_shared(room, user)`: both this user and that one are in a room."""

    def __init__(self, carried: CarriedMessages, is_shared: Callable[[int, int], bool]) -> None:
        """Nothing is asked for."""
        self._carried = carried
        self._is_shared = is_shared
        # Until when nobody else is asked for a message, and when those that are over were last dropped.
        self._asked: dict[MessageKey, float] = {}
        self._dropped_at = 0.0

    def _shared(self, user: int) -> list[int]:
        """Rooms of which something is carried, and that both are in."""
        return [room for room in sorted(self._carried.rooms()) if self._is_shared(room, user)]

    def digest(self, user: int) -> int:
        """Of everything that is shared with a user."""
        rooms = [(room, self._carried.digest(room)) for room in self._shared(user)]
        octets = [room.to_bytes(8, "big") + digest.to_bytes(8, "big") for room, digest in rooms if digest]
        return int.from_bytes(sha256(*octets)[:8], "big") >> 1 if octets else 0

    def rooms(self, user: int) -> list[Any]:
        """The answer to another digest."""
        rooms = [wire.RoomDigest(room, self._carried.digest(room)) for room in self._shared(user)]
        starts = range(0, max(1, len(rooms)), _ROOMS_IN_A_FRAME)
        return [wire.RoomDigests(rooms[start : start + _ROOMS_IN_A_FRAME]) for start in starts]

    def names(self, user: int, rooms: Iterable[wire.RoomDigest]) -> list[Any]:
        """What is carried of the rooms that differ, some at a time."""
        theirs = {digest.room: digest.digest for digest in rooms}
        mine = {room: self._carried.digest(room) for room in self._shared(user)}
        differing = [room for room in {**theirs, **mine} if theirs.get(room, 0) != mine.get(room, 0)]
        shared = [room for room in differing[:_ROOMS_AT_ONCE] if self._is_shared(room, user)]
        return [frame for room in shared for frame in self._holds(room, answer=True)]

    def _holds(self, room: int, *, answer: bool) -> list[wire.Holds]:
        runs = self._carried.held(room)
        starts = range(0, max(1, len(runs)), _RUNS_IN_A_FRAME)
        return [wire.Holds(room, runs[start : start + _RUNS_IN_A_FRAME], answer and not start) for start in starts]

    def missing(self, user: int, frame: wire.Holds, now: float, most: int) -> list[MessageKey]:
        """What to ask for of what the other end holds, `most` at most. Raises ProtocolError for a room that is not
        shared."""
        if not self._is_shared(frame.room, user):
            raise ProtocolError("message of a room that is not shared")
        if now >= self._dropped_at + _ASK_AGAIN:
            self._asked = {key: until for key, until in self._asked.items() if until > now}
            self._dropped_at = now
        missing = [key for key in self._carried.missing(frame.room, frame.runs) if self._asked.get(key, 0.0) <= now][
            :most
        ]
        self._asked |= dict.fromkeys(missing, now + _ASK_AGAIN)
        return missing

    def reply(self, frame: wire.Holds, missing: list[MessageKey]) -> list[Any]:
        """The question for what is missing, and what is carried here when the other end wants to know."""
        names = [wire.MessageName(*key) for key in missing]
        starts = range(0, len(names), _NAMES_IN_A_FRAME)
        wanted = [wire.Want(names[start : start + _NAMES_IN_A_FRAME]) for start in starts]
        return [*wanted, *(self._holds(frame.room, answer=False) if frame.answer else [])]
