"""The rooms of this user: subscriptions of the session, what came for which room, pages and NACKs within their bounds.

A room has a receiver from its first subscription until this user is no longer in it (room.py), and in each session a
subscription (subscription.py). It is wanted (told by log-in or RoomChanged), then subscribed as soon as the local copy
could be read. Pages of at most `pulls_at_once` rooms are under way at a time, none while the server is busy, and NACKs
keep to the server's rate over all rooms.

What happens in one room costs the same however many rooms there are: only those that something came for are looked at,
and those that have something to ask for.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from lanchat.core.context import CoreContext
from lanchat.core.events import Event, OlderStored, RecordsStored, StopReason
from lanchat.core.people.authors import Authors
from lanchat.core.ports import LocalStoreError
from lanchat.core.rooms.copies import RoomCopies
from lanchat.core.rooms.delivery import DeliveryCursor
from lanchat.core.rooms.room import RoomContext, RoomReceiver
from lanchat.core.rooms.source import RecordSource
from lanchat.core.rooms.subscription import RoomSubscription
from lanchat.core.session.requests import Answer
from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import ROOMS_PER_SUBSCRIPTION
from lanchat.protocol.log.records import Record

_NO_ROOMS: frozenset[int] = frozenset()


class RoomSet:
    """`on_stored` hears of each batch of records after it was stored, `on_cursor(room, seq)` how far a room is stored,
    `on_refused` when the server does not subscribe this session at all."""

    # Told of what the server was asked for before and has not given; set by who may ask somebody else.
    ask_others: Callable[[wire.Nack], None] | None = None

    def __init__(
        self,
        context: RoomContext,
        core_context: CoreContext,
        source: RecordSource,
        authors: Authors,
        told: DeliveryCursor,
        on_stored: Callable[[RecordsStored], None],
        on_cursor: Callable[[int, int], None],
        on_refused: Callable[[], None],
    ) -> None:
        """`source` is asked. `told` knows how far the shell was told of each room; `authors` takes in the certificates
        of pages."""
        self._context = context
        self._config = config = context.config
        self._core_context = core_context
        self._source = source
        self._authors = authors
        self._told = told
        self._on_stored = on_stored
        self._on_cursor = on_cursor
        self._on_refused = on_refused
        self._nacks = TokenBucket(config.nack_rate, config.nack_burst)
        self._receivers: dict[int, RoomReceiver] = {}
        self.copies = RoomCopies(context.store, self._receivers, self._make_receiver, self._settle_receiver)
        self._rooms: dict[int, RoomSubscription] = {}
        self._wanted: dict[int, wire.Room] = {}
        # Rooms to be settled; those whose state may have changed since it was looked at last; those that have something
        # to ask for, now or at a time.
        self._dirty: dict[int, None] = {}
        self._touched: dict[int, None] = {}
        self._asking: dict[int, None] = {}
        # By state: rooms that hold their messages back, that are not live, that lag, that are stopped.
        self._held: dict[int, None] = {}
        self._not_live: dict[int, None] = {}
        self._lagging: dict[int, None] = {}
        self._stopped: dict[int, StopReason] = {}
        self._older: dict[int, None] = {}
        # Rooms to the octets that wait in them.
        self._aside: dict[int, int] = {}
        self._pulls = 0
        # No page is asked for before: the server was busy.
        self._pulls_at = 0.0
        self._unanswered = False

    def clear(self) -> None:
        """The session ended."""
        for receiver in self._receivers.values():
            receiver.detach()
            self._measure(receiver)
        self._rooms.clear()
        self._wanted.clear()
        for kept in (self._dirty, self._older, *self._by_state()):
            kept.clear()
        self._pulls = 0
        self._pulls_at = 0.0

    def get(self, room: int) -> RoomReceiver | None:
        """The receiver of a room that was subscribed in this session, answered or not; else None."""
        subscription = self._rooms.get(room)
        return subscription.receiver if subscription is not None else None

    # --- Subscribing ------------------------------------------------------------------------------------------------

    def want(self, room: wire.Room) -> None:
        """The user is in this room; it is subscribed once per session."""
        if room.id not in self._rooms:
            self._wanted[room.id] = room

    def leave(self, room: int) -> None:
        """Forgets the room until `want` names it again: what still comes for it is dropped."""
        self._rooms.pop(room, None)
        self._receivers.pop(room, None)
        self._wanted.pop(room, None)
        self._aside.pop(room, None)
        self._forget_state(room)

    def _forget_state(self, room: int) -> None:
        for kept in self._by_state():
            kept.pop(room, None)

    def _by_state(self) -> tuple[dict[int, Any], ...]:
        return (self._touched, self._asking, self._held, self._not_live, self._lagging, self._stopped)

    def subscribe(self) -> None:
        """Rooms that are wanted. Raises LocalStoreError; then they are still wanted."""
        while self._wanted:
            part = list(self._wanted.values())[:ROOMS_PER_SUBSCRIPTION]
            subscriptions = [self._attach(room) for room in part]
            for subscription in subscriptions:
                for missed in self._told.missed(subscription.room, subscription.receiver.span):
                    self._emit_stored(missed)
            for subscription in subscriptions:
                self._rooms[subscription.room] = subscription
                self._touched[subscription.room] = None
                del self._wanted[subscription.room]
            operation = wire.Subscribe([subscription.room for subscription in subscriptions])
            self._core_context.request(operation, partial(self._subscribed, subscriptions))

    def _attach(self, room: wire.Room) -> RoomSubscription:
        receiver = self._receivers.get(room.id) or self._make_receiver(room.id)
        receiver.attach(room.first_seq)
        self._receivers[room.id] = receiver
        return RoomSubscription(receiver, self._source, self._context)

    def _make_receiver(self, room: int) -> RoomReceiver:
        return RoomReceiver(room, self._context)

    def _is_current(self, subscription: RoomSubscription) -> bool:
        """Whether its session goes on, and the user is in the room."""
        return self._rooms.get(subscription.room) is subscription

    def _subscribed(self, subscriptions: list[RoomSubscription], answer: Answer) -> None:
        current = [subscription for subscription in subscriptions if self._is_current(subscription)]
        if not isinstance(answer, wire.Subscribed):
            # Refused, or no answer in time; not when the session ended, which took the subscriptions away.
            if current:
                self._on_refused()
            return
        told = {head.room: head for head in answer.heads}
        for subscription in current:
            room = subscription.room
            if room in told:
                subscription.subscribed(told[room], self._core_context.now)
                self._touch(room)
            else:
                # A membership that ended meanwhile: RoomGone is under way.
                del self._rooms[room]
                self._forget_state(room)
                subscription.receiver.detach()

    # --- Receiving ------------------------------------------------------------------------------------------------

    def take_records(self, frame: wire.Records) -> None:
        """Raises ProtocolError."""
        subscription = self._rooms.get(frame.room)
        if subscription is None:
            return
        if frame.head is not None and frame.head.room != frame.room:
            raise ProtocolError("head of another room")
        self._touch(frame.room)
        subscription.take_records(frame.records, frame.head)
        self._bound(subscription)

    def take_given_untrusted(self, room: int, records: Sequence[Record]) -> None:
        """What another client gave of records that were missing. Raises ProtocolError."""
        subscription = self._rooms.get(room)
        if subscription is not None:
            self._touch(room)
            subscription.receiver.take_given_untrusted(records)

    def take_heads(self, frame: wire.Heads) -> None:
        """Heads of rooms that are not subscribed are passed over. What a head proves is stored by `settle`."""
        for head in frame.heads:
            subscription = self._rooms.get(head.room)
            if subscription is not None:
                self._touch(head.room)
                subscription.receiver.take_head(head)

    def take_lagging(self) -> None:
        """Live records were dropped, and nobody says of which rooms: each asks for a page."""
        for room, subscription in self._rooms.items():
            subscription.take_lagging(self._core_context.now)
            self._touch(room)

    def _touch(self, room: int) -> None:
        self._dirty[room] = None
        self._touched[room] = None

    def settle(self) -> None:
        """Store what is proven. Raises LocalStoreError; what was not stored is tried again by the next call."""
        for room in list(self._dirty):
            subscription = self._rooms.get(room)
            if subscription is not None:
                self._touched[room] = None
                self._settle_receiver(subscription.receiver, subscription.settle)
            del self._dirty[room]

    def _settle_receiver(self, receiver: RoomReceiver, settle: Callable[[], list[Event]] | None = None) -> None:
        for event in settle() if settle is not None else receiver.settle():
            if isinstance(event, RecordsStored):
                self._emit_stored(event)
            else:
                self._core_context.emit(event)
        self._on_cursor(receiver.room, receiver.cursor)
        self._measure(receiver)

    def _measure(self, receiver: RoomReceiver) -> None:
        octets = receiver.aside_octets
        if octets:
            self._aside[receiver.room] = octets
        else:
            self._aside.pop(receiver.room, None)

    def _bound(self, subscription: RoomSubscription) -> None:
        """Keep what waits within its bound."""
        self._measure(subscription.receiver)
        if sum(self._aside.values()) > self._config.aside_octets:
            subscription.drop_aside(self._core_context.now)
            self._measure(subscription.receiver)

    def _emit_stored(self, event: RecordsStored) -> None:
        self._told.note(event)
        self._on_stored(event)
        self._core_context.emit(event)

    # --- Asking -----------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """NACKs and pages that are due."""
        for room in self._touched:
            self._review(self._rooms[room])
        self._touched.clear()
        for room in list(self._asking):
            subscription = self._rooms[room]
            wanted = subscription.want(self._core_context.now)
            if isinstance(wanted, wire.Nack):
                self._nack(subscription, wanted)
            elif wanted is not None:
                self._pull(subscription, wanted)
            if subscription.timer(True) is None:
                del self._asking[room]

    def _review(self, subscription: RoomSubscription) -> None:
        """Which states a room is in."""
        room, receiver = subscription.room, subscription.receiver
        _put(self._held, room, receiver.stop is not None or not subscription.joined)
        _put(self._not_live, room, not receiver.live)
        _put(self._lagging, room, subscription.lagging)
        self._asking[room] = None
        if receiver.stop is not None:
            self._stopped[room] = receiver.stop

    def _nack(self, subscription: RoomSubscription, nack: wire.Nack) -> None:
        now = self._core_context.now
        wait = self._nacks.wait(now)
        if wait > 0.0:
            subscription.postpone(now + wait)
            return
        self._nacks.take(now)
        subscription.nacked(nack, now)
        self._unanswered |= subscription.nacks_in_a_row >= self._config.doubt_nacks
        subscription.source.send_nack(nack)
        if self.ask_others is not None and subscription.nacks_in_a_row > 1 and nack.missing:
            self.ask_others(nack)

    def retry_soon(self, now: float) -> None:
        """What was asked for in a silence is asked for again."""
        for room, subscription in self._rooms.items():
            subscription.retry_soon(now)
            self._asking[room] = None

    def pop_unanswered(self) -> bool:
        """Whether something was asked for since the last call that had stayed unanswered too often."""
        doubtful, self._unanswered = self._unanswered, False
        return doubtful

    def _pull(self, subscription: RoomSubscription, request: wire.History) -> None:
        now = self._core_context.now
        if self._pulls >= self._config.pulls_at_once or now < self._pulls_at:
            subscription.postpone(max(now + self._config.gap_wait, self._pulls_at))
            return
        self._pulls += 1
        subscription.pulling(request, now)
        subscription.source.ask_page(request, partial(self._pulled, subscription))

    def _pulled(self, subscription: RoomSubscription, answer: Answer) -> None:
        self._pulls = max(0, self._pulls - 1)
        if isinstance(answer, wire.Page):
            self._authors.learn_untrusted(answer.certificates)
        current = self._is_current(subscription)
        if current:
            self._touch(subscription.room)
        if not isinstance(answer, wire.Page):
            self._pull_failed(subscription, answer if isinstance(answer, wire.Failure) else None)
        elif current:
            subscription.page(answer, self._core_context.now)
            self._bound(subscription)

    def _pull_failed(self, subscription: RoomSubscription, refusal: wire.Failure | None) -> None:
        now = self._core_context.now
        retry = max(refusal.retry_ms / 1000 if refusal is not None else 0.0, self._config.pull_retry)
        subscription.pull_failed(now, retry)
        if refusal is not None and refusal.code == wire.Code.BUSY:
            # The rates are the account's: another room would be refused too.
            self._pulls_at = max(self._pulls_at, now + retry)

    def fetch_older(self, room: int) -> bool:
        """See ClientCore.fetch_older."""
        subscription = self._rooms.get(room)
        if subscription is None or subscription.receiver.stop is not None:
            return False
        if room in self._older:
            return True
        history = subscription.older()
        if history is None:
            return False
        self._older[room] = None
        subscription.source.ask_page(history, partial(self._fetched_older, subscription))
        return True

    def _fetched_older(self, subscription: RoomSubscription, answer: Answer) -> None:
        room = subscription.room
        self._older.pop(room, None)
        if room in self._rooms:
            self._touch(room)
        refusal = answer if isinstance(answer, wire.Failure) else None
        event = OlderStored(room, (), failed=True, refusal=refusal)
        try:
            if isinstance(answer, wire.Page) and self._is_current(subscription):
                self._authors.learn_untrusted(answer.certificates)
                event = subscription.older_page(answer)
        except LocalStoreError as error:
            self._core_context.store_failed(error)
        finally:
            # Also when the page breaks the protocol and the connection ends: somebody waits.
            self._core_context.emit(event)

    # --- How it is doing ----------------------------------------------------------------------------------------------

    def held(self) -> frozenset[int]:
        """Rooms whose messages must wait: the server has not shown yet, or has shown not to have, our history. A number
        in another history would not be worth its tick."""
        return frozenset((*self._held, *self._wanted)) if self._held or self._wanted else _NO_ROOMS

    def stops(self) -> Iterable[StopReason]:
        """Why rooms are stopped: one entry for each of those."""
        return self._stopped.values()

    def stopped(self) -> Iterable[tuple[int, StopReason]]:
        """Rooms that are stopped, and why."""
        return self._stopped.items()

    def forked(self, room: int) -> None:
        """The server says that it has other records of this room."""
        subscription = self._rooms.get(room)
        if subscription is not None:
            subscription.receiver.forked()
            self._touch(room)

    def lagging(self) -> bool:
        """Whether a room has not caught up since the last `Lagging`."""
        return bool(self._lagging)

    def all_live(self) -> bool:
        """Whether no room waits to be subscribed, and the history of each has reached its join head."""
        return not self._wanted and not self._not_live

    def timer(self) -> float | None:
        """When `ask` has something."""
        allowed = self._pulls < self._config.pulls_at_once
        pages_at = self._pulls_at if allowed and self._core_context.now < self._pulls_at else None
        if not self._asking:
            return pages_at
        times = [self._rooms[room].timer(allowed and pages_at is None) for room in self._asking]
        return earliest(pages_at, *times)


def _put(rooms: dict[int, None], room: int, is_in: bool) -> None:
    if is_in:
        rooms[room] = None
    else:
        rooms.pop(room, None)
