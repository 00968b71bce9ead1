"""The rooms of a session: who is subscribed, what came for which room, pages and NACKs within their bounds.

A room is wanted (told by log-in or RoomChanged), then subscribed as soon as the local copy could be read. Pages of at
most `pulls_at_once` rooms are under way at a time, none while the server is busy, and NACKs keep to the server's rate
over all rooms.
"""

from collections.abc import Callable, Iterable
from functools import partial

from lanchat.core.config import ClientConfig
from lanchat.core.context import CoreContext
from lanchat.core.events import OlderStored, RecordsStored, StopReason
from lanchat.core.people.authors import Authors
from lanchat.core.ports import LocalStoreError
from lanchat.core.rooms.delivery import DeliveryCursor
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.session.requests import Answer
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ROOMS_PER_SUBSCRIPTION
from lanchat.protocol.transport import Transport

# Octets of all rooms' records that wait above a gap, or for a signed head: a page of each of four rooms and what came
# live meanwhile takes a tenth. Beyond it the room that brought more begins again at its cursor.
ASIDE_OCTETS_MAX = 64 << 20


class RoomSet:
    """`on_stored` hears of each batch of records after it was stored, `on_cursor(room, seq)` how far a room is stored,
    `on_refused` when the server does not subscribe this session at all."""

    def __init__(
        self,
        config: ClientConfig,
        desk: CoreContext,
        authors: Authors,
        told: DeliveryCursor,
        on_stored: Callable[[RecordsStored], None],
        on_cursor: Callable[[int, int], None],
        on_refused: Callable[[], None],
    ) -> None:
        """`desk` sends and tells. `told` knows how far the shell was told of each room; `authors` takes in the
        certificates of pages."""
        self._config = config
        self._desk = desk
        self._authors = authors
        self._told = told
        self._on_stored = on_stored
        self._on_cursor = on_cursor
        self._on_refused = on_refused
        self._nacks = TokenBucket(config.nack_rate, config.nack_burst)
        self._rooms: dict[int, RoomReceiver] = {}
        self._wanted: dict[int, wire.Room] = {}
        self._dirty: dict[int, None] = {}
        self._older: dict[int, None] = {}
        # Rooms to the octets that wait in them.
        self._aside: dict[int, int] = {}
        self._pulls = 0
        # No page is asked for before: the server was busy.
        self._pulls_at = 0.0
        self._doubtful = False

    def clear(self) -> None:
        """The session ended."""
        self._rooms.clear()
        self._wanted.clear()
        self._dirty.clear()
        self._older.clear()
        self._aside.clear()
        self._pulls = 0
        self._pulls_at = 0.0

    def get(self, room: int) -> RoomReceiver | None:
        """The receiver of a room that was subscribed in this session, answered or not; else None."""
        return self._rooms.get(room)

    # --- Subscribing ------------------------------------------------------------------------------------------------

    def want(self, room: wire.Room) -> None:
        """The user is in this room; it is subscribed once per session."""
        if room.id not in self._rooms:
            self._wanted[room.id] = room

    def leave(self, room: int) -> None:
        """Forgets the room until `want` names it again: what still comes for it is dropped."""
        self._rooms.pop(room, None)
        self._wanted.pop(room, None)
        self._aside.pop(room, None)

    def subscribe(self, context: RoomContext) -> None:
        """Rooms that are wanted. Raises LocalStoreError; then they are still wanted."""
        while self._wanted:
            part = list(self._wanted.values())[:ROOMS_PER_SUBSCRIPTION]
            receivers = [RoomReceiver(room.id, room.first_seq, context) for room in part]
            for receiver in receivers:
                for missed in self._told.missed(receiver.room, receiver.span):
                    self._tell_stored(missed)
            for receiver in receivers:
                self._rooms[receiver.room] = receiver
                del self._wanted[receiver.room]
            operation = wire.Subscribe([receiver.room for receiver in receivers])
            self._desk.ask(operation, partial(self._subscribed, receivers))

    def _subscribed(self, receivers: list[RoomReceiver], answer: Answer) -> None:
        if not isinstance(answer, wire.Subscribed):
            # Refused, or no answer in time; not when the session ended, which took the rooms away.
            if any(self._rooms.get(receiver.room) is receiver for receiver in receivers):
                self._on_refused()
            return
        told = {head.room: head for head in answer.heads}
        for receiver in receivers:
            room = receiver.room
            if self._rooms.get(room) is not receiver:
                continue
            if room in told:
                receiver.subscribed(told[room], self._desk.now)
                self._dirty[room] = None
            else:
                # A membership that ended meanwhile: RoomGone is under way.
                del self._rooms[room]

    # --- Receiving ------------------------------------------------------------------------------------------------

    def take_records(self, frame: wire.Records) -> None:
        """Raises ProtocolError."""
        receiver = self._rooms.get(frame.room)
        if receiver is None:
            return
        if frame.head is not None and frame.head.room != frame.room:
            raise ProtocolError("head of another room")
        self._dirty[frame.room] = None
        receiver.take_records(frame.records, frame.head)
        self._bound(receiver)

    def take_heads(self, frame: wire.Heads) -> None:
        """Heads of rooms that are not subscribed are passed over. What a head proves is stored by `settle`."""
        for head in frame.heads:
            receiver = self._rooms.get(head.room)
            if receiver is not None:
                self._dirty[head.room] = None
                receiver.take_head(head)

    def take_lagging(self) -> None:
        """Live records were dropped, and nobody says of which rooms: each asks for a page."""
        for room, receiver in self._rooms.items():
            receiver.take_lagging(self._desk.now)
            self._dirty[room] = None

    def settle(self) -> None:
        """Store what is proven. Raises LocalStoreError; what was not stored is tried again by the next call."""
        for room in list(self._dirty):
            receiver = self._rooms.get(room)
            if receiver is not None:
                self._settle_room(receiver)
            del self._dirty[room]

    def _settle_room(self, receiver: RoomReceiver) -> None:
        for event in receiver.settle():
            if isinstance(event, RecordsStored):
                self._tell_stored(event)
            else:
                self._desk.tell(event)
        self._on_cursor(receiver.room, receiver.cursor)
        self._measure(receiver)

    def _measure(self, receiver: RoomReceiver) -> None:
        octets = receiver.aside_octets
        if octets:
            self._aside[receiver.room] = octets
        else:
            self._aside.pop(receiver.room, None)

    def _bound(self, receiver: RoomReceiver) -> None:
        """Keep what waits within its bound."""
        self._measure(receiver)
        if sum(self._aside.values()) > ASIDE_OCTETS_MAX:
            receiver.drop_aside(self._desk.now)
            self._measure(receiver)

    def _tell_stored(self, event: RecordsStored) -> None:
        self._told.note(event)
        self._on_stored(event)
        self._desk.tell(event)

    # --- Asking -----------------------------------------------------------------------------------------------------

    def ask(self, live_path: Transport) -> None:
        """NACKs and pages that are due."""
        for receiver in list(self._rooms.values()):
            wanted = receiver.want(self._desk.now)
            if isinstance(wanted, wire.Nack):
                self._nack(receiver, wanted, live_path)
            elif wanted is not None:
                self._pull(receiver, wanted)

    def _nack(self, receiver: RoomReceiver, nack: wire.Nack, live_path: Transport) -> None:
        now = self._desk.now
        wait = self._nacks.wait(now)
        if wait > 0.0:
            receiver.postpone(now + wait)
            return
        self._nacks.take(now)
        receiver.nacked(nack, now)
        self._doubtful |= receiver.nacks_in_a_row >= self._config.doubt_nacks
        self._desk.send(live_path, nack)

    def hurry(self, now: float) -> None:
        """What was asked for in a silence is asked for again."""
        for receiver in self._rooms.values():
            receiver.hurry(now)

    def take_doubt(self) -> bool:
        """Whether something was asked for since the last call that had stayed unanswered too often."""
        doubtful, self._doubtful = self._doubtful, False
        return doubtful

    def _pull(self, receiver: RoomReceiver, request: wire.History) -> None:
        now = self._desk.now
        if self._pulls >= self._config.pulls_at_once or now < self._pulls_at:
            receiver.postpone(max(now + self._config.gap_wait, self._pulls_at))
            return
        self._pulls += 1
        receiver.pulling(request, now)
        self._desk.ask(request, partial(self._pulled, receiver))

    def _pulled(self, receiver: RoomReceiver, answer: Answer) -> None:
        self._pulls = max(0, self._pulls - 1)
        self._dirty[receiver.room] = None
        if isinstance(answer, wire.Page):
            self._authors.learn_untrusted(answer.certificates)
            receiver.page(answer, self._desk.now)
            self._bound(receiver)
        else:
            now = self._desk.now
            refusal = answer if isinstance(answer, wire.Failure) else None
            retry = max(refusal.retry_ms / 1000 if refusal is not None else 0.0, self._config.pull_retry)
            receiver.pull_failed(now, retry)
            if refusal is not None and refusal.code == wire.Code.BUSY:
                # The rates are the account's: another room would be refused too.
                self._pulls_at = max(self._pulls_at, now + retry)

    def fetch_older(self, room: int) -> bool:
        """See ClientCore.fetch_older."""
        receiver = self._rooms.get(room)
        if receiver is None or receiver.stop is not None:
            return False
        if room in self._older:
            return True
        history = receiver.older()
        if history is None:
            return False
        self._older[room] = None
        self._desk.ask(history, partial(self._fetched_older, receiver))
        return True

    def _fetched_older(self, receiver: RoomReceiver, answer: Answer) -> None:
        self._older.pop(receiver.room, None)
        self._dirty[receiver.room] = None
        refusal = answer if isinstance(answer, wire.Failure) else None
        event = OlderStored(receiver.room, (), failed=True, refusal=refusal)
        try:
            if isinstance(answer, wire.Page):
                self._authors.learn_untrusted(answer.certificates)
                event = receiver.older_page(answer)
        except LocalStoreError as error:
            self._desk.trouble(error)
        finally:
            # Also when the page breaks the protocol and the connection ends: somebody waits.
            self._desk.tell(event)

    # --- How it is doing ----------------------------------------------------------------------------------------------

    def held(self) -> frozenset[int]:
        """Rooms whose messages must wait: the server has not shown yet, or has shown not to have, our history. A number
        in another history would not be worth its tick."""
        waiting = [room for room, receiver in self._rooms.items() if receiver.stop is not None or not receiver.joined]
        return frozenset((*waiting, *self._wanted))

    def stops(self) -> Iterable[StopReason]:
        """Why rooms are stopped: one entry for each of those."""
        return [receiver.stop for receiver in self._rooms.values() if receiver.stop is not None]

    def lagging(self) -> bool:
        """Whether a room has not caught up since the last `Lagging`."""
        return any(receiver.lagging for receiver in self._rooms.values())

    def all_live(self) -> bool:
        """Whether no room waits to be subscribed, and the history of each has reached its join head."""
        return not self._wanted and all(receiver.live for receiver in self._rooms.values())

    def timer(self) -> float | None:
        """When `ask` has something."""
        allowed = self._pulls < self._config.pulls_at_once
        pages_at = self._pulls_at if allowed and self._desk.now < self._pulls_at else None
        times = [receiver.timer(allowed and pages_at is None) for receiver in self._rooms.values()]
        times.append(pages_at)
        return min((when for when in times if when is not None), default=None)
