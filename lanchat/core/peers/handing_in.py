"""What is carried for others goes to the server when it is back: after everybody's own, and not by all at once."""

from collections.abc import Callable, Iterable

from lanchat.core.context import CoreContext
from lanchat.core.peers.carried import Carried, CarriedMessages
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.limits import SUBMIT_OCTETS_MAX, Limits
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.transport import Transport

# Seconds after log-in, for up to ten people; proportionally longer for more. By then the authors' own messages and
# those of the first carriers are in the log.
_FIRST, _LAST = 0.5, 3.0
_PEOPLE = 10
# What was not decided is handed in again, at distances that double: the server waits 10 s for an author before it
# accepts a gap, and never answers what a device made that was revoked.
_AGAIN, _LONGEST = 5.0, 600.0


class HandIn:
    """Of what does not wait in the outbox."""

    def __init__(
        self,
        core_context: CoreContext,
        carried: CarriedMessages,
        waits: Callable[[MessageKey], bool],
        random: Callable[[], float],
    ) -> None:
        """Not in a session. `waits`: whether a message is in the outbox, which hands it in by itself."""
        self._core_context = core_context
        self._carried = carried
        self._waits = waits
        self._random = random
        self._limits = Limits()
        self._due: float | None = None
        # When each is handed in again, and the distance before that.
        self._handed: dict[MessageKey, tuple[float, float]] = {}

    def begin_session(self, limits: Limits, people: int) -> None:
        """The server proved itself and has this client logged in. `people`: in the office."""
        self._limits = limits
        self._handed.clear()
        wait = _FIRST + (_LAST - _FIRST) * self._random()
        self._due = self._core_context.now + wait * max(1.0, people / _PEOPLE)

    def end_session(self) -> None:
        """Nothing can be handed in."""
        self._due = None

    def news(self) -> None:
        """Something came over a link while the server is there: somebody else cannot reach it."""
        if self._due is None:
            self._due = self._core_context.now + _FIRST + (_LAST - _FIRST) * self._random()

    def busy(self, not_taken: Iterable[wire.NotTaken], until: float) -> None:
        """The server took none of these now, and may then: as if they had not been handed in."""
        runs = {(part.room, part.device, part.run): part for part in not_taken}
        for key in self._handed:
            part = runs.get(key[:3])
            if part is not None and part.n <= key.n <= part.last:
                self._handed[key] = until, _AGAIN / 2
                self._due = min(until, self._due) if self._due is not None else until

    def timer(self) -> float | None:
        """When `settle` has something to hand in."""
        return earliest(self._due)

    def settle(self) -> None:
        """Hand in what is due: as many as this session may send in the time until the next look."""
        now = self._core_context.now
        if self._due is None or now < self._due:
            return
        self._handed = {key: handed for key, handed in self._handed.items() if self._carried.get(key) is not None}
        self._due = now + _AGAIN if len(self._carried) else None
        waiting = self._waiting()
        if not waiting:
            return
        part: list[Carried] = []
        octets = 0
        for item in waiting:
            octets += len(item.message.header) + len(item.message.body) + 80
            if part and (octets > SUBMIT_OCTETS_MAX or len(part) >= self._limits.message_burst):
                break
            part.append(item)
        for item in part:
            distance = min(2 * self._handed.get(item.header.key, (0.0, _AGAIN / 2))[1], _LONGEST)
            self._handed[item.header.key] = now + distance, distance
        messages: list[Message] = [item.message for item in part]
        self._core_context.send(Transport.TLS, wire.Submit(messages))
        if len(part) < len(waiting):
            self._due = now + max(len(part) / self._limits.message_rate, 0.2)

    def _waiting(self) -> list[Carried]:
        """In their authors' order; what waits longest for an answer last."""
        now = self._core_context.now
        due = [item for item in self._carried.all() if now >= self._handed.get(item.header.key, (now, 0.0))[0]]
        due = [item for item in due if not self._waits(item.header.key)]
        return sorted(due, key=lambda item: (item.header.room, item.header.device, item.header.run, item.header.n))
