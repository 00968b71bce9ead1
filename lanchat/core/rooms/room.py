"""One room of one session: from the subscription's answer over history to live records.

    subscribed(head H)       nothing stored:  one page backward from H makes the base
                             something stored: pages forward from cursor + 1 until H is reached
    records, heads (live)    linked, put aside above a gap, asked for again (repair.py)
    settle()                 stores and reports what a signed head covers, and nothing else

A record counts when it is contiguous and the chain hash at or above it equals a signed head's. The cursor moves only
with the store's transaction: when the store raises, everything here stays as it was and the next `settle` tries again.

A mismatch between linked records and a signed head is not yet a fork: what came live is dropped, and the same numbers
are read as pages from the server that proved its identity (`_strict`). When those do not fit either, or what does not
fit is stored already, the server has another history: the room stops and keeps what it has.

A server whose head is below what was stored before the subscription has lost records (or was restored from a backup):
the room stops as well. Old heads that come late are no such sign; they are compared by hash.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from lanchat.core.config import ClientConfig
from lanchat.core.events import Event, LinkedRecord, OlderStored, RecordsStored, RoomStopped, RoomWentLive, StopReason
from lanchat.core.ports import ChainLink, Forked, LogStore, StoredSpan
from lanchat.core.rooms.chain import Chain, Contradiction, link_untrusted, record_octets
from lanchat.core.rooms.heads import HeadBook
from lanchat.core.rooms.repair import Repair
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import NACK_MAX
from lanchat.protocol.log.records import Head, Record, genesis_hash
from lanchat.protocol.wire import History, Nack, Page


class RoomContext(msgspec.Struct, frozen=True):
    """What all rooms of a session share. `check_head`: the log signed it, in this epoch."""

    log_id: bytes
    config: ClientConfig
    store: LogStore
    random: Callable[[], float]
    check_head: Callable[[Head], bool]


class RoomReceiver:
    """Methods that take something from outside raise ProtocolError; those that store raise LocalStoreError."""

    def __init__(self, room: int, first_seq: int, context: RoomContext) -> None:
        """`first_seq`: the lowest number that this user may read. Reads the stored span; raises LocalStoreError."""
        self.room = room
        self.first_seq = first_seq
        self.stop: StopReason | None = None
        self.live = False
        self.lagging = False
        self._context = context
        self._heads = HeadBook(context.check_head, context.config.heads_max)
        self._repair = Repair(context.config, context.random)
        self._span: StoredSpan | None = context.store.span(room)
        self._chain: Chain | None = None
        # Until there is a chain: what came live, and the page that makes the base.
        self._early: dict[int, Record] = {}
        self._base: Page | None = None
        # The head that answered the subscription; live begins after it.
        self._join: Head | None = None
        self._strict = False
        self._pull: History | None = None
        self._pull_at = 0.0
        self._pulled_since = 0.0
        self._page_size = context.config.page
        self._owes_page = False
        # Whether anything still comes unasked: numbers of the last NACK, and how many NACKs went out since.
        self._asked: frozenset[int] = frozenset()
        self.nacks_in_a_row = 0
        self._events: list[Event] = []
        if self._span is not None:
            self._adopt(self._span)
        # Live records may overtake the answer to the subscription; what was here before them counts.
        self._cursor_before = self.cursor

    @property
    def cursor(self) -> int:
        """The last stored number, 0 before anything is stored."""
        return self._chain.cursor if self._chain is not None else 0

    @property
    def span(self) -> StoredSpan | None:
        """What was stored when the room was subscribed, or began since; None before there is anything."""
        return self._span

    @property
    def joined(self) -> bool:
        """The subscription was answered."""
        return self._join is not None

    @property
    def aside_octets(self) -> int:
        """What waits in memory for records before it, for a signed head, or for the local copy."""
        octets = self._chain.octets if self._chain is not None else 0
        for records in (self._early.values(), self._base.records if self._base is not None else ()):
            octets += sum(map(record_octets, records))
        return octets

    def drop_aside(self, now: float) -> None:
        """Forget it. It comes again with a page, which is not asked for at once."""
        if self._chain is not None:
            self._chain.drop()
        self._early.clear()
        self._base = None
        self._pull_at = max(self._pull_at, now + self._context.config.pull_retry)

    def _adopt(self, span: StoredSpan) -> Chain:
        self._span = span
        self._chain = Chain(self._context.log_id, self.room, span, self._context.config)
        return self._chain

    # --- From outside ---------------------------------------------------------------------------------------------

    def subscribed(self, head: Head, now: float) -> None:
        """The server registered this session and stands at `head`."""
        self._prove(head)
        if head.seq == 0 and head.hash != genesis_hash(self._context.log_id, self.room):
            raise ProtocolError("empty room with another beginning")
        self._join = head
        self._pull_at = now
        if self._chain is None or self.first_seq > self._chain.cursor + 1:
            self._chain = None
        elif head.seq < self._cursor_before:
            self._halt(StopReason.SERVER_BEHIND)
        else:
            self.take_head(head)

    def _prove(self, head: Head) -> None:
        if head.room != self.room or not self._heads.prove(head):
            raise ProtocolError("head is not signed by the log")

    def take_records(self, records: list[Record], head: Head | None) -> None:
        """Live or repaired records, perhaps with gaps, and the head that came with them."""
        if self.stop is not None:
            return
        if not self._strict:
            for record in records:
                self._take_record(record)
        if head is not None:
            self.take_head(head)

    def _take_record(self, record: Record) -> None:
        if record.seq not in self._asked:
            self.nacks_in_a_row = 0
        if self._chain is None:
            if len(self._early) < self._context.config.reorder_max:
                self._early[record.seq] = record
            return
        try:
            self._chain.add_untrusted(record)
        except Contradiction as contradiction:
            self._contradicted(contradiction.seq)

    def take_head(self, head: Head) -> None:
        """A head, perhaps an old one."""
        if self.stop is not None:
            return
        if self._chain is None or head.seq > self._chain.cursor:
            self._heads.offer(head)
            return
        mine = self._chain.hash_at(head.seq)
        if mine is not None and mine != head.hash and self._context.check_head(head):
            self._halt(StopReason.FORKED)

    def take_lagging(self, now: float) -> None:
        """The server sends no records of this room until a page was asked for."""
        self.lagging = True
        self._owes_page = True
        self._pull_at = now

    # --- Doubt ----------------------------------------------------------------------------------------------------

    def _contradicted(self, seq: int) -> None:
        if self._chain is not None and seq <= self._chain.cursor:
            self._halt(StopReason.FORKED)
        else:
            self._distrust()

    def _distrust(self) -> None:
        """What came live does not fit: read it again as pages, and believe only those."""
        assert self._chain is not None
        self._chain.drop()
        if self._strict:
            self._halt(StopReason.FORKED)
        self._strict = True

    def _halt(self, stop: StopReason) -> None:
        if self.stop is None:
            self.stop = stop
            self._events.append(RoomStopped(self.room, stop))

    # --- Settling -------------------------------------------------------------------------------------------------

    def settle(self) -> list[Event]:
        """Store what is proven; what happened since the last call. Raises LocalStoreError, and stays as it was."""
        if self._heads.conflict:
            self._halt(StopReason.FORKED)
        if self.stop is None and self._join is not None:
            if self._chain is None:
                self._begin(self._join)
            if self._chain is not None:
                self._settle(self._chain)
        events, self._events = self._events, []
        return events

    def _begin(self, join: Head) -> None:
        """The base: a verified page, or the head itself when there is nothing to read yet."""
        if self._base is not None:
            first, before = self._base.records[0].seq, self._base.before_hash
            chain = self._make_span(first - 1, before)
            if chain.hash_at(first - 1) == before:
                chain.add_page_untrusted(self._base.records)
            self._base = None
        elif join.seq < self.first_seq:
            chain = self._make_span(join.seq, join.hash)
        else:
            return
        self.take_head(join)
        for record in self._early.values():
            if self._strict:  # one of them did not fit: none is believed
                break
            with suppress(ProtocolError):
                self._take_record(record)
        self._early.clear()

    def _make_span(self, base: int, base_hash: bytes) -> Chain:
        store = self._context.store
        begin = store.start_span if self._span is None else store.restart_span
        return self._adopt(begin(self.room, base, base_hash))

    def _settle(self, chain: Chain) -> None:
        while self.stop is None and chain.linked:
            head = self._heads.covering(chain.cursor, chain.end)
            if head is None:
                break
            if chain.hash_at(head.seq) == head.hash:
                self._keep(chain, head)
            else:
                self._distrust()
        if self._goal <= chain.cursor:
            self._strict = False
            if self._pull is None and not self._owes_page:
                self.lagging = False
        self._go_live()

    @property
    def _goal(self) -> int:
        """The highest number that the log is known to have, 0 for none above the cursor."""
        best = self._heads.best()
        return best.seq if best is not None else 0

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
        assert self._join is not None
        join = self._join.seq
        history = tuple(item for item in held if item.record.seq <= join)
        if history:
            self._events.append(RecordsStored(self.room, history, self.live))
        self._go_live()
        later = held[len(history) :]
        if later:
            self._events.append(RecordsStored(self.room, later, self.live))

    def _go_live(self) -> None:
        if not self.live and self.stop is None and self._join is not None and self.cursor >= self._join.seq:
            self.live = True
            self._events.append(RoomWentLive(self.room, self._join.seq))

    # --- Asking ---------------------------------------------------------------------------------------------------

    def want(self, now: float) -> Nack | History | None:
        """What is to be asked for now. The caller sends it and says so with `nacked` or `pulling`."""
        if self.stop is not None or self._join is None:
            return None
        if self._pull is not None:
            return self._nack_meanwhile(now)
        if self._needs_page:
            return self._next_page() if now >= self._pull_at else None
        chain = self._chain
        if chain is None:
            return None
        goal = self._goal
        top = max(goal, max(chain.waiting, default=0), chain.end)
        # What is proven whole and still above the cursor waits for the store, not for the server.
        unstored = goal == chain.end == top
        self._repair.note(top > chain.cursor and not unstored, chain.end, now)
        if not self._repair.due(now):
            return None
        missing = chain.missing(top, NACK_MAX + 1)
        hopeless = self._repair.overdue(now) or self.nacks_in_a_row >= self._context.config.nacks_in_a_row
        if len(missing) > NACK_MAX or hopeless:
            if now < self._pull_at:
                self._repair.postpone(self._pull_at)
                return None
            return self._next_page()
        return Nack(self.room, missing)

    def _nack_meanwhile(self, now: float) -> Nack | None:
        """A page that does not come, on a network where TLS gets stuck, must not keep datagrams from helping."""
        chain = self._chain
        if chain is None or not self._repairs_meanwhile or not self._repair.due(now):
            return None
        missing = chain.missing(max(self._goal, max(chain.waiting, default=0)), NACK_MAX)
        if not missing:
            self._repair.ask_at = None
            return None
        self._repair.progressed(chain.end)
        return Nack(self.room, missing)

    @property
    def _repairs_meanwhile(self) -> bool:
        return self.live and not self.lagging and not self._strict

    @property
    def _needs_page(self) -> bool:
        """Pages at once, without trying NACKs: to join, after lagging, in doubt."""
        if self._chain is None:
            return self._base is None and self._join is not None and self._join.seq >= self.first_seq
        if self._owes_page:
            return True
        behind = self._chain.end < self._goal
        return behind and (not self.live or self.lagging or self._strict)

    def _next_page(self) -> History:
        config = self._context.config
        if self._chain is None:
            assert self._join is not None
            return History(self.room, self._join.seq, forward=False, limit=config.first_page)
        return History(self.room, self._chain.end + 1, forward=True, limit=self._page_size)

    def nacked(self, nack: Nack, now: float) -> None:
        """The NACK that `want` returned was sent; the next one is due later."""
        self._repair.asked(now)
        if nack.missing:
            self._asked = frozenset(nack.missing)
            self.nacks_in_a_row += 1

    def hurry(self, now: float) -> None:
        """NACKs of a silence were lost."""
        self.nacks_in_a_row = 0
        self._repair.hurry(now)

    def postpone(self, until: float) -> None:
        """No NACK may go out before."""
        self._repair.postpone(until)

    def pulling(self, request: History, now: float) -> None:
        """A page was asked for; `page` or `pull_failed` follows."""
        self._pull = request
        self._pulled_since = now
        self._owes_page = False
        self.nacks_in_a_row = 0
        if self._repair.ask_at is not None:
            self._repair.postpone(now + self._context.config.page_patience)

    def pull_failed(self, now: float, wait: float) -> None:
        """Instead of `page`: the request was refused, or its answer did not come. It is made again after `wait`
        seconds, with as many records as at first."""
        self._page_size = self._context.config.page
        self._retry_pull(now + wait)

    def _retry_pull(self, at: float) -> None:
        self._pull = None
        self._pull_at = at
        self._owes_page |= self.lagging

    def timer(self, pages_allowed: bool) -> float | None:
        """When `want` has something. Without `pages_allowed`: leaving pages aside."""
        if self.stop is not None or self._join is None:
            return None
        if self._pull is not None:
            return self._repair.ask_at if self._repairs_meanwhile else None
        if self._needs_page:
            return self._pull_at if pages_allowed else None
        # Without a chain the base is here and waits for the store: nothing is to be asked for.
        return self._repair.ask_at if self._chain is not None else None

    # --- Pages ----------------------------------------------------------------------------------------------------

    def page(self, page: Page, now: float) -> None:
        """The answer to what `pulling` announced."""
        request, self._pull = self._pull, None
        if request is None or self.stop is not None:
            return
        if page.room != self.room:
            raise ProtocolError("page of another room")
        self._prove(page.head)
        self._choose_page_size(request, page, now - self._pulled_since)
        if self._chain is None:
            self._take_base(page, request)
        else:
            self._take_forward(self._chain, page, request.anchor, now)

    def _choose_page_size(self, request: History, page: Page, took: float) -> None:
        """Larger ones while there is much to come and they come quickly."""
        config = self._context.config
        if took > config.page_patience:
            self._page_size = config.page
        elif request.forward and len(page.records) >= request.limit:
            self._page_size = min(2 * self._page_size, config.page_most)

    def _take_base(self, page: Page, request: History) -> None:
        """A page backward from the head of the subscription: verified down to its beginning, it is the base."""
        assert self._join is not None
        if self._base is not None or not page.records or page.records[-1].seq != request.anchor:
            raise ProtocolError("page does not end where asked")
        if self._link_page(page)[-1].link.hash != self._join.hash:
            raise ProtocolError("page does not fit its head")
        self._base = page

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

    def _take_forward(self, chain: Chain, page: Page, anchor: int, now: float) -> None:
        mine = chain.hash_at(anchor - 1)
        if mine is None:
            # What the page goes on from was dropped meanwhile: from the cursor again.
            self._retry_pull(now)
            return
        if not page.records:
            self._take_nothing(page, anchor, now)
            return
        if page.records[0].seq != anchor:
            raise ProtocolError("page does not begin where asked")
        if page.before_hash != mine:
            self._contradicted(anchor - 1)
            self._pull_at = now
            return
        self._add_page(chain, page)
        self._pull_at = now

    def _add_page(self, chain: Chain, page: Page) -> None:
        try:
            chain.add_page_untrusted(page.records)
        except Contradiction as contradiction:
            self._contradicted(contradiction.seq)
            return
        self.take_head(page.head)
        if page.proof is not None:
            self.take_head(page.proof)

    def _take_nothing(self, page: Page, anchor: int, now: float) -> None:
        """Nothing above the anchor: fine at the head, else the server is not consistent yet."""
        self.take_head(page.head)
        if self._goal >= anchor:
            self._retry_pull(now + self._context.config.pull_retry)

    # --- Older pages ----------------------------------------------------------------------------------------------

    def older(self) -> History | None:
        """The request for the page below the base; None when everything that may be read is here."""
        if self._span is None or self._chain is None or self._span.base < self.first_seq:
            return None
        return History(self.room, self._span.base, forward=False, limit=self._context.config.page)

    def older_page(self, page: Page) -> OlderStored:
        """The answer to `older`: it must end in the hash before the base."""
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
        self._context.store.prepend(self.room, links, page.before_hash)
        self._span = self._context.store.span(self.room)
        return OlderStored(self.room, tuple(item.record for item in held), failed=False)
