"""One room of the log, as long as the core knows it: records and heads from any source, checked, in order, stored.

    take_records, take_head   what a source brought: linked, or put aside above a gap
    take_base, take_page      pages that were asked for (subscription.py)
    settle()                  stores and reports what a signed head covers, and nothing else

A record counts when it is contiguous and the chain hash at or above it equals a signed head's. The cursor moves only
with the store's transaction: when the store raises, everything here stays as it was and the next `settle` tries again.

A mismatch between linked records and a signed head is not yet a fork: what came live is dropped, and the same numbers
are read as pages from the server that proved its identity (`strict`). When those do not fit either, or what does not
fit is stored already, the server has another history: the room stops and keeps what it has.

A server whose head is below what was stored before the subscription has lost records (or was restored from a backup):
the room stops as well. Old heads that come late are no such sign; they are compared by hash.

States:

    detached   No session with the server, or one that has not come to this room. What is linked or put aside above a
               gap is kept, within its bounds (chain.py, `aside_octets` for all rooms); proven records that another
               source brings are stored.
    attached   A session wants the room (`attach`). The span is read again: when another process moved it, or it was
               erased, what was kept is dropped and the chain begins at the stored cursor. Heads, stop and doubt of
               earlier sessions count no longer: what this session shows decides. Live records may come already;
               nothing is stored before the server has said where it stands.
    joined     The subscription was answered with a signed head (`subscribed`). What was kept is dropped when that head
               is of another epoch than it (a restored log may have other records under the same numbers) or below it
               (the server has lost records that it sent); else it is linked on as if there had been no break. When
               this user left and came back (`first_seq` above cursor + 1), the span begins anew above the hole.
    live       Everything up to that head is stored.
    stopped    Forked, or the server is behind: nothing is taken until the session ends. Then what is above the cursor
               is dropped.

What makes the first span of a room (the base page, and live records before it) belongs to the session in which it was
asked for, and is dropped with it. A receiver itself is dropped when the user is no longer in the room.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from lanchat.core.config import ClientConfig
from lanchat.core.events import Event, LinkedRecord, OlderStored, RoomStopped, RoomWentLive, StopReason
from lanchat.core.ports import ChainLink, Forked, LogStore, StoredSpan
from lanchat.core.rooms.chain import Chain, Contradiction, link_untrusted, record_octets, records_stored
from lanchat.core.rooms.heads import HeadBook
from lanchat.core.rooms.source import RecordSource
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.records import Head, Record, genesis_hash
from lanchat.protocol.wire import Page


class RoomContext(msgspec.Struct, frozen=True):
    """What all rooms of a core share. `check_head`: the log signed it, in this epoch."""

    log_id: bytes
    config: ClientConfig
    store: LogStore
    random: Callable[[], float]
    check_head: Callable[[Head], bool]


class RoomReceiver:
    """Methods that take something from outside raise ProtocolError; those that store raise LocalStoreError."""

    def __init__(self, room: int, context: RoomContext) -> None:
        """Detached, and nothing is read yet."""
        self.room = room
        # The lowest number that this user may read.
        self.first_seq = 1
        self.stop: StopReason | None = None
        self.live = False
        # What came live did not fit: only pages are believed.
        self.strict = False
        # The head that answered the subscription; live begins after it.
        self.join: Head | None = None
        # Until there is a chain: the page that makes the base, and what came live.
        self.base: Page | None = None
        self._early: dict[int, Record] = {}
        self._context = context
        self._attached = False
        self._heads = HeadBook(context.check_head, context.config.heads_max)
        self._span: StoredSpan | None = None
        # What is linked and put aside above the cursor; None before anything is stored.
        self.chain: Chain | None = None
        self._cursor_before = 0
        # The epoch that the last session joined, and the highest number that was kept from it, 0 for none.
        self._epoch: int | None = None
        self._kept = 0
        self._events: list[Event] = []

    @property
    def cursor(self) -> int:
        """The last stored number, 0 before anything is stored."""
        return self.chain.cursor if self.chain is not None else 0

    @property
    def span(self) -> StoredSpan | None:
        """What was stored when the room was attached, or began since; None before there is anything."""
        return self._span

    @property
    def goal(self) -> int:
        """The highest number that the log is known to have, 0 for none above the cursor."""
        best = self._heads.best()
        return best.seq if best is not None else 0

    @property
    def top(self) -> int:
        """The highest number that is put aside or linked, the cursor for none; 0 before anything is stored."""
        chain = self.chain
        return max(chain.end, max(chain.waiting, default=0)) if chain is not None else 0

    @property
    def aside_octets(self) -> int:
        """What waits in memory for records before it, for a signed head, or for the local copy."""
        octets = self.chain.octets if self.chain is not None else 0
        if not self._early and self.base is None:
            return octets
        for records in (self._early.values(), self.base.records if self.base is not None else ()):
            octets += sum(map(record_octets, records))
        return octets

    def drop_aside(self) -> None:
        """Forget it."""
        if self.chain is not None:
            self.chain.drop()
        self._early.clear()
        self.base = None

    # --- Sessions -------------------------------------------------------------------------------------------------

    def attach(self, first_seq: int) -> None:
        """A session begins. Raises LocalStoreError; then it is not attached."""
        self.detach()
        self._span = self._context.store.span(self.room)
        if not self._continues(self._span):
            self.chain = self._begin_chain(self._span) if self._span is not None else None
        self.first_seq = first_seq
        self._heads = HeadBook(self._context.check_head, self._context.config.heads_max)
        # Live records may overtake the answer to the subscription; what was here before them counts.
        self._cursor_before = self.cursor
        self._kept = self.top if self.top > self.cursor else 0
        self._attached = True

    def detach(self) -> None:
        """The session ended."""
        if self.stop is not None and self.chain is not None:
            self.chain.drop()
        self.stop = None
        self.live = self.strict = self._attached = False
        self.join = None
        self.base = None
        self._early.clear()
        # What was stored and not told is told from the store (delivery.py).
        self._events.clear()

    def _continues(self, span: StoredSpan | None) -> bool:
        """Whether the chain stands where the local copy does."""
        chain = self.chain
        if span is None or chain is None:
            return False
        return chain.cursor == span.cursor and chain.hash_at(span.cursor) == span.cursor_hash

    def _begin_chain(self, span: StoredSpan) -> Chain:
        return Chain(self._context.log_id, self.room, span, self._context.config)

    def subscribed(self, head: Head) -> None:
        """The server registered this session and stands at `head`."""
        self.prove(head)
        if head.seq == 0 and head.hash != genesis_hash(self._context.log_id, self.room):
            raise ProtocolError("empty room with another beginning")
        if self._kept and (head.epoch != self._epoch or head.seq < self._kept):
            self.drop_aside()
        self._epoch = head.epoch
        self.join = head
        if self.chain is None or self.first_seq > self.chain.cursor + 1:
            self.chain = None
            if head.seq + 1 < self.first_seq:
                # What was said before this user came is to come back first.
                self._halt(StopReason.SERVER_BEHIND)
        elif head.seq < self._cursor_before:
            self._halt(StopReason.SERVER_BEHIND)
        else:
            self.take_head(head)

    def prove(self, head: Head) -> None:
        """Raises ProtocolError unless the log signed it for this room."""
        if head.room != self.room or not self._heads.prove(head):
            raise ProtocolError("head is not signed by the log")

    # --- From outside ---------------------------------------------------------------------------------------------

    def take_records(self, source: RecordSource, records: list[Record], head: Head | None) -> None:
        """Live or repaired records, perhaps with gaps, and the head that came with them."""
        if self.stop is not None:
            return
        if not self.strict:
            for record in records:
                self._take_record(source.is_sequencer, record)
        if head is not None:
            self.take_head(head)

    def _take_record(self, from_sequencer: bool, record: Record) -> None:
        if self.chain is None:
            if self._attached and len(self._early) < self._context.config.reorder_max:
                self._early[record.seq] = record
            return
        try:
            self.chain.add_untrusted(record)
        except Contradiction as contradiction:
            if not from_sequencer:
                raise ProtocolError("a record that the log does not have") from contradiction
            self.contradicted(contradiction.seq)

    def take_given_untrusted(self, records: Sequence[Record]) -> None:
        """Records of another client: they count when with what waits here they reach a signed head."""
        chain = self.chain
        if chain is None or self.stop is not None or self.strict:
            return
        given = {record.seq: record for record in records}
        head = self._heads.covering(chain.end, chain.end_with(given))
        if head is not None:
            chain.add_page_untrusted(chain.reaching_untrusted(given, head))

    def take_head(self, head: Head) -> None:
        """A head, perhaps an old one."""
        if self.stop is not None:
            return
        if self.chain is None or head.seq > self.chain.cursor:
            self._heads.offer(head)
            return
        mine = self.chain.hash_at(head.seq)
        if mine is not None and mine != head.hash and self._context.check_head(head):
            self._halt(StopReason.FORKED)

    # --- Pages of the server --------------------------------------------------------------------------------------

    def take_base(self, page: Page, anchor: int) -> None:
        """A page backward from the head of the subscription: verified down to its beginning, it is the base."""
        assert self.join is not None
        if self.base is not None or not page.records or page.records[-1].seq != anchor:
            raise ProtocolError("page does not end where asked")
        if self._link_page(page)[-1].link.hash != self.join.hash:
            raise ProtocolError("page does not fit its head")
        self.base = page

    def take_page(self, page: Page, anchor: int) -> None:
        """Records from `anchor` on, where the chain knows the hash before them."""
        chain = self.chain
        assert chain is not None
        if page.records[0].seq != anchor:
            raise ProtocolError("page does not begin where asked")
        if page.before_hash != chain.hash_at(anchor - 1):
            self.contradicted(anchor - 1)
            return
        try:
            chain.add_page_untrusted(page.records)
        except Contradiction as contradiction:
            self.contradicted(contradiction.seq)
            return
        self.take_head(page.head)
        if page.proof is not None:
            self.take_head(page.proof)

    def take_older(self, page: Page) -> OlderStored:
        """A page below the base: it must end in the hash before it. Raises LocalStoreError too."""
        span = self._span
        if span is None or page.room != self.room:
            raise ProtocolError("page of another room")
        if not page.records or page.records[-1].seq < span.base:
            raise ProtocolError("page does not end where asked")
        held = [item for item in self._link_page(page) if item.record.seq <= span.base]
        if held[-1].link.hash != span.base_hash:
            self._halt(StopReason.FORKED)
            return OlderStored(self.room, (), failed=True)
        links: list[ChainLink] = [item.link for item in held]
        proof = page.proof if page.proof is not None and self._context.check_head(page.proof) else None
        self._context.store.prepend(self.room, links, page.before_hash, proof)
        self._span = self._context.store.span(self.room)
        return OlderStored(self.room, tuple(item.record for item in held), failed=False)

    def _link_page(self, page: Page) -> list[LinkedRecord]:
        """The records of a page as a chain by itself; raises ProtocolError on holes and a false beginning."""
        first = page.records[0].seq
        if first == 1 and page.before_hash != genesis_hash(self._context.log_id, self.room):
            raise ProtocolError("room with another beginning")
        held: list[LinkedRecord] = []
        before = page.before_hash
        for number, record in enumerate(page.records, first):
            if record.seq != number:
                raise ProtocolError("page with a hole")
            held.append(link_untrusted(self._context.log_id, self.room, before, record))
            before = held[-1].link.hash
        return held

    # --- Doubt ----------------------------------------------------------------------------------------------------

    def contradicted(self, seq: int) -> None:
        """The server has another record than this one, or another hash."""
        if self.chain is not None and seq <= self.chain.cursor:
            self._halt(StopReason.FORKED)
        else:
            self._distrust()

    def forked(self) -> None:
        """The server says that it has other records than those that are stored here."""
        self.stop = StopReason.FORKED
        self._events.append(RoomStopped(self.room, StopReason.FORKED))

    def _distrust(self) -> None:
        """What came live does not fit: read it again as pages, and believe only those."""
        assert self.chain is not None
        self.chain.drop()
        if self.strict:
            self._halt(StopReason.FORKED)
        self.strict = True

    def _halt(self, stop: StopReason) -> None:
        if self.stop is None:
            self.stop = stop
            self._events.append(RoomStopped(self.room, stop))

    # --- Settling -------------------------------------------------------------------------------------------------

    @property
    def takes(self) -> bool:
        """Whether anything may be stored: the server has said where it stands, or there is no session to wait for."""
        return self.stop is None and (self.join is not None or not self._attached)

    def settle(self) -> list[Event]:
        """Store what is proven; what happened since the last call. Raises LocalStoreError, and stays as it was."""
        if self._heads.conflict:
            self._halt(StopReason.FORKED)
        if self.takes:
            if self.chain is None and self.join is not None:
                self._begin(self.join)
            if self.chain is not None:
                self._settle(self.chain)
        events, self._events = self._events, []
        return events

    def _begin(self, join: Head) -> None:
        """The base: a verified page, or the head itself when there is nothing to read yet."""
        if self.base is not None:
            first, before = self.base.records[0].seq, self.base.before_hash
            chain = self._make_span(first - 1, before)
            if chain.hash_at(first - 1) == before:
                chain.add_page_untrusted(self.base.records)
            self.base = None
        elif join.seq < self.first_seq:
            chain = self._make_span(join.seq, join.hash)
        else:
            return
        self.take_head(join)
        for record in self._early.values():
            if self.strict:  # one of them did not fit: none is believed
                break
            with suppress(ProtocolError):
                self._take_record(True, record)
        self._early.clear()

    def _make_span(self, base: int, base_hash: bytes) -> Chain:
        store = self._context.store
        begin = store.start_span if self._span is None else store.restart_span
        self._span = begin(self.room, base, base_hash)
        self.chain = self._begin_chain(self._span)
        return self.chain

    def _settle(self, chain: Chain) -> None:
        while self.stop is None and chain.linked:
            head = self._heads.covering(chain.cursor, chain.end)
            if head is None:
                break
            if chain.hash_at(head.seq) == head.hash:
                self._keep(chain, head)
            else:
                self._distrust()
        if self.goal <= chain.cursor:
            self.strict = False
        self._go_live()

    def _keep(self, chain: Chain, head: Head) -> None:
        held = tuple(chain.linked[: head.seq - chain.cursor])
        try:
            self._context.store.append(self.room, [item.link for item in held], head)
        except Forked:
            self._halt(StopReason.FORKED)
            return
        chain.advance(head.seq)
        self._heads.forget(head.seq)
        self._report(held)

    def _report(self, held: tuple[LinkedRecord, ...]) -> None:
        """History first, then the sign that the room is live, then what is."""
        join = self.join.seq if self.join is not None else held[-1].record.seq
        history = tuple(item for item in held if item.record.seq <= join)
        if history:
            self._events.append(records_stored(self.room, history, self.live))
        self._go_live()
        later = held[len(history) :]
        if later:
            self._events.append(records_stored(self.room, later, self.live))

    def _go_live(self) -> None:
        if not self.live and self.stop is None and self.join is not None and self.cursor >= self.join.seq:
            self.live = True
            self._events.append(RoomWentLive(self.room, self.join.seq))
